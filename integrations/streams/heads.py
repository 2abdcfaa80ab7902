"""The head of a message at Google, whether it came as a whole or as its headers alone."""

from __future__ import annotations

from functools import lru_cache

from contacts.matching import same_spelling
from integrations.google.gmail import Message
from integrations.mail import message as mail
from integrations.mail import threads


def head(message: Message) -> bytes:
    """Its headers as they were sent, without a body; nothing of the body can be got back from it."""
    if message.raw:
        raw = message.raw.replace(b"\r\n", b"\n")
        return raw[: raw.find(b"\n\n") + 2] if b"\n\n" in raw else raw
    lines = [f"{name}: {' '.join(value.split())}" for name, value in message.headers]
    return ("\n".join(lines) + "\n\n").encode("utf-8", "replace")


def read(head: bytes) -> mail.ParsedMessage | None:
    """None where it cannot be read."""
    try:
        return mail.parse(head)
    except ValueError:
        return None


parsed = lru_cache(maxsize=64)(read)
"""The same, remembered: what is fetched is asked about several times."""


def thread_key(message: Message) -> str:
    """As the interaction would have it; empty where it cannot be told."""
    said = parsed(head(message))
    return threads.thread_key(said) if said else ""


def message_id(message: Message) -> str:
    said = parsed(head(message))
    return threads.source_key(said)[:255] if said else ""


def author(message: Message) -> str:
    said = parsed(head(message))
    return same_spelling(said.author.email)[:254] if said and said.author else ""
