"""One request as the fake sees it, and the log of all of them."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .accounts import Account


@dataclass
class Call:
    at: float
    verb: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    name: str = ""
    """The method's id ("gmail.users.messages.get"), or "batch", "oauth.token", …"""
    user: str = ""
    """The address of the account whose token it carries."""
    units: int = 0
    status: int = 0
    """0 where no answer arrived."""
    in_batch: bool = False
    delay: float = 0.0
    """Seconds that its answer is held back."""
    account: Account | None = None
    grant: Any = None

    def told(self) -> dict[str, Any]:
        return {
            "at": self.at,
            "name": self.name,
            "user": self.user,
            "method": self.verb,
            "path": self.path,
            "query": self.query,
            "status": self.status,
            "units": self.units,
            "in_batch": self.in_batch,
        }


@dataclass
class Calls(list[Call]):
    """In order. Parts of batches stand after the batch that brought them."""

    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)
    """By user: how many requests were with us at once."""
    _counting: threading.Lock = field(default_factory=threading.Lock)

    def of(self, name: str = "", user: str = "") -> list[Call]:
        """Those whose method's id holds `name`, made for `user`."""
        return [call for call in self if name in call.name and user in ("", call.user)]

    def counted(self) -> Counter[str]:
        return Counter(call.name for call in self)

    @contextmanager
    def in_flight_of(self, user: str) -> Iterator[None]:
        with self._counting:
            self.in_flight[user] += 1
            self.most_in_flight[user] = max(self.most_in_flight[user], self.in_flight[user])
        try:
            yield
        finally:
            with self._counting:
                self.in_flight[user] -= 1
