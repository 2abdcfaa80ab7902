"""Why a plan leaves something out, in the words of the person who reads the plan."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reason:
    title: str
    meaning: str


REASONS = {
    "already_here": Reason("Already here", "You have it, and the file says nothing new about it."),
    "repeated": Reason(
        "Twice in this file", "The same message stands in the file more than once; it counts once."
    ),
    "same_person": Reason(
        "The same person again", "Another card of this file has the same address; both make one person."
    ),
    "yourself": Reason("Yourself", "All its addresses are your own, so it is no contact."),
    "undone": Reason(
        "Taken back before", "You undid this import once, so it stays away until you ask for it."
    ),
    "deleted": Reason(
        "Deleted by you", "You deleted this person. To have them back, undo that deletion on its page."
    ),
    "erased": Reason(
        "Erased",
        "You erased this person for good, so nothing of them comes in. “Your data” lists what stays away.",
    ),
    "passed": Reason(
        "Passed over",
        "This person was suggested to you, and you said no. Their messages come in all the same.",
    ),
    "blocked": Reason(
        "Kept out by the operator",
        "Whoever runs this server keeps out all mail of this sender, for everybody. “What stays away” lists why.",
    ),
    "ignored": Reason("Ignored address", "You said that this address or domain should be ignored."),
    "spam": Reason("Spam", "Your mail program had filed it under spam."),
    "trash": Reason("In the bin", "You had thrown it away."),
    "draft": Reason("Draft", "It was never sent."),
    "gone": Reason("Gone at Google", "It was deleted there, so it is not here either."),
    "cancelled": Reason("Not fetched", "The import was stopped before its turn came. Plan again to have it."),
    "stopped_worker": Reason(
        "Put aside", "Fetching it stopped our worker three times. This is our mistake; please report it."
    ),
    "chat": Reason("Chat", "It is a chat line, not an e-mail."),
    "not_an_appointment": Reason(
        "No appointment",
        "It is a birthday, an absence, focus time or a place of work, which Google adds itself.",
    ),
    "unreadable": Reason(
        "Cannot be read", "This part of the file is damaged or not what it claims to be. The rest is fine."
    ),
    "reader_error": Reason(
        "We failed to read it", "This is our mistake, not yours. The rest is fine; please report it."
    ),
}


BY_NAME = {
    "category": (
        "Gmail’s tab {}",
        "You leave this tab out. Who wrote, and when, is noted; the letter itself is never fetched.",
    ),
    "label": ("Label {}", "You leave mail with this label out. The letter itself is never fetched."),
}
"""Reasons that name what is left out."""


def reason(code: str) -> Reason:
    """What a plan's reason code means. A code without an entry reads as itself."""
    kind, _, name = code.partition(":")
    if kind in BY_NAME and name:
        title, meaning = BY_NAME[kind]
        return Reason(title.format(name.capitalize() if kind == "category" else name), meaning)
    return REASONS.get(code, Reason(code.replace("_", " ").capitalize(), ""))


def counted(reasons: dict[str, int]) -> list[dict[str, Any]]:
    """The reasons of a plan with their meaning, the most frequent first."""
    rows = [{"code": code, "count": n, "reason": reason(code)} for code, n in reasons.items() if n]
    return sorted(rows, key=lambda row: -row["count"])
