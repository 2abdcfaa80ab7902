"""Calendars: events as the file has them, and what takes place when."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts import recurrence
from contacts.drafts import Attendee, BadRow, EventDraft
from integrations.files import ics
from integrations.files.ics import occurrences, parse, read
from integrations.files.zones import Zones

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpora"
START, END = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)

BERLIN = """BEGIN:VTIMEZONE
TZID:Our office
BEGIN:DAYLIGHT
DTSTART:19810329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYMONTH=3;BYDAY=-1SU
END:DAYLIGHT
BEGIN:STANDARD
DTSTART:19961027T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYMONTH=10;BYDAY=-1SU
END:STANDARD
END:VTIMEZONE"""


def calendar(*events: str, head: str = "") -> bytes:
    return "\r\n".join(["BEGIN:VCALENDAR", *head.splitlines(), *events, "END:VCALENDAR", ""]).encode()


def event(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VEVENT", *lines, "END:VEVENT"])


def utc(*numbers: int) -> dt.datetime:
    return dt.datetime(*numbers, tzinfo=dt.UTC)  # type: ignore[arg-type, misc]


def starts(*lines: str, head: str = "") -> list[str]:
    found = occurrences(calendar(event("UID:a", *lines), head=head), START, END)
    return [draft.start.isoformat()[:16] for draft in found if draft.start]


def test_a_meeting() -> None:
    raw = calendar(
        event(
            "UID:42@example.org",
            "SUMMARY:Budget\\, again",
            "DESCRIPTION:Line one\\nline two that is",
            "  folded",
            "LOCATION:Room 1\\; upstairs",
            "DTSTART;TZID=Europe/Berlin:20260702T100000",
            "DTEND;TZID=W. Europe Standard Time:20260702T113000",
            "STATUS:CONFIRMED",
            'ORGANIZER;CN="Doe, Jane":MAILTO:jane@example.org',
            "ATTENDEE;CN=Bob;PARTSTAT=DECLINED;CUTYPE=INDIVIDUAL:mailto:bob@example.org",
            "ATTENDEE;CUTYPE=ROOM;PARTSTAT=NEEDS-ACTION:mailto:room1@example.org",
            "ATTENDEE;EMAIL=eve@example.org:urn:uuid:1",
            "ATTENDEE:nobody",
            "CATEGORIES:Money,Work",
            "CATEGORIES:Work",
            "BEGIN:VALARM",
            "DESCRIPTION:Ring",
            "END:VALARM",
        )
    )
    assert parse(raw) == [
        EventDraft(
            uid="42@example.org",
            title="Budget, again",
            description="Line one\nline two that is folded",
            location="Room 1; upstairs",
            start=utc(2026, 7, 2, 8),
            end=utc(2026, 7, 2, 9, 30),
            zone="Europe/Berlin",
            status="confirmed",
            organizer=Attendee("jane@example.org", "Doe, Jane"),
            attendees=[
                Attendee("bob@example.org", "Bob", "declined", "individual"),
                Attendee("room1@example.org", "", "", "room"),
                Attendee("eve@example.org"),
            ],
            categories=["Money", "Work"],
            position=1,
        )
    ]


@pytest.mark.parametrize(
    ("lines", "start", "end"),
    [
        (["DTSTART:20260102T030405Z"], utc(2026, 1, 2, 3, 4, 5), utc(2026, 1, 2, 3, 4, 5)),
        (
            ["DTSTART:20260102T030405Z", "DURATION:PT1H30M"],
            utc(2026, 1, 2, 3, 4, 5),
            utc(2026, 1, 2, 4, 34, 5),
        ),
        (["DTSTART;VALUE=DATE:20260102"], dt.date(2026, 1, 2), dt.date(2026, 1, 3)),
        (["DTSTART:20260102", "DTEND:20260105"], dt.date(2026, 1, 2), dt.date(2026, 1, 5)),
        (["DTSTART:20260102", "DURATION:P2D"], dt.date(2026, 1, 2), dt.date(2026, 1, 4)),
        (["DTSTART:20260102", "DTEND:20260105T120000Z"], dt.date(2026, 1, 2), dt.date(2026, 1, 5)),
        (["DTSTART:20260102T100000"], utc(2026, 1, 2, 10), utc(2026, 1, 2, 10)),
        (["DTSTART;TZID=Nowhere/Land:20260102T100000"], utc(2026, 1, 2, 10), utc(2026, 1, 2, 10)),
        (["DTSTART;TZID=/vendor.example/Asia/Tokyo:20260102T100000"], utc(2026, 1, 2, 1), utc(2026, 1, 2, 1)),
        (
            ["DTSTART;TZID=(UTC+05:30) Chennai:20260102T100000"],
            utc(2026, 1, 2, 4, 30),
            utc(2026, 1, 2, 4, 30),
        ),
    ],
)
def test_start_and_end(lines: list[str], start: object, end: object) -> None:
    [draft] = parse(calendar(event("UID:a", *lines)))
    assert (draft.start, draft.end) == (start, end)


def test_the_calendars_own_zone_holds_for_floating_times() -> None:
    [draft] = parse(calendar(event("DTSTART:20260702T100000"), head="X-WR-TIMEZONE:America/New_York"))
    assert draft.start == utc(2026, 7, 2, 14)


def test_a_zone_that_only_the_file_defines() -> None:
    lines = ("DTSTART;TZID=Our office:20260320T090000", "RRULE:FREQ=WEEKLY;COUNT=3")
    assert starts(*lines, head=BERLIN) == ["2026-03-20T08:00", "2026-03-27T08:00", "2026-04-03T07:00"]


def test_one_calendars_zone_does_not_reach_another() -> None:
    first = calendar(event("DTSTART;TZID=Our office:20260702T100000"), head=BERLIN)
    second = calendar(event("DTSTART;TZID=Our office:20260702T100000"))
    assert [draft.start for draft in parse(first + second)] == [utc(2026, 7, 2, 8), utc(2026, 7, 2, 10)]
    assert [draft.start for draft in parse(second)] == [utc(2026, 7, 2, 10)]


@given(st.datetimes(dt.datetime(1997, 1, 1), dt.datetime(2100, 1, 1)))
def test_a_defined_zone_agrees_with_the_real_one(wall: dt.datetime) -> None:
    from integrations.files.contentlines import content_lines

    zone = Zones([list(content_lines(BERLIN.encode()))], "").find("Our office")
    real = wall.replace(tzinfo=ZoneInfo("Europe/Berlin"))
    if (
        real.replace(fold=0).utcoffset() == real.replace(fold=1).utcoffset()
    ):  # neither skipped nor repeated by a change of clocks
        assert wall.replace(tzinfo=zone).utcoffset() == real.utcoffset()


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY;COUNT=3"],
         ["2026-01-05T10:00", "2026-01-12T10:00", "2026-01-19T10:00"]),
        (["DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=MONTHLY;UNTIL=20260301"], ["2026-01-05", "2026-02-05"]),
        (["DTSTART;TZID=Europe/Berlin:20260328T100000", "RRULE:FREQ=DAILY;COUNT=2"],
         ["2026-03-28T09:00", "2026-03-29T08:00"]),
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE:20260106T100000Z"],
         ["2026-01-05T10:00", "2026-01-07T10:00"]),
        (["DTSTART:20260105T100000Z", "RDATE:20260201T100000Z,20260202T100000Z"],
         ["2026-01-05T10:00", "2026-02-01T10:00", "2026-02-02T10:00"]),
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY;BYDAY=MO, TU;COUNT=2;"],
         ["2026-01-05T10:00", "2026-01-06T10:00"]),
        (["DTSTART:20251231T230000Z", "DTEND:20260101T010000Z"], ["2025-12-31T23:00"]),
        (["DTSTART:20251231T230000Z", "DTEND:20260101T000000Z"], []),
        (["DTSTART:20270101T000000Z"], []),
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30"], ["2026-01-05T10:00"]),
        (["DTSTART:20260601T100000Z", "RRULE:FREQ=DAILY;INTERVAL=7;BYDAY=MO;COUNT=2"],
         ["2026-06-01T10:00", "2026-06-08T10:00"]),
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=FORTNIGHTLY"], []),
        (["DTSTART:20200106T100000Z", "RRULE:FREQ=MONTHLY;COUNT=74"], ["2026-01-06T10:00", "2026-02-06T10:00"]),
        (["DTSTART;TZID=America/New_York:20260105T220000", "RRULE:FREQ=DAILY;UNTIL=20260107"],
         ["2026-01-06T03:00", "2026-01-07T03:00"]),
        (["DTSTART;VALUE=DATE:20260105", "RRULE:FREQ=DAILY;COUNT=4", "EXDATE:20260106T000000Z"],
         ["2026-01-05", "2026-01-07", "2026-01-08"]),
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=DAILY;COUNT=3", "EXDATE;VALUE=DATE:20260106"],
         ["2026-01-05T10:00", "2026-01-07T10:00"]),
        (["DTSTART;VALUE=DATE:20260105", "RDATE:20260107T100000Z"], ["2026-01-05", "2026-01-07"]),
        (["DTSTART:20260105T100000Z", "RRULE:FREQ=DAILY;UNTIL=20250101T000000Z", "RDATE:20260107T100000Z"],
         ["2026-01-07T10:00"]),
        (["DTSTART:00010101T100000Z", "RRULE:FREQ=YEARLY"], ["2026-01-01T10:00"]),
    ],
)  # fmt: skip
def test_occurrences(lines: list[str], expected: list[str]) -> None:
    assert starts(*lines) == expected


def test_exceptions_replace_and_cancelled_ones_are_told() -> None:
    raw = calendar(
        event(
            "UID:a",
            "SUMMARY:Weekly",
            "DTSTART:20260105T100000Z",
            "DTEND:20260105T110000Z",
            "RRULE:FREQ=WEEKLY;COUNT=3",
        ),
        event(
            "UID:a",
            "SUMMARY:Moved",
            "RECURRENCE-ID:20260112T100000Z",
            "DTSTART:20260113T150000Z",
            "DTEND:20260113T160000Z",
        ),
        event("UID:a", "STATUS:CANCELLED", "RECURRENCE-ID:20260119T100000Z", "DTSTART:20260119T100000Z"),
    )
    assert [(e.title, e.recurring, e.recurrence_id) for e in parse(raw)] == [
        ("Weekly", True, ""),
        ("Moved", False, "2026-01-12T10:00:00+00:00"),
        ("", False, "2026-01-19T10:00:00+00:00"),
    ]
    assert [(e.title, e.start, e.recurrence_id, e.status) for e in occurrences(raw, START, END)] == [
        ("Weekly", utc(2026, 1, 5, 10), "2026-01-05T10:00:00+00:00", ""),
        ("Moved", utc(2026, 1, 13, 15), "2026-01-12T10:00:00+00:00", ""),
        ("", utc(2026, 1, 19, 10), "2026-01-19T10:00:00+00:00", "cancelled"),
    ]


def test_this_and_future() -> None:
    raw = calendar(
        event("UID:a", "SUMMARY:Old", "DTSTART:20260105T100000Z", "RRULE:FREQ=DAILY;COUNT=3"),
        event(
            "UID:a",
            "SUMMARY:New",
            "RECURRENCE-ID;RANGE=THISANDFUTURE:20260106T100000Z",
            "DTSTART:20260106T120000Z",
        ),
    )
    assert [(e.title, e.start, e.recurrence_id) for e in occurrences(raw, START, END)] == [
        ("Old", utc(2026, 1, 5, 10), "2026-01-05T10:00:00+00:00"),
        ("New", utc(2026, 1, 6, 12), "2026-01-06T10:00:00+00:00"),
        ("New", utc(2026, 1, 7, 12), "2026-01-07T10:00:00+00:00"),
    ]


def test_an_added_date_is_not_taken_for_one_in_another_zone() -> None:
    """The weekly 18:30 in New York is 23:30 in UTC, and 23:30 in New York is an hour of its own."""
    lines = ("DTSTART;TZID=America/New_York:20260225T183000", "RRULE:FREQ=WEEKLY;COUNT=2")
    added = starts(*lines, "RDATE;TZID=America/New_York:20260304T233000")
    assert added == ["2026-02-25T23:30", "2026-03-04T23:30", "2026-03-05T04:30"]


def test_an_added_period_has_its_own_end() -> None:
    [first, second] = occurrences(
        calendar(
            event(
                "DTSTART:20260105T100000Z", "RDATE;VALUE=PERIOD:20260106T100000Z/PT2H,20260105T100000Z/PT3H"
            )
        ),
        START,
        END,
    )
    assert (first.end, second.end) == (utc(2026, 1, 5, 13), utc(2026, 1, 6, 12))


def test_a_newer_version_of_a_series_replaces_the_older() -> None:
    raw = calendar(
        event("UID:a", "SUMMARY:Old", "DTSTART:20260105T100000Z", "RRULE:FREQ=DAILY;COUNT=2", "SEQUENCE:1"),
        event("UID:a", "SUMMARY:New", "DTSTART:20260105T120000Z", "RRULE:FREQ=DAILY;COUNT=1", "SEQUENCE:2"),
        event("UID:a", "SUMMARY:Older", "DTSTART:20260105T080000Z"),
    )
    assert [(e.title, e.start) for e in occurrences(raw, START, END)] == [("New", utc(2026, 1, 5, 12))]


def test_what_is_not_unrolled_to_its_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recurrence, "MAX_OCCURRENCES", 50)
    monkeypatch.setattr(ics, "LEAST_STEPS", 300)
    raw = calendar(
        event("UID:a", "DTSTART:20260105T100000Z", "RRULE:FREQ=DAILY"),
        event("UID:b", "DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY;COUNT=2"),
        event("UID:c", "DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY"),
        event("UID:d", "DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY"),
        event("UID:e", "DTSTART:20260105T100000Z", "RRULE:FREQ=WEEKLY"),
        event("UID:f", "DTSTART:20260105T100000Z"),
    )
    found, bad = ics.Calendar(raw).between(START, END)
    counts = {uid: sum(draft.uid == uid for draft in found) for uid in "abcdef"}
    assert counts == {"a": 50, "b": 2, "c": 46, "d": 0, "e": 0, "f": 1}
    assert bad == [
        BadRow(
            1,
            "It repeats too often: only its first times were taken. Export a shorter period to import the rest.",
        ),
        BadRow(
            3,
            "This calendar repeats too often to follow it all: 3 of its series, this the first, are incomplete. "
            "Export a shorter period, or some of its events, to import the rest.",
        ),
    ]


def test_bad_events_are_reported_and_the_others_kept() -> None:
    raw = calendar(
        event("UID:a", "DTSTART:20269999"),
        event("UID:b", "SUMMARY:Good", "DTSTART:20260105T100000Z"),
        event("UID:c", "SUMMARY:No start"),
        event("UID:d", "DTSTART:20260105", "RRULE:FREQ=DAILY;RSCALE=CHINESE"),
    )
    events, bad = read(raw)
    assert [(e.uid, e.position) for e in events] == [("b", 2), ("d", 4)]
    assert bad == [
        BadRow(1, "This event was left out: month must be in 1..12."),
        BadRow(3, "This event was left out: it has no start."),
        BadRow(4, "Its repetition was ignored: the repetition rule has parts that are not known."),
    ]


@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r"])
def test_missing_ends_and_marks(newline: str) -> None:
    text = "\ufeffBEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20260105\nSUMMARY:One\nBEGIN:VEVENT\nDTSTART:20260106\nSUMMARY:Two\n"
    assert [e.title for e in parse(text.replace("\n", newline).encode())] == ["One", "Two"]


def test_a_calendar_that_begins_within_an_event_closes_it() -> None:
    text = "BEGIN:VEVENT\nDTSTART:20260105\nBEGIN:VCALENDAR\nEND:VCALENDAR\nSUMMARY:Nobody's\n"
    assert [(e.title, e.start) for e in parse(text.encode())] == [("", dt.date(2026, 1, 5))]


def test_an_event_without_uid_has_the_same_key_each_time() -> None:
    raw = calendar(event("DTSTART:20260105", "SUMMARY:One"), event("DTSTART:20260105", "SUMMARY:Two"))
    uids = [e.uid for e in parse(raw)]
    assert uids == [e.uid for e in parse(raw)]
    assert len(set(uids)) == 2


def test_real_calendars() -> None:
    """Counts agree with the manifest, but for one file whose rule has blanks that others stumble over."""
    if not CORPUS.exists():
        pytest.skip(f"The collection of real calendars is not at {CORPUS}.")
    other = {}
    for entry in json.loads((CORPUS / "ics_manifest.json").read_text("utf-8")):
        raw = (CORPUS / "ics" / entry["file"]).read_bytes()
        parse(raw)
        count = len(
            occurrences(raw, dt.datetime(1996, 1, 1, tzinfo=dt.UTC), dt.datetime(2030, 1, 1, tzinfo=dt.UTC))
        )
        if entry["occurrences_1996_2030"] not in (None, count):
            other[entry["file"]] = count
    assert other == {"icalendar__issue_165_missing_event.ics": 14}
