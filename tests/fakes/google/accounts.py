"""One Google account: who it is, its mailbox and its calendars, and what a person can do there with a mouse."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .calendar import Calendar, Calendars

if TYPE_CHECKING:
    from .mailbox import Mailbox, Message


@dataclass(eq=False)
class Account:
    email: str
    mailbox: Mailbox
    calendars: Calendars
    name: str = ""
    hosted_domain: str = ""
    aliases: list[str] = field(default_factory=list)
    """Other addresses that it may send as."""
    mail_enabled: bool = True
    passwords: int = 0

    @property
    def sub(self) -> str:
        """Google's number of the account; its address may change, this does not."""
        return f"1{zlib.crc32(self.email.lower().encode()):020d}"

    def change_password(self) -> None:
        """Every consent that holds a Gmail scope dies of it."""
        self.passwords += 1

    # mail

    def deliver(self, raw: bytes | str, labels: Iterable[str] = ("INBOX", "UNREAD"), **more: Any) -> Message:
        """A letter arrives; `at` (seconds) is Gmail's own time for it, `thread` puts it where References would not."""
        return self.mailbox.add(raw.encode() if isinstance(raw, str) else raw, labels, **more)

    def relabel(self, id: str, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        self.mailbox.relabel(id, add, remove)

    def trash(self, id: str) -> None:
        self.mailbox.trash(id)

    def untrash(self, id: str) -> None:
        self.mailbox.untrash(id)

    def delete(self, id: str) -> None:
        """For good: nothing of it is left, but a line in the history."""
        self.mailbox.delete(id)

    def add_label(self, name: str) -> str:
        """The id of a new label of the person's own."""
        return self.mailbox.labels.add(name)

    def expire_history(self) -> None:
        """Everything up to now is too old to ask for."""
        self.mailbox.history.expire()

    # calendar

    def calendar(self, id: str = "primary") -> Calendar:
        return self.calendars.get(id)
