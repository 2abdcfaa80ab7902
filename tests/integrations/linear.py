"""What every reader promises of any input: a second for a megabyte at most, and for twice the bytes twice the time."""

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
        if twice < 0.01 or (twice <= 2.6 * once and twice <= len(large) / 1e6):
            return
    pytest.fail(f"{once:.3f} s, and {twice:.3f} s for twice the input")


def seconds(call: Callable[[], object]) -> float:
    """Processor time, without collections: they fall where they like and cost what other tests have left behind."""
    gc.disable()
    try:
        began = time.process_time()
        call()
        return time.process_time() - began
    finally:
        gc.enable()
