"""How large processes become, looked at all the time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from threading import Event, Thread

import psutil

EVERY = 0.1


class Peaks:
    """Inside, the memory of this process's children and of Postgres is watched; afterwards `ours` and `postgres` are
    the megabytes of the largest. Of Postgres, what its processes share (the buffers) is left out."""

    def __init__(self) -> None:
        self.ours = self.postgres = 0
        self._end = Event()
        self._watch = Thread(target=self._look, daemon=True)

    def __enter__(self) -> Peaks:
        self._watch.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._end.set()
        self._watch.join()

    def _look(self) -> None:
        while not self._end.wait(EVERY):
            children = psutil.Process().children(recursive=True)
            servers = [child for child in children if named(child).startswith("postgres")]
            self.ours = max(self.ours, largest(set(children) - set(servers), shared=True))
            self.postgres = max(self.postgres, largest(servers, shared=False))


def named(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return str(process.name())
    return ""


def largest(processes: Iterable[psutil.Process], *, shared: bool) -> int:
    """Megabytes of the largest of them."""
    return max((megabytes(process, shared) for process in processes), default=0)


def megabytes(process: psutil.Process, shared: bool) -> int:
    with suppress(psutil.Error):
        memory = process.memory_info()
        return int((memory.rss if shared else memory.rss - memory.shared) / 1e6)
    return 0
