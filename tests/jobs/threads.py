"""The same thing in several threads at once, each with its own connection."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import TypeVar

from django.db import connection

Answer = TypeVar("Answer")


def together(count: int, act: Callable[[int], Answer]) -> list[Answer]:
    """Start `act(0)` … `act(count - 1)` at the same moment; their answers in order."""
    start = Barrier(count)

    def one(number: int) -> Answer:
        try:
            start.wait(10)
            return act(number)
        finally:
            connection.close()

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(one, range(count)))
