"""What kind of file somebody chose."""

from __future__ import annotations

import pytest

from integrations.files.kinds import detect, refusal


@pytest.mark.parametrize(
    ("head", "name", "kind"),
    [
        (b"From a@x.example Mon Jul 10 09:30:00 2023\nFrom: a@x.example\n", "mail", "mbox"),
        (b"From 17@xxx Tue Sep 10 14:12:00 +0000 2019\nX-GM-THRID: 1\n", "All mail.mbox", "mbox"),
        (b"Received: by x\n\tfor y\nFrom: a@x.example\n\nhi", "a.eml", "eml"),
        (b"Subject: a\r\nTo: b@x.example\r\n\r\nhi", "noname", "eml"),
        (b"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n", "x", "ics"),
        (b"\xef\xbb\xbfbegin:vcard\r\n", "x.txt", "vcf"),
        (b"Name,E-mail\nAda,a@x.example\n", "people.csv", "csv"),
        (b"Name;E-mail\nAda;a@x.example\n", "people", "csv"),
        ("Name\tE-mail\nAda\ta@x.example\n".encode("utf-16"), "people.csv", "csv"),
        ("Name;E-mail\nAda;a@x.example\n".encode("utf-16-le"), "people.csv", "csv"),
        ("BEGIN:VCARD\nFN:Ada\n".encode("utf-16-be"), "people", "vcf"),
        (b"Name\nAda\n", "people.csv", "csv"),
        (b"Name\nAda\n", "people.txt", ""),
        (b"Dear all,\nFrom here on it rains, or not.\n", "letter.txt", ""),
    ],
)
def test_kinds(head: bytes, name: str, kind: str) -> None:
    assert detect(head, name) == kind
    assert bool(refusal(head, name)) is (kind == "")


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (b"PK\x03\x04rest", "ZIP archive; unpack it and choose the .mbox"),
        (b"\x1f\x8b\x08", "gzip; unpack it"),
        (b"%PDF-1.7", "PDF document; choose"),
        (b"\x89PNG\r\n\x1a\n", "picture (PNG); choose"),
        (b"SQLite format 3\x00", "database (SQLite); export"),
        (b"MZ\x90\x00", "program, not data. Choose"),
        (b"\x7fELF\x02", "program, not data. Choose"),
        (b"!BDN\x00", "Outlook data file (.pst); export"),
        (b"  <!DOCTYPE html><html>", "web page; choose"),
        (b"", "empty. Export"),
        (b"\x00" * 100, "empty. Export"),
        (b"\x01\x02\x00\x03", "binary data that we do not know. Choose"),
        (b"hello", "could not tell what this file is. Choose"),
    ],
)
def test_what_to_do_about_other_files(head: bytes, words: str) -> None:
    assert detect(head, "export.csv" if head.startswith(b"PK") else "export") == ""
    assert words in refusal(head, "export")
