"""Drafts of Gmail, and their sending: what is sent was a draft first, so that it can be found again."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Any

from integrations.google.client import Google
from integrations.google.gmail import Message, by_message_id, decoded, read_message, users


@dataclass(frozen=True)
class Draft:
    id: str
    message_id: str
    thread_id: str
    raw: bytes = field(default=b"", repr=False)


def create_draft(google: Google, raw: bytes, *, thread_id: str = "") -> Draft:
    """The message as a draft; as an answer in a conversation if that is named."""
    message = {"raw": base64.urlsafe_b64encode(raw).decode()} | ({"threadId": thread_id} if thread_id else {})
    asked = users("drafts").create(userId="me", body={"message": message})
    return google.call("drafts.create", asked, read_draft)


def get_draft(google: Google, id: str) -> Draft:
    asked = users("drafts").get(userId="me", id=id, format="raw")
    return google.call("drafts.get", asked, read_draft)


def find_drafts(google: Google, message_id: str) -> list[Draft]:
    """The drafts that have this Message-ID."""

    def read(said: dict[str, Any]) -> list[Draft]:
        return [read_draft(row) for row in said.get("drafts", [])]

    asked = users("drafts").list(userId="me", q=by_message_id(message_id))
    return google.call("drafts.list", asked, read)


def send_draft(google: Google, id: str) -> Message:
    """The message that was sent. A failure does not say whether it was."""
    return google.call("drafts.send", users("drafts").send(userId="me", body={"id": id}), read_message)


def delete_draft(google: Google, id: str) -> None:
    google.call("drafts.delete", users("drafts").delete(userId="me", id=id), lambda _: None)


def read_draft(said: dict[str, Any]) -> Draft:
    message = said["message"]
    return Draft(said["id"], message["id"], message.get("threadId", ""), decoded(message.get("raw", "")))
