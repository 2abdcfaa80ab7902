"""One person's mail: letters, labels, threads and drafts. Every change goes into the history."""

from __future__ import annotations

import random
import re
from bisect import insort
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from . import message as letter
from .alone import Lock, alone
from .clock import Clock
from .history import History
from .labels import Labels


@dataclass(eq=False)
class Message:
    id: str
    thread: str
    raw: bytes
    ms: int
    """Gmail's own time, `internalDate`."""
    labels: set[str]
    headers: list[tuple[str, str]]
    version: int = 0
    """The `historyId` of its last change."""

    @cached_property
    def head(self) -> dict[str, str]:
        """Decoded, by lower-case name; the first of each."""
        return {name.lower(): letter.decoded(value) for name, value in reversed(self.headers)}

    @cached_property
    def text(self) -> str:
        return letter.text_of(self.raw)

    @cached_property
    def snippet(self) -> str:
        return letter.snippet(self.raw)

    @property
    def order(self) -> tuple[int, str]:
        return self.ms, self.id


@dataclass
class Mailbox:
    clock: Clock
    history: History
    seed: int = 0
    lock: Any = field(default_factory=Lock, repr=False)
    labels: Labels = field(default_factory=Labels)
    messages: dict[str, Message] = field(default_factory=dict)
    drafts: dict[str, str] = field(default_factory=dict)
    """Ids of drafts, each with the id of its message; that changes with every save."""
    changed: list[Callable[[Message], Any]] = field(default_factory=list)
    """Called after every change, with what it was of."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._by_age: list[tuple[int, str]] = []
        self._by_message_id: dict[str, Message] = {}
        self._threads: defaultdict[str, list[str]] = defaultdict(list)

    # reading

    def newest_first(self) -> Iterator[Message]:
        return (self.messages[id] for _, id in reversed(self._by_age))

    def thread(self, id: str) -> list[Message]:
        """Oldest first."""
        return sorted(
            (self.messages[each] for each in self._threads.get(id, ())), key=lambda each: each.order
        )

    def threads(self) -> int:
        return len(self._threads)

    def by_message_id(self, message_id: str) -> Message | None:
        return self._by_message_id.get(message_id.strip("<> "))

    # changing

    @alone
    def add(
        self, raw: bytes, labels: Iterable[str] = (), *, at: float | None = None, thread: str | None = None
    ) -> Message:
        """`at` in seconds; without it the Date header counts."""
        headers = letter.headers_of(raw)
        first = {name.lower(): value for name, value in reversed(headers)}
        ms = letter.internal_ms(first, self.clock()) if at is None else int(at * 1000)
        id = self._new_id()
        message = Message(id, thread or self._thread_for(first) or id, raw, ms, set(labels), headers)
        self._keep(message, first)
        message.version = self.history.note(message, messagesAdded=())
        self._tell(message)
        return message

    @alone
    def relabel(self, id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        message = self.messages[id]
        added, removed = sorted(set(add) - message.labels), sorted(set(remove) & message.labels)
        message.labels.update(added)
        message.labels.difference_update(removed)
        kinds = {"labelsAdded": added, "labelsRemoved": removed}
        if happened := {kind: labels for kind, labels in kinds.items() if labels}:
            message.version = self.history.note(message, **happened)
            self._tell(message)

    def trash(self, id: str) -> None:
        self.relabel(id, add=["TRASH"], remove=["INBOX"])

    def untrash(self, id: str) -> None:
        self.relabel(id, remove=["TRASH"])

    @alone
    def delete(self, id: str) -> None:
        message = self.messages.pop(id)
        self._by_age.remove(message.order)
        self._threads[message.thread].remove(id)
        if not self._threads[message.thread]:
            del self._threads[message.thread]
        if self._by_message_id.get(key := message.head.get("message-id", "").strip("<> ")) is message:
            del self._by_message_id[key]
        message.version = self.history.note(message, messagesDeleted=())
        self._tell(message)

    @alone
    def save_draft(self, raw: bytes, *, draft: str | None = None, thread: str | None = None) -> str:
        """The id of the draft. Its message is a new one every time."""
        if draft is None:
            draft = f"r-{self._random.getrandbits(60)}"
        elif thread is None:
            thread = self.messages[self.drafts[draft]].thread
        message = self.add(raw, ["DRAFT"], at=self.clock(), thread=thread)
        if draft in self.drafts:
            self.delete(self.drafts[draft])
        self.drafts[draft] = message.id
        return draft

    @alone
    def drop_draft(self, draft: str) -> Message:
        message = self.messages[self.drafts.pop(draft)]
        self.delete(message.id)
        return message

    def _new_id(self) -> str:
        return f"{self._random.getrandbits(64) | 1 << 60:016x}"

    def _keep(self, message: Message, head: dict[str, str]) -> None:
        self.messages[message.id] = message
        insort(self._by_age, message.order)
        self._threads[message.thread].append(message.id)
        if key := head.get("message-id", "").strip("<> "):
            self._by_message_id.setdefault(key, message)

    def _thread_for(self, head: dict[str, str]) -> str | None:
        """A thread it answers into: Gmail wants a known reference and the same subject."""
        references = re.findall(
            r"<([^<>\s]+)>", f"{head.get('in-reply-to', '')} {head.get('references', '')}"
        )
        for reference in references:
            known = self._by_message_id.get(reference)
            if known and subject(known.head.get("subject", "")) == subject(
                letter.decoded(head.get("subject", ""))
            ):
                return known.thread
        return None

    def _tell(self, message: Message) -> None:
        for each in self.changed:
            each(message)


def subject(text: str) -> str:
    """Without what answering and forwarding put before it."""
    return re.sub(r"^(\s*(re|fwd?|aw|wg)\s*:)+", "", text, flags=re.IGNORECASE).strip().lower()
