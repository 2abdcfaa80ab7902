"""Telling workers that a queue has work. A nudge may be lost or doubled: the work itself stands in Postgres.

A thread publishes, so a request neither waits for the broker nor learns that it is away. After a failure the
thread rests, and the sweeper goes on (jobs/sweep.py).
"""

from __future__ import annotations

import atexit
import os
import threading
import time
from dataclasses import dataclass

import structlog
from django.db import transaction

REST = 3.0  # seconds without trying, after a failure
IDLE = 10.0  # seconds after which the thread ends
EXPIRES = 30  # seconds; an older nudge tells nothing new

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Ring:
    """One nudge a queue and transaction, however many jobs it has."""

    queue: str

    def __call__(self) -> None:
        bell.ring(self.queue)


def on_commit(queue: str) -> None:
    ring, connection = Ring(queue), transaction.get_connection()
    if not any(waiting[1] == ring for waiting in connection.run_on_commit):
        transaction.on_commit(ring, robust=True)


def publish(queue: str) -> bool:
    """Send one nudge now. False when the broker cannot be reached (for up to a few seconds it is not tried)."""
    if time.monotonic() < bell.resting_until:
        return False
    from jobs.tasks import drain  # late: tasks need the runner, and handlers enqueue

    try:
        drain.apply_async((queue,), queue=queue, expires=EXPIRES, retry=False)
    except Exception as error:  # noqa: BLE001 - whatever the broker's driver raises, the work stands in Postgres
        bell.rest(error)
        return False
    bell.well()
    return True


class Bell:
    """The thread that publishes. It begins with the first nudge and ends when there are none for a while."""

    def __init__(self) -> None:
        self.resting_until, self._down = 0.0, False
        self.reset()

    def reset(self) -> None:
        """Also in a forked child, which has our memory but not our thread."""
        self._changed = threading.Condition()
        self._asked: set[str] = set()
        self._thread: threading.Thread | None = None
        self._busy = False

    def ring(self, queue: str) -> None:
        with self._changed:
            self._asked.add(queue)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="nudges", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def finish(self, seconds: float = 0.5) -> bool:
        """Wait until all was said; a process that ends gives it half a second."""
        with self._changed:
            return self._changed.wait_for(lambda: not (self._asked or self._busy), seconds)

    def _serve(self) -> None:
        while queues := self._next():
            for queue in queues:
                publish(queue)

    def _next(self) -> set[str]:
        with self._changed:
            self._busy = False
            self._changed.notify_all()
            if not self._changed.wait_for(lambda: self._asked, IDLE):
                self._thread = None
                return set()
            queues, self._asked, self._busy = self._asked, set(), True
            return queues

    def rest(self, error: Exception) -> None:
        self.resting_until = time.monotonic() + REST
        if not self._down:
            log.warning(
                "nudge.unreachable", error=type(error).__name__, hint="Jobs go on without the broker."
            )
        self._down = True

    def well(self) -> None:
        if self._down:
            log.info("nudge.reachable")
        self._down = False


bell = Bell()
atexit.register(bell.finish)
os.register_at_fork(after_in_child=bell.reset)
