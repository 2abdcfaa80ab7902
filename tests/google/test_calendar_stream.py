"""A calendar kept in step: what Google says is what is here, whatever happens in between."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from contacts import editing
from contacts.models import CalendarEvent, Contact, EventAttendee, Interaction
from integrations.erasing import erase_person
from integrations.models import RawEvent
from jobs.models import Batch, BatchItem
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.google.calendars import ADA, ME, NOW, Following
from tests.importing import import_file, take_back
from tests.integrations.test_pipeline import rows, state

pytestmark = pytest.mark.django_db
BERLIN = ZoneInfo("Europe/Berlin")
BOTH = ({"email": ME, "responseStatus": "accepted"}, {"email": ADA, "responseStatus": "accepted"})
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def at(days: int, hour: int = 9) -> dt.datetime:
    return (NOW.replace(hour=hour) + dt.timedelta(days=days)).astimezone(BERLIN)


@pytest.fixture
def following(alice: User) -> Following:
    return Following.begin(alice)


def check(following: Following) -> None:
    assert following.places() == following.truth()
    assert following.meetings() == following.true_meetings()


def count(user: User, model: Any, **which: Any) -> int:
    with acting_as(user.pk):
        return int(rows(user, model).filter(**which).count())


def test_the_first_list_brings_everything(alice: User, following: Following) -> None:
    cal = following.calendar
    cal.add("Past", at(-3), attendees=BOTH)
    cal.add("Next", at(3), attendees=BOTH, hangoutLink="https://meet.google.com/a")
    cal.add("Alone", at(-2))
    cal.add("Fair", (NOW + DAY).date(), (NOW + 3 * DAY).date())
    cal.add("Standup", at(-10), recurrence=["RRULE:FREQ=DAILY"], attendees=BOTH)
    cal.add("Born", NOW.date(), recurrence=["RRULE:FREQ=YEARLY"], eventType="birthday")
    following.catch_up()
    stream = following.stream
    assert (stream.phase, stream.page_token, stream.cursor != "") == ("live", "", True)
    truth = {one for one in following.truth() if one[0] != "Born"}
    assert following.places() == truth
    assert following.meetings() == following.true_meetings()
    assert len(following.meetings()) == 12
    with acting_as(alice.pk):
        row = rows(alice, CalendarEvent).get(title="Next")
        assert (row.link, row.response, row.category) == (
            "https://meet.google.com/a",
            "accepted",
            "one_to_one",
        )
        assert rows(alice, RawEvent).filter(verdict="skipped:not_an_appointment").count() == 1
        assert rows(alice, Batch).get().kind == "google_live"


def test_a_series_of_seven_hundred_costs_one_row(alice: User, following: Following) -> None:
    following.calendar.add("Weekly", at(-10), recurrence=["RRULE:FREQ=WEEKLY;COUNT=700"])
    following.catch_up()
    assert (count(alice, CalendarEvent), count(alice, RawEvent)) == (1, 1)
    check(following)


def test_nothing_new_writes_nothing(alice: User, following: Following) -> None:
    following.calendar.add("Standup", at(-10), recurrence=["RRULE:FREQ=DAILY"], attendees=BOTH)
    following.catch_up()
    before = state(alice), count(alice, BatchItem), count(alice, Batch)
    for _ in range(3):
        following.catch_up()
        following.calendar.expire_tokens()
        following.catch_up()
    assert (state(alice), count(alice, BatchItem), count(alice, Batch)) == before
    assert following.stream.generation == 4


def test_changes_arrive_one_by_one(following: Following) -> None:
    cal = following.calendar
    lunch = cal.add("Lunch", at(-1), attendees=BOTH)
    weekly = cal.add("Weekly", at(-20), recurrence=["RRULE:FREQ=WEEKLY"], attendees=BOTH)
    following.catch_up()
    check(following)
    for change in (
        lambda: cal.change(lunch, summary="Long lunch"),
        lambda: cal.change(lunch, start=at(-2), end=at(-2) + HOUR),
        lambda: cal.change(lunch, start=at(2), end=at(2) + HOUR),
        lambda: cal.change(lunch, start=at(-4), end=at(-4) + HOUR),
        lambda: cal.respond(lunch, ADA, "declined"),
        lambda: cal.respond(lunch, ADA, "tentative"),
        lambda: cal.change(
            lunch, attendees=[*BOTH, {"email": "bob@example.com", "responseStatus": "accepted"}]
        ),
        lambda: cal.change(weekly, summary="Every week"),
        lambda: cal.change_instance(weekly, at(-13), start=at(-12), end=at(-12) + HOUR),
        lambda: cal.change_instance(weekly, at(1), summary="Another title"),
        lambda: cal.cancel_instance(weekly, at(-20)),
        lambda: cal.cancel_instance(weekly, at(8)),
        lambda: cal.change(weekly, recurrence=["RRULE:FREQ=WEEKLY;COUNT=8"]),
        lambda: cal.cancel(lunch),
        lambda: cal.cancel(weekly),
    ):
        change()
        following.catch_up()
        check(following)
    assert following.places() == set()


def test_an_occurrence_cancelled_before_its_series_was_shown(alice: User, following: Following) -> None:
    weekly = following.calendar.add("Weekly", at(-8), recurrence=["RRULE:FREQ=WEEKLY"], attendees=BOTH)
    gone = following.calendar.cancel_instance(weekly, at(-1))
    events = following.calendar.events
    following.calendar.events = {gone: events[gone], weekly: events[weekly]}
    following.calendar.born[gone] = 0
    following.catch_up()
    check(following)
    assert count(alice, CalendarEvent) == 2


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"])
def test_hours_keep_through_the_change_of_the_clocks(following: Following, zone: str) -> None:
    place = ZoneInfo(zone)
    start = dt.datetime(2026, 2, 20, 2, 30, tzinfo=place)
    following.calendar.add("Night", start, start + HOUR, recurrence=["RRULE:FREQ=DAILY"], attendees=BOTH)
    following.calendar.add("Days", dt.date(2026, 3, 27), dt.date(2026, 4, 2))
    following.catch_up()
    skipped = following.truth() ^ following.places()
    # Half past two does not exist in the night of the change: each side has its own way to name that one moment.
    assert len(skipped) <= 2
    assert following.meetings() == following.true_meetings()


def test_an_expired_token_lists_everything_and_takes_away_what_is_gone(
    alice: User, following: Following
) -> None:
    cal = following.calendar
    gone = cal.add("Gone", at(-1), attendees=BOTH)
    cal.add("Stays", at(-2), attendees=BOTH)
    following.catch_up()
    cal.cancel(gone)
    cal.add("New", at(-3), attendees=BOTH)
    cal.expire_tokens()
    following.catch_up()
    check(following)
    assert {title for title, _ in following.places()} == {"Stays", "New"}
    assert following.stream.generation == 2
    assert following.google.calls.of("events.get", ME)


def test_empty_pages_and_many_pages(
    alice: User, following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.google.calendar.EVENTS", 3)
    for number in range(10):
        following.calendar.add(f"Event {number}", at(number))
    following.catch_up()
    assert len(following.places()) == 10
    assert following.stream.phase == "live"


def test_another_question_lists_anew_instead_of_being_refused(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    following.calendar.add("Lunch", at(1))
    following.catch_up()
    monkeypatch.setattr("integrations.streams.calendar.ASKS", "something else")
    following.calendar.add("Tea", at(2))
    following.catch_up()
    check(following)
    assert following.stream.generation == 2


def test_undo_of_a_day_restores_and_a_new_list_does_not_bring_it_back(
    alice: User, following: Following
) -> None:
    cal = following.calendar
    lunch = cal.add("Lunch", at(-1), attendees=BOTH)
    weekly = cal.add("Weekly", at(-20), recurrence=["RRULE:FREQ=WEEKLY"], attendees=BOTH)
    following.catch_up()
    close_day(alice, following)
    before = state(alice)
    cal.change(lunch, summary="Long lunch", start=at(-2), end=at(-2) + HOUR)
    cal.cancel_instance(weekly, at(-6))
    cal.add("Tea", at(-3), attendees=BOTH)
    cal.respond(weekly, ADA, "declined")
    following.catch_up()
    with acting_as(alice.pk):
        day = rows(alice, Batch).exclude(options__day="2020-01-01").get()
    undone = take_back(day)
    assert undone.totals["undo"]["kept"] == []
    assert state(alice) == before
    cal.expire_tokens()
    following.catch_up()
    assert state(alice) == before


def close_day(user: User, following: Following) -> None:
    """What comes from now on belongs to another day."""
    with acting_as(user.pk):
        for batch in rows(user, Batch).filter(kind="google_live"):
            batch.options = batch.options | {"day": "2020-01-01"}
            batch.save()


BOB = {"email": "bob@example.com", "responseStatus": "accepted"}


def days_batch(user: User) -> Batch:
    with acting_as(user.pk):
        return rows(user, Batch).filter(kind="google_live").latest("created_at")


def with_whom(user: User) -> list[list[str]]:
    """The addresses of those who took part in each meeting, in order of time."""
    with acting_as(user.pk):
        found = rows(user, Interaction).order_by("occurred_at")
        return [sorted(set(one.participants.values_list("identity__value", flat=True))) for one in found]


def test_undo_takes_back_who_was_added_to_a_meeting(alice: User, following: Following) -> None:
    with acting_as(alice.pk):
        bob = editing.create_contact(alice, name="Bob", addresses=["bob@example.com"])
    cal = following.calendar
    lunch = cal.add("Lunch", at(-1), attendees=BOTH)
    tea = cal.add(
        "Tea", at(-2), attendees=[*BOTH, {"email": "eve@example.com", "responseStatus": "declined"}]
    )
    weekly = cal.add("Weekly", at(-8), recurrence=["RRULE:FREQ=WEEKLY"], attendees=BOTH)
    following.catch_up()
    close_day(alice, following)
    before, people = state(alice), with_whom(alice)
    cal.change(lunch, attendees=[*BOTH, BOB])
    cal.respond(tea, "eve@example.com", "accepted")
    cal.change_instance(weekly, at(-1), attendees=[*BOTH, BOB])
    following.catch_up()
    assert [len(one) for one in with_whom(alice)] == [2, 3, 3, 3]
    check(following)
    undone = take_back(days_batch(alice)).totals["undo"]
    assert (with_whom(alice), undone["kept"]) == (people, [])
    assert undone["removed_by_kind"]["participants"] == 3
    assert state(alice) == before
    with acting_as(alice.pk):
        assert rows(alice, Contact).get(pk=bob.pk).last_interaction_at is None


def test_who_is_invited_by_a_later_change_stays(alice: User, following: Following) -> None:
    lunch = following.calendar.add("Lunch", at(-1), attendees=BOTH)
    following.catch_up()
    close_day(alice, following)
    following.calendar.change(lunch, attendees=[*BOTH, BOB, {**BOB, "email": "eve@example.com"}])
    following.catch_up()
    first = days_batch(alice)
    close_day(alice, following)
    following.calendar.respond(lunch, "bob@example.com", "tentative")
    following.catch_up()
    take_back(first)
    assert with_whom(alice) == [sorted([ME, ADA, "bob@example.com"])]
    take_back(days_batch(alice))
    assert with_whom(alice) == [sorted([ME, ADA, "bob@example.com"])]


def test_who_was_added_and_removed_again_does_not_return(alice: User, following: Following) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Bob", addresses=["bob@example.com"])
    lunch = following.calendar.add("Lunch", at(-1), attendees=BOTH)
    following.catch_up()
    close_day(alice, following)
    following.calendar.change(lunch, attendees=[*BOTH, BOB])
    following.catch_up()
    added = days_batch(alice)
    close_day(alice, following)
    following.calendar.change(lunch, attendees=BOTH)
    following.catch_up()
    removed = days_batch(alice)
    take_back(added)
    assert with_whom(alice) == [sorted([ME, ADA])]
    take_back(removed)
    assert with_whom(alice) == [sorted([ME, ADA])]
    with acting_as(alice.pk):
        assert rows(alice, EventAttendee).filter(identity__value="bob@example.com").count() == 0


def test_two_calendars_of_one_person_hold_one_event_once(alice: User, following: Following) -> None:
    lunch = following.calendar.add("Lunch", at(-1), attendees=BOTH)
    following.catch_up()
    account = following.stream.account
    second = Following.begin(alice, account=account, remote_id="team@example.com")
    team = second.google.account(ME).calendars.add("team@example.com", "Team")
    second.calendar = team
    team.put(dict(following.calendar.events[lunch]))
    second.catch_up()
    assert (count(alice, CalendarEvent), count(alice, Interaction), count(alice, RawEvent)) == (1, 1, 2)
    team.cancel(lunch)
    second.catch_up()
    assert following.places() == following.truth()
    following.calendar.cancel(lunch)
    following.catch_up()
    assert following.places() == set()
    assert count(alice, Interaction) == 0


def test_somebody_is_erased_from_what_google_said(alice: User, following: Following) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada Lovelace", addresses=[ADA])
    bob = {"email": "bob@example.com", "responseStatus": "accepted"}
    following.calendar.add("Lunch", at(-1), attendees=BOTH)
    following.calendar.add("Tea with Ada Lovelace", at(-2), attendees=[*BOTH, bob])
    following.catch_up()
    with acting_as(alice.pk):
        erase_person(alice, ada)
    for _ in range(2):
        assert {title for title, _ in following.places()} == {"Tea with [erased]"}
        assert following.meetings().keys() == {("Tea with [erased]", at(-2).astimezone(dt.UTC).isoformat())}
        with acting_as(alice.pk):
            assert not rows(alice, RawEvent).exclude(payload=None).exists()
            assert not rows(alice, EventAttendee).filter(identity__value=ADA).exists()
        following.calendar.expire_tokens()
        following.catch_up()


def test_somebody_who_was_erased_stays_away(alice: User, following: Following) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada Lovelace", addresses=[ADA])
        erase_person(alice, ada)
    following.calendar.add("Lunch with her", at(-1), attendees=BOTH)
    following.calendar.add(
        "All", at(-2), attendees=[*BOTH, {"email": "bob@example.com", "responseStatus": "accepted"}]
    )
    following.catch_up()
    assert [title for title, _ in following.places()] == ["All"]
    with acting_as(alice.pk):
        people = set(rows(alice, EventAttendee).values_list("identity__value", flat=True))
    assert people == {ME, "bob@example.com"}


ICS = """BEGIN:VCALENDAR
BEGIN:VEVENT
UID:lunch@google.com
SUMMARY:Lunch
DTSTART:20260301T090000Z
DTEND:20260301T100000Z
ORGANIZER:mailto:alice@example.org
ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org
ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.com
END:VEVENT
BEGIN:VEVENT
UID:weekly@google.com
SUMMARY:Weekly
DTSTART;TZID=Europe/Berlin:20260220T100000
DTEND;TZID=Europe/Berlin:20260220T110000
RRULE:FREQ=WEEKLY
ORGANIZER:mailto:alice@example.org
ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org
ATTENDEE;PARTSTAT=ACCEPTED:mailto:ada@example.com
END:VEVENT
END:VCALENDAR
"""


def test_a_file_first_and_google_second_is_one_calendar(
    alice: User, following: Following, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.plan.timezone.now", lambda: NOW)
    (tmp_path / "a.ics").write_text(ICS)
    file = import_file(alice, tmp_path / "a.ics")
    monkeypatch.undo()
    before = count(alice, CalendarEvent), count(alice, EventAttendee), following.meetings()
    cal = following.calendar
    cal.add("Lunch", at(-1), at(-1, 10), attendees=BOTH, id="lunch")
    start = dt.datetime(2026, 2, 20, 10, tzinfo=BERLIN)
    cal.add("Weekly", start, start + HOUR, attendees=BOTH, recurrence=["RRULE:FREQ=WEEKLY"], id="weekly")
    following.catch_up()
    assert (count(alice, CalendarEvent), count(alice, EventAttendee), following.meetings()) == before
    assert following.meetings() == following.true_meetings()
    take_back(file)
    check(following)
