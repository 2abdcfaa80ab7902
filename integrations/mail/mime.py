"""The parts of a message (RFC 2046): found by searching for boundaries, decoded only when somebody asks."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from integrations.mail import headers as header
from integrations.mail import parameters

MAX_PARTS = 500
MAX_DEPTH = 20
MAX_BOUNDARY = 200
_TOKEN = re.compile(r"[^a-z0-9-]+")


@dataclass(slots=True)
class Part:
    """One part that has no parts of its own: what its headers say, and where its bytes stand in the message."""

    type: str
    parameters: dict[str, str]
    headers: dict[str, list[str]]
    start: int
    end: int
    disposition: str = ""
    filename: str = ""
    encoding: str = ""
    alternative: bool = False
    """Whether it is one of several forms of the same content."""


@dataclass(slots=True)
class Walk:
    """The parts of a message in order, and what had to be left out of them."""

    parts: list[Part] = field(default_factory=list)
    defects: list[str] = field(default_factory=list)

    def note(self, defect: str) -> None:
        if defect not in self.defects:
            self.defects.append(defect)


@dataclass(slots=True)
class _Branch:
    """A stretch of the message still to be looked at."""

    headers: dict[str, list[str]]
    start: int
    end: int
    depth: int
    default: str
    within: str = ""


def walk(raw: bytes, headers: dict[str, list[str]], start: int) -> Walk:
    """Every leaf of the message whose body begins at `start`, in order: at most 500, at most 20 levels deep.

    Messages inside the message are leaves: what other people wrote to each other is not this message's text.
    """
    found = Walk()
    todo = [_Branch(headers, start, len(raw), 0, "text/plain")]
    while todo:
        branch = todo.pop()
        kind, values = _content_type(branch)
        if not kind.startswith("multipart/"):
            found.parts.append(_leaf(branch, kind, values))
        elif branch.depth == MAX_DEPTH:
            found.note("nested too deeply")
        else:
            todo += _children(raw, branch, kind, values, found, MAX_PARTS - len(found.parts) - len(todo))[
                ::-1
            ]
    return found


def _content_type(branch: _Branch) -> tuple[str, dict[str, str]]:
    declared = header.first(branch.headers, "content-type")
    kind, values = parameters.read(declared)
    if not declared.strip():
        kind = branch.default
    elif kind.count("/") != 1 or kind.startswith("/"):
        kind = "text/plain"
    return kind, values


def _leaf(branch: _Branch, kind: str, values: dict[str, str]) -> Part:
    disposition, named = parameters.read(header.first(branch.headers, "content-disposition"))
    encoding = header.first(branch.headers, "content-transfer-encoding")
    return Part(
        type=kind,
        parameters=values,
        headers=branch.headers,
        start=branch.start,
        end=branch.end,
        disposition=disposition,
        filename=named.get("filename") or values.get("name", ""),
        encoding=_TOKEN.sub("", encoding.partition(";")[0].lower()),
        alternative=branch.within == "multipart/alternative",
    )


def _children(
    raw: bytes, branch: _Branch, kind: str, values: dict[str, str], found: Walk, room: int
) -> list[_Branch]:
    boundary = values.get("boundary", "").rstrip()
    if not 0 < len(boundary) <= MAX_BOUNDARY:
        found.note("multipart without a boundary")
        return []
    default = "message/rfc822" if kind == "multipart/digest" else "text/plain"
    children: list[_Branch] = []
    for start, end in _between(raw, b"--" + boundary.encode("utf-8", "replace"), branch.start, branch.end):
        if len(children) >= room:
            found.note("too many parts")
            break
        headers, body = header.split(raw, start, end)
        children.append(_Branch(headers, body, end, branch.depth + 1, default, kind))
    if not children:
        found.note("multipart without parts")
    return children


def _between(raw: bytes, delimiter: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Where each part lies between delimiter lines; one that never closes lasts to the end."""
    opened = -1
    pos = start
    while (hit := raw.find(delimiter, pos, end)) >= 0:
        pos = hit + len(delimiter)
        if hit > start and raw[hit - 1] not in b"\r\n":
            continue
        line_end = raw.find(b"\n", pos, end)
        rest = raw[pos : min(end if line_end < 0 else line_end, pos + 100)].strip()
        if rest not in (b"", b"--"):
            continue
        if opened >= 0:
            yield opened, _before_line_end(raw, opened, hit)
        opened = -1 if rest or line_end < 0 else line_end + 1
        if rest:
            return
        pos = max(pos, opened)
    if opened >= 0:
        yield opened, end


def _before_line_end(raw: bytes, start: int, end: int) -> int:
    """The line end before a delimiter belongs to the delimiter (RFC 2046 §5.1.1)."""
    if end > start and raw[end - 1] == 10:
        end -= 1
    return end - 1 if end > start and raw[end - 1] == 13 else end


def content(raw: bytes, part: Part, limit: int) -> bytes:
    """The first `limit` bytes or so of a part, decoded from its transfer encoding (RFC 2045 §6)."""
    match part.encoding:
        case "base64":
            return header.from_base64(raw[part.start : min(part.end, part.start + limit * 3 // 2)])[:limit]
        case "quoted-printable":
            return binascii.a2b_qp(raw[part.start : min(part.end, part.start + limit * 3)])[:limit]
        case "x-uuencode" | "uuencode" | "x-uue" | "uue":
            return _uudecode(raw[part.start : min(part.end, part.start + limit * 3 // 2)])[:limit]
        case _:
            return raw[part.start : min(part.end, part.start + limit)]


def size(raw: bytes, part: Part) -> int:
    """About how many bytes a part has when it is decoded, told without decoding it."""
    length = part.end - part.start
    if part.encoding != "base64":
        return length
    tail = raw[max(part.start, part.end - 8) : part.end]
    breaks = raw.count(b"\n", part.start, part.end) + raw.count(b"\r", part.start, part.end)
    return max(0, (length - breaks) * 3 // 4 - tail.count(b"="))


def _uudecode(data: bytes) -> bytes:
    begin, *lines = data[max(0, data.find(b"begin ")) :].split(b"\n")
    if not begin.startswith(b"begin "):
        return data
    done: list[bytes] = []
    for line in lines:
        if line.rstrip() in (b"end", b"`"):
            break
        try:
            done.append(binascii.a2b_uu(line))
        except binascii.Error:
            continue  # one line lost is one line lost
    return b"".join(done)
