"""What every reader promises of any input: a second a megabyte at most, less than 200 KB in 0.2 s, and twice for twice."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from typing import TypeVar

import pytest

Text = TypeVar("Text", bytes, str)
SIZE = 150_000


def assert_linear(read: Callable[[Text], object], make: Callable[[int], Text]) -> None:
    """Times below 10 ms for the larger input are noise, and quick enough. Noise elsewhere goes away by repeating."""
    small, large = make(SIZE), make(2 * SIZE)
    once = twice = float("inf")
    for _ in range(12):
        once = min(once, seconds(lambda: read(small)))
        twice = min(twice, seconds(lambda: read(large)))
        in_time = once <= allowed(small) and twice <= allowed(large)
        if twice < 0.01 or (in_time and twice <= 2.6 * once):
            return
    pytest.fail(f"{once:.3f} s, and {twice:.3f} s for twice the input")


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
