"""Stopping a worker at a chosen place, by holding in Postgres what it needs there. Nothing is put into the worker."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from tests.jobs.site import Site, eventually

RUN_JOBS = "from django.core.management import call_command; call_command('run_jobs')"

WAITING = """
SELECT pid, ltrim(query, E' \\n'), backend_xid IS NOT NULL FROM pg_stat_activity
WHERE usename = 'omnicrm_app' AND %s = ANY (pg_blocking_pids(pid))
"""


@dataclass(frozen=True)
class Stopped:
    """Where a worker stands: its backend, the statement that waits, and whether it has locked or written rows before."""

    backend: int
    statement: str
    has_written: bool


class Hold:
    """A transaction that holds a row, a key or a table from the moment it can."""

    def __init__(self, site: Site, statement: str) -> None:
        self.site, self.statement = site, statement
        self.holder = psycopg.connect(site.home.postgres_url("postgres"))
        self.asked = ThreadPoolExecutor(1).submit(self.holder.execute, statement.encode())
        assert eventually(lambda: self.asked.done() or self.is_in_line(), 10)
        assert not self.asked.done() or self.asked.result().rowcount != 0, f"nothing to hold: {statement}"

    def is_in_line(self) -> bool:
        """Whether it will have it as soon as the worker commits."""
        asked = "SELECT 1 FROM pg_locks WHERE pid = %s AND NOT granted"
        return bool(self.site.ask(asked, self.holder.info.backend_pid))

    def waiting(self) -> list[Stopped]:
        found = self.site.ask(WAITING, self.holder.info.backend_pid)
        return [Stopped(*row) for row in found]  # type: ignore[arg-type]

    def stops(self) -> Stopped:
        """Where the worker stands that has come this far."""
        assert eventually(lambda: bool(self.waiting()), 30), f"nobody came to {self.statement}"
        return self.waiting()[0]

    def let_go(self) -> None:
        self.asked.result(10)
        self.holder.close()


@contextmanager
def killed_at(site: Site, places: Sequence[str]) -> Iterator[Stopped]:
    """A worker that was killed where it needs the last of these; each is held once it waits for the one before.

    Inside, the worker is dead and its transaction not yet over; afterwards it is.
    """
    hold, worker = Hold(site, places[0]), site.fork(RUN_JOBS)
    try:
        for place in places[1:]:
            hold.stops()
            following = Hold(site, place)
            hold.let_go()
            hold = following
        stopped = hold.stops()
        worker.kill()
        yield stopped
    finally:
        hold.let_go()
        worker.kill()
    gone = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
    assert eventually(lambda: not site.ask(gone, stopped.backend), 10)
