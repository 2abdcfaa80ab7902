"""What time it is for the fake: the world's, or a test's own."""

from __future__ import annotations

import email.utils
import time
from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Seconds since 1970. `advance` moves it; `sleep` moves it where it stands still, and waits where it runs."""

    def __init__(self, base: Callable[[], float] = time.time, *, runs: bool = True) -> None:
        self.base, self.runs, self.offset = base, runs, 0.0

    @classmethod
    def still(cls, at: float = 1_790_000_000.0) -> Clock:
        """A clock that only `advance` moves."""
        return cls(lambda: at, runs=False)

    def __call__(self) -> float:
        return self.base() + self.offset

    def advance(self, seconds: float) -> None:
        self.offset += seconds

    def sleep(self, seconds: float) -> None:
        if self.runs:
            time.sleep(max(0.0, seconds))
        else:
            self.advance(seconds)

    def http_date(self, at: float) -> str:
        return email.utils.formatdate(at, usegmt=True)

    def iso(self, later: float = 0.0) -> str:
        """As Google writes times: UTC, milliseconds, a Z."""
        at = datetime.fromtimestamp(self() + later, UTC)
        return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
