"""Many requests in one: at most a hundred parts, answered in any order, and no more at once than the wall lets through."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .answers import Answer, refuse, too_concurrent

if TYPE_CHECKING:
    from .calls import Call
    from .core import Google

MOST_PARTS = 100
REASONS = {200: "OK", 204: "No Content", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
           410: "Gone", 429: "Too Many Requests", 500: "Internal Server Error", 503: "Service Unavailable"}  # fmt: skip


@dataclass
class Part:
    id: str
    verb: str
    url: str
    headers: dict[str, str]
    body: bytes


def parts_of(content_type: str, body: bytes) -> list[Part]:
    found = re.search(r'boundary="?([^";]+)"?', content_type)
    if not found:
        raise refuse(400, "badRequest", "Failed to parse batch request, error: missing boundary.")
    pieces = body.split(b"--" + found[1].encode())[1:-1]
    return [read_part(piece) for piece in pieces]


def read_part(piece: bytes) -> Part:
    outer, inner = blank_line(piece.lstrip(b"\r\n"))
    head, body = blank_line(inner)
    first, *rest = head.decode().splitlines()
    verb, url, *_ = first.split(" ")
    return Part(
        headers(outer.decode().splitlines()).get("content-id", ""), verb, url, headers(rest), body.strip()
    )


def blank_line(data: bytes) -> tuple[bytes, bytes]:
    head, *rest = re.split(rb"\r?\n\r?\n", data, maxsplit=1)
    return head, rest[0] if rest else b""


def headers(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def answer(google: Google, call: Call) -> Answer:
    parts = parts_of(call.headers.get("content-type", ""), call.body)
    if len(parts) > MOST_PARTS:
        raise refuse(400, "badRequest", f"The batch request must not contain more than {MOST_PARTS} calls.")
    turned_away = set(google.random.sample(range(len(parts)), max(0, len(parts) - google.concurrency)))
    said = [
        (
            part.id,
            too_concurrent_part(google, part, call) if place in turned_away else google.part(part, call),
        )
        for place, part in enumerate(parts)
    ]
    google.random.shuffle(said)
    boundary = f"batch_fake{len(google.calls):08d}"
    body = b"".join(written(boundary, id, each) for id, each in said) + f"--{boundary}--\r\n".encode()
    return Answer(200, {"content-type": f"multipart/mixed; boundary={boundary}"}, body)


def too_concurrent_part(google: Google, part: Part, call: Call) -> Answer:
    return google.part(part, call, instead=too_concurrent())


def written(boundary: str, id: str, said: Answer) -> bytes:
    shown = "".join(f"{name.title()}: {value}\r\n" for name, value in said.headers.items())
    return (
        f"--{boundary}\r\nContent-Type: application/http\r\nContent-ID: <response-{id.lstrip('<')}\r\n\r\n"
        f"HTTP/1.1 {said.status} {REASONS.get(said.status, 'Answer')}\r\n{shown}"
        f"Content-Length: {len(said.body)}\r\n\r\n"
    ).encode() + said.body + b"\r\n"  # fmt: skip
