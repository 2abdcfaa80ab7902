"""How a run of a job ends. Each change holds only for the worker that still has the token; others are fenced off.

All of these run in a transaction in the name of the job's owner.
"""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Greatest, Now

from jobs import batches
from jobs.models import Job, JobEvent
from omnicrm.events import note

LONGEST_BACKOFF = 3600.0  # seconds
LONGEST_REASON = 2000  # characters of a reason that are kept


class Fenced(Exception):
    """The job is no longer ours: its lease ran out and somebody else has it, or had it. Roll everything back."""


def backoff(attempt: int) -> float:
    """Seconds to wait after this many failed attempts: full jitter, so that failures do not come back as a crowd."""
    return random.uniform(0, min(LONGEST_BACKOFF, 2.0**attempt))  # noqa: S311 # nosec B311 - not a secret


def checkpoint(job: Job, data: dict[str, Any], words: str, steps: int = 0) -> None:
    """Keep how far the job has come. Progress forgives earlier failures."""
    _change(job, checkpoint=data, progress=words, attempt=1, crashes=0)
    if steps and job.batch_id:
        batches.step(job.batch_id, steps)
    fresh = Job.objects.for_user(job.user_id).values_list("cancel_requested_at", "batch__cancel_requested_at")
    of_job, of_batch = fresh.get(pk=job.pk)
    job.checkpoint, job.attempt, job.crashes = data, 1, 0
    job.cancel_requested_at = of_job or of_batch


def succeed(job: Job, words: str, steps: int = 0) -> None:
    _end(job, Job.State.SUCCEEDED, steps, progress=words, error="", error_code="")


def cancel(job: Job) -> None:
    _end(job, Job.State.CANCELLED)
    record(job, "cancelled")


def die(job: Job, code: str, reason: str) -> None:
    """No further attempt. Its batch fails with the reason when the other jobs have ended."""
    if job.batch_id:
        _change(job)
        batches.fail(job.batch_id, reason)
    _end(job, Job.State.DEAD, error_code=code[:60], error=reason[:LONGEST_REASON])
    record(job, "dead", code=code)
    note(job.user_id, "job.dead", on=job, batch_id=job.batch_id, kind=job.kind, code=code)


def requeue(
    job: Job, event: str, *, after: float = 0, charged: bool = False, code: str = "", reason: str = ""
) -> None:
    """Back to the queue, due in `after` seconds. Unless `charged`, this run does not count as an attempt."""
    back = {
        "state": Job.State.QUEUED,
        "run_at": Now() + timedelta(seconds=after),
        "token": None,
        "lease_until": None,
        "attempt": F("attempt") if charged else Greatest(F("attempt") - 1, 0),
        "error_code": code[:60],
        "error": reason[:LONGEST_REASON],
    }
    try:
        with transaction.atomic():
            _change(job, **back)
    except IntegrityError:  # a newer one waits under the same dedupe_key; both will run
        _change(job, dedupe_key=None, **back)
    job.state = Job.State.QUEUED
    if event:
        record(job, event, after=round(after, 1), code=code)


def record(job: Job, event: str, **detail: Any) -> None:
    """A line in the job's history."""
    JobEvent(
        user_id=job.user_id, job_id=job.pk, event=event, token=job.token, worker=job.worker, detail=detail
    ).save(force_insert=True)


def _end(job: Job, state: Job.State, steps: int = 0, **columns: Any) -> None:
    _change(job, state=state, finished_at=Now(), token=None, lease_until=None, **columns)
    job.state = state
    for name, value in columns.items():
        setattr(job, name, value)
    if job.batch_id:  # after the job's own row, as everywhere: two orders of locking would be a deadlock
        if steps:
            batches.step(job.batch_id, steps)
        batches.advance(job.batch_id)


def _change(job: Job, **columns: Any) -> None:
    """The fence. No other function of this app writes to a running job.

    The worker is asked for too: claims do not wait for the disk, so a crash of Postgres may give a token out twice.
    """
    running = Job.objects.for_user(job.user_id).filter(pk=job.pk, state=Job.State.RUNNING)
    if not running.filter(token=job.token, worker=job.worker).update(**columns, updated_at=Now()):
        raise Fenced(f"{job.kind} {job.pk}")
