"""How values stand in vCard and iCalendar: escaped, and folded at 75 bytes (RFC 6350 §3.2, RFC 5545 §3.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

WIDTH = 75
_ESCAPES = str.maketrans({"\\": "\\\\", ";": "\\;", ",": "\\,", "\n": "\\n", "\r": None})
_NOT_TEXT = {code: None for code in range(32) if chr(code) not in "\t\n"} | {0x7F: None}


def escaped(text: str) -> str:
    return text.replace("\r\n", "\n").translate(_ESCAPES).translate(_NOT_TEXT)


def folded(lines: Iterable[str]) -> bytes:
    """The lines, each ended and no longer than it may be."""
    return b"".join(piece + b"\r\n" for line in lines if line for piece in pieces(line.encode()))


def pieces(line: bytes) -> Iterator[bytes]:
    """A line in pieces that begin with a blank after the first; no character is torn apart."""
    lead = b""
    while len(lead) + len(line) > WIDTH:
        end = WIDTH - len(lead)
        while line[end] & 0xC0 == 0x80:
            end -= 1
        yield lead + line[:end]
        line, lead = line[end:], b" "
    yield lead + line
