"""Approve exactly the plan that was shown, or refuse it as stale and write nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from integrations import people
from integrations.deciding import FROM_BLOCKED, SUPPRESSED
from integrations.models import SourceFile
from integrations.origins import source_file
from integrations.plan import MATCHER, look
from integrations.readers import NORMALIZER
from jobs.models import Batch, Job
from jobs.queue import enqueue
from omnicrm.acting import current_actor
from omnicrm.events import note

# Lines for which the data is not as the plan found it: what it would make is there by now or unwanted, what it
# counts on is gone or another.
EMAILS = "SELECT jsonb_array_elements_text(t.data->'emails')"
HELD = "EXISTS (SELECT 1 FROM contacts_interaction i WHERE i.user_id = t.user_id AND i.source_key = t.external_id)"
ENTERED = """EXISTS (SELECT 1 FROM contacts_calendarevent v
    WHERE v.user_id = t.user_id AND v.ical_uid || '|' || v.recurrence_id = t.external_id)"""
KEPT_AWAY = (
    f"(EXISTS (SELECT 1 FROM contacts_suppression s WHERE {SUPPRESSED}) OR coalesce({FROM_BLOCKED}, false))"
)
KNOWN = f"""
EXISTS (SELECT 1 FROM contacts_contactidentity y
    WHERE y.user_id = t.user_id AND y.kind = 'email' AND y.value IN ({EMAILS}) AND y.contact_id IS NOT NULL)
OR EXISTS (SELECT 1 FROM contacts_ownaddress o
    WHERE o.user_id = t.user_id AND o.value IN ({EMAILS}) AND NOT jsonb_exists(b.options->'own', o.value))
OR EXISTS (SELECT 1 FROM contacts_suppression s
    WHERE s.user_id = t.user_id AND s.source IN ('', %(source)s) AND s.scope IN ('address', 'domain')
    AND s.key IN (SELECT unnest(ARRAY[e, split_part(e, '@', 2)]) FROM ({EMAILS}) said (e)))
OR EXISTS (SELECT 1 FROM integrations_rawevent r JOIN integrations_provenance v
    ON v.user_id = r.user_id AND v.raw_event_id = r.id AND v.contact_id IS NOT NULL
    WHERE r.user_id = t.user_id AND r.external_id = t.external_id)
"""
CHANGED = f"""
SELECT count(*) FROM jobs_planitem t JOIN jobs_batch b ON b.user_id = t.user_id AND b.id = t.batch_id
WHERE t.user_id = %(user)s AND t.batch_id = %(batch)s AND CASE
    WHEN t.outcome = 'create' THEN
        {KEPT_AWAY} OR CASE t.kind WHEN 'person' THEN {KNOWN} WHEN 'event' THEN {ENTERED} ELSE {HELD} END
    WHEN t.outcome = 'update' THEN NOT EXISTS (
        SELECT 1 FROM contacts_contact c
        WHERE c.user_id = t.user_id AND c.id = t.target AND c.updated_at = t.target_updated_at)
    WHEN t.reason = 'already_here' THEN NOT EXISTS (
        SELECT 1 FROM contacts_interaction i WHERE i.user_id = t.user_id AND i.id = t.target
        UNION ALL SELECT 1 FROM contacts_calendarevent v WHERE v.user_id = t.user_id AND v.id = t.target
        UNION ALL SELECT 1 FROM contacts_contact c WHERE c.user_id = t.user_id AND c.id = t.target)
    WHEN t.reason = 'undone' THEN NOT {KEPT_AWAY}
END
"""


class Stale(Exception):
    """The plan no longer describes what would happen; the message says what changed and to plan again."""


Begin = Callable[[Batch], Job]
beginnings: dict[str, Begin] = {}
"""What begins a kind of import once its plan is approved, or raises Stale, in the transaction of the approval."""


def begins(kind: str) -> Callable[[Begin], Begin]:
    """Registers the function below to begin imports of this kind: it saves the batch, which is approved already."""

    def register(begin: Begin) -> Begin:
        beginnings[kind] = begin
        return begin

    return register


@transaction.atomic
def approve(batch: Batch, plan_hash: str) -> Job:
    """Start the import that this hash stands for. Raises Stale, and then nothing has been written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(batch.user_id)])
    batch = Batch.objects.for_user(batch.user_id).select_for_update().get(pk=batch.pk)
    refuse_another(batch, plan_hash)
    batch.state, batch.approved_by, batch.approved_at = Batch.State.APPROVED, current_actor(), timezone.now()
    batch.done_steps = 0
    job = beginnings[batch.kind](batch)
    note(batch.user_id, "import.approved", on=batch, batch_id=batch.pk, plan_hash=plan_hash)
    return job


@begins("file_import")
def begin_file_import(batch: Batch) -> Job:
    batch.options = {**batch.options, "seen": refuse_changed(batch)}
    batch.total_steps = steps(batch)
    batch.save()
    return enqueue("file_import", batch.user_id, batch=batch, idempotency_key=f"import:{batch.pk}")


def refuse_another(batch: Batch, plan_hash: str) -> None:
    """Raises Stale unless this is the plan that was looked at, and it waits for approval."""
    if batch.state != Batch.State.PLANNED:
        raise Stale(f"This plan is {batch.state}; only a plan that waits for approval can be approved.")
    if plan_hash != batch.plan_hash:
        raise Stale("This is not the plan you looked at. Look at it again, then approve.")
    if (batch.options["normalizer"], batch.options["matcher"]) != (NORMALIZER, MATCHER):
        raise Stale("OmniCRM has been updated since this was planned. Plan again.")


def refuse_changed(batch: Batch) -> list[int]:
    """Raises Stale unless the plan holds; how the file looked then, so that the import knows it again."""
    file = source_file(batch)
    seen = look(file)
    if not seen or not is_unchanged(file) or look(file) != seen:
        raise Stale(f"{file.name} has changed or gone since this was planned. Plan again.")
    refuse_lines(changed_rows(batch, file))
    return seen


def refuse_lines(changed: int) -> None:
    if changed:
        lines = "1 line no longer fits" if changed == 1 else f"{changed:,} lines no longer fit"
        raise Stale(f"Your data has changed since this was planned ({lines}). Plan again.")


def is_unchanged(file: SourceFile) -> bool:
    """A stored copy is ours alone; a file read in place is read again in full."""
    if not file.path:
        return True
    try:
        with Path(file.path).open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
    except OSError:
        return False


def changed_rows(batch: Batch, file: SourceFile) -> int:
    values = {
        "user": batch.user_id,
        "batch": batch.pk,
        "include": batch.options["include_suppressed"],
        "source": file.source,
        "blocked": sorted(settings.BLOCKED_SENDERS),
    }
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, values)
        changed = int(cursor.fetchone()[0])
    return changed or people.no_longer_true(batch)


def steps(batch: Batch) -> int:
    """Lines that the import will carry out; what is already here is only vouched for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM jobs_planitem WHERE user_id = %s AND batch_id = %s"
            " AND (outcome IN ('create', 'update') OR reason = 'already_here')",
            [batch.user_id, batch.pk],
        )
        return int(cursor.fetchone()[0])
