"""Doing one job: claim it, run its handler chunk by chunk, and decide what a failure means.

One call of a handler is one chunk is one transaction in the owner's name. Its writes, its checkpoint, the jobs it
asks for and its end are committed together, or not at all.
"""

from __future__ import annotations

import random
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from jobs import endings, shutdown
from jobs.claiming import claim
from jobs.endings import Fenced
from jobs.leases import Cancelled, Lease, LeaseLost, Released, heart
from jobs.models import Job
from jobs.queue import Again, GiveUp, Handler, RetryLater, handler_of, payload_of
from omnicrm.acting import acting_as, actor
from omnicrm.models import User

SLICE = 10.0  # seconds after which a job in chunks goes back to its queue, so that others have their turn
TELL_EVERY = 2.0  # seconds between two words of progress within a chunk
OLDEST_RETRY = 24 * 3600.0  # seconds that a job may go on asking for later

log = structlog.get_logger(__name__)


class JobContext:
    """What a handler knows about its job."""

    def __init__(self, job: Job, lease: Lease) -> None:
        self.job, self._lease = job, lease
        self.user_id: UUID = job.user_id
        self.payload = payload_of(job)
        self.checkpoint: dict[str, Any] = job.checkpoint or {}
        self.prepared: Any = None
        self.words, self.steps = job.progress, 0
        self._told_at = time.monotonic()

    def check(self) -> None:
        """Ends the handler when it should not go on: call it between two messages. Costs nothing."""
        if self._lease.is_lost:
            raise LeaseLost
        if self._lease.is_cancelled:
            raise Cancelled
        if shutdown.asked():
            raise Released

    def progress(self, words: str) -> None:
        """How far it has come, for a person: "Read 120 of 400 messages". Shown when the chunk is committed."""
        self.words = words[:200]

    def tell(self, words: str) -> None:
        """The same before the chunk is committed, for work that takes long; and `check`. Costs next to nothing."""
        self.check()
        if time.monotonic() - self._told_at > TELL_EVERY:
            self._told_at = time.monotonic()
            self._lease.words = words[:200]
            heart.beat_now()

    def step(self, done: int = 1) -> None:
        """So many more of the batch's steps are done, once the chunk is committed."""
        self.steps += done


def run_one(
    queues: Sequence[str] | None,
    worker: str,
    *,
    user: User | UUID | None = None,
    kind: str | None = None,
) -> Job | None:
    """Claim one due job and run it to its end, its next turn, or its failure. None when there was none.

    `queues` in order of preference; None is all of them, what people wait for first. The job that is returned
    says in `state`, `error_code` and `error` how it went.
    """
    user_id = user.pk if isinstance(user, User) else user
    job = claim(queues or in_turn(), worker, user_id=user_id, kind=kind)
    if job is not None:
        with (
            structlog.contextvars.bound_contextvars(
                job_id=str(job.pk), request_id=job.request_id, kind=job.kind
            ),
            actor("worker"),
        ):
            _run(job)
            log.info("job.ran", state=job.state)
    return job


def in_turn(first: str | None = None, among: Sequence[str] = tuple(Job.Queue.values)) -> list[str]:
    """Interactive before all, then `first`, then the others in any order: none of them starves another."""
    wanted = [queue for queue in (Job.Queue.INTERACTIVE.value, first) if queue in among and queue]
    others = [queue for queue in among if queue not in wanted]
    random.shuffle(others)
    return list(dict.fromkeys([*wanted, *others]))


def _run(job: Job) -> None:
    handler = handler_of(job.kind)
    with heart.holding(job) as lease:
        ctx = JobContext(job, lease)
        try:
            _chunks(handler, ctx)
        except (Fenced, LeaseLost) as lost:
            _fenced(job, lost)
        except Cancelled:
            _finally(job, lambda: _cancel(handler, ctx))
        except (Released, KeyboardInterrupt, SystemExit) as stop:
            _finally(job, lambda: endings.requeue(job, "released"))
            if not isinstance(stop, Released):
                raise
        except RetryLater as later:
            _retry_later(handler, ctx, later)
        except GiveUp as end:
            _die(handler, ctx, end.code, end.reason)
        except Exception as error:  # noqa: BLE001 - whatever a handler raises, this job alone suffers
            _failed(handler, ctx, error)


def _chunks(handler: Handler, ctx: JobContext) -> None:
    began = time.monotonic()
    ctx.check()
    while _chunk(handler, ctx):
        ctx.check()
        if time.monotonic() - began > SLICE:
            with acting_as(ctx.user_id):
                endings.requeue(ctx.job, "")
            return


def _chunk(handler: Handler, ctx: JobContext) -> bool:
    """One chunk, committed. True when there is another."""
    ctx.prepared = handler.prepare(ctx) if handler.prepare else None
    ctx.steps = 0
    with acting_as(ctx.user_id, durable=handler.durable):
        answer = handler.run(ctx)
        if not isinstance(answer, Again):
            endings.succeed(ctx.job, ctx.words, ctx.steps)
            return False
        endings.checkpoint(ctx.job, answer.checkpoint, ctx.words, ctx.steps)
    ctx.checkpoint = answer.checkpoint
    if ctx.job.cancel_requested_at:
        raise Cancelled
    return True


def _retry_later(handler: Handler, ctx: JobContext, later: RetryLater) -> None:
    job = ctx.job
    age = (timezone.now() - (job.started_at or job.created_at)).total_seconds()
    if age > OLDEST_RETRY:
        _die(handler, ctx, "too_late", later.reason or "It could not be done within a day.")
    else:
        _finally(
            job,
            lambda: endings.requeue(job, "later", after=later.after, code="later", reason=later.reason),
        )


def _failed(handler: Handler, ctx: JobContext, error: Exception) -> None:
    """Anything unexpected may pass: try again, less and less often."""
    job, code, reason = ctx.job, type(error).__name__, where(error)
    log.warning("job.failed", attempt=job.attempt, exc_info=error)
    if job.attempt >= job.max_attempts:
        _die(handler, ctx, code, reason)
    else:
        after = endings.backoff(job.attempt)
        _finally(
            job,
            lambda: endings.requeue(job, "retried", after=after, charged=True, code=code, reason=reason),
        )


def where(error: BaseException) -> str:
    """The kind of error and the line it came from, without its message: that could quote somebody's mail."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [
        f for f in frames if Path(f.filename).is_relative_to(settings.BASE_DIR) and ".venv" not in f.filename
    ]
    if not (last := (ours or frames)[-1:]):
        return type(error).__name__
    file = Path(last[0].filename)
    place = file.relative_to(settings.BASE_DIR) if ours else file.name
    return f"{type(error).__name__} in {place}, line {last[0].lineno}"


def _die(handler: Handler, ctx: JobContext, code: str, reason: str) -> None:
    _finally(ctx.job, lambda: die(handler, ctx, code, reason))


def die(handler: Handler | None, ctx: JobContext, code: str, reason: str) -> None:
    """Make the job dead and let its handler know, in one transaction."""
    endings.die(ctx.job, code, reason)
    tell_unfinished(handler, ctx, code, reason)


def _cancel(handler: Handler, ctx: JobContext) -> None:
    endings.cancel(ctx.job)
    tell_unfinished(handler, ctx, "cancelled", "It was cancelled.")


def tell_unfinished(handler: Handler | None, ctx: JobContext, code: str, reason: str) -> None:
    """The handler may see to what it leaves behind. If that fails, the job has ended all the same."""
    if handler and handler.unfinished:
        try:
            with transaction.atomic():
                handler.unfinished(ctx, code, reason)
        except Exception:
            log.exception("job.unfinished_hook_failed")


def _fenced(job: Job, lost: BaseException) -> None:
    job.state = Job.State.QUEUED
    log.warning("job.fenced", token=job.token, error=type(lost).__name__)
    # Where the job itself is gone, with its owner's account, there is nothing to note it on.
    with suppress(IntegrityError), acting_as(job.user_id):
        endings.record(job, "fenced")


def _finally(job: Job, end: Callable[[], None]) -> None:
    """Write the end of a run. The database may be restarting; as long as the lease lasts it is worth trying."""
    until = time.monotonic() + settings.JOB_LEASE_SECONDS
    while True:
        try:
            with acting_as(job.user_id):
                end()
        except Fenced as lost:
            _fenced(job, lost)
            return
        except (OperationalError, InterfaceError):
            connection.close()
            if time.monotonic() > until:
                raise
            time.sleep(0.5)
        else:
            return
