"""One e-mail as a person would describe it: who wrote what to whom, and when (RFC 5322, MIME).

Written for any bytes at all: everything is read in linear time and bounded memory, and what cannot be read is left
out and named in `defects`. The one exception is `Unreadable`, for bytes that are no message.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from integrations.files.unreadable import Unreadable
from integrations.mail import addresses, charset, dates, html, mime
from integrations.mail import headers as header
from integrations.mail.addresses import Address, visible_name
from integrations.mail.headers import decode_words, first
from integrations.mail.ids import message_ids

MAX_TEXT = 1_000_000
"""Bytes of text, and of HTML, that are kept. Longer bodies are cut and say so in `defects`."""

MAX_REFERENCES = 100
MAX_FILENAME = 150


@dataclass(slots=True, frozen=True)
class Attachment:
    """What is known of an attached file without opening it. `size` is its decoded size in bytes, nearly."""

    filename: str
    content_type: str
    size: int
    content_id: str = ""
    inline: bool = False


@dataclass(slots=True)
class ParsedMessage:
    """A message. Text is free of NUL and lone surrogates, lines end in a line feed; what is absent is empty."""

    subject: str = ""
    from_: list[Address] = field(default_factory=list)
    sender: Address | None = None
    to: list[Address] = field(default_factory=list)
    cc: list[Address] = field(default_factory=list)
    bcc: list[Address] = field(default_factory=list)
    reply_to: list[Address] = field(default_factory=list)
    date: dt.datetime | None = None
    """The Date header, aware, as written: it may be absurd. `received_at` is what the first server noted."""
    received_at: dt.datetime | None = None
    message_id: str = ""
    in_reply_to: str = ""
    references: list[str] = field(default_factory=list)
    text: str = ""
    """The first plain-text part, as sent. Empty in a message that has only HTML: see `readable`."""
    html: str = ""
    attachments: list[Attachment] = field(default_factory=list)
    recipient_count: int = 0
    """How many addresses To, Cc and Bcc named, also where there were too many to keep."""
    headers: dict[str, list[str]] = field(default_factory=dict)
    """The headers that matter to somebody, by lower-case name, unfolded; for `bulk` and `threads`."""
    defects: list[str] = field(default_factory=list)
    """What was wrong or left out, each in a few words: "too many parts", "text cut"."""

    @property
    def author(self) -> Address | None:
        """Who wrote it: the first address in From, else Sender."""
        return self.from_[0] if self.from_ else self.sender

    @property
    def readable(self) -> str:
        """The text to read: the plain text, or the HTML in plain words where there is none."""
        return self.text if self.text.strip() or not self.html else html.to_text(self.html)


def parse(raw: bytes) -> ParsedMessage:
    """Read one message. Raises `Unreadable` for nothing but empty bytes; text without headers is a message."""
    raw = _with_line_feeds(raw)
    start = len(raw) - len(raw.lstrip(b"\r\n"))
    if start == len(raw):
        raise Unreadable("This message is empty. There is nothing in it to import.")
    headers, body = header.split(raw, start)
    message = ParsedMessage(headers=headers)
    _read_headers(message, headers)
    walked = mime.walk(raw, headers, body)
    message.defects += walked.defects
    _read_parts(message, raw, walked.parts)
    return message


def _with_line_feeds(raw: bytes) -> bytes:
    """Old Macintosh mail ends its lines with a carriage return only."""
    return raw.replace(b"\r", b"\n") if b"\n" not in raw and b"\r" in raw else raw


def _read_headers(message: ParsedMessage, headers: dict[str, list[str]]) -> None:
    # Of several subjects the last is the sender's: what is added on the way, or past a signature, goes on top.
    message.subject = _one_line(decode_words(headers.get("subject", [""])[-1]))
    message.from_, _ = _people(headers, "from", message)
    senders, _ = _people(headers, "sender", message)
    message.sender = senders[0] if senders else None
    message.to, to = _people(headers, "to", message)
    message.cc, cc = _people(headers, "cc", message)
    message.bcc, bcc = _people(headers, "bcc", message)
    message.reply_to, _ = _people(headers, "reply-to", message)
    message.recipient_count = to + cc + bcc
    message.date = dates.read(first(headers, "date"))
    message.received_at = dates.read(first(headers, "received").rpartition(";")[2].strip())
    message.message_id = next(iter(message_ids(first(headers, "message-id"))), "")
    message.in_reply_to = next(iter(message_ids(first(headers, "in-reply-to"))), "")
    message.references = message_ids(" ".join(headers.get("references", ())))[-MAX_REFERENCES:]


def _people(headers: dict[str, list[str]], name: str, message: ParsedMessage) -> tuple[list[Address], int]:
    value = ", ".join(headers.get(name, ()))
    if not value:
        return [], 0
    people, count = addresses.read(value)
    if not people and "@" in value:
        message.defects.append(f"unreadable address in {name}")
    if count > len(people):
        message.defects.append(f"too many addresses in {name}")
    return people, count


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _read_parts(message: ParsedMessage, raw: bytes, parts: list[mime.Part]) -> None:
    plain, rich = _body(parts, "text/plain"), _body(parts, "text/html")
    if plain:
        message.text = _text(message, raw, plain)
    if rich:
        message.html = _text(message, raw, rich)
    message.attachments = [_attachment(raw, part) for part in parts if part is not plain and part is not rich]


def _body(parts: list[mime.Part], kind: str) -> mime.Part | None:
    """The part to show: the first of its kind that is no attachment, better one without a file name."""
    shown = [part for part in parts if part.type == kind and part.disposition != "attachment"]
    return next((part for part in shown if not part.filename), shown[0] if shown else None)


def _text(message: ParsedMessage, raw: bytes, part: mime.Part) -> str:
    data = mime.content(raw, part, MAX_TEXT)
    if len(data) == MAX_TEXT:
        message.defects.append("text cut")
    declared = part.parameters.get("charset", "")
    if not declared and part.type == "text/html":
        declared = charset.declared_in_html(data)
    text = charset.decode(data, declared)
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _attachment(raw: bytes, part: mime.Part) -> Attachment:
    return Attachment(
        filename=safe_filename(part.filename),
        content_type=part.type[:100],
        size=mime.size(raw, part),
        content_id=first(part.headers, "content-id").strip("<> \t")[:250],
        inline=part.disposition == "inline",
    )


def safe_filename(name: str) -> str:
    """A file name that is only a name: no folders, no quotes, nothing invisible, its extension kept when cut."""
    name = visible_name(name[-2000:].replace("\\", "/").rpartition("/")[2], 2000) if name else ""
    name = name.translate({ord(character): "_" for character in '"<>|:*?;'}).strip(". ")
    if len(name) <= MAX_FILENAME:
        return name
    ending = PurePosixPath(name).suffix[:20]
    return name[: MAX_FILENAME - len(ending)] + ending
