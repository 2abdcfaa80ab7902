"""Calendar of the fake, asked with Google's own client."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.fakes.conftest import ADA
from tests.fakes.google import Account, Google
from tests.fakes.test_gmail import refused

ZURICH = ZoneInfo("Europe/Zurich")
ALL = {"calendarId": "primary", "singleEvents": False, "showDeleted": True}


def at(day: int, hour: int = 9, month: int = 3) -> datetime:
    return datetime(2026, month, day, hour, tzinfo=ZURICH)


def walk(calendar: Any, **asked: Any) -> tuple[list[list[dict[str, Any]]], str | None]:
    """All pages, and the token that the last one gives."""
    pages, token = [], None
    while True:
        answer = calendar.events().list(**{**ALL, **asked}, pageToken=token).execute()
        pages.append(answer["items"])
        token = answer.get("nextPageToken")
        if token is None:
            return pages, answer.get("nextSyncToken")
        assert "nextSyncToken" not in answer


def titles(pages: list[list[dict[str, Any]]]) -> list[str]:
    return [event.get("summary", event["status"]) for page in pages for event in page]


def test_a_meeting_as_google_tells_it(ada: Account, calendar: Any) -> None:
    id = ada.calendar().add("Lunch", at(5, 12), at(5, 13), attendees=[ADA, "grace@example.com"])
    event = calendar.events().get(calendarId="primary", eventId=id).execute()
    assert event["start"] == {"dateTime": "2026-03-05T12:00:00+01:00", "timeZone": "Europe/Zurich"}
    assert event["organizer"] == {"email": ADA, "self": True}
    assert event["htmlLink"].endswith(id)
    assert event["iCalUID"] == f"{id}@google.com"
    assert event["attendees"] == [
        {"email": ADA, "responseStatus": "needsAction", "self": True},
        {"email": "grace@example.com", "responseStatus": "needsAction"},
    ]
    ada.calendar().respond(id, "grace@example.com", "declined")
    event = calendar.events().get(calendarId="primary", eventId=id).execute()
    assert (event["attendees"][1]["responseStatus"], event["sequence"]) == ("declined", 1)


def test_pages_may_be_empty_and_only_the_last_has_the_token(ada: Account, calendar: Any) -> None:
    for number in range(1, 8):
        ada.calendar().add(f"Meeting {number}", at(number))
    pages, token = walk(calendar, maxResults=3)
    assert [len(page) for page in pages] == [3, 0, 3, 1]
    assert titles(pages) == [f"Meeting {number}" for number in range(1, 8)]
    assert walk(calendar, syncToken=token)[0] == [[]]


def test_changes_while_pages_are_read_are_told_by_the_token(ada: Account, calendar: Any) -> None:
    kept = [ada.calendar().add(f"Meeting {number}", at(number)) for number in range(1, 6)]
    first = calendar.events().list(**ALL, maxResults=2).execute()
    ada.calendar().change(kept[0], summary="Moved")
    ada.calendar().cancel(kept[1])
    token = first["nextPageToken"]
    while token:
        answer = calendar.events().list(**ALL, maxResults=2, pageToken=token).execute()
        token = answer.get("nextPageToken")
    pages, _ = walk(calendar, syncToken=answer["nextSyncToken"])
    assert titles(pages) == ["Moved", "cancelled"]
    assert pages[0][1].keys() == {"kind", "id", "status", "etag"}


def test_a_token_ends_with_410_and_deletions_before_it_are_not_told(ada: Account, calendar: Any) -> None:
    id = ada.calendar().add("Lunch", at(5))
    ada.calendar().add("Dinner", at(5, 19))
    _, token = walk(calendar)
    ada.calendar().cancel(id)
    assert titles(walk(calendar)[0]) == ["cancelled", "Dinner"]
    ada.calendar().expire_tokens()
    assert refused(calendar.events().list(**ALL, syncToken=token))[:2] == (410, "fullSyncRequired")
    assert titles(walk(calendar)[0]) == ["Dinner"]


def test_a_list_begun_before_its_tokens_ended_gives_one_that_has(ada: Account, calendar: Any) -> None:
    for number in range(1, 4):
        ada.calendar().add(f"Meeting {number}", at(number))
    first = calendar.events().list(**ALL, maxResults=2).execute()
    ada.calendar().expire_tokens()
    token = first["nextPageToken"]
    while token:
        answer = calendar.events().list(**ALL, maxResults=2, pageToken=token).execute()
        token = answer.get("nextPageToken")
    assert refused(calendar.events().list(**ALL, syncToken=answer["nextSyncToken"]))[0] == 410


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"timeMin": "2026-01-01T00:00:00Z"}, "syncTokenWithRequestRestrictions"),
        ({"q": "lunch"}, "syncTokenWithRequestRestrictions"),
        ({"showDeleted": False}, "syncTokenWithRequestRestrictions"),
        ({"singleEvents": True}, "invalid"),
    ],
)
def test_what_a_sync_token_does_not_go_with(calendar: Any, more: dict[str, Any], reason: str) -> None:
    _, token = walk(calendar)
    assert refused(calendar.events().list(**{**ALL, **more}, syncToken=token))[:2] == (400, reason)


def test_a_series_its_exceptions_and_its_end(ada: Account, calendar: Any) -> None:
    own = ada.calendar()
    weekly = own.add("Weekly", at(4), recurrence=["RRULE:FREQ=WEEKLY;COUNT=6"])
    _, token = walk(calendar)
    moved = own.change_instance(weekly, at(18), start=at(18, 14), end=at(18, 15))
    gone = own.cancel_instance(weekly, at(25))
    (changed,), token = walk(calendar, syncToken=token)
    assert (
        [event["id"] for event in changed]
        == [moved, gone]
        == [f"{weekly}_20260318T080000Z", f"{weekly}_20260325T080000Z"]
    )
    original = {"dateTime": "2026-03-18T09:00:00+01:00", "timeZone": "Europe/Zurich"}
    assert (changed[0]["originalStartTime"], changed[0]["start"]["dateTime"]) == (
        original,
        "2026-03-18T14:00:00+01:00",
    )
    assert changed[1] == {
        "kind": "calendar#event",
        "id": gone,
        "status": "cancelled",
        "recurringEventId": weekly,
        "originalStartTime": {"dateTime": "2026-03-25T09:00:00+01:00", "timeZone": "Europe/Zurich"},
        "etag": changed[1]["etag"],
    }
    starts = ["03-04T09:00:00+01:00", "03-11T09:00:00+01:00", "03-18T14:00:00+01:00", "04-01T09:00:00+02:00",
              "04-08T09:00:00+02:00"]  # fmt: skip
    unfolded = calendar.events().list(calendarId="primary", singleEvents=True, orderBy="startTime").execute()
    assert [event["start"]["dateTime"][5:] for event in unfolded["items"]] == starts
    told = calendar.events().instances(calendarId="primary", eventId=weekly).execute()
    assert [event["start"]["dateTime"][5:] for event in told["items"]] == starts
    own.cancel(weekly)
    (last,), _ = walk(calendar, syncToken=token)
    assert [(event["id"], event["status"]) for event in last] == [(weekly, "cancelled")]


def test_an_endless_series_is_one_row_or_hundreds(ada: Account, calendar: Any) -> None:
    ada.calendar().add("Daily", at(4), recurrence=["RRULE:FREQ=DAILY"])
    assert [len(page) for page in walk(calendar)[0]] == [1]
    unfolded, _ = walk(calendar, singleEvents=True, maxResults=2500)
    assert [len(page) for page in unfolded] == [730]
    window = {"timeMin": "2026-03-10T00:00:00Z", "timeMax": "2026-03-12T00:00:00Z"}
    (days,), _ = walk(calendar, singleEvents=True, **window)
    assert [event["id"][-16:] for event in days] == ["20260310T080000Z", "20260311T080000Z"]


def test_whole_days_and_times_that_a_clock_skips(ada: Account, calendar: Any) -> None:
    fair = ada.calendar().add(
        "Fair", date(2026, 3, 28), date(2026, 3, 30), recurrence=["RRULE:FREQ=YEARLY;UNTIL=20280101"]
    )
    night = ada.calendar().add("Night", at(28, 2), at(28, 3), recurrence=["RRULE:FREQ=DAILY;COUNT=3"])
    days = calendar.events().instances(calendarId="primary", eventId=fair).execute()["items"]
    assert [(each["id"][-9:], each["start"], each["end"]) for each in days] == [
        ("_20260328", {"date": "2026-03-28"}, {"date": "2026-03-30"}),
        ("_20270328", {"date": "2027-03-28"}, {"date": "2027-03-30"}),
    ]
    nights = calendar.events().instances(calendarId="primary", eventId=night).execute()["items"]
    begins = [datetime.fromisoformat(each["start"]["dateTime"]).astimezone(UTC) for each in nights]
    assert [begin.hour for begin in begins] == [1, 1, 0]


def test_kinds_of_events_and_the_cap_on_attendees(ada: Account, calendar: Any) -> None:
    crowd = [ADA, *(f"guest{number}@example.com" for number in range(5))]
    ada.calendar().add("All hands", at(5), attendees=crowd)
    ada.calendar().add("Thinking", at(6), eventType="focusTime")
    (events,), _ = walk(calendar, maxAttendees=3, eventTypes=["default"])
    assert [(each["summary"], each["attendeesOmitted"], len(each["attendees"])) for each in events] == [
        ("All hands", True, 1)
    ]


def test_the_list_of_calendars_and_its_token(ada: Account, calendar: Any) -> None:
    ada.calendars.add("team@group.calendar.google.com", "Team", access_role="reader")
    first = calendar.calendarList().list().execute()
    assert [(each["id"], each["accessRole"], each.get("primary")) for each in first["items"]] == [
        (ADA, "owner", True),
        ("team@group.calendar.google.com", "reader", None),
    ]
    ada.calendars.remove("team@group.calendar.google.com")
    changed = calendar.calendarList().list(syncToken=first["nextSyncToken"]).execute()
    assert [(each["id"], each["deleted"]) for each in changed["items"]] == [
        ("team@group.calendar.google.com", True)
    ]
    ada.calendars.expire_tokens()
    assert refused(calendar.calendarList().list(syncToken=changed["nextSyncToken"]))[0] == 410
    assert [each["id"] for each in calendar.calendarList().list().execute()["items"]] == [ADA]
    assert refused(calendar.events().list(calendarId="nobody@example.com"))[:2] == (404, "notFound")


def test_calendar_has_limits_of_its_own_and_may_be_off(google: Google, ada: Account, calendar: Any) -> None:
    google.quota.per_user["calendar"] = 1
    asked = calendar.events().list(calendarId="primary")
    asked.execute()
    status, reason, words = refused(asked)
    assert (status, reason) == (429, "rateLimitExceeded")
    assert "'calendar-json.googleapis.com'" in words
    google.disabled_apis.add("calendar")
    status, reason, words = refused(asked)
    assert (status, reason) == (403, "accessNotConfigured")
    assert words.startswith("Google Calendar API has not been used in project")
