"""Asking for work, and saying who does it. A job is a row of its user, written in the transaction that needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection
from django.db.models import Q

from jobs import nudge
from jobs.models import Batch, Job
from omnicrm.acting import acting_as, current_user_id
from omnicrm.models import User

if TYPE_CHECKING:
    from jobs.runner import JobContext


class RetryLater(Exception):
    """Waiting helps: run again in `after` seconds. No attempt is charged, but after a day the job dies."""

    def __init__(self, after: float, reason: str = "") -> None:
        super().__init__(reason)
        self.after, self.reason = after, reason


class GiveUp(Exception):
    """Trying again cannot help. `code` is for rules and counts, `reason` a sentence for the job's owner."""

    def __init__(self, code: str, reason: str = "") -> None:
        super().__init__(reason or code)
        self.code, self.reason = code, reason or code


GONE = "What it was to work on is no longer there."
"""The reason of a job whose rows are not its owner's, or are gone; the code is not_found."""


@dataclass(frozen=True)
class Again:
    """A handler's answer: commit this chunk and call me again with this checkpoint."""

    checkpoint: dict[str, Any]


Run = Callable[["JobContext"], Again | None]
Prepare = Callable[["JobContext"], Any]
Unfinished = Callable[["JobContext", str, str], None]


@dataclass(frozen=True)
class Handler:
    kind: str
    run: Run
    queue: str
    concurrency: int | None
    prepare: Prepare | None
    unfinished: Unfinished | None
    durable: bool


class UnknownKind(LookupError):
    """No handler has this kind. Register one with `@handles`, in a module named tasks.py."""


handlers: dict[str, Handler] = {}


def handles(
    kind: str,
    *,
    queue: str = Job.Queue.BULK,
    concurrency: int | None = None,
    prepare: Prepare | None = None,
    unfinished: Unfinished | None = None,
    durable: bool = False,
) -> Callable[[Run], Run]:
    """Registers the function below as what does jobs of this kind. One call is one chunk is one transaction.

    `concurrency` is how many of one user should run at once; two claims at the same moment may both count one
    less, so what must never meet has a `mutex_key`. `prepare` runs before each chunk, outside any
    transaction: parsing and network go there; its result is `ctx.prepared`. `unfinished(ctx, code, reason)` runs
    in the transaction in which the job dies, or is cancelled by itself (code "cancelled"). A chunk that a crash of Postgres forgets takes its checkpoint along and
    is done again, so its commit need not wait for the disk; `durable` makes it wait, for kinds that act outside.
    """

    def register(run: Run) -> Run:
        known = handlers.get(kind)
        if known is not None and _name(known.run) != _name(run):
            raise ValueError(f"Two functions handle {kind}: {_name(known.run)} and {_name(run)}.")
        handlers[kind] = Handler(kind, run, str(queue), concurrency, prepare, unfinished, durable)
        return run

    return register


def _name(run: Run) -> str:
    return f"{run.__module__}.{run.__qualname__}"


def handler_of(kind: str) -> Handler:
    try:
        return handlers[kind]
    except KeyError:
        raise UnknownKind(f"Nothing handles jobs of kind {kind!r}.") from None


def enqueue(
    kind: str,
    user: User | UUID,
    *,
    batch: Batch | UUID | None = None,
    queue: str | None = None,
    priority: int = Job.Priority.MEDIUM,
    dedupe_key: str | None = None,
    idempotency_key: str | None = None,
    mutex_key: str | None = None,
    run_at: datetime | None = None,
    **payload: Any,
) -> Job:
    """A job in the caller's transaction; workers hear of it on commit. The payload holds ids, never contents.

    `dedupe_key`: while one such job waits, it is the answer, and it starts after we commit. `idempotency_key`:
    one such job ever; it is the answer, whatever became of it. `mutex_key`: one at a time of those that share it.
    """
    known = handlers.get(kind)
    job = Job(
        user_id=user if isinstance(user, UUID) else user.pk,
        kind=kind,
        batch_id=batch.pk if isinstance(batch, Batch) else batch,
        queue=queue or (known.queue if known else Job.Queue.BULK),
        priority=priority,
        dedupe_key=dedupe_key,
        idempotency_key=idempotency_key,
        mutex_key=mutex_key,
        max_attempts=settings.JOB_MAX_ATTEMPTS,
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", ""))[:64],
        payload=payload,
        **({"run_at": run_at} if run_at else {}),
    )
    with named(job.user_id):
        if dedupe_key or idempotency_key:
            job = _insert_or_find(job)
        else:
            job.save(force_insert=True)
        nudge.on_commit(job.queue)
    return job


@contextmanager
def named(user_id: UUID) -> Iterator[None]:
    """Acting as this user: in the caller's transaction when it is theirs already, else in one of our own."""
    if current_user_id() == user_id and connection.in_atomic_block:
        yield
    else:
        with acting_as(user_id):
            yield


def _insert_or_find(job: Job) -> Job:
    """The waiting one may start between our insert and our look; then there is room for ours.

    Each time round, somebody else's job has started; this many in a row would be a fault of ours.
    """
    for _ in range(100):
        Job.unscoped.bulk_create([job], ignore_conflicts=True)
        if found := _same(job):
            return found
    raise RuntimeError(f"{job.kind} jobs start faster than they can be counted.")


def _same(job: Job) -> Job | None:
    ours = Q(pk=job.pk)
    if job.idempotency_key:
        ours |= Q(idempotency_key=job.idempotency_key)
    if job.dedupe_key:
        ours |= Q(kind=job.kind, dedupe_key=job.dedupe_key, state=Job.State.QUEUED)
    found: Job | None = Job.objects.for_user(job.user_id).filter(ours).order_by("created_at").first()
    if found is None or found.pk == job.pk or found.state != Job.State.QUEUED:
        return found
    return found if _hold(found) else None


def _hold(job: Job) -> bool:
    """Keep a waiting job from starting before we commit: it must see what we wrote. False if it just started.

    FOR SHARE, so that any number of transactions can count on one job; claims skip locked rows.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM jobs_job WHERE id = %s AND state = 'queued' FOR SHARE", [job.pk])
        return cursor.fetchone() is not None


def payload_of(job: Job) -> Mapping[str, Any]:
    """The payload; a row that somebody damaged reads as empty rather than stopping the reader."""
    return job.payload if isinstance(job.payload, dict) else {}
