"""Gmail: changing. Drafts, sending, labels of messages, trash."""

from __future__ import annotations

import email.utils
import re
from typing import Any

from . import message as letter
from .answers import not_found, refuse
from .gmail import brief, known_labels, one, page, resource, wanted_format
from .handlers import Asked, answers
from .mailbox import Mailbox, Message
from .searching import Search


def raw_of(told: dict[str, Any]) -> bytes:
    try:
        raw = letter.from_urlsafe(told["raw"])
    except (KeyError, TypeError, ValueError):
        raise refuse(
            400, "invalidArgument", "'raw' RFC822 payload message string or uploading message is required"
        ) from None
    return raw


def thread_of(asked: Asked, told: dict[str, Any]) -> str | None:
    thread: str | None = told.get("threadId") or None
    if thread and not asked.mailbox.thread(thread):
        raise not_found()
    return thread


@answers("gmail.users.drafts.create")
def create_draft(asked: Asked) -> dict[str, Any]:
    told = asked.data.get("message") or {}
    return draft_told(asked, asked.mailbox.save_draft(raw_of(told), thread=thread_of(asked, told)))


@answers("gmail.users.drafts.update")
def update_draft(asked: Asked) -> dict[str, Any]:
    told = asked.data.get("message") or {}
    draft = known_draft(asked, asked["id"])
    return draft_told(
        asked, asked.mailbox.save_draft(raw_of(told), draft=draft, thread=thread_of(asked, told))
    )


@answers("gmail.users.drafts.get")
def get_draft(asked: Asked) -> dict[str, Any]:
    draft = known_draft(asked, asked["id"])
    message = asked.mailbox.messages[asked.mailbox.drafts[draft]]
    return {"id": draft, "message": resource(message, wanted_format(asked))}


@answers("gmail.users.drafts.list")
def list_drafts(asked: Asked) -> dict[str, Any]:
    by_message = {message: draft for draft, message in asked.mailbox.drafts.items()}
    search = Search(asked.get("q") or "", asked.mailbox)
    drafts = [
        message
        for message in asked.mailbox.newest_first()
        if message.id in by_message and search.matches(message)
    ]
    shown, more = page(drafts, asked, lambda message: message.order)
    listed = [
        {"id": by_message[message.id], "message": {"id": message.id, "threadId": message.thread}}
        for message in shown
    ]
    return ({"drafts": listed} if listed else {}) | more


@answers("gmail.users.drafts.delete")
def delete_draft(asked: Asked) -> None:
    asked.mailbox.drop_draft(known_draft(asked, asked["id"]))


@answers("gmail.users.drafts.send")
def send_draft(asked: Asked) -> dict[str, Any]:
    told = asked.data
    draft = known_draft(asked, told.get("id", ""))
    newer = told.get("message") or {}
    raw = raw_of(newer) if newer.get("raw") else None
    message = asked.mailbox.drop_draft(draft)
    alone = not asked.mailbox.thread(message.thread)
    return brief(send(asked, raw or message.raw, None if alone else message.thread))


@answers("gmail.users.messages.send")
def send_message(asked: Asked) -> dict[str, Any]:
    told = asked.data
    return brief(send(asked, raw_of(told), thread_of(asked, told)))


def known_draft(asked: Asked, id: str) -> str:
    if id not in asked.mailbox.drafts:
        raise not_found()
    return id


def draft_told(asked: Asked, draft: str) -> dict[str, Any]:
    return {"id": draft, "message": brief(asked.mailbox.messages[asked.mailbox.drafts[draft]])}


def send(asked: Asked, raw: bytes, thread: str | None) -> Message:
    """Into one's own mailbox as sent, and to every recipient who has an account here."""
    head = {name.lower(): value for name, value in reversed(letter.headers_of(raw))}
    to = recipients(head)
    if not to:
        raise refuse(400, "invalidArgument", "Recipient address required")
    raw = stamped(asked, raw, head)
    sent = asked.mailbox.add(raw, ["SENT"], at=asked.google.clock(), thread=thread)
    asked.google.sent.append((asked.account.email, raw))
    for account in asked.google.accounts.values():
        if own_addresses(account) & to:
            inbox: Mailbox = account.mailbox
            inbox.add(without_bcc(raw), ["INBOX", "UNREAD"], at=asked.google.clock())
    return sent


def recipients(head: dict[str, str]) -> set[str]:
    fields = [head[name] for name in ("to", "cc", "bcc") if head.get(name)]
    return {address.lower() for _, address in email.utils.getaddresses(fields) if "@" in address}


def own_addresses(account: Any) -> set[str]:
    return {address.lower() for address in (account.email, *account.aliases)}


def stamped(asked: Asked, raw: bytes, head: dict[str, str]) -> bytes:
    """With the sender, the date and the Message-ID that Gmail adds; the last also in place of the writer's, if told to."""
    google, added = asked.google, []
    own = email.utils.parseaddr(head.get("from", ""))[1].lower()
    if own not in own_addresses(asked.account):
        raw = without(raw, b"From")
        added.append(f"From: {asked.account.email}")
    if "date" not in head:
        added.append(f"Date: {email.utils.formatdate(google.clock())}")
    if "message-id" not in head or not google.keeps_message_ids:
        raw = without(raw, b"Message-ID")
        google.sent_ids += 1
        added.append(f"Message-ID: <CAFake{google.sent_ids:08d}@mail.gmail.com>")
    return "".join(f"{line}\r\n" for line in added).encode() + raw


def without(raw: bytes, name: bytes) -> bytes:
    """The letter without a header."""
    head, gap, rest = raw.partition(b"\r\n\r\n") if b"\r\n\r\n" in raw else raw.partition(b"\n\n")
    kept = re.sub(rb"(?im)^" + re.escape(name) + rb":[^\n]*(\n[ \t][^\n]*)*\n?", b"", head + b"\n").rstrip(
        b"\r\n"
    )
    return kept + gap + rest


def without_bcc(raw: bytes) -> bytes:
    return without(raw, b"Bcc")


@answers("gmail.users.messages.modify")
def modify(asked: Asked) -> dict[str, Any]:
    message, told = one(asked.mailbox, asked["id"]), asked.data
    add, remove = (known_labels(asked, told.get(name, [])) for name in ("addLabelIds", "removeLabelIds"))
    asked.mailbox.relabel(message.id, add, remove)
    return brief(message)


@answers("gmail.users.messages.trash")
def trash(asked: Asked) -> dict[str, Any]:
    message = one(asked.mailbox, asked["id"])
    asked.mailbox.trash(message.id)
    return brief(message)


@answers("gmail.users.messages.untrash")
def untrash(asked: Asked) -> dict[str, Any]:
    message = one(asked.mailbox, asked["id"])
    asked.mailbox.untrash(message.id)
    return brief(message)


@answers("gmail.users.messages.delete")
def delete(asked: Asked) -> None:
    asked.mailbox.delete(one(asked.mailbox, asked["id"]).id)


@answers("gmail.users.messages.insert")
def insert(asked: Asked) -> dict[str, Any]:
    told = asked.data
    at = asked.google.clock() if asked.get("internalDateSource", "receivedTime") == "receivedTime" else None
    message = asked.mailbox.add(raw_of(told), told.get("labelIds", []), at=at, thread=thread_of(asked, told))
    return brief(message)
