"""A second life for a job that died, because a person or an operator thinks that it can work now."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from jobs import nudge
from jobs.models import Batch, Job, JobEvent
from jobs.queue import named
from omnicrm.events import note

AFRESH: dict[str, Any] = {
    "state": Job.State.QUEUED,
    "attempt": 0,
    "crashes": 0,
    "run_at": Now(),
    "started_at": None,
    "finished_at": None,
    "cancel_requested_at": None,
    "updated_at": Now(),
}
GOES_ON = (Batch.State.PLANNING, Batch.State.APPROVED, Batch.State.RUNNING)


class NotWanted(Exception):
    """The batch of the job was cancelled or taken back."""


def retry(job: Job) -> bool:
    """Queue a dead job anew, with all its attempts and where it had come to.

    False if it is not dead (any more), if one like it waits, or if its batch was cancelled or taken back.
    """
    with named(job.user_id):
        rows = Job.objects.for_user(job.user_id).filter(pk=job.pk, state=Job.State.DEAD)
        try:
            with transaction.atomic():
                if not rows.update(**AFRESH):
                    return False
                reopen_batch(job)
        except (IntegrityError, NotWanted):
            return False
        JobEvent(user_id=job.user_id, job_id=job.pk, event="retried").save(force_insert=True)
        note(job.user_id, "job.retried", on=job, batch_id=job.batch_id)
        nudge.on_commit(job.queue)
    return True


def reopen_batch(job: Job) -> None:
    """A batch that failed with this job goes on where it stood."""
    if job.batch_id is None:
        return
    batch = Batch.objects.for_user(job.user_id).select_for_update(no_key=True).get(pk=job.batch_id)
    if batch.state == Batch.State.FAILED:
        batch.state = Batch.State.APPROVED if batch.approved_at else Batch.State.PLANNING
        batch.error, batch.finished_at = "", None
        batch.save(update_fields=["state", "error", "finished_at", "updated_at"])
    elif batch.state not in GOES_ON:
        raise NotWanted
