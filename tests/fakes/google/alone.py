"""One change at a time: a test may use a mailbox while a server's threads answer from it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Lock = threading.RLock
"""One for a whole fake: what holds it may ask again."""


def alone(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """While nothing else is changed or answered. For methods of what has a `lock`."""

    @wraps(method)
    def held(*args: Arguments.args, **named: Arguments.kwargs) -> Result:
        shared: Any = args[0]
        with shared.lock:
            return method(*args, **named)

    return held
