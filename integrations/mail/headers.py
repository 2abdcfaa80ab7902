"""The header block of a message or part (RFC 5322 §2.2), read within fixed bounds, and words in it (RFC 2047)."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence

from integrations.mail import charset

Headers = Mapping[str, Sequence[str]]
"""Lower-case names to their values in order; values are unfolded, their encoded words not yet decoded."""

MAX_BLOCK = 64 * 1024
MAX_HEADER = 8 * 1024
MAX_ADDRESS_HEADER = 32 * 1024
"""Bytes kept of a block, of one header, and of one header that lists addresses. The rest is passed over."""

MAX_REPEATS = 20
"""How many headers of one name are kept."""

_ADDRESSES = frozenset([b"from", b"sender", b"to", b"cc", b"bcc", b"reply-to"])
_KEPT = _ADDRESSES | {
    b"auto-submitted", b"content-description", b"content-disposition", b"content-id", b"content-transfer-encoding",
    b"content-type", b"date", b"delivered-to", b"feedback-id", b"in-reply-to", b"list-help", b"list-id", b"list-post",
    b"list-unsubscribe", b"list-unsubscribe-post", b"mailing-list", b"message-id", b"precedence", b"received",
    b"references", b"resent-date", b"resent-from", b"return-path", b"subject", b"x-auto-response-suppress",
    b"x-autoreply", b"x-autorespond", b"x-beenthere", b"x-failed-recipients", b"x-gm-thrid", b"x-gmail-labels",
}  # fmt: skip
_FIELD = re.compile(rb"([!-9;-~]++):((?:[^\n]*+\n[ \t])*+[^\n]*+)\n?+")
_BLANK = re.compile(rb"\r*\n|\r+\Z")
_WORD = re.compile(r"=\?([^?\s]{0,64})\?\s*([BbQq])\s*\?")


def split(raw: bytes, start: int = 0, end: int | None = None) -> tuple[dict[str, list[str]], int]:
    """The headers of `raw[start:end]` that anybody here reads, and where its body begins.

    A line that is no header ends the block and belongs to the body; an mbox "From " line before it is skipped.
    """
    end = len(raw) if end is None else end
    found: dict[str, list[str]] = {}
    room, pos = MAX_BLOCK, _start(raw, start, end)
    while field := _FIELD.match(raw, pos, end):
        pos = field.end()
        name = field[1].lower()
        if name in _KEPT and room > 0:
            limit = min(room, MAX_ADDRESS_HEADER if name in _ADDRESSES else MAX_HEADER)
            value = raw[field.start(2) : min(field.end(2), field.start(2) + limit)]
            values = found.setdefault(name.decode("ascii"), [])
            if name == b"received":
                # Only the last is read: the first server's, which every copy of the message has in common.
                values[:] = [unfold(value)]
            elif len(values) < MAX_REPEATS:
                values.append(unfold(value))
                room -= len(value)
    blank = _BLANK.match(raw, pos, end)
    return found, blank.end() if blank else pos


def _start(raw: bytes, pos: int, end: int) -> int:
    """Past the lines that mailboxes put before a message, and past a continuation of nothing."""
    while raw.startswith((b"From ", b">From ", b" ", b"\t"), pos, end):
        pos = raw.find(b"\n", pos, end) + 1 or end
    return pos


def unfold(value: bytes) -> str:
    """A header's bytes as one line of text."""
    if b"\n" in value or b"\r" in value:
        value = value.replace(b"\r", b"").replace(b"\n", b"")
    value = value.strip()
    return value.decode("ascii").replace("\0", "") if value.isascii() else charset.decode(value, "us-ascii")


def decode_words(value: str) -> str:
    """`value` with its encoded words (RFC 2047) decoded; broken ones stay as they are. Takes linear time."""
    if "=?" not in value:
        return value
    done: list[str] = []
    run: list[bytes] = []  # words of one charset are joined as bytes: some senders cut characters in half
    label, pos = "", 0
    while (word := _WORD.search(value, pos)) and (stop := value.find("?=", word.end())) >= 0:
        between = value[pos : word.start()]
        if run and (between.strip() or word[1].lower() != label):
            done.append(charset.decode(b"".join(run), label))
            run.clear()
            between = between if between.strip() else ""
        elif run:
            between = ""
        done.append(between)
        label = word[1].lower()
        run.append(_word_bytes(word[2], value[word.end() : stop]))
        pos = stop + 2
    done.append(charset.decode(b"".join(run), label))
    return "".join(done) + value[pos:]


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    return from_base64(data) if encoding in "Bb" else binascii.a2b_qp(data, header=True)


_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]+")


def from_base64(data: bytes) -> bytes:
    """What can be read of base64 in which characters are wrong or missing."""
    try:
        return binascii.a2b_base64(data)
    except binascii.Error:
        clean = _NOT_BASE64.sub(b"", data)
        clean = clean[:-1] if len(clean) % 4 == 1 else clean
        return binascii.a2b_base64(clean + b"=" * (-len(clean) % 4))


def first(headers: Headers, name: str) -> str:
    """The first value of a header, or empty."""
    values = headers.get(name)
    return values[0] if values else ""
