"""Cancelling one job. Its batch, if it has one, is not whole without it, and ends as cancelled."""

from __future__ import annotations

from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Now

from jobs import batches, endings
from jobs.leases import Lease
from jobs.models import Job
from jobs.queue import handlers, named
from jobs.runner import JobContext, tell_unfinished

WAITS = Q(state=Job.State.QUEUED)


def cancel(job: Job) -> bool:
    """Cancel one job: at once if it waits, else at its next check. False if it had ended already.

    One statement, because a running job may go back to its queue while we look.
    """
    with named(job.user_id):
        rows = Job.objects.for_user(job.user_id).filter(pk=job.pk)
        found = rows.filter(state__in=batches.LIVE).update(
            state=Case(When(WAITS, then=Value(Job.State.CANCELLED)), default=F("state")),
            finished_at=Case(When(WAITS, then=Now())),
            cancel_requested_at=Now(),
            updated_at=Now(),
        )
        if ended := rows.filter(state=Job.State.CANCELLED).first() if found else None:
            _round_off(ended)
    return bool(found)


def _round_off(job: Job) -> None:
    endings.record(job, "cancelled")
    tell_unfinished(handlers.get(job.kind), JobContext(job, Lease(job)), "cancelled", "It was cancelled.")
    if job.batch_id:
        batches.advance(job.batch_id)
