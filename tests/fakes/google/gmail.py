"""Gmail: reading. Profile, labels, messages, history, attachments, aliases."""

from __future__ import annotations

from itertools import islice
from typing import Any

from . import message as letter
from .answers import not_found, refuse
from .handlers import Asked, answers
from .labels import HIDDEN, SYSTEM
from .mailbox import Mailbox, Message
from .searching import Search

METADATA = "https://www.googleapis.com/auth/gmail.metadata"
ENOUGH_TO_READ = {
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.readonly",
    "https://www.googleapis.com/auth/gmail.modify",
}
MOST = 500
ROUGHLY = 201
"""Gmail's estimate of how many there are stops being one here."""


@answers("gmail.users.getProfile")
def profile(asked: Asked) -> dict[str, Any]:
    mailbox = asked.mailbox
    return {
        "emailAddress": asked.account.email,
        "messagesTotal": len(mailbox.messages),
        "threadsTotal": mailbox.threads(),
        "historyId": str(mailbox.history.last),
    }


@answers("gmail.users.labels.list")
def labels(asked: Asked) -> dict[str, Any]:
    known = asked.mailbox.labels
    return {"labels": [known.told(id) for id in known.names]}


@answers("gmail.users.labels.get")
def label(asked: Asked) -> dict[str, Any]:
    known, id = asked.mailbox.labels, asked["id"]
    if id not in known.names:
        raise not_found()
    having = [message for message in asked.mailbox.messages.values() if id in message.labels]
    unread = [message for message in having if "UNREAD" in message.labels]
    return known.told(id) | {
        "messagesTotal": len(having),
        "messagesUnread": len(unread),
        "threadsTotal": len({message.thread for message in having}),
        "threadsUnread": len({message.thread for message in unread}),
    }


@answers("gmail.users.settings.sendAs.list")
def send_as(asked: Asked) -> dict[str, Any]:
    own = {
        "sendAsEmail": asked.account.email,
        "displayName": asked.account.name,
        "replyToAddress": "",
        "signature": "",
        "isPrimary": True,
        "isDefault": True,
    }
    others = [
        {"sendAsEmail": alias, "displayName": asked.account.name, "replyToAddress": "", "signature": "",
         "treatAsAlias": True, "verificationStatus": "accepted"}
        for alias in asked.account.aliases
    ]  # fmt: skip
    return {"sendAs": [own, *others]}


def only_metadata(asked: Asked) -> bool:
    return METADATA in asked.scopes and not ENOUGH_TO_READ & asked.scopes


def chosen(asked: Asked) -> list[Message]:
    """All that a list asks for, newest first."""
    if asked.get("q") and only_metadata(asked):
        raise refuse(403, "forbidden", "Metadata scope does not support 'q' parameter")
    mailbox, wanted = asked.mailbox, set(asked.get("labelIds", ()))
    if unknown := wanted - mailbox.labels.names.keys():
        raise refuse(400, "invalidArgument", f"Invalid label: {min(unknown)}")
    search = Search(asked.get("q") or "", mailbox)
    shows_all = asked.get("includeSpamTrash") or search.names_hidden or wanted & HIDDEN
    return [
        message
        for message in mailbox.newest_first()
        if wanted <= message.labels and (shows_all or not HIDDEN & message.labels) and search.matches(message)
    ]


def page(found: list[Any], asked: Asked, order: Any) -> tuple[list[Any], dict[str, Any]]:
    """One page, with the token of the next: it names the last one shown, so what arrives meanwhile shifts nothing."""
    most = min(MOST, asked.get("maxResults") or 100)
    if token := asked.get("pageToken"):
        last = read_token(token)
        found = [each for each in found if order(each) < last]
    more = {"resultSizeEstimate": min(len(found), ROUGHLY)}
    if asked.google.short_pages:
        most = max(1, asked.google.random.randint(0, most))
    shown = list(islice(found, most))
    return shown, more if len(shown) == len(found) else more | {
        "nextPageToken": write_token(order(shown[-1]))
    }


def write_token(order: tuple[int, str]) -> str:
    return f"{order[0]:020d}{order[1]}"


def read_token(token: str) -> tuple[int, str]:
    try:
        return int(token[:20]), token[20:]
    except ValueError:
        raise refuse(400, "invalidArgument", "Invalid pageToken") from None


@answers("gmail.users.messages.list")
def list_messages(asked: Asked) -> dict[str, Any]:
    shown, more = page(chosen(asked), asked, lambda message: message.order)
    listed = [{"id": message.id, "threadId": message.thread} for message in shown]
    return ({"messages": listed} if listed else {}) | more


@answers("gmail.users.messages.get")
def get_message(asked: Asked) -> dict[str, Any]:
    message = one(asked.mailbox, asked["id"])
    return resource(message, wanted_format(asked), asked.get("metadataHeaders"))


def wanted_format(asked: Asked) -> str:
    wanted: str = asked.get("format", "full").lower()
    if wanted not in ("minimal", "full", "raw", "metadata"):
        raise refuse(400, "invalidArgument", f"Invalid value at 'format': {wanted}")
    if only_metadata(asked) and wanted in ("full", "raw"):
        raise refuse(403, "forbidden", f"Metadata scope doesn't allow format {wanted.upper()}")
    return wanted


def one(mailbox: Mailbox, id: str) -> Message:
    if id not in mailbox.messages:
        raise not_found()
    return mailbox.messages[id]


def brief(message: Message) -> dict[str, Any]:
    """Its ids and labels."""
    return {"id": message.id, "threadId": message.thread, "labelIds": sorted(message.labels)}


def resource(message: Message, wanted: str, headers: list[str] | None = None) -> dict[str, Any]:
    told = brief(message) | {
        "snippet": message.snippet,
        "historyId": str(message.version),
        "internalDate": str(message.ms),
        "sizeEstimate": len(message.raw),
    }
    if not told["labelIds"]:
        del told["labelIds"]
    if wanted == "raw":
        told["raw"] = letter.urlsafe(message.raw)
    elif wanted == "full":
        told["payload"] = letter.payload(message.id, message.raw)
    elif wanted == "metadata":
        kind = message.head.get("content-type", "text/plain").partition(";")[0].strip().lower()
        told["payload"] = {"mimeType": kind, "headers": letter.shown(message.headers, headers)}
    return told


@answers("gmail.users.messages.attachments.get")
def attachment(asked: Asked) -> dict[str, Any]:
    message = one(asked.mailbox, asked["messageId"])
    data = letter.attachment(message.id, message.raw, asked["id"])
    if data is None:
        raise refuse(400, "invalidArgument", "Invalid attachment token")
    return {"size": len(data), "data": letter.urlsafe(data)}


@answers("gmail.users.history.list")
def history(asked: Asked) -> dict[str, Any]:
    if not asked.get("startHistoryId"):
        raise refuse(400, "required", "Missing startHistoryId")
    return asked.mailbox.history.page(asked.parameters)


@answers("gmail.users.threads.list")
def list_threads(asked: Asked) -> dict[str, Any]:
    newest: dict[str, Message] = {}
    for message in chosen(asked):
        newest.setdefault(message.thread, message)
    shown, more = page(list(newest.values()), asked, lambda message: message.order)
    listed = [
        {"id": message.thread, "snippet": message.snippet, "historyId": thread_version(asked, message.thread)}
        for message in shown
    ]
    return ({"threads": listed} if listed else {}) | more


def thread_version(asked: Asked, id: str) -> str:
    return str(max(message.version for message in asked.mailbox.thread(id)))


@answers("gmail.users.threads.get")
def get_thread(asked: Asked) -> dict[str, Any]:
    wanted, messages = wanted_format(asked), asked.mailbox.thread(asked["id"])
    if not messages:
        raise not_found()
    told = [resource(message, wanted, asked.get("metadataHeaders")) for message in messages]
    return {"id": asked["id"], "historyId": thread_version(asked, asked["id"]), "messages": told}


def known_labels(asked: Asked, ids: list[str]) -> list[str]:
    for id in ids:
        if id not in asked.mailbox.labels.names:
            raise refuse(400, "invalidArgument", f"Invalid label: {id}")
        if id in SYSTEM and id in ("SENT", "DRAFT"):
            raise refuse(400, "invalidArgument", f"Invalid label: {id}")
    return ids
