"""Units per minute, for each user and for the project, and the box for those who do not stop."""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from dataclasses import dataclass, field

from .answers import Answer, penalty, rate_limited
from .clock import Clock

PRICES = {
    "gmail.users.messages.get": 20,
    "gmail.users.threads.get": 40,
    "gmail.users.messages.list": 5,
    "gmail.users.threads.list": 10,
    "gmail.users.history.list": 2,
    "gmail.users.getProfile": 1,
    "gmail.users.labels.list": 1,
    "gmail.users.labels.get": 1,
    "gmail.users.messages.attachments.get": 20,
    "gmail.users.settings.sendAs.list": 1,
    "gmail.users.messages.send": 100,
    "gmail.users.drafts.send": 100,
    "gmail.users.drafts.create": 10,
    "gmail.users.drafts.update": 15,
    "gmail.users.drafts.delete": 10,
    "gmail.users.drafts.get": 20,
    "gmail.users.drafts.list": 5,
    "gmail.users.watch": 100,
    "gmail.users.stop": 50,
}
"""Gmail's for projects made since May 2026. Calendar counts requests: one each."""


class Window:
    """What was spent in the last sixty seconds."""

    def __init__(self) -> None:
        self.spent: deque[tuple[float, int]] = deque()
        self.sum = 0

    def has_room(self, units: int, limit: int, now: float) -> bool:
        while self.spent and self.spent[0][0] <= now - 60:
            self.sum -= self.spent.popleft()[1]
        return self.sum + units <= limit

    def spend(self, units: int, now: float) -> None:
        self.spent.append((now, units))
        self.sum += units


@dataclass
class Quota:
    clock: Clock
    prices: dict[str, int] = field(default_factory=lambda: dict(PRICES))
    per_user: dict[str, int] = field(default_factory=lambda: {"gmail": 6_000, "calendar": 600})
    per_project: dict[str, int] = field(default_factory=lambda: {"gmail": 1_200_000, "calendar": 10_000})
    code: int = 429
    """Google says the same with 403 or 429."""
    box_after: int = 100
    """Rejections within a minute that put a user into the box; Google does not say how many."""
    box_seconds: int = 900
    rejected: Counter[str] = field(default_factory=Counter)
    """By user."""
    used: Counter[str] = field(default_factory=Counter)
    """Units by user, since the beginning."""
    boxed: dict[str, float] = field(default_factory=dict)
    _windows: defaultdict[tuple[str, str], Window] = field(default_factory=lambda: defaultdict(Window))
    _rejections: defaultdict[str, Window] = field(default_factory=lambda: defaultdict(Window))

    def price(self, method: str) -> int:
        return self.prices.get(method, 5 if method.startswith("gmail") else 1)

    def punish(self, user: str, seconds: float | None = None) -> None:
        """Into the box, from now."""
        self.boxed[user] = self.clock() + (self.box_seconds if seconds is None else seconds)

    def refusal(self, user: str, method: str) -> Answer | None:
        """Takes the units, or says why not."""
        now, api, units = self.clock(), method.partition(".")[0], self.price(method)
        if now < self.boxed.get(user, 0.0):
            self.rejected[user] += 1
            self.boxed[user] = max(self.boxed[user], now + self.box_seconds)  # it moves for who keeps calling
            return penalty(self.clock.iso(self.boxed[user] - now))
        mine, ours = self._windows[api, user], self._windows[api, ""]
        if mine.has_room(units, self.per_user[api], now) and ours.has_room(units, self.per_project[api], now):
            mine.spend(units, now)
            ours.spend(units, now)
            self.used[user] += units
            return None
        return self._reject(user, api, now)

    def _reject(self, user: str, api: str, now: float) -> Answer:
        self.rejected[user] += 1
        if not self._rejections[user].has_room(1, self.box_after, now):
            self.punish(user)
        self._rejections[user].spend(1, now)
        return rate_limited(self.code, api=api)
