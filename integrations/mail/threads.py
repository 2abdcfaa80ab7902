"""Which conversation a message belongs to, and whether two copies are the same message."""

from __future__ import annotations

import datetime as dt
import hashlib
import re

from integrations.mail.message import ParsedMessage

_ESCAPED_FROM = re.compile(r"^>+(?=From )", re.M)


def thread_key(message: ParsedMessage) -> str:
    """The identifier of the message that began the conversation, as far as this message knows; empty if it has none.

    RFC 5322 §3.6.4: the first of References, else In-Reply-To, else its own.
    """
    root = message.references[0] if message.references else message.in_reply_to or message.message_id
    return root or source_key(message)


def source_key(message: ParsedMessage) -> str:
    """The same for one message in every archive: its Message-ID without brackets, or "sha256:" and a digest.

    An identifier is only a claim. Where a key is already taken, compare `fingerprint`: another one means another
    message, to be kept under `distinct_key`.
    """
    return message.message_id or f"sha256:{_digest(message, whole=True)}"


def fingerprint(message: ParsedMessage) -> str:
    """A digest of author and date: what copies of one message share even after a list has edited text and subject."""
    return _digest(message, whole=False)


def distinct_key(message: ParsedMessage) -> str:
    """The key of a message whose Message-ID another message used first."""
    return f"{message.message_id}#{fingerprint(message)[:16]}"


def _digest(message: ParsedMessage, *, whole: bool) -> str:
    author = message.author
    date = message.date.astimezone(dt.UTC).isoformat() if message.date else ""
    told = [author.email if author else "", date]
    if whole:
        told += [one.email for one in (*message.to, *message.cc)]
        told += [message.subject, _canonical(message.text), _canonical(message.html)]
        told += [f"{one.filename} {one.content_type} {one.size // 100}" for one in message.attachments]
    return hashlib.sha256("\0".join(told).encode("utf-8", "replace")).hexdigest()


def _canonical(text: str) -> str:
    """Text without what archives change: line ends, trailing space, and the ">" before a line that says "From "."""
    return " ".join(_ESCAPED_FROM.sub("", text).split())
