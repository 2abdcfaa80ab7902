"""Mailbox files (RFC 4155 and its relatives), read as a stream: memory stays small whatever the size of the file."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

CHUNK = 1 << 20
MAX_MESSAGE = 50 * 1024 * 1024
_MAX_SEPARATOR = 1000
_LOOKAHEAD = _MAX_SEPARATOR + 200

_SHAPE = re.compile(
    rb"From [^\n]*\b\d{1,2}:\d\d[^\n]*\b(?:19|20)\d\d\b|From [^\n]*\b(?:19|20)\d\d\b[^\n]*\b\d{1,2}:\d\d"
)
_BARE = re.compile(rb"From [^\s@]*@?[^\s@]*\s*")
_HEADER = re.compile(rb">?(?:From |[!-9;-~]{1,80}:)")
_ESCAPED = re.compile(rb"^>(>*From )", re.M)


@dataclass(slots=True, frozen=True)
class Entry:
    """One message of a mailbox. `offset` and `length` are bytes of the file, its separator line included.

    `position` counts from 1. A message that was passed over has empty `raw`, and `problem` says why in a sentence.
    """

    raw: bytes
    position: int
    offset: int
    length: int
    problem: str = ""


def messages(
    stream: BinaryIO, *, start: int = 0, position: int = 0, limit: int = MAX_MESSAGE
) -> Iterator[Entry]:
    """The messages of a mailbox in order, "From " lines in their text unescaped. Never raises for what it reads.

    To go on after an entry, pass its `offset + length` as `start` and its `position`. Messages longer than `limit`
    bytes are passed over without being held in memory.
    """
    stream.seek(start)
    window = _Window(stream, start)
    window.fill(_LOOKAHEAD)
    if window.data.startswith(b"\xef\xbb\xbf") and start == 0:
        window.drop(3)
    if not _is_separator(window, 0, blank_before=True):
        yield from _preamble(window, position)
    while window.data:
        position += 1
        yield _next(window, position, limit)


def _preamble(window: _Window, position: int) -> Iterator[Entry]:
    """What stands before the first separator: passed over, and mentioned unless it is blank."""
    began = window.offset
    end, skipped = _find_end(window, 0, limit=0)
    told = skipped or window.data[:end].strip()
    window.drop(end)
    if told:
        problem = "The file does not begin with a message. What stands before the first one was left out."
        yield Entry(b"", position, began, window.offset - began, problem)


def _next(window: _Window, position: int, limit: int) -> Entry:
    offset = window.offset
    end, skipped = _find_end(window, 1, limit=limit)
    if skipped or end > limit:
        window.drop(end)
        length = window.offset - offset
        problem = f"This message is larger than {limit // (1024 * 1024)} MB and was left out."
        return Entry(b"", position, offset, length, problem)
    raw = bytes(window.data[:end])
    window.drop(end)
    return Entry(_unwrapped(raw), position, offset, end)


def _unwrapped(raw: bytes) -> bytes:
    """A message without its separator line, the blank line that ends it, and the escapes in its text."""
    raw = raw[raw.find(b"\n") + 1 or len(raw) :]
    if raw.endswith(b"\n\n"):
        raw = raw[:-1]
    elif raw.endswith(b"\n\r\n"):
        raw = raw[:-2]
    return _ESCAPED.sub(rb"\1", raw) if b">From " in raw else raw


def _find_end(window: _Window, pos: int, *, limit: int) -> tuple[int, bool]:
    """Where in the window the next separator stands, or the end of the file; and whether bytes were let go."""
    skipped = False
    while True:
        hit = window.data.find(b"\nFrom ", max(0, pos - 1))
        if hit >= 0:
            if hit + _LOOKAHEAD > len(window.data):
                window.fill(hit + _LOOKAHEAD - len(window.data))
            if _is_separator(window, hit + 1, blank_before=_blank_before(window.data, hit)):
                return hit + 1, skipped
            pos = hit + 2
            continue
        pos = max(pos, len(window.data) - 5)
        if len(window.data) > limit + CHUNK:
            window.drop(pos - 3)
            pos, skipped = 3, True
        if not window.fill(CHUNK):
            return len(window.data), skipped


def _blank_before(data: bytearray, newline: int) -> bool:
    return (
        newline == 0
        or data[newline - 1] == 10
        or (
            data.endswith((b"\n\r", b"\r"), max(0, newline - 2), newline)
            and (newline < 2 or data[newline - 2] == 10)
        )
    )


def _is_separator(window: _Window, start: int, *, blank_before: bool) -> bool:
    """Whether a line that begins with "From " separates messages.

    After a blank line it must name a time and a year, or only an address; archives that leave the blank line out
    must also go on with a header, so that "From here on …" in a text is left alone.
    """
    end = window.data.find(b"\n", start, start + _MAX_SEPARATOR)
    if end < 0:
        return False
    line = bytes(window.data[start:end])
    headed = _HEADER.match(window.data, end + 1) is not None
    if _SHAPE.match(line):
        return blank_before or headed
    return blank_before and headed and _BARE.fullmatch(line) is not None


class _Window:
    """The stretch of a stream that is in memory, and where it begins."""

    def __init__(self, stream: BinaryIO, offset: int) -> None:
        self.stream = stream
        self.offset = offset
        self.data = bytearray()

    def fill(self, size: int) -> bool:
        """Read at least `size` bytes more if there are any; whether there were."""
        read = self.stream.read(max(size, CHUNK))
        self.data += read
        return bool(read)

    def drop(self, size: int) -> None:
        del self.data[:size]
        self.offset += size
