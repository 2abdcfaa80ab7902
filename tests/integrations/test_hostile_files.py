"""Files that were made to hurt: bounded time, bounded results, and no exception but the documented one."""

from __future__ import annotations

import contextlib
import datetime as dt
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.drafts import BadRow
from integrations.files import csv, ics, vcard
from integrations.files.unreadable import Unreadable

START, END = dt.datetime(1996, 1, 1, tzinfo=dt.UTC), dt.datetime(2030, 1, 1, tzinfo=dt.UTC)
MANY = 100_000

CARD = b"BEGIN:VCARD\nFN:x\n"
EVENT = b"BEGIN:VEVENT\nDTSTART:20200101\n"
TABLE = b"Name,E-mail,Company\n"
READERS: dict[str, Callable[[bytes], object]] = {
    "vcard": vcard.read,
    "csv": csv.read,
    "ics": ics.read,
    "occurrences": lambda raw: ics.occurrences(raw, START, END),
}
HOSTILE = {
    "nuls": b"\0" * MANY,
    "returns": b"\r" * MANY,
    "bytes that are not text": bytes(range(256)) * (MANY // 256),
    "surrogates": CARD + b"NOTE:" + "\ud800".encode("utf-8", "surrogatepass") * (MANY // 3),
    "one endless name": b"a-" * (MANY // 2),
    "names without values": b"ABC\n" * (MANY // 4),
    "cards in cards": b"BEGIN:VCARD\nAGENT:\n" * (MANY // 19),
    "folds": CARD + b" a\n" * (MANY // 3),
    "stray lines": CARD + b"a\n" * (MANY // 2),
    "parameters": CARD + b"ADR" + b";A=" * (MANY // 3) + b":x",
    "quotation marks": CARD + b"ADR;A=" + b'"' * MANY + b":x",
    "escapes": CARD + b"N:" + b"\\;;" * (MANY // 3),
    "soft breaks": CARD + b"NOTE;QUOTED-PRINTABLE:" + b"=\n" * (MANY // 2),
    "a quadratic charset": CARD + b"NOTE;CHARSET=punycode;QUOTED-PRINTABLE:" + b"a" * MANY,
    "repeated fields": CARD + b"X-A:b\n" * (MANY // 6),
    "open components": b"BEGIN:X\n" * (MANY // 8),
    "open events": b"BEGIN:VEVENT\n" * (MANY // 13),
    "attendees": EVENT + b"ATTENDEE:mailto:a@b\n" * (MANY // 20),
    "exceptions": EVENT + b"RRULE:FREQ=DAILY\nEXDATE:" + b"20200102," * (MANY // 9),
    "open quotes": TABLE + b'"a\n' * (MANY // 3),
    "open quotes far apart": TABLE + (b'"\n' + b'""\n' * 150) * (MANY // 452),
    "columns": b"Name," * (MANY // 5),
    "cells": TABLE + b"," * MANY,
    "empty rows": TABLE + b",\n" * (MANY // 2),
    "at signs": TABLE + (b"x," + b"a@" * 20_000 + b"\n") * 2,
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_take_bounded_time(raw: bytes, reader: Callable[[bytes], object]) -> None:
    began = time.thread_time()
    with contextlib.suppress(Unreadable):
        reader(raw)
    assert time.thread_time() - began < 1


def test_a_picture_costs_one_pass() -> None:
    picture = b"PHOTO;ENCODING=b:" + b"A" * 10_000_000 + b"\r\n " + b"A" * 10_000_000 + b"\r\n"
    began = time.thread_time()
    [person] = vcard.parse(CARD + picture + b"EMAIL:a@example.org\r\nEND:VCARD\r\n")
    assert time.thread_time() - began < 2
    assert (person.emails, person.custom) == (["a@example.org"], {})


@pytest.mark.parametrize(
    ("rule", "count"),
    [
        ("FREQ=SECONDLY", 1000),
        ("FREQ=SECONDLY;UNTIL=21260101T000000Z", 1000),
        ("FREQ=MINUTELY;INTERVAL=0", 0),
        ("FREQ=DAILY;BYHOUR=0,1,2,3;BYMINUTE=0,1,2,3,4;BYSECOND=0,1,2,3,4,5,6,7,8,9", 1000),
        ("FREQ=DAILY", 10 * 365 + 3),
        ("FREQ=DAILY;COUNT=99999999999999999999", 0),
        ("FREQ=DAILY;INTERVAL=99999999999999999999", 0),
        ("FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30", 1),
        ("FREQ=SECONDLY;BYMONTH=2;BYMONTHDAY=30", 1),
        ("FREQ=MONTHLY;BYDAY=5MO;BYMONTHDAY=1", 1),
        ("FREQ=DAILY;INTERVAL=7;BYDAY=MO", 1),
        ("FREQ=YEARLY;INTERVAL=3;BYMONTH=2;BYMONTHDAY=29", 2),
        ("FREQ=HOURLY;INTERVAL=2;BYHOUR=9", 1),
        ("FREQ=YEARLY;BYEASTER=0", 0),
        ("FREQ=DAILY;" * 100_000, 0),
    ],
)
def test_rules_are_bounded(rule: str, count: int) -> None:
    raw = f"BEGIN:VEVENT\nUID:a\nDTSTART:20200101T000000Z\nRRULE:{rule}\nEND:VEVENT\n".encode()
    began = time.thread_time()
    assert len(ics.occurrences(raw, START, END)) == count
    assert time.thread_time() - began < 1


def test_rows_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv, "MAX_ROWS", 100)
    people, bad = csv.read(TABLE + b"A,,\n" * 110)
    assert len(people) == 100
    assert bad == [BadRow(102, "Only the first 100 rows were read. Split the file to import the rest.")]


LINES = st.sampled_from([
    "BEGIN:VCARD", "END:VCARD", "BEGIN:VCALENDAR", "END:VCALENDAR", "BEGIN:VEVENT", "END:VEVENT", "BEGIN:VTIMEZONE",
    "TZID:X", "BEGIN:STANDARD", "DTSTART:20200101T000000", "DTSTART;TZID=X:20200101T000000", "DTSTART:00010101T000000Z",
    "DTSTART:99991231T235959", "TZOFFSETTO:+1400", "TZOFFSETFROM:-1200", "RRULE:FREQ=YEARLY;BYMONTH=2;BYDAY=5MO",
    "RRULE:FREQ=WEEKLY;COUNT=3", "RRULE:FREQ=HOURLY;BYSETPOS=-1", "DURATION:-P9999D", "DTEND:20191231", "SEQUENCE:x",
    "RDATE;VALUE=PERIOD:20200105T000000Z/P1D", "EXDATE;VALUE=DATE:20200108", "RECURRENCE-ID;RANGE=THISANDFUTURE:20200108",
    "UID:a", "X-WR-TIMEZONE:Asia/Tokyo", "N:;;;;;;;", "BDAY:00000000", "TEL;VALUE=uri:tel:", "NOTE;QUOTED-PRINTABLE:=",
    "Name,E-mail", "\"a,b", "x;y\tz|", "TZID:Europe/Berlin", "CALSCALE:NONE", "END:STANDARD", "END:VTIMEZONE",
])  # fmt: skip


@given(st.lists(LINES | st.text(max_size=30), max_size=25))
def test_any_order_of_lines_is_read(lines: list[str]) -> None:
    raw = "\n".join(lines).encode("utf-8", "replace")
    for reader in READERS.values():
        with contextlib.suppress(Unreadable):
            reader(raw)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_and_can_be_stored(raw: bytes) -> None:
    with contextlib.suppress(Unreadable):
        csv.read(raw)
    for person in vcard.parse(b"BEGIN:VCARD\nNOTE:" + raw):
        assert "\0" not in repr(person)
        repr(person).encode()
    for event in ics.parse(b"BEGIN:VEVENT\nDTSTART:20200101\nSUMMARY:" + raw):
        event.title.encode()
