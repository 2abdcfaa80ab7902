"""What kind of file somebody chose, told by its first bytes, and what to do about one that we cannot read."""

from __future__ import annotations

import re

from integrations.files.text import encoding_of

HEAD = 4096
"""How many bytes of the beginning are enough."""

_MBOX = re.compile(rb"From [^\n]*\d{1,2}:\d\d|From \S+\s*\n[!-9;-~]+:")
_HEADERS = re.compile(
    rb"(?:From|To|Cc|Subject|Date|Received|Return-Path|Delivered-To|Message-ID|MIME-Version|Content-Type|Reply-To"
    rb"|Sender|DKIM-Signature|ARC-Seal|X-[\w-]+|[A-Z][\w-]+):[^\n]*(?:\r?\n[ \t][^\n]*)*(?:\r?\n|\Z)",
    re.I,
)
_MAIL_WORDS = re.compile(
    rb"^(?:From|To|Subject|Date|Received|Return-Path|Message-ID|MIME-Version):", re.I | re.M
)
_PROGRAM = "This is a program, not data. Choose the file that your mail or calendar program exported."
_REFUSALS: tuple[tuple[bytes, str], ...] = (
    (b"PK\x03\x04", "This is a ZIP archive; unpack it and choose the .mbox, .ics, .vcf or .csv file inside."),
    (b"PK\x05\x06", "This ZIP archive is empty. Export your data again."),
    (b"\x1f\x8b", "This file is compressed with gzip; unpack it and choose the file inside."),
    (b"BZh", "This file is compressed with bzip2; unpack it and choose the file inside."),
    (b"\xfd7zXZ", "This file is compressed with xz; unpack it and choose the file inside."),
    (b"7z\xbc\xaf\x27\x1c", "This is a 7-Zip archive; unpack it and choose the file inside."),
    (b"Rar!", "This is a RAR archive; unpack it and choose the file inside."),
    (b"!BDN", "This is an Outlook data file (.pst); export your mail as .mbox or .eml and choose that file."),
    (
        b"\xd0\xcf\x11\xe0",
        "This is an old Office or Outlook file; save it as .eml, .csv or .ics and choose that file.",
    ),
    (b"%PDF", "This is a PDF document; choose an .mbox, .eml, .ics, .vcf or .csv file."),
    (b"\x89PNG", "This is a picture (PNG); choose an .mbox, .eml, .ics, .vcf or .csv file."),
    (b"\xff\xd8\xff", "This is a picture (JPEG); choose an .mbox, .eml, .ics, .vcf or .csv file."),
    (b"GIF8", "This is a picture (GIF); choose an .mbox, .eml, .ics, .vcf or .csv file."),
    (b"SQLite format 3", "This is a database (SQLite); export its data as .csv and choose that file."),
    (b"MZ", _PROGRAM),
    (b"\x7fELF", _PROGRAM),
    (b"#!", _PROGRAM),
)
_ENDINGS = {"mbox": "mbox", "mbx": "mbox", "eml": "eml", "ics": "ics", "ical": "ics", "vcf": "vcf", "vcard": "vcf",
            "csv": "csv", "tsv": "csv"}  # fmt: skip


def detect(head: bytes, name: str) -> str:
    """The kind of a file from its first `HEAD` bytes: mbox, eml, ics, vcf, csv; or empty, then see `refusal`.

    The name decides only where the bytes could be several things.
    """
    text = _plain(head)
    if not text.strip() or refusal_by_magic(head) or _is_html(text):
        return ""
    start = text.lstrip()[:200].upper()
    if start.startswith(b"BEGIN:VCALENDAR"):
        return "ics"
    if start.startswith(b"BEGIN:VCARD"):
        return "vcf"
    if _MBOX.match(text.lstrip(b"\r\n")):
        return "mbox"
    if b"\0" in text:
        return ""
    ending = _ENDINGS.get(name.lower().rpartition(".")[2], "")
    if ending == "eml" or _looks_like_mail(text):
        return "eml"
    return "csv" if ending == "csv" or _looks_like_table(text) else ""


def refusal(head: bytes, name: str) -> str:
    """Why a file cannot be imported and what to choose instead; empty when `detect` knows its kind."""
    if detect(head, name):
        return ""
    if why := refusal_by_magic(head):
        return why
    text = _plain(head)
    if not text.strip(b"\0 \t\r\n"):
        return "This file is empty. Export your data again and choose the new file."
    if _is_html(text):
        return "This is a web page; choose an .mbox, .eml, .ics, .vcf or .csv file."
    if b"\0" in text:
        return (
            "This file holds binary data that we do not know. Choose an .mbox, .eml, .ics, .vcf or .csv file."
        )
    return "We could not tell what this file is. Choose an .mbox, .eml, .ics, .vcf or .csv file."


def refusal_by_magic(head: bytes) -> str:
    """The sentence for a file whose first bytes name a format that we do not read, or empty."""
    return next((why for magic, why in _REFUSALS if head.startswith(magic)), "")


def _plain(head: bytes) -> bytes:
    """The beginning as bytes of ASCII, whatever Unicode encoding a spreadsheet saved it in."""
    head = head[:HEAD]
    encoding = encoding_of(head)
    if encoding.startswith("utf-16"):
        return head.decode(encoding, "replace").encode("utf-8", "replace")
    return head.removeprefix(b"\xef\xbb\xbf")


def _is_html(text: bytes) -> bool:
    return text.lstrip()[:15].lower().startswith((b"<!doctype html", b"<html", b"<head", b"<body"))


def _looks_like_mail(text: bytes) -> bool:
    """Two headers in a row, and one that only mail has."""
    text = text.lstrip(b"\r\n")
    first = _HEADERS.match(text)
    return bool(first and _HEADERS.match(text, first.end()) and _MAIL_WORDS.search(text))


def _looks_like_table(text: bytes) -> bool:
    """The first two lines are divided into as many cells, at least two, by one of the usual characters."""
    lines = [line for line in text.splitlines() if line.strip()][:2]
    if not lines or lines[0].endswith((b",", b";")):
        return False
    counts = ([line.count(mark) for line in lines] for mark in (b",", b";", b"\t"))
    return any(
        min(count) >= 1 and (len(count) == 1 or b'"' in text or count[0] == count[1]) for count in counts
    )
