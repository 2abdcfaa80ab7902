"""A second life for a job that died, because a person or an operator thinks that it can work now."""

from __future__ import annotations

from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from jobs import nudge
from jobs.models import Batch, Job, JobEvent
from jobs.queue import named
from omnicrm.events import note


def retry(job: Job) -> bool:
    """Queue a dead job anew, with all its attempts and where it had come to. False if it is not dead (any more)."""
    with named(job.user_id):
        rows = Job.objects.for_user(job.user_id).filter(pk=job.pk, state=Job.State.DEAD)
        fresh = {
            "state": Job.State.QUEUED,
            "attempt": 0,
            "crashes": 0,
            "run_at": Now(),
            "finished_at": None,
            "cancel_requested_at": None,
            "updated_at": Now(),
        }
        try:
            with transaction.atomic():
                revived = rows.update(**fresh)
        except IntegrityError:  # one like it waits already, and does the same
            return False
        if revived:
            reopen_batch(job)
            JobEvent(user_id=job.user_id, job_id=job.pk, event="retried").save(force_insert=True)
            note(job.user_id, "job.retried", on=job, batch_id=job.batch_id)
            nudge.on_commit(job.queue)
    return bool(revived)


def reopen_batch(job: Job) -> None:
    """A batch that failed with this job goes on where it stood."""
    if job.batch_id is None:
        return
    failed = Batch.objects.for_user(job.user_id).filter(pk=job.batch_id, state=Batch.State.FAILED)
    going_on = {"error": "", "finished_at": None, "updated_at": Now()}
    failed.filter(approved_at=None).update(state=Batch.State.PLANNING, **going_on)
    failed.exclude(approved_at=None).update(state=Batch.State.APPROVED, **going_on)
