"""Who asks Google in these tests, and what one finds there."""

from __future__ import annotations

import base64
import datetime as dt
from typing import Any

from integrations.google import oauth
from integrations.google.oauth import Grant

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
GRANT = Grant("old", NOW + dt.timedelta(hours=1), "lasting", frozenset({oauth.MAIL}))
JSON = {"Content-Type": "application/json"}
PROFILE = {"emailAddress": "Ada@example.org", "historyId": "7", "messagesTotal": 3, "threadsTotal": 2}


class Noting:
    """A gate that notes what passes it."""

    def __init__(self) -> None:
        self.admitted: list[tuple[str, int]] = []
        self.told: list[tuple[str, list[str]]] = []

    def admit(self, call: str, count: int) -> None:
        self.admitted.append((call, count))

    def heard(self, call: str, failures: Any) -> None:
        self.told.append((call, [failure.code if failure else "ok" for failure in failures]))


def message(id: str, raw: bytes = b"Subject: Hello\r\n\r\nYou") -> dict[str, Any]:
    encoded = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    return {
        "id": id,
        "threadId": f"t{id}",
        "internalDate": "1780315200000",
        "sizeEstimate": 9,
        "raw": encoded,
    }
