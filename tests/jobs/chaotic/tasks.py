"""Each leaves one effect, in the transaction of its job: none may be missing, none may be there twice."""

from __future__ import annotations

import os
import re
import signal
import time

from jobs.models import Job
from jobs.queue import Again, handles
from jobs.runner import JobContext
from omnicrm.events import note


def effect(ctx: JobContext) -> None:
    note(ctx.user_id, "test.effect", on=ctx.job, pid=os.getpid())


@handles("chaos_work")
def work(ctx: JobContext) -> None:
    """Takes a while and looks up between two messages. After a crash it is quick."""
    effect(ctx)
    until = time.monotonic() + (0.02 if ctx.job.crashes else float(ctx.payload.get("seconds", 0.02)))
    while time.monotonic() < until:
        ctx.check()
        time.sleep(0.01)


@handles("chaos_quick", queue=Job.Queue.INTERACTIVE)
def quick(ctx: JobContext) -> None:
    effect(ctx)


@handles("chaos_chunks")
def chunks(ctx: JobContext) -> Again | None:
    """Twenty chunks, one effect with the last."""
    done = ctx.checkpoint.get("done", 0) + 1
    time.sleep(0.1)
    if done < 20:
        return Again({"done": done})
    effect(ctx)
    return None


@handles("chaos_poison")
def poison(ctx: JobContext) -> None:
    effect(ctx)
    os.kill(os.getpid(), signal.SIGKILL)


@handles("chaos_hang")
def hang(ctx: JobContext) -> None:
    """Holds the interpreter for years: neither threads nor signal handlers of Python run."""
    effect(ctx)
    re.match(r"(a+)+$", "a" * 60 + "b")
