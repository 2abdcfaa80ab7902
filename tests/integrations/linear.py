"""What every reader promises of any input: a second a megabyte at most, less than 200 KB in 0.2 s, and twice for twice.

Seconds of a machine that has nothing else to do: one that is slower, or busy at the moment, is given more of them.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Text = TypeVar("Text", bytes, str)
SIZE = 150_000
A_PIECE = 0.03  # seconds


def assert_linear(read: Callable[[Text], object], make: Callable[[int], Text]) -> None:
    """Times below 10 ms for the larger input are noise, and quick enough. Noise elsewhere goes away by repeating."""
    small, large = make(SIZE), make(2 * SIZE)
    once = twice = float("inf")
    for _ in range(12):
        once = min(once, seconds(lambda: read(small)))
        twice = min(twice, seconds(lambda: read(large)))
        in_time = is_quick(once, allowed(small)) and is_quick(twice, allowed(large))
        if twice < 0.01 or (in_time and twice <= 2.6 * once):
            return
    pytest.fail(f"{once:.3f} s, and {twice:.3f} s for twice the input")


def is_quick(took: float, allowed: float) -> bool:
    return took <= allowed or took <= allowed * slowness()


def slowness() -> float:
    """How much longer this machine takes just now than one of 2026 with nothing else to do: 1.0, or more."""
    return max(1.0, min(seconds(a_piece_of_work) for _ in range(3)) / A_PIECE)


def a_piece_of_work() -> None:
    """Much as our readers work: many small objects, made and thrown away."""
    for _ in range(3):
        parts = [f"{n}: value".partition(":") for n in range(30_000)]
        {key: value for key, _, value in parts}


def allowed(data: bytes | str) -> float:
    return max(0.2, len(data) / 1e6)


def seconds(call: Callable[[], object]) -> float:
    """Processor time, with the collections of what the call makes, but not of what other tests have left behind."""
    gc.freeze()
    gc.collect()
    try:
        began = time.process_time()
        call()
        return time.process_time() - began
    finally:
        gc.unfreeze()
