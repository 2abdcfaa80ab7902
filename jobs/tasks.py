"""Where Celery comes in: it starts processes, feeds them nudges and kills those that hang. It knows no work.

Two hosts run jobs, `drain` here and `manage.py run_jobs`; both call `run_one`.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import structlog
from celery.signals import beat_init, worker_init, worker_shutting_down
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from jobs import nudge, shutdown
from jobs.models import Job
from jobs.runner import in_turn, run_one
from jobs.sweep import Sweeper
from omnicrm.celery import app
from omnicrm.keys import refuse_wrong_keys

PATIENCE = 20.0  # seconds that running jobs have to reach their next check when the worker stops

log = structlog.get_logger(__name__)


@app.task(name="jobs.drain", ignore_result=True)
def drain(queue: str) -> int:
    """Do what is due, for a while: what people wait for first, then this queue, then the others. How many."""
    worker, served, done = worker_name(), queues_served(), 0
    until = time.monotonic() + settings.JOB_DRAIN_SECONDS
    while not shutdown.asked():
        if time.monotonic() > until:
            nudge.publish(queue)  # others may have waited for a process
            break
        try:
            with hard_limit():
                job = run_one(in_turn(queue, served), worker)
        except (DatabaseError, InterfaceError) as error:
            log.warning("drain.database_unreachable", error=type(error).__name__)
            connection.close()
            break
        if job is None:
            break
        done += 1
    return done


def worker_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def queues_served() -> tuple[str, ...]:
    """The queues this worker was started for (`-Q`), which are all of them by default."""
    chosen = set(app.amqp.queues.consume_from)
    return tuple(queue for queue in Job.Queue.values if queue in chosen)


@contextmanager
def hard_limit() -> Iterator[None]:
    """The kernel ends this process when the block takes longer than JOB_HARD_LIMIT_SECONDS.

    Code that hangs inside C, such as a regular expression that backtracks, runs no handler of ours and lets no
    thread run; an alarm without a handler needs neither. The lease runs out, and the job is taken back.
    """
    signal.setitimer(signal.ITIMER_REAL, settings.JOB_HARD_LIMIT_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


sweepers: list[Sweeper] = []


@worker_init.connect
@beat_init.connect
def begin(**_: Any) -> None:
    """Sweep from the start, also while the broker is not there yet. Not with keys that open nothing."""
    with suppress(DatabaseError):
        refuse_wrong_keys()
    shutdown.ask(False)
    sweepers.append(Sweeper())
    sweepers[-1].start()


@worker_shutting_down.connect
def end(**_: Any) -> None:
    """Jobs go back to their queues at their next check; a worker whose jobs never check ends all the same."""
    shutdown.ask()
    for sweeper in sweepers:
        sweeper.stop()
    last_word = threading.Timer(PATIENCE, os.kill, (os.getpid(), signal.SIGQUIT))
    last_word.daemon = True
    last_word.start()
