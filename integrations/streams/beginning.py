"""How plans of mailboxes and of calendars begin: alike."""

from __future__ import annotations

from typing import Any

from integrations.models import SyncStream
from integrations.origins import PLANNED, stream_options
from integrations.plan import Refused, discard, plan_options
from integrations.streams.standing import own_addresses
from jobs.models import Batch, Job
from jobs.queue import enqueue
from omnicrm.events import note

AT_WORK = (Batch.State.PLANNING, Batch.State.APPROVED, Batch.State.RUNNING, Batch.State.UNDOING)


def begin_plan(
    batch: Batch, stream: SyncStream, job: str, *, include_suppressed: bool, **options: Any
) -> Batch:
    """Save a batch that is new, and ask for the job that plans it. Raises Refused while another import of the stream is
    at work."""
    if running := imports_of(stream).filter(state__in=AT_WORK).first():
        raise Refused(f"“{running}” is at work. Wait for its end, or cancel it, then plan again.")
    batch.options = {
        **plan_options(batch.user, {"include_suppressed": include_suppressed}),
        **stream_options(stream),
        "own": own_addresses(stream, batch.user),
        "account": stream.account.google_sub,
        **options,
    }
    batch.totals = {"kind": stream.kind}
    batch.save(force_insert=True)
    if stream.phase in (SyncStream.Phase.NEW, SyncStream.Phase.AWAIT_APPROVAL):
        stream.phase = SyncStream.Phase.PREVIEW
        stream.save(update_fields=["phase", "updated_at"])
    note(batch.user_id, "import.planned", on=batch, batch_id=batch.pk, kind=stream.kind)
    enqueue(job, batch.user, batch=batch, queue=Job.Queue.INTERACTIVE, priority=Job.Priority.HIGH)
    return batch


def imports_of(stream: SyncStream) -> Any:
    """Imports that began as a plan of this stream, the newest first."""
    rows = Batch.objects.for_user(stream.user_id).filter(kind__in=PLANNED, options__stream=str(stream.pk))
    return rows.order_by("-created_at")


def discard_waiting(stream: SyncStream) -> None:
    """Throw away the plans of the whole stream that wait for an approval."""
    waiting = imports_of(stream).filter(state=Batch.State.PLANNED).exclude(options__has_key="picked")
    for batch in waiting:
        discard(batch)
