"""Where everything went: each thing a source held is imported, skipped, failed or pending, and the sum must be right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from contacts.erased import Erased
from integrations.models import RawEvent, SourceFile, SyncWork
from integrations.origins import PLANNED
from jobs.models import Batch, PlanItem

# A line of an approved plan ends in its raw event's verdict; one that the plan left out ends with the plan's reason.
COUNTS = """
SELECT coalesce(CASE
        WHEN r.verdict = 'kept' AND t.outcome = 'skip' THEN 'skipped:' || t.reason
        WHEN r.verdict IN ('kept', 'pending') AND r.remote = 'trash' THEN 'skipped:trash'
        WHEN r.verdict IN ('kept', 'pending') AND r.remote = 'deleted' THEN 'skipped:gone'
        WHEN r.verdict <> 'pending' THEN r.verdict
        WHEN t.outcome = 'skip' THEN 'skipped:' || t.reason
        WHEN t.outcome = 'fail' THEN 'failed:' || t.reason
    END, CASE WHEN b.state IN ('cancelled', 'failed') THEN 'skipped:' || b.state
              WHEN b.state = 'undone' THEN 'skipped:undone' ELSE 'pending' END) AS verdict, count(*)
FROM jobs_planitem t
JOIN jobs_batch b ON b.user_id = t.user_id AND b.id = t.batch_id AND b.approved_at IS NOT NULL
LEFT JOIN integrations_sourcefile f ON f.user_id = t.user_id AND f.batch_id = t.batch_id
LEFT JOIN integrations_rawevent r ON r.user_id = t.user_id
     AND r.source = coalesce('file:' || f.sha256, b.options->>'source')
     AND r.external_id = t.external_id AND t.reason <> 'repeated'
WHERE t.user_id = %(user)s AND t.seq < %(first)s AND b.kind = ANY(%(kinds)s)
  AND (%(batch)s::uuid IS NULL OR t.batch_id = %(batch)s)
GROUP BY 1
"""
# What streams named, planned or not: each id is held with a verdict, or still to be fetched.
STREAMED = """
SELECT CASE
        WHEN verdict IN ('kept', 'pending') AND remote = 'trash' THEN 'skipped:trash'
        WHEN verdict IN ('kept', 'pending') AND remote = 'deleted' THEN 'skipped:gone'
        ELSE verdict END, count(*)
FROM integrations_rawevent
WHERE user_id = %(user)s AND remote <> '' AND (%(batch)s::uuid IS NULL OR batch_id = %(batch)s)
GROUP BY 1
UNION ALL
SELECT 'pending', count(*) FROM integrations_syncwork w JOIN integrations_syncstream s
    ON s.user_id = w.user_id AND s.id = w.stream_id
WHERE w.user_id = %(user)s AND w.state = 'todo' AND %(batch)s::uuid IS NULL AND NOT EXISTS (
    SELECT 1 FROM integrations_rawevent r WHERE r.user_id = w.user_id AND r.external_id = w.external_id
    AND r.remote <> '')
"""
NAMED = """
SELECT count(*) FROM (
    SELECT external_id FROM integrations_rawevent
    WHERE user_id = %(user)s AND remote <> '' AND (%(batch)s::uuid IS NULL OR batch_id = %(batch)s)
    UNION
    SELECT external_id FROM integrations_syncwork
    WHERE user_id = %(user)s AND state = 'todo' AND %(batch)s::uuid IS NULL
) named
"""


def ledger(user_id: UUID, batch_id: UUID | None = None) -> dict[str, Any]:
    """Counts of all that approved plans of files listed and that streams named; or of one batch. `balanced`: the parts
    add up, and nothing is pending."""
    counts: dict[str, int] = {}
    total = 0
    for statement, named in parts(user_id, batch_id):
        total += named
        for verdict, count in statement:
            counts[verdict] = counts.get(verdict, 0) + count
    skipped = {k.partition(":")[2]: n for k, n in sorted(counts.items()) if k.startswith("skipped:")}
    failed = {k.partition(":")[2]: n for k, n in sorted(counts.items()) if k.startswith("failed:")}
    imported, pending = counts.get("kept", 0), counts.get("pending", 0)
    return {
        "total": total,
        "imported": imported,
        "skipped": skipped,
        "failed": failed,
        "pending": pending,
        "balanced": not pending and total == imported + sum(skipped.values()) + sum(failed.values()),
    }


def parts(user_id: UUID, batch_id: UUID | None) -> list[tuple[list[tuple[str, int]], int]]:
    """Verdicts with their counts, and apart from those how many things there are: of plans, and of streams."""
    values = {"user": user_id, "batch": batch_id, "first": 1_000_000_000}
    named = (
        Batch.objects.for_user(user_id).filter(pk=batch_id)
        if batch_id
        else Batch.objects.for_user(user_id).none()
    )
    kind = named.values_list("kind", flat=True).first()
    found = []
    if kind != "google_live":
        kinds = PLANNED if batch_id else ("file_import",)
        found.append((rows(COUNTS, values | {"kinds": list(kinds)}), listed(user_id, batch_id, kinds)))
    if batch_id is None or kind == "google_live":
        found.append((rows(STREAMED, values), rows(NAMED, values)[0][0]))
    return found


def rows(statement: str, values: dict[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[Any] = cursor.fetchall()
        return found


def listed(user_id: UUID, batch_id: UUID | None, kinds: Sequence[str]) -> int:
    """How many things the approved plans listed, counted apart from what became of them."""
    batches = Batch.objects.for_user(user_id).exclude(approved_at=None).filter(kind__in=kinds)
    lines = PlanItem.objects.for_user(user_id).filter(batch__in=batches, seq__lt=1_000_000_000)
    return int((lines.filter(batch=batch_id) if batch_id else lines).count())


# --- why is it not here?


def why(user_id: UUID, wanted: str) -> list[dict[str, Any]]:
    """What became of a Message-ID (with or without brackets), of an id of Google's, or of the mail from an address."""
    lines = lines_about(user_id, wanted)
    verdicts = verdicts_of(user_id, lines)
    return [why_line(line, verdicts[line.pk]) for line in lines] + streamed(user_id, wanted)


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
    sources: dict[UUID | None, str] = {line.batch_id: line.batch.options.get("source", "") for line in lines}
    sources |= {file.batch_id: file.source for file in files}
    raw = RawEvent.objects.for_user(user_id).filter(
        source__in=set(sources.values()), external_id__in={line.external_id for line in lines}
    )
    settled = raw.exclude(verdict=RawEvent.PENDING).defer("payload")
    found = {(one.source, one.external_id): said_of(one) for one in settled}
    return {
        line.pk: verdict(line, found.get((sources.get(line.batch_id, ""), line.external_id)))
        for line in lines
    }


def said_of(raw: RawEvent) -> str:
    """The verdict on what a source held, with what has become of it at Google since."""
    if raw.verdict in (RawEvent.KEPT, RawEvent.PENDING):
        since = {RawEvent.Remote.TRASH: "skipped:trash", RawEvent.Remote.DELETED: "skipped:gone"}
        return since.get(RawEvent.Remote(raw.remote), raw.verdict) if raw.remote else raw.verdict
    return raw.verdict


def streamed(user_id: UUID, wanted: str) -> list[dict[str, Any]]:
    """What a stream says of a Message-ID, of Google's id, or of mail from an address, beyond what a plan says of it."""
    raws, work = named_by_streams(user_id, wanted)
    batches = Batch.objects.for_user(user_id).in_bulk([raw.batch_id for raw in raws if raw.batch_id])
    answers = [why_raw(raw, batches.get(raw.batch_id)) for raw in raws]
    return answers or [why_work(one) for one in work]


def named_by_streams(user_id: UUID, wanted: str) -> tuple[list[RawEvent], list[SyncWork]]:
    """What streams hold, and what they are still to fetch, of whatever goes by that; 200 at most, oldest first."""
    key = wanted.strip().strip("<>")
    raws = RawEvent.objects.for_user(user_id).exclude(remote="")
    if "@" in key:
        raws = raws.filter(item_key=key) | raws.filter(author=key.lower())
    else:
        raws = raws.filter(external_id=key)
    work = SyncWork.objects.for_user(user_id).filter(external_id=key).select_related("stream")
    return list(raws.defer("payload").order_by("occurred_at", "id")[:200]), list(work)


def why_raw(raw: RawEvent, batch: Batch | None) -> dict[str, Any]:
    said = said_of(raw)
    return {
        "batch_id": raw.batch_id,
        "file": batch.title if batch else raw.source,
        "batch_state": batch.state if batch else "",
        "external_id": raw.external_id,
        "outcome": "create" if raw.verdict in (RawEvent.KEPT, RawEvent.PENDING) else "skip",
        "reason": raw.reason or said.partition(":")[2],
        "verdict": said,
    }


def why_work(work: SyncWork) -> dict[str, Any]:
    is_parked = work.state == SyncWork.State.PARKED
    return {
        "batch_id": work.batch_id,
        "file": str(work.stream),
        "batch_state": "",
        "external_id": work.external_id,
        "outcome": "fail" if is_parked else "create",
        "reason": work.last_error,
        "verdict": f"failed:{work.last_error}" if is_parked else RawEvent.PENDING,
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
