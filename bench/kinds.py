"""Kinds of jobs for the bench; a worker learns them with `--include bench.kinds`."""

from __future__ import annotations

import time

from jobs.queue import handles
from jobs.runner import JobContext


@handles("bench_noop")
def noop(ctx: JobContext) -> None:
    """All that is measured is the queue."""


@handles("bench_short")
def short(ctx: JobContext) -> None:
    time.sleep(0.02)
