"""Gmail, as far as it is asked: each function is one call (or one batch), and says what came of it."""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from integrations.google.client import Google, resource
from integrations.google.errors import Failure

PAGE = 500
"""The most ids that Google lists at once."""
SHOWN = ("Date", "From", "To", "Cc", "Bcc", "Reply-To", "Subject", "Message-ID", "In-Reply-To", "References")
BULK = ("List-Id", "List-Unsubscribe", "Precedence", "Auto-Submitted", "Content-Type")
HEADERS = (*SHOWN, *BULK)
"""What is asked for of a message whose body is not: who, when, what about, and whether it is bulk."""


@dataclass(frozen=True)
class Profile:
    email: str
    history_id: str
    messages: int
    threads: int


@dataclass(frozen=True)
class Label:
    id: str
    name: str
    is_system: bool


@dataclass(frozen=True)
class SendAs:
    """An address that the owner writes from."""

    email: str
    name: str
    is_primary: bool
    is_verified: bool


@dataclass(frozen=True)
class Listed:
    """A message as lists name it."""

    id: str
    thread_id: str


@dataclass(frozen=True)
class Page:
    ids: list[Listed]
    next_page: str
    estimate: int


@dataclass(frozen=True)
class Message:
    """A message: `raw` where it was asked for raw, else `headers`, and `payload` where it was asked for full."""

    id: str
    thread_id: str
    labels: tuple[str, ...]
    history_id: str
    internal_at: dt.datetime
    size: int
    raw: bytes = field(default=b"", repr=False)
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    payload: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)


@dataclass(frozen=True)
class Thread:
    id: str
    history_id: str
    messages: list[Message]


@dataclass(frozen=True)
class Change:
    """What history says of one message: `added`, `deleted`, `labelled` or, where it says no more, `changed`."""

    what: str
    id: str
    thread_id: str
    labels: tuple[str, ...] = ()
    at: str = ""
    """The history id of the change: a message that was fetched later knows it already."""
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()


@dataclass(frozen=True)
class History:
    changes: list[Change]
    history_id: str
    next_page: str


@dataclass(frozen=True)
class Watch:
    history_id: str
    expires_at: dt.datetime


def users(*path: str) -> Any:
    """The methods of a part of a mailbox, such as "messages"."""
    return resource("gmail", "users", *path)


def get_profile(google: Google) -> Profile:
    return google.call("profile.get", users().getProfile(userId="me"), read_profile)


def list_labels(google: Google) -> list[Label]:
    def read(said: dict[str, Any]) -> list[Label]:
        return [Label(row["id"], row["name"], row.get("type") == "system") for row in said.get("labels", [])]

    return google.call("labels.list", users("labels").list(userId="me"), read)


def list_send_as(google: Google) -> list[SendAs]:
    def read(said: dict[str, Any]) -> list[SendAs]:
        return [read_send_as(row) for row in said.get("sendAs", [])]

    return google.call("sendas.list", users("settings", "sendAs").list(userId="me"), read)


def list_messages(
    google: Google,
    *,
    query: str = "",
    labels: Sequence[str] = (),
    page: str = "",
    size: int = PAGE,
    spam_and_trash: bool = False,
) -> Page:
    """One page of ids, newest first. `query` is as one types it into Gmail's search."""
    asked = users("messages").list(
        userId="me",
        q=query or None,
        labelIds=list(labels) or None,
        pageToken=page or None,
        maxResults=size,
        includeSpamTrash=spam_and_trash,
    )
    return google.call("messages.list", asked, read_page)


def find_by_message_id(google: Google, message_id: str) -> list[Listed]:
    """The messages that have this Message-ID, wherever they are: sent ones too."""
    return list_messages(google, query=by_message_id(message_id), spam_and_trash=True).ids


def by_message_id(message_id: str) -> str:
    """How one searches for a Message-ID. What could end the word is taken out of it."""
    return "rfc822msgid:" + re.sub(r"[\s<>(){}\"]", "", message_id)


def get_raw(google: Google, ids: Iterable[str]) -> list[Message | Failure]:
    """Whole messages, in one batch, in the order of their ids."""
    messages = users("messages")
    return google.batch(
        "messages.get", "gmail", [messages.get(userId="me", id=id, format="raw") for id in ids], read_message
    )


def get_headers(google: Google, ids: Iterable[str]) -> list[Message | Failure]:
    """Messages without their bodies, in one batch, in the order of their ids."""
    messages = users("messages")
    asked = [messages.get(userId="me", id=id, format="metadata", metadataHeaders=list(HEADERS)) for id in ids]
    return google.batch("messages.get", "gmail", asked, read_message)


def get_message(google: Google, id: str, *, raw: bool = True) -> Message:
    """One message, by itself."""
    how = {"format": "raw"} if raw else {"format": "metadata", "metadataHeaders": list(HEADERS)}
    asked = users("messages").get(userId="me", id=id, **how)
    return google.call("messages.get", asked, read_message)


def get_thread(google: Google, id: str, *, full: bool = False) -> Thread:
    """A conversation: who, when and what about; or with the parts of its bodies. Google gives no raw text of it."""
    how = {"format": "full"} if full else {"format": "metadata", "metadataHeaders": list(HEADERS)}
    asked = users("threads").get(userId="me", id=id, **how)
    return google.call("threads.get", asked, read_thread)


def list_history(google: Google, since: str, *, page: str = "") -> History:
    """One page of what has changed since that history id. Fails as RESYNC where Google no longer knows."""
    asked = users("history").list(userId="me", startHistoryId=since, pageToken=page or None, maxResults=PAGE)
    return google.call("history.list", asked, read_history)


def watch(google: Google, topic: str) -> Watch:
    """Google tells that Pub/Sub topic of changes, for a week."""

    def read(said: dict[str, Any]) -> Watch:
        return Watch(str(said["historyId"]), moment(said["expiration"]))

    return google.call("watch", users().watch(userId="me", body={"topicName": topic}), read)


def stop(google: Google) -> None:
    google.call("stop", users().stop(userId="me"), lambda _: None)


def read_profile(said: dict[str, Any]) -> Profile:
    return Profile(
        said["emailAddress"].lower(),
        str(said["historyId"]),
        int(said.get("messagesTotal", 0)),
        int(said.get("threadsTotal", 0)),
    )


def read_send_as(row: dict[str, Any]) -> SendAs:
    is_primary = bool(row.get("isPrimary"))
    is_verified = is_primary or row.get("verificationStatus") == "accepted"
    return SendAs(row["sendAsEmail"].lower(), row.get("displayName", ""), is_primary, is_verified)


def read_page(said: dict[str, Any]) -> Page:
    ids = [Listed(row["id"], row["threadId"]) for row in said.get("messages", [])]
    return Page(ids, said.get("nextPageToken", ""), int(said.get("resultSizeEstimate", len(ids))))


def read_message(said: dict[str, Any]) -> Message:
    payload = said.get("payload", {})
    return Message(
        said["id"],
        said["threadId"],
        tuple(said.get("labelIds", [])),
        str(said.get("historyId", "")),
        moment(said.get("internalDate", 0)),
        int(said.get("sizeEstimate", 0)),
        decoded(said.get("raw", "")),
        tuple((row["name"], row["value"]) for row in payload.get("headers", [])),
        payload,
    )


def read_thread(said: dict[str, Any]) -> Thread:
    messages = [read_message(row) for row in said.get("messages", [])]
    return Thread(said["id"], str(said.get("historyId", "")), messages)


NAMES = {
    "messagesAdded": "added",
    "messagesDeleted": "deleted",
    "labelsAdded": "labelled",
    "labelsRemoved": "labelled",
}


def read_history(said: dict[str, Any]) -> History:
    changes = [change for record in said.get("history", []) for change in read_record(record)]
    return History(changes, str(said["historyId"]), said.get("nextPageToken", ""))


def read_record(record: dict[str, Any]) -> list[Change]:
    """What is named with its kind, and then what `messages` alone names."""
    at = str(record.get("id", ""))
    named = [read_change(name, row, at) for name in NAMES for row in record.get(name, [])]
    known = {change.id for change in named}
    others = [Change("changed", row["id"], row["threadId"], (), at) for row in record.get("messages", [])]
    return named + [change for change in others if change.id not in known]


def read_change(name: str, row: dict[str, Any], at: str) -> Change:
    message, moved = row["message"], tuple(row.get("labelIds", []))
    return Change(
        NAMES[name],
        message["id"],
        message["threadId"],
        tuple(message.get("labelIds", [])),
        at,
        gained=moved if name == "labelsAdded" else (),
        lost=moved if name == "labelsRemoved" else (),
    )


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def moment(milliseconds: str | int) -> dt.datetime:
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(milliseconds=int(milliseconds))
