"""What goes wrong, when, and how often: a script of faults, or seeded chance."""

from __future__ import annotations

import http.client
import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .answers import NAMED, Answer, Refused

if TYPE_CHECKING:
    from .calls import Call

BROKEN = ("timeout", "reset", "truncated", "invalid_json", "lost", "slow")
"""Ways to fail that are no answer of their own. `lost`: all is done, and the answer never arrives."""
CHANCE = (
    "429",
    "rateLimitExceeded",
    "500",
    "503",
    "html",
    "timeout",
    "reset",
    "truncated",
    "invalid_json",
    "lost",
)

Effect = str | Answer | Callable[["Call"], Answer | None]


@dataclass
class Fault:
    """`match`: part of a method's id ("messages.get"), "VERB /path" as a regular expression, or a question to the call."""

    match: str | Callable[[Call], bool]
    effect: Effect
    count: int = 1
    skip: int = 0
    """How many that match go well first."""
    seconds: float = 30.0
    """How long `slow` and `timeout` take."""
    hits: int = 0

    def wants(self, call: Call) -> bool:
        if self.count <= 0 or not self._matches(call):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.count -= 1
        self.hits += 1
        return True

    def _matches(self, call: Call) -> bool:
        if callable(self.match):
            return self.match(call)
        return self.match in call.name or re.search(self.match, f"{call.verb} {call.path}") is not None


@dataclass
class Faults:
    script: list[Fault] = field(default_factory=list)
    rate: float = 0.0
    kinds: Sequence[str] = CHANCE
    random: random.Random = field(default_factory=lambda: random.Random(0))

    def add(self, match: str | Callable[[Call], bool], effect: Effect, **more: Any) -> Fault:
        """`effect`: a name in `answers.NAMED` or `BROKEN`, an Answer, or what makes one from the call."""
        if isinstance(effect, str) and effect not in NAMED and effect not in BROKEN:
            raise ValueError(f"There is no fault {effect!r}; there are {sorted([*NAMED, *BROKEN])}.")
        self.script.append(Fault(match, effect, **more))
        return self.script[-1]

    def chance(self, rate: float, *, seed: int = 0, kinds: Sequence[str] = CHANCE) -> None:
        """From now on one in `1 / rate` requests and parts of batches fails, the same ones for the same seed."""
        self.rate, self.kinds, self.random = rate, kinds, random.Random(seed)

    def clear(self) -> None:
        self.script.clear()
        self.rate = 0.0

    def for_(self, call: Call) -> Fault | None:
        for fault in self.script:
            if fault.wants(call):
                return fault
        if self.rate and self.random.random() < self.rate:
            return Fault(call.name, self.random.choice(list(self.kinds)))
        return None


def apply(fault: Fault, call: Call, do: Callable[[], Answer]) -> Answer:
    """The answer under this fault. What breaks a connection is raised as the transport would raise it."""
    effect = fault.effect(call) if callable(fault.effect) else fault.effect
    if effect is None:
        return do()
    if isinstance(effect, Answer):
        raise Refused(effect)
    if effect in NAMED:
        raise Refused(NAMED[effect]())
    if effect == "slow":
        call.delay += fault.seconds
        return do()
    return broken(effect, fault, do)


def broken(effect: str, fault: Fault, do: Callable[[], Answer]) -> Answer:
    if effect == "timeout":
        raise TimedOut(fault.seconds)
    if effect == "reset":
        raise ConnectionResetError(104, "Connection reset by peer")
    answer = do()
    if effect == "lost":
        raise ConnectionResetError(104, "Connection reset by peer")
    half = answer.body[: len(answer.body) // 2]
    if effect == "truncated":
        raise Truncated(answer, half)
    return Answer(answer.status, answer.headers, half)


class TimedOut(TimeoutError):
    def __init__(self, seconds: float) -> None:
        super().__init__("timed out")
        self.seconds = seconds


class Truncated(http.client.IncompleteRead):
    """The connection ended in the middle of the body."""

    def __init__(self, answer: Answer, half: bytes) -> None:
        super().__init__(half, len(answer.body) - len(half))
        self.answer = answer
