"""Approve exactly the plan that was shown, or refuse it as stale and write nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.utils import timezone

from integrations.models import SourceFile
from integrations.plan import MATCHER, source_file
from integrations.readers import NORMALIZER
from jobs.models import Batch, Job
from jobs.queue import enqueue
from omnicrm.acting import current_actor
from omnicrm.events import note

# Rows that are not as the plan found them: what it would create is there, what it would change is changed or gone.
CHANGED = """
SELECT count(*) FROM jobs_planitem t
WHERE t.user_id = %(user)s AND t.batch_id = %(batch)s AND (
    (t.outcome = 'create' AND t.kind NOT IN ('person', 'event') AND EXISTS (
        SELECT 1 FROM contacts_interaction i WHERE i.user_id = t.user_id AND i.source_key = t.external_id))
    OR (t.outcome = 'create' AND t.kind = 'event' AND EXISTS (
        SELECT 1 FROM contacts_calendarevent e WHERE e.user_id = t.user_id
        AND e.ical_uid || '|' || e.recurrence_id = t.external_id))
    OR (t.outcome = 'create' AND t.kind = 'person' AND EXISTS (
        SELECT 1 FROM contacts_contactidentity y WHERE y.user_id = t.user_id AND y.kind = 'email'
        AND y.value IN (SELECT lower(jsonb_array_elements_text(t.data->'draft'->'emails'))) AND y.contact_id IS NOT NULL))
    OR (t.reason = 'already_here' AND t.kind NOT IN ('person', 'event') AND NOT EXISTS (
        SELECT 1 FROM contacts_interaction i WHERE i.user_id = t.user_id AND i.id = t.target))
    OR (t.outcome = 'update' AND NOT EXISTS (
        SELECT 1 FROM contacts_contact c WHERE c.user_id = t.user_id AND c.id = t.target
        AND c.updated_at = t.target_updated_at))
    OR (t.outcome = 'create' AND NOT %(include)s AND EXISTS (
        SELECT 1 FROM contacts_suppression s WHERE s.user_id = t.user_id AND s.scope = 'item'
        AND s.source IN ('', %(source)s) AND s.key = t.external_id))
)
"""


class Stale(Exception):
    """The plan no longer describes what would happen; the message says what changed and to plan again."""


@transaction.atomic
def approve(batch: Batch, plan_hash: str) -> Job:
    """Start the import that this hash stands for. Raises Stale, and then nothing has been written."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(batch.user_id)])
    batch = Batch.objects.for_user(batch.user_id).select_for_update().get(pk=batch.pk)
    refuse_stale(batch, plan_hash)
    batch.state, batch.approved_by, batch.approved_at = Batch.State.APPROVED, current_actor(), timezone.now()
    batch.done_steps, batch.total_steps = 0, steps(batch)
    batch.save()
    note(batch.user_id, "import.approved", on=batch, batch_id=batch.pk, plan_hash=plan_hash)
    return enqueue("file_import", batch.user_id, batch=batch, idempotency_key=f"import:{batch.pk}")


def refuse_stale(batch: Batch, plan_hash: str) -> None:
    if batch.state != Batch.State.PLANNED:
        raise Stale(f"This plan is {batch.state}; only a plan that waits for approval can be approved.")
    if plan_hash != batch.plan_hash:
        raise Stale("This is not the plan you looked at. Look at it again, then approve.")
    if (batch.options["normalizer"], batch.options["matcher"]) != (NORMALIZER, MATCHER):
        raise Stale("OmniCRM has been updated since this was planned. Plan again.")
    file = source_file(batch)
    if not is_unchanged(file):
        raise Stale(f"{file.name} has changed or gone since this was planned. Plan again.")
    if changed := changed_rows(batch, file):
        lines = "1 line no longer fits" if changed == 1 else f"{changed:,} lines no longer fit"
        raise Stale(f"Your data has changed since this was planned ({lines}). Plan again.")


def is_unchanged(file: SourceFile) -> bool:
    """A stored copy is ours alone; a file read in place is read again in full."""
    if not file.path:
        return bool(file.stored_as) and default_storage.exists(file.stored_as)
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
    }
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, values)
        return int(cursor.fetchone()[0])


def steps(batch: Batch) -> int:
    """Lines that the import will carry out; what is already here is only vouched for."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM jobs_planitem WHERE user_id = %s AND batch_id = %s"
            " AND (outcome IN ('create', 'update') OR reason = 'already_here')",
            [batch.user_id, batch.pk],
        )
        return int(cursor.fetchone()[0])
