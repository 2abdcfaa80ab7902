"""Events as Google writes them, and what we read in them."""

from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.drafts import Attendee, EventDraft
from integrations.google.events import event_draft

BERLIN = "Europe/Berlin"
MOMENT = {"dateTime": "2026-03-02T10:00:00+01:00", "timeZone": BERLIN}
LATER = {"dateTime": "2026-03-02T11:00:00+01:00", "timeZone": BERLIN}


def event(**more: Any) -> dict[str, Any]:
    usual = {"id": "e1", "iCalUID": "e1@google.com", "status": "confirmed", "start": MOMENT, "end": LATER}
    return {name: value for name, value in (usual | more).items() if value is not None}


def utc(*parts: int) -> dt.datetime:
    return dt.datetime(*parts, tzinfo=dt.UTC)  # type: ignore[misc, arg-type]


def test_a_meeting_with_everything() -> None:
    said = event(
        summary=" Budget ",
        description="<b>Numbers</b>",
        location="Room 1",
        updated="2026-02-01T08:00:00.000Z",
        eventType="default",
        hangoutLink="https://meet.google.com/abc",
        organizer={"email": "Jane@Example.org", "displayName": "Jane"},
        attendees=[
            {"email": "me@example.org", "self": True, "responseStatus": "accepted"},
            {"email": "bob@example.org", "displayName": "Bob", "responseStatus": "needsAction"},
            {"email": "c_1@resource.calendar.google.com", "resource": True, "responseStatus": "accepted"},
            {"email": "c_2@group.calendar.google.com", "responseStatus": "tentative"},
            {"displayName": "nobody"},
            "nonsense",
        ],
    )
    assert event_draft(said) == EventDraft(
        uid="e1@google.com",
        google_id="e1",
        title="Budget",
        description="<b>Numbers</b>",
        location="Room 1",
        start=utc(2026, 3, 2, 9),
        end=utc(2026, 3, 2, 10),
        zone=BERLIN,
        status="confirmed",
        link="https://meet.google.com/abc",
        updated=utc(2026, 2, 1, 8),
        organizer=Attendee("Jane@Example.org", "Jane"),
        attendees=[
            Attendee("me@example.org", "", "accepted", "", is_self=True),
            Attendee("bob@example.org", "Bob", ""),
            Attendee("c_1@resource.calendar.google.com", "", "accepted", "resource"),
            Attendee("c_2@group.calendar.google.com", "", "tentative", "group"),
        ],
    )


def test_a_whole_day_is_a_date_and_ends_with_the_day_after() -> None:
    """In no zone is it another day."""
    for zone in ("Pacific/Kiritimati", "Pacific/Pago_Pago", ""):
        draft = event_draft(event(start={"date": "2026-03-02"}, end={"date": "2026-03-05"}), zone)
        assert (draft.start, draft.end, draft.zone) == (dt.date(2026, 3, 2), dt.date(2026, 3, 5), "")


@pytest.mark.parametrize(
    ("said", "zone", "start", "kept"),
    [
        ({"dateTime": "2026-03-02T10:00:00+01:00"}, "", utc(2026, 3, 2, 9), ""),
        ({"dateTime": "2026-03-02T10:00:00+01:00"}, BERLIN, utc(2026, 3, 2, 9), BERLIN),
        ({"dateTime": "2026-03-02T10:00:00", "timeZone": BERLIN}, "Asia/Tokyo", utc(2026, 3, 2, 9), BERLIN),
        ({"dateTime": "2026-03-02T10:00:00"}, "Asia/Tokyo", utc(2026, 3, 2, 1), "Asia/Tokyo"),
        ({"dateTime": "2026-03-02T10:00:00Z", "timeZone": "Nowhere/Else"}, "", utc(2026, 3, 2, 10), ""),
        # The clock goes from 2 to 3 in this night: half past two is what Google makes of it, half past three.
        ({"dateTime": "2026-03-29T03:30:00+02:00", "timeZone": BERLIN}, "", utc(2026, 3, 29, 1, 30), BERLIN),
    ],
)
def test_times_are_in_utc_and_their_zone_is_kept(
    said: dict[str, Any], zone: str, start: dt.datetime, kept: str
) -> None:
    draft = event_draft(event(start=said, end=None), zone)
    assert (draft.start, draft.end, draft.zone) == (start, start, kept)


def test_a_series_is_one_event_that_says_how_it_repeats() -> None:
    draft = event_draft(
        event(
            recurrence=[
                "RRULE:FREQ=WEEKLY;UNTIL=20260601T215959Z",
                "EXDATE;TZID=Europe/Berlin:20260309T100000,20260330T100000",
                "RDATE;TZID=Europe/Berlin:20260304T100000",
            ]
        )
    )
    assert (draft.recurring, draft.recurrence_id) == (True, "")
    assert draft.recurrence.splitlines() == [
        "RRULE:FREQ=WEEKLY;UNTIL=20260601T215959Z",
        "RDATE:20260304T090000Z",
        "EXDATE:20260309T090000Z",
        "EXDATE:20260330T080000Z",
    ]


def test_whole_days_repeat_by_dates() -> None:
    draft = event_draft(
        event(
            start={"date": "2026-03-02"},
            end={"date": "2026-03-03"},
            recurrence=["RRULE:FREQ=YEARLY", "EXDATE;VALUE=DATE:20270302"],
        )
    )
    assert draft.recurrence == "RRULE:FREQ=YEARLY\nEXDATE:20270302"


def test_a_rule_that_cannot_be_followed_leaves_one_event() -> None:
    draft = event_draft(event(recurrence=["RRULE:FREQ=WHENEVER"]))
    assert (draft.recurring, draft.recurrence, draft.start) == (False, "", utc(2026, 3, 2, 9))


@pytest.mark.parametrize(
    ("original", "key"),
    [
        ({"dateTime": "2026-03-09T10:00:00+01:00", "timeZone": BERLIN}, "2026-03-09T09:00:00+00:00"),
        ({"dateTime": "2026-03-30T10:00:00+02:00", "timeZone": BERLIN}, "2026-03-30T08:00:00+00:00"),
        ({"date": "2026-03-09"}, "2026-03-09"),
    ],
)
def test_an_occurrence_is_named_by_when_it_would_have_been(original: dict[str, Any], key: str) -> None:
    """Cancelled, it has these three fields and no others."""
    said = {"id": "e1_x", "recurringEventId": "e1", "originalStartTime": original, "status": "cancelled"}
    draft = event_draft(said)
    assert (draft.uid, draft.series, draft.recurrence_id, draft.status, draft.start) == (
        "",
        "e1",
        key,
        "cancelled",
        None,
    )
    moved = event_draft(event(id="e1_x", recurringEventId="e1", originalStartTime=original))
    assert (moved.uid, moved.recurrence_id, moved.start) == ("e1@google.com", key, utc(2026, 3, 2, 9))


def test_a_deleted_event_has_an_id_and_nothing_else() -> None:
    draft = event_draft({"id": "e1", "status": "cancelled"})
    assert (draft.google_id, draft.status, draft.start, draft.series) == ("e1", "cancelled", None, "")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("default", ""),
        ("fromGmail", ""),
        ("birthday", "not_an_appointment"),
        ("focusTime", "not_an_appointment"),
        ("outOfOffice", "not_an_appointment"),
        ("workingLocation", "not_an_appointment"),
        ("somethingNew", "not_an_appointment"),
    ],
)
def test_what_is_no_appointment_is_left_out(kind: str, reason: str) -> None:
    assert event_draft(event(eventType=kind)).leave_out == reason


@pytest.mark.parametrize(
    ("said", "link"),
    [
        ({"conferenceData": {"entryPoints": [
            {"entryPointType": "phone", "uri": "tel:+49-1"},
            {"entryPointType": "video", "uri": "https://zoom.us/j/1"},
        ]}}, "https://zoom.us/j/1"),
        ({"hangoutLink": "https://meet.google.com/a", "conferenceData": {}}, "https://meet.google.com/a"),
        ({"hangoutLink": "javascript:alert(1)"}, ""),
        ({"conferenceData": {"entryPoints": [{"entryPointType": "video", "uri": "javascript:alert(1)"}]}}, ""),
        ({}, ""),
    ],
)  # fmt: skip
def test_where_it_takes_place_online(said: dict[str, Any], link: str) -> None:
    assert event_draft(event(**said)).link == link


@pytest.mark.parametrize(
    "said", [{}, {"id": ""}, {"id": 7}, event(start=None), event(start={"date": "soon"})]
)
def test_what_has_no_id_or_no_start_is_refused(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"has no (id|start)"):
        event_draft(said)


moments = st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2099, 1, 1))


@given(moments, st.sampled_from(["UTC", BERLIN, "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"]))
def test_any_time_in_any_zone_is_the_same_moment(wall: dt.datetime, zone: str) -> None:
    moment = wall.replace(tzinfo=ZoneInfo(zone))
    draft = event_draft(event(start={"dateTime": moment.isoformat(), "timeZone": zone}))
    # A time that the clocks leave out has two names; Google's says the offset, and it decides.
    assert draft.start == dt.datetime.fromisoformat(moment.isoformat()).astimezone(dt.UTC)
    assert draft.zone == ("" if zone == "UTC" else zone)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["email", "date", "dateTime", "timeZone", "self", "resource", "entryPoints", "uri", "entryPointType"]
    ), inner, max_size=4),
    max_leaves=8,
)  # fmt: skip


@given(
    st.dictionaries(
        st.sampled_from(
            ["summary", "start", "end", "attendees", "organizer", "recurrence", "conferenceData", "eventType",
             "status", "updated", "originalStartTime", "recurringEventId", "iCalUID", "hangoutLink", "description"]
        ),
        JSON,
    )
)  # fmt: skip
def test_whatever_google_says_is_read_or_refused(said: dict[str, Any]) -> None:
    try:
        draft = event_draft({"id": "e1"} | said)
    except ValueError:
        return
    assert draft.google_id == "e1"
    assert "\x00" not in draft.title + draft.description + draft.uid
