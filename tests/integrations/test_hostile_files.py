"""Files that were made to hurt: bounded time, bounded results, and no exception but the documented one."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import time
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.drafts import BadRow
from integrations.files import csv, ics, mbox, vcard
from integrations.files.unreadable import Unreadable
from tests.integrations.linear import SIZE, assert_linear

START, END = dt.datetime(1996, 1, 1, tzinfo=dt.UTC), dt.datetime(2030, 1, 1, tzinfo=dt.UTC)

CARD = b"BEGIN:VCARD\nFN:x\n"
EVENT = b"BEGIN:VEVENT\nDTSTART:20200101\n"
TABLE = b"Name,E-mail,Company\n"
READERS: dict[str, Callable[[bytes], object]] = {
    "vcard": vcard.read,
    "csv": csv.read,
    "occurrences": lambda raw: ics.occurrences(raw, START, END),
    "mbox": lambda raw: sum(len(entry.raw) for entry in mbox.messages(io.BytesIO(raw))),
}


def repeat(piece: bytes, start: bytes = b"", end: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: start + piece * (size // len(piece)) + end


def series(rule: bytes, start: bytes = b":20000101T100000Z") -> Callable[[int], bytes]:
    piece = b"BEGIN:VEVENT\nUID:%d\nDTSTART" + start + b"\nRRULE:FREQ=" + rule + b"\n"
    return lambda size: b"".join(piece % n for n in range(size // (len(piece) + 3)))


def versions(line: bytes) -> Callable[[int], bytes]:
    piece = b"BEGIN:VEVENT\nUID:a\nDTSTART:20200101\n" + line + b"\n"
    return lambda size: b"".join(
        piece.replace(b"%d", b"%d" % (n % 30 + 1)) for n in range(size // len(piece))
    )


def zone(size: int) -> bytes:
    """A time zone of as many parts as lines allow, and events in it in every year."""
    part = (
        b"BEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU\n"
    )
    parts = b"BEGIN:VTIMEZONE\nTZID:a\n" + part * 200 + b"END:VTIMEZONE\n"
    event = b"BEGIN:VEVENT\nDTSTART;TZID=a:%04d0101T101010\n"
    return parts + b"".join(event % (n % 9000 + 1) for n in range((size - len(parts)) // 45))


HOSTILE: dict[str, Callable[[int], bytes]] = {
    "nuls": repeat(b"\0"),
    "returns": repeat(b"\r"),
    "bytes that are not text": repeat(bytes(range(256))),
    "surrogates": repeat("\ud800".encode("utf-8", "surrogatepass"), CARD + b"NOTE:"),
    "one endless name": repeat(b"a-"),
    "names without values": repeat(b"ABC\n"),
    "colons": repeat(b":\n"),
    "cards": repeat(b"BEGIN:VCARD\n"),
    "cards with names": repeat(b"BEGIN:VCARD\nN:a;b\nTEL:1\n"),
    "cards in cards": repeat(b"BEGIN:VCARD\nAGENT:\n"),
    "ends of cards": repeat(b"END:VCARD\n"),
    "folds": repeat(b" a\n", CARD),
    "stray lines": repeat(b"a\n", CARD),
    "parameters": repeat(b";A=", CARD + b"ADR", b":x"),
    "quotation marks": repeat(b'"', CARD + b"ADR;A=", b":x"),
    "quoted parameters": repeat(b'ADR;A="b:";C="d":x\n', CARD),
    "escapes": repeat(b"\\;;", CARD + b"N:"),
    "soft breaks": repeat(b"=\n", CARD + b"NOTE;QUOTED-PRINTABLE:"),
    "octets": repeat(b"=41", CARD + b"NOTE;QUOTED-PRINTABLE:"),
    "a quadratic charset": repeat(b"a", CARD + b"NOTE;CHARSET=punycode;QUOTED-PRINTABLE:"),
    "repeated fields": repeat(b"X-A:b\n", CARD),
    "short fields": repeat(b"A:\n", CARD),
    "notes": repeat(b"NOTE:abcdef\n", CARD),
    "labels": repeat(b"a.X-ABLABEL:b\na.URL:c\n", CARD),
    "pictures": repeat(b"PHOTO;ENCODING=b:AA\n AA\n", CARD),
    "open components": repeat(b"BEGIN:X\n"),
    "open events": repeat(b"BEGIN:VEVENT\n"),
    "events": repeat(EVENT),
    "calendars": repeat(b"BEGIN:VCALENDAR\nX-WR-TIMEZONE:Asia/Tokyo\n" + EVENT),
    "zones": repeat(b"BEGIN:VTIMEZONE\nTZID:a\nBEGIN:STANDARD\nDTSTART:19700101T000000\nTZOFFSETTO:+0100\n"),
    "a zone of many parts": zone,
    "attendees": repeat(b"ATTENDEE:mailto:a@b\n", EVENT),
    "cancelled dates": repeat(b"20200102,", EVENT + b"RRULE:FREQ=DAILY\nEXDATE:"),
    "added dates": repeat(b"RDATE:20200102T101010Z,20200103T101010Z\n", EVENT),
    "rules": repeat(b"RRULE:FREQ=DAILY\n", EVENT),
    "versions": versions(b"RRULE:FREQ=DAILY"),
    "exceptions": versions(b"RECURRENCE-ID:202001%d"),
    "changes": lambda size: (
        series(b"DAILY")(70) + versions(b"RECURRENCE-ID;RANGE=THISANDFUTURE:202001%d")(size)
    ),
    "daily series": series(b"DAILY"),
    "weekly series": series(b"WEEKLY"),
    "yearly series": series(b"YEARLY"),
    "series by the second": series(b"SECONDLY"),
    "series in a zone": series(b"DAILY", b";TZID=Europe/Berlin:20000101T100000"),
    "old series": series(b"DAILY", b":00010101T100000Z"),
    "counted series": series(b"DAILY;COUNT=1000000", b":00010101T100000Z"),
    "series of single days": series(b"DAILY;COUNT=1"),
    "series that never happen": series(b"SECONDLY;BYMONTH=2;BYMONTHDAY=30"),
    "series of weeks": series(b"YEARLY;BYWEEKNO=53;BYDAY=MO"),
    "series of positions": series(b"YEARLY;BYDAY=MO,TU;BYSETPOS=-1,5"),
    "open quotes": repeat(b'"a\n', TABLE),
    "open quotes far apart": repeat(b'"\n' + b'""\n' * 150, TABLE),
    "open quotes over lines": repeat(b'"' + b"a\n" * 90 + b'b",c,d,e\n', TABLE),
    "quotes that open and close": lambda size: b"Name," + b"x," * 900 + b"\n" + b'a","\n' * (size // 5),
    "doubled quotes": repeat(b'"a""\n', TABLE),
    "cells over lines": repeat(b'"a\nb",c,d\n', TABLE),
    "columns": repeat(b"Name,"),
    "cells": repeat(b",", TABLE),
    "empty rows": repeat(b",\n", TABLE),
    "short rows": repeat(b"A\n", TABLE),
    "rows of nobody": repeat(b",,C\n", TABLE),
    "wide rows": lambda size: (
        b"Name," + b"Email," * 900 + b"\n" + (b"a" + b",b@c.de" * 900 + b"\n") * (size // 6302)
    ),
    "at signs": repeat(b"x," + b"a@" * 990 + b"\n", TABLE),
    "separators": repeat(b"From a@b Mon Jul 10 09:30:00 2023\n"),
    "almost separators": repeat(b"\nFrom a 1:00 19\n"),
    "escaped separators": repeat(b">From \n", b"From a@b Mon Jul 10 09:30:00 2023\n"),
}


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_bytes_take_linear_time(
    make: Callable[[int], bytes], reader: Callable[[bytes], object]
) -> None:
    def read(raw: bytes) -> None:
        with contextlib.suppress(Unreadable):
            reader(raw)

    assert_linear(read, make)


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())
@pytest.mark.parametrize(
    "name", ["one endless name", "escapes", "open quotes far apart", "columns", "daily series"]
)
def test_memory_stays_in_proportion(name: str, reader: Callable[[bytes], object]) -> None:
    raw = HOSTILE[name](2 * SIZE)
    tracemalloc.start()
    try:
        with contextlib.suppress(Unreadable):
            reader(raw)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000


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
