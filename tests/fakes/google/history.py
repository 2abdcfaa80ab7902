"""What happened to a mailbox, numbered as Gmail numbers it: growing, with gaps, up to 64 bits, and not kept for ever."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .answers import not_found

if TYPE_CHECKING:
    from .mailbox import Message

KINDS = {
    "messagesAdded": "messageAdded",
    "messagesDeleted": "messageDeleted",
    "labelsAdded": "labelAdded",
    "labelsRemoved": "labelRemoved",
}
"""The names in an answer, and what `historyTypes` calls them."""

MOST = 500


@dataclass(frozen=True)
class Record:
    id: int
    message: Message
    kinds: dict[str, tuple[str, ...]]
    """What happened, with the labels that came or went."""

    def told(self, wanted: set[str], *, bare: bool) -> dict[str, Any]:
        ids = {"id": self.message.id, "threadId": self.message.thread}
        told: dict[str, Any] = {"id": str(self.id), "messages": [ids]}
        for kind, labels in self.kinds.items():
            if kind in wanted:
                full = (
                    ids
                    if bare or kind == "messagesDeleted"
                    else {**ids, "labelIds": sorted(self.message.labels)}
                )
                told[kind] = [{"message": full, **({"labelIds": list(labels)} if labels else {})}]
        return told


class History:
    """`bare`: records name no labels of messages, as Gmail reserves the right to."""

    def __init__(self, *, first: int = 1_000, seed: int = 0, bare: bool = False) -> None:
        self.last, self.oldest, self.bare = first, first, bare
        self.records: list[Record] = []
        self.ids: list[int] = []
        self._random = random.Random(seed)

    def note(self, message: Message, **kinds: Iterable[str]) -> int:
        """Its number."""
        self.last += self._random.randint(1, 9)
        self.records.append(
            Record(self.last, message, {kind: tuple(labels) for kind, labels in kinds.items()})
        )
        self.ids.append(self.last)
        return self.last

    def expire(self) -> None:
        """Whoever asks for what was before now is told 404."""
        self.last += self._random.randint(1, 9)
        self.oldest = self.last
        self.records.clear()
        self.ids.clear()

    def page(self, asked: dict[str, Any]) -> dict[str, Any]:
        """One answer of `history.list`."""
        begin = number(asked.get("startHistoryId"))
        begin = number(asked["pageToken"]) if asked.get("pageToken") else begin
        if not self.oldest <= begin <= self.last:
            raise not_found()
        wanted = {kind for kind, name in KINDS.items() if name in asked.get("historyTypes", KINDS.values())}
        found, end = self._after(begin, min(MOST, asked.get("maxResults", 100)), wanted, asked.get("labelId"))
        told: dict[str, Any] = {"historyId": str(self.last)}
        if found:
            told["history"] = [record.told(wanted, bare=self.bare) for record in found]
        if end is not None:
            told["nextPageToken"] = str(end)
        return told

    def _after(
        self, begin: int, most: int, wanted: set[str], label: str | None
    ) -> tuple[list[Record], int | None]:
        """As many as fit, and where the next page begins."""
        found: list[Record] = []
        for record in self.records[bisect_right(self.ids, begin) :]:
            if not wanted & record.kinds.keys() or (label and label not in record.message.labels):
                continue
            if len(found) == most:
                return found, found[-1].id
            found.append(record)
        return found, None


def number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise not_found() from None
