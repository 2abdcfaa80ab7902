"""Where everything went: each thing a source held is imported, skipped, failed or pending, and the sum must be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from contacts.erased import Erased
from integrations.models import RawEvent, SourceFile
from jobs.models import Batch, PlanItem

# A line of an approved plan ends in its raw event's verdict; one that the plan left out ends with the plan's reason.
COUNTS = """
SELECT coalesce(CASE
        WHEN r.verdict = 'kept' AND t.outcome = 'skip' THEN 'skipped:' || t.reason
        WHEN r.verdict <> 'pending' THEN r.verdict
        WHEN t.outcome = 'skip' THEN 'skipped:' || t.reason
        WHEN t.outcome = 'fail' THEN 'failed:' || t.reason
    END, CASE WHEN b.state IN ('cancelled', 'failed') THEN 'skipped:' || b.state
              WHEN b.state = 'undone' THEN 'skipped:undone' ELSE 'pending' END) AS verdict, count(*)
FROM jobs_planitem t
JOIN jobs_batch b ON b.user_id = t.user_id AND b.id = t.batch_id AND b.approved_at IS NOT NULL
JOIN integrations_sourcefile f ON f.user_id = t.user_id AND f.batch_id = t.batch_id
LEFT JOIN integrations_rawevent r ON r.user_id = t.user_id AND r.source = 'file:' || f.sha256
     AND r.external_id = t.external_id AND t.reason <> 'repeated'
WHERE t.user_id = %(user)s AND t.seq < %(first)s AND (%(batch)s::uuid IS NULL OR t.batch_id = %(batch)s)
GROUP BY 1
"""


def ledger(user_id: UUID, batch_id: UUID | None = None) -> dict[str, Any]:
    """Counts of all that approved plans listed. `balanced`: the parts add up, and nothing is pending."""
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, {"user": user_id, "batch": batch_id, "first": 1_000_000_000})
        counts: dict[str, int] = dict(cursor.fetchall())
    skipped = {k.partition(":")[2]: n for k, n in sorted(counts.items()) if k.startswith("skipped:")}
    failed = {k.partition(":")[2]: n for k, n in sorted(counts.items()) if k.startswith("failed:")}
    total, imported, pending = listed(user_id, batch_id), counts.get("kept", 0), counts.get("pending", 0)
    return {
        "total": total,
        "imported": imported,
        "skipped": skipped,
        "failed": failed,
        "pending": pending,
        "balanced": not pending and total == imported + sum(skipped.values()) + sum(failed.values()),
    }


def listed(user_id: UUID, batch_id: UUID | None) -> int:
    """How many things the approved plans listed, counted apart from what became of them."""
    batches = Batch.objects.for_user(user_id).exclude(approved_at=None).filter(kind="file_import")
    lines = PlanItem.objects.for_user(user_id).filter(batch__in=batches, seq__lt=1_000_000_000)
    return int((lines.filter(batch=batch_id) if batch_id else lines).count())


def why(user_id: UUID, wanted: str) -> list[dict[str, Any]]:
    """What became of a Message-ID (with or without brackets), or of the mail from an address."""
    lines = lines_about(user_id, wanted)
    verdicts = verdicts_of(user_id, lines)
    return [why_line(line, verdicts[line.pk]) for line in lines]


def lines_about(user_id: UUID, wanted: str) -> list[PlanItem]:
    """The lines of all plans that are about a Message-ID, or about mail from an address; 200 at most, oldest first."""
    key = wanted.strip().strip("<>")
    lines = PlanItem.objects.for_user(user_id).filter(seq__lt=1_000_000_000)
    rows = lines.filter(external_id=key) | lines.filter(data__from=key.lower())
    if erased := Erased(user_id):
        rows |= lines.filter(external_id=erased.digest("item", key))
        rows |= lines.filter(data__erased=erased.digest("email", key.lower()))
    return list(rows.select_related("batch").order_by("batch__created_at", "seq")[:200])


def verdicts_of(user_id: UUID, lines: Sequence[PlanItem]) -> dict[UUID, str]:
    """What became of each of these lines, by its id: the verdict on what the file held there."""
    batches = {line.batch_id for line in lines}
    files = SourceFile.objects.for_user(user_id).filter(batch__in=batches)
    sources = {file.batch_id: file.source for file in files}
    raw = RawEvent.objects.for_user(user_id).filter(
        source__in=set(sources.values()), external_id__in={line.external_id for line in lines}
    )
    settled = raw.exclude(verdict=RawEvent.PENDING).values_list("source", "external_id", "verdict")
    found = {(source, external_id): said for source, external_id, said in settled}
    return {
        line.pk: verdict(line, found.get((sources.get(line.batch_id, ""), line.external_id)))
        for line in lines
    }


def why_line(line: PlanItem, became: str) -> dict[str, Any]:
    return {
        "batch_id": line.batch_id,
        "file": line.batch.title,
        "batch_state": line.batch.state,
        "external_id": line.external_id,
        "outcome": line.outcome,
        "reason": line.reason or line.data.get("problem", ""),
        "verdict": became,
    }


def verdict(line: PlanItem, said: str | None) -> str:
    """What became of a line, as `COUNTS` counts it; `said` is the verdict on what the file held there, if any."""
    if not line.batch.approved_at:
        return "only planned"
    if line.outcome == PlanItem.Outcome.SKIP:
        return f"skipped:{line.reason}"
    if line.outcome == PlanItem.Outcome.FAIL:
        return f"failed:{line.reason}"
    ended = line.batch.state in (Batch.State.CANCELLED, Batch.State.FAILED, Batch.State.UNDONE)
    return said or (f"skipped:{line.batch.state}" if ended else RawEvent.PENDING)
