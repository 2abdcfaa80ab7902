"""The letters as they came, as one mailbox that every mail program opens (mboxrd)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from integrations.archive.pages import paged
from integrations.models import RawEvent

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)


def mailbox(user_id: UUID) -> Iterator[bytes]:
    """Each letter that is kept, in the order in which they were read."""
    letters = RawEvent.objects.for_user(user_id).filter(kind="email").exclude(payload=None)
    for raw in paged(letters, 50):
        yield letter(raw.content, raw.created_at)


def letter(content: bytes, kept_at: datetime) -> bytes:
    """One message with its separator. Lines that would look like one get a `>` in front, which readers take away."""
    text = _FROM.sub(rb">\1", content)
    return f"From omnicrm {kept_at:%a %b %d %H:%M:%S %Y}\n".encode() + text + after(text)


def after(text: bytes) -> bytes:
    """What is missing to the blank line before the next message."""
    return b"\n" if text.endswith(b"\n") else b"\n\n"
