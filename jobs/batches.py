"""How a batch fares while its jobs run: when it is done, failed or cancelled, and how far it has come."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.db.models import Count, F
from django.db.models.functions import Now

from jobs.models import Batch, Job
from jobs.queue import named
from omnicrm.acting import acting_as, as_role, current_user_id
from omnicrm.commands import BAD_ARGUMENTS, refuse
from omnicrm.events import note

State = Batch.State
CANCELLABLE = (State.PLANNING, State.PLANNED, State.APPROVED, State.RUNNING)
LIVE = (Job.State.QUEUED, Job.State.RUNNING)

Finish = Callable[[Batch], None]
finishers: dict[str, Finish] = {}
"""What a kind of batch still has to do in the transaction that ends it (done, failed or cancelled)."""


def when_finished(kind: str) -> Callable[[Finish], Finish]:
    """Registers the function below to round off batches of this kind."""

    def register(finish: Finish) -> Finish:
        finishers[kind] = finish
        return finish

    return register


Open = Callable[[Batch], bool]
kept_open: dict[str, Open] = {}
"""What keeps a batch of a kind from being done while none of its jobs is left."""


def open_while(kind: str) -> Callable[[Open], Open]:
    """Registers the function below to say whether a batch of this kind waits for something besides its jobs. Whoever
    ends that calls `advance`."""

    def register(waits: Open) -> Open:
        kept_open[kind] = waits
        return waits

    return register


@dataclass(frozen=True)
class Cancelled:
    """How many jobs will not start any more, and how many were running and end at their next check."""

    cancelled: int
    running: int


def cancel(batch: Batch) -> Cancelled:
    """Stop a batch that is not finished. What it has done so far stays, and can be undone."""
    with named(batch.user_id):
        jobs = Job.objects.for_user(batch.user_id).filter(batch=batch)
        batches = Batch.objects.for_user(batch.user_id).filter(pk=batch.pk, state__in=CANCELLABLE)
        if not batches.exists():
            return Cancelled(0, 0)
        cancelled = jobs.waiting().update(
            state=Job.State.CANCELLED, cancel_requested_at=Now(), finished_at=Now(), updated_at=Now()
        )
        # Running jobs read the request from their batch: their rows are theirs to lock.
        batches.update(cancel_requested_at=Now(), updated_at=Now())
        running = jobs.filter(state=Job.State.RUNNING).count()
        advance(batch.pk)
        batch.refresh_from_db()
    return Cancelled(cancelled, running)


def advance(batch_id: UUID) -> None:
    """Called in the transaction in which a job of the batch ended: was it the last one, then what is the batch?

    The lock makes two last jobs wait for each other, so that one of them sees that it is the last.
    """
    user_id = current_user_id()
    assert user_id is not None
    batches = Batch.objects.for_user(user_id).filter(pk=batch_id)
    batch: Batch | None = batches.select_for_update(no_key=True).first()
    jobs = Job.objects.for_user(user_id).filter(batch=batch_id)
    if batch is None or jobs.filter(state__in=LIVE).exists() or waits(batch):
        return
    if state := _next_state(batch, lacks_a_job=jobs.filter(state=Job.State.CANCELLED).exists()):
        batches.update(state=state, finished_at=Now(), updated_at=Now())
        batch.state = state
        if finish := finishers.get(batch.kind):
            finish(batch)
        note(user_id, f"batch.{state}", on=batch, batch_id=batch.pk)


def waits(batch: Batch) -> bool:
    """Whether something besides its jobs keeps it open. Nothing does when it is not wanted any more."""
    is_open = kept_open.get(batch.kind)
    return bool(is_open and not batch.cancel_requested_at and is_open(batch))


def _next_state(batch: Batch, *, lacks_a_job: bool) -> State | None:
    """The state after the last job, or None where it stays. An undo and a plan say themselves when they are done."""
    if (batch.cancel_requested_at or lacks_a_job) and batch.state in CANCELLABLE:
        return State.CANCELLED
    if batch.error and batch.state in Batch.UNFINISHED:
        return State.FAILED
    return State.DONE if batch.state in (State.APPROVED, State.RUNNING) else None


def fail(batch_id: UUID, reason: str) -> None:
    """A job of the batch died. The batch keeps the first reason, and fails when its other jobs have ended."""
    user_id = current_user_id()
    assert user_id is not None
    batches = Batch.objects.for_user(user_id).filter(pk=batch_id, state__in=Batch.UNFINISHED, error="")
    batches.update(error=reason, updated_at=Now())


def step(batch_id: UUID, done: int) -> None:
    """`done` more steps of the batch, in the transaction of the chunk that did them."""
    user_id = current_user_id()
    assert user_id is not None
    Batch.objects.for_user(user_id).filter(pk=batch_id).update(
        done_steps=F("done_steps") + done, updated_at=Now()
    )


def find_batch(batch_id: UUID | str) -> Batch:
    """A batch for a command, whoever owns it; or a refusal."""
    try:
        with as_role("dispatch"):
            user_id = Batch.unscoped.values_list("user_id", flat=True).get(pk=batch_id)
    except (Batch.DoesNotExist, ValidationError):
        refuse(f"There is no batch {batch_id}. Look its number up on the page of the batch.", BAD_ARGUMENTS)
    with acting_as(user_id):
        batch: Batch = Batch.objects.for_user(user_id).get(pk=batch_id)
    return batch


def progress(batch: Batch) -> dict[str, Any]:
    """For pages and commands: state, totals, steps, what its jobs say, and the number of jobs by state."""
    jobs = Job.objects.for_user(batch.user_id).filter(batch=batch)
    counts = dict(jobs.values_list("state").annotate(Count("pk")).order_by())
    says = jobs.exclude(progress="").order_by("-updated_at").values_list("progress", flat=True).first()
    return {
        "batch_id": batch.pk,
        "kind": batch.kind,
        "state": batch.state,
        "totals": batch.totals,
        "done_steps": batch.done_steps,
        "total_steps": batch.total_steps,
        "percent": 100 if batch.state == State.DONE else batch.percent,
        "progress": says or "",
        "error": batch.error,
        "jobs": {state: counts.get(state, 0) for state in Job.State.values},
    }
