"""A letter as Gmail shows it: headers decoded, the body as a tree of parts, attachments apart."""

from __future__ import annotations

import base64
import email
import email.header
import email.policy
import email.utils
import html
import itertools
import re
from email.message import Message as Parsed
from typing import Any

LARGEST_INLINE = 4_000
"""Text parts come with the message; what has a file name, or is large and no text, is fetched apart."""

ASKED = itertools.count()
"""An attachment has another id each time that its message is asked for; all of them will do."""


def urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode()


def from_urlsafe(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def headers_of(raw: bytes) -> list[tuple[str, str]]:
    """Names and unfolded values of the head, still as they were encoded."""
    head = re.split(rb"\r?\n\r?\n", raw, maxsplit=1)[0]
    lines = re.sub(rb"\r?\n[ \t]+", b" ", head).splitlines()
    pairs = (line.partition(b":") for line in lines if b":" in line)
    return [(readable(name).strip(), readable(value).strip()) for name, _, value in pairs]


def readable(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")


def decoded(value: str) -> str:
    """Without RFC 2047, where it can be read."""
    if "=?" not in value:
        return value
    try:
        return str(email.header.make_header(email.header.decode_header(value)))
    except (LookupError, UnicodeError, ValueError, email.errors.HeaderParseError):
        return value


def shown(headers: list[tuple[str, str]], wanted: list[str] | None = None) -> list[dict[str, str]]:
    names = None if wanted is None else {name.lower() for name in wanted}
    return [
        {"name": name, "value": decoded(value)}
        for name, value in headers
        if names is None or name.lower() in names
    ]


def payload(id: str, raw: bytes) -> dict[str, Any]:
    """The tree of `format=full`."""
    return part(id, email.message_from_bytes(raw, policy=email.policy.compat32), "", headers_of(raw))


def part(
    id: str, parsed: Parsed, number: str, headers: list[tuple[str, str]] | None = None
) -> dict[str, Any]:
    told: dict[str, Any] = {
        "partId": number,
        "mimeType": parsed.get_content_type(),
        "filename": decoded(parsed.get_filename() or ""),
        "headers": shown(headers if headers is not None else raw_headers(parsed)),
    }
    children = parsed.get_payload()
    if isinstance(children, list):
        told["body"] = {"size": 0}
        told["parts"] = [
            part(id, child, f"{number}.{place}" if number else str(place))
            for place, child in enumerate(children)
        ]
    else:
        told["body"] = body(id, parsed, number, told["filename"])
    return told


def raw_headers(parsed: Parsed) -> list[tuple[str, str]]:
    return [(name, re.sub(r"\r?\n[ \t]+", " ", str(value))) for name, value in parsed.items()]


def body(id: str, parsed: Parsed, number: str, filename: str) -> dict[str, Any]:
    data = content(parsed)
    if filename or (len(data) > LARGEST_INLINE and parsed.get_content_maintype() != "text"):
        return {
            "attachmentId": f"ANGjdJ_{urlsafe(f'{id}/{number}/{next(ASKED)}'.encode()).rstrip('=')}",
            "size": len(data),
        }
    return {"size": len(data), "data": urlsafe(data)} if data else {"size": 0}


def content(parsed: Parsed) -> bytes:
    """The bytes of a part; text comes as UTF-8, as Gmail turns it."""
    data = parsed.get_payload(decode=True)
    assert isinstance(data, bytes)
    charset = parsed.get_content_charset()
    if (
        parsed.get_content_maintype() != "text"
        or charset in (None, "utf-8", "us-ascii")
        or parsed.get_filename()
    ):
        return data
    try:
        return data.decode(charset, "replace").encode()
    except LookupError:
        return data


def attachment(id: str, raw: bytes, attachment_id: str) -> bytes | None:
    try:
        owner, number, _ = from_urlsafe(attachment_id.removeprefix("ANGjdJ_")).decode().split("/")
    except ValueError:
        return None
    parsed: Any = email.message_from_bytes(raw, policy=email.policy.compat32)
    try:
        for place in filter(None, number.split(".")):
            parsed = parsed.get_payload()[int(place)]
    except (IndexError, ValueError, TypeError, AttributeError):
        return None
    return content(parsed) if owner == id and not parsed.is_multipart() else None


def text_of(raw: bytes) -> str:
    """The readable text, for searches and snippets."""
    parsed = email.message_from_bytes(raw, policy=email.policy.compat32)
    for wanted in ("text/plain", "text/html"):
        for each in parsed.walk():
            if each.get_content_type() == wanted and not each.is_multipart() and not each.get_filename():
                text = content(each).decode("utf-8", "replace")
                return re.sub(r"<[^>]*>", " ", text) if wanted == "text/html" else text
    return ""


def snippet(raw: bytes) -> str:
    return html.escape(" ".join(text_of(raw).split())[:200], quote=True)


def has_attachment(raw: bytes) -> bool:
    return re.search(rb'filename\*?\d*\*?=|[^-]name="', raw) is not None


def internal_ms(headers: dict[str, str], now: float) -> int:
    """When the Date header says; now, where it says nothing that can be read."""
    try:
        return int(email.utils.parsedate_to_datetime(headers["date"]).timestamp() * 1000)
    except (KeyError, ValueError, TypeError, OverflowError):
        return int(now * 1000)
