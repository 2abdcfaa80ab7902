"""What nobody else does: take jobs back from workers that died, and make sure that due work is being done.

Any number of sweepers may run, in every worker and in beat. With the broker away, or with workers that do not hear it,
a child process does the work.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from uuid import UUID

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection
from django.db.models.functions import Now

from jobs import endings, nudge, periodic, shutdown
from jobs.leases import Lease
from jobs.models import Job
from jobs.queue import handlers
from jobs.runner import JobContext, die
from omnicrm.acting import acting_as, actor, as_role
from omnicrm.embedded.processes import die_with_parent

PAGE = 100
NUDGES = 4  # at most, a queue and sweep
PATIENCE = 5  # sweeps in a row that find work due, and nobody who takes it
POISON = "It stopped the worker {} times, so it was put aside. Retry it when the cause is known."

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Swept:
    reaped: int
    """Jobs taken back from workers that died, the dead ones among them."""
    due: int
    """Jobs that could start now; counted up to a handful a queue."""
    heard: bool
    """Whether the broker could be told."""
    at_work: bool
    """Whether anybody has a job of any queue."""
    token: int | None
    """Of the last job that anybody took."""


def sweep() -> Swept:
    """One round: reap, run what is periodic, nudge."""
    with actor("worker"):
        reaped = reap()
        periodic.run_due()
    due = due_by_queue()
    heard = [nudge.publish(queue) for queue, jobs in due.items() for _ in range(jobs)]
    return Swept(reaped, sum(due.values()), all(heard), *who_works())


def reap() -> int:
    """Take back the jobs whose lease has run out. A row that cannot be handled is passed over and logged."""
    count, after = 0, UUID(int=0)
    while page := _expired(after):
        for job in page:
            after = job.pk
            try:
                with acting_as(job.user_id):
                    _take_back(job)
                count += 1
            except endings.Fenced:  # another sweeper was faster
                continue
            except Exception:  # one bad row must not keep the others from being reaped
                log.exception("job.not_reaped", job_id=str(job.pk))
    return count


def _expired(after: UUID) -> list[Job]:
    with as_role("dispatch"):
        rows = Job.unscoped.filter(state=Job.State.RUNNING, lease_until__lt=Now(), pk__gt=after)
        return list(rows.order_by("pk")[:PAGE])


def _take_back(job: Job) -> None:
    """A crash is charged as a crash, not as an attempt; the third one is the last."""
    crashes = job.crashes + 1
    log.warning("job.reaped", job_id=str(job.pk), kind=job.kind, worker=job.worker, crashes=crashes)
    # Only if the lease is still expired: its worker may have renewed it a moment ago.
    ours = Job.objects.for_user(job.user_id).filter(pk=job.pk, token=job.token, lease_until__lt=Now())
    if not ours.update(crashes=crashes, updated_at=Now()):
        raise endings.Fenced
    if crashes >= settings.JOB_MAX_CRASHES:
        die(handlers.get(job.kind), JobContext(job, Lease(job)), "poison", POISON.format(crashes))
    else:
        jitter = random.uniform(0, crashes)  # noqa: S311 # nosec B311 - not a secret
        endings.requeue(job, "reaped", after=jitter, code="crashed", reason="Its worker died.")


def due_by_queue() -> dict[str, int]:
    """How many jobs could start now, counted up to a handful a queue."""
    statement = """
        SELECT queue, (SELECT count(*) FROM (
            SELECT FROM jobs_job WHERE state = 'queued' AND queue = wanted.queue
            AND run_at <= statement_timestamp() AND kind = ANY(%s) LIMIT %s) AS due)
        FROM unnest(%s::text[]) AS wanted (queue)
    """
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(statement, [list(handlers), NUDGES, Job.Queue.values])
        return {queue: jobs for queue, jobs in cursor.fetchall() if jobs}


def who_works() -> tuple[bool, int | None]:
    """Whether anybody has a job, and the token of the last one that was taken."""
    statement = """
        SELECT EXISTS (SELECT FROM jobs_job WHERE state = 'running' AND lease_until >= statement_timestamp()),
               pg_sequence_last_value('jobs_job_token')
    """
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(statement)
        at_work, token = cursor.fetchone()
    return at_work, token


class Sweeper(threading.Thread):
    """Sweeps for as long as its process lives. It needs Postgres only, and survives its restarts."""

    def __init__(self) -> None:
        super().__init__(name="sweeper", daemon=True)
        self.stopped = threading.Event()
        self._stand_in: subprocess.Popen[bytes] | None = None
        self._idle = 0
        self._token: int | None = None

    def run(self) -> None:
        while not self.stopped.wait(settings.JOB_SWEEP_SECONDS * random.uniform(0.7, 1.3)):  # noqa: S311 # nosec B311
            try:
                swept = sweep()
            except (DatabaseError, InterfaceError) as error:
                log.warning("sweep.failed", error=type(error).__name__)
                connection.close()
            else:
                self._see_to_a_stand_in(swept)
        self._dismiss()
        connection.close()

    def stop(self) -> None:
        self.stopped.set()
        self._dismiss()

    def _see_to_a_stand_in(self, swept: Swept) -> None:
        """One child process does due work of which the broker cannot be told, or which nobody begins although it was:
        workers have been seen to listen no more after a broker came back. Then it goes on until nothing is due."""
        if self._stand_in is not None and self._stand_in.poll() is not None:
            self._stand_in = None
        if self._stand_in is None:
            is_idle = swept.due and not swept.at_work and swept.token == self._token
            self._idle = self._idle + 1 if is_idle else 0
        self._token = swept.token
        if swept.heard and self._idle < PATIENCE:
            self._dismiss()
        elif swept.due and self._stand_in is None and not shutdown.asked():
            log.warning("sweep.stand_in", due=swept.due, heard=swept.heard)
            self._stand_in = subprocess.Popen(
                [sys.executable, str(settings.BASE_DIR / "manage.py"), "run_jobs", "--until-empty"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                preexec_fn=die_with_parent(signal.SIGTERM),
            )

    def _dismiss(self) -> None:
        if self._stand_in is not None and self._stand_in.poll() is None:
            self._stand_in.terminate()
