"""Handlers that do as their payload says. `ran` is what was done, in order, in this process."""

from __future__ import annotations

import time
from threading import Lock

from jobs import queue
from jobs.models import Job
from jobs.queue import Again, GiveUp, Handler, RetryLater, enqueue
from jobs.runner import JobContext
from omnicrm.events import note

HANDLERS: dict[str, Handler] = {}
ran: list[str] = []
buried: list[tuple[str, str, str]] = []
_lock = Lock()


def reset() -> None:
    ran.clear()
    buried.clear()


def say(ctx: JobContext) -> None:
    with _lock:
        ran.append(str(ctx.payload.get("name", ctx.job.kind)))


def effect(ctx: JobContext) -> None:
    """One row a job, in the transaction of its chunk: what chaos counts."""
    note(ctx.user_id, "test.effect", on=ctx.job)


def noop(ctx: JobContext) -> None:
    say(ctx)


def works(ctx: JobContext) -> None:
    say(ctx)
    effect(ctx)
    until = time.monotonic() + float(ctx.payload.get("seconds", 0))
    while time.monotonic() < until:
        ctx.check()
        time.sleep(0.01)


def sleeps(ctx: JobContext) -> None:
    """Does not look left or right, as a parser would."""
    effect(ctx)
    time.sleep(float(ctx.payload["seconds"]))


def fails(ctx: JobContext) -> None:
    effect(ctx)
    say(ctx)
    raise ValueError("the text of somebody's mail")


def later(ctx: JobContext) -> None:
    say(ctx)
    raise RetryLater(ctx.payload.get("after", 30), "Google asks us to wait.")


def hopeless(ctx: JobContext) -> None:
    effect(ctx)
    raise GiveUp("unreadable", "This file is not a mailbox. Export it again.")


def counts(ctx: JobContext) -> Again | None:
    """One effect a chunk, up to `chunks`; fails once at `fail_at`."""
    done = ctx.checkpoint.get("done", 0)
    if done == ctx.payload.get("fail_at") and ctx.job.attempt == 1:
        raise ConnectionError("once")
    effect(ctx)
    say(ctx)
    ctx.step()
    ctx.progress(f"Counted {done + 1} of {ctx.payload['chunks']}")
    return Again({"done": done + 1}) if done + 1 < ctx.payload["chunks"] else None


def chains(ctx: JobContext) -> None:
    enqueue("noop", ctx.user_id, batch=ctx.job.batch_id, name="follow-up")
    if ctx.payload.get("then_fail"):
        raise ValueError


def reads(ctx: JobContext) -> None:
    assert ctx.prepared == {"bytes": 7}
    say(ctx)


def _bury(ctx: JobContext, code: str, reason: str) -> None:
    buried.append((ctx.job.kind, code, reason))


def _prepare(ctx: JobContext) -> dict[str, int]:
    from django.db import connection

    assert not connection.in_atomic_block
    return {"bytes": 7}


before = dict(queue.handlers)
for run in (noop, works, sleeps, later, counts, chains):
    queue.handles(run.__name__)(run)
queue.handles("fails", unfinished=_bury)(fails)
queue.handles("hopeless", unfinished=_bury)(hopeless)
queue.handles("reads", prepare=_prepare)(reads)
queue.handles("one", concurrency=1)(noop)
queue.handles("quick", queue=Job.Queue.INTERACTIVE)(noop)
HANDLERS.update({kind: handler for kind, handler in queue.handlers.items() if kind not in before})
for kind in HANDLERS:
    del queue.handlers[kind]
