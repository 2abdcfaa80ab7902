"""What of a mailbox stays out, and why. Pure: only Gmail's labels decide, and the same ones in a plan and ever after."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

POLICY = 1
"""Raise it when the rules change: a plan made by other rules is stale."""

PLACES = {"TRASH": "trash", "SPAM": "spam", "DRAFT": "draft", "CHAT": "chat"}
"""Where no mail is taken from, by Gmail's labels. In the order of the rules: the first that fits is the reason."""
HIDDEN = frozenset({"TRASH", "SPAM"})
AWAY = frozenset({"trash", "spam"})
"""What is there is no longer held either: its owner, or Google, has thrown it away."""
LONGEST = 60


@dataclass(frozen=True)
class Bucket:
    """A part of a mailbox as it is listed: the mail under a label that stays out, or, without a label, all mail."""

    rule: str
    label: str = ""

    @property
    def is_hidden(self) -> bool:
        return self.label in HIDDEN


@dataclass(frozen=True)
class Policy:
    """`labels` and `categories` stay out besides the places, by Gmail's ids; labels with what they are called."""

    labels: Mapping[str, str] = field(default_factory=dict)
    categories: tuple[str, ...] = ()

    @property
    def rules(self) -> dict[str, str]:
        """Gmail's label → the reason for which mail under it stays out."""
        named = {id: f"label:{name}"[:LONGEST] for id, name in sorted(self.labels.items())}
        return PLACES | named | {f"CATEGORY_{name.upper()}": f"category:{name}" for name in self.categories}

    def rule(self, labels: Iterable[str]) -> str:
        """Why a message under these labels stays out; empty if it is wanted."""
        under = set(labels)
        return next((rule for label, rule in self.rules.items() if label in under), "")

    @property
    def buckets(self) -> list[Bucket]:
        """The whole mailbox, what stays out first: so that what is left of the last one is wanted."""
        return [*(Bucket(rule, label) for label, rule in self.rules.items()), Bucket("")]

    def as_json(self) -> dict[str, Any]:
        return {"labels": dict(self.labels), "categories": list(self.categories)}

    @classmethod
    def read(cls, listing: Mapping[str, Any]) -> Policy:
        """As a stream keeps it."""
        return cls(dict(listing.get("labels", {})), tuple(listing.get("categories", ())))


def place_of(labels: Iterable[str]) -> str:
    """Where no mail is taken from, not even by hand; empty if a message is elsewhere."""
    return Policy().rule(labels)


def is_policy(verdict: str) -> bool:
    """Whether a raw event was left out by these rules, and comes in when they no longer hold."""
    rule = verdict.removeprefix("skipped:")
    return rule in PLACES.values() or rule.startswith(("label:", "category:"))


def chosen(names: Iterable[str], known: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The ids of labels that somebody named, with their names as Gmail writes them. `known`: (id, name)."""
    wanted = {" ".join(name.split()).casefold() for name in names}
    return {id: name for id, name in known if " ".join(name.split()).casefold() in wanted}
