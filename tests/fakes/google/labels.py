"""Labels: Gmail's own, and those that a person made."""

from __future__ import annotations

from dataclasses import dataclass, field

SYSTEM = (
    "INBOX", "SENT", "DRAFT", "TRASH", "SPAM", "UNREAD", "STARRED", "IMPORTANT", "CHAT",
    "CATEGORY_PERSONAL", "CATEGORY_SOCIAL", "CATEGORY_PROMOTIONS", "CATEGORY_UPDATES", "CATEGORY_FORUMS",
)  # fmt: skip
HIDDEN = {"TRASH", "SPAM"}
"""What lists leave out unless it is asked for."""


@dataclass
class Labels:
    names: dict[str, str] = field(default_factory=lambda: {id: id for id in SYSTEM})
    """By id."""

    def add(self, name: str) -> str:
        if (known := self.id(name)) is not None:
            return known
        id = f"Label_{len(self.names) - len(SYSTEM) + 1}"
        self.names[id] = name
        return id

    def id(self, name: str) -> str | None:
        """Of a label by name or id, as searches write them: any case, dashes for blanks and slashes."""
        wanted = plain(name)
        return next((id for id, known in self.names.items() if wanted in (plain(known), plain(id))), None)

    def told(self, id: str) -> dict[str, str]:
        told = {"id": id, "name": self.names[id], "type": "system" if id in SYSTEM else "user"}
        if id not in SYSTEM:
            told |= {"messageListVisibility": "show", "labelListVisibility": "labelShow"}
        return told


def plain(name: str) -> str:
    return name.lower().replace(" ", "-").replace("/", "-")
