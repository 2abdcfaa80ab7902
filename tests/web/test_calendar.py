"""The calendar, the next meetings on the front page and on the page of a contact: by day, where the reader is."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from contacts.models import CalendarEvent, Contact
from omnicrm.models import User
from tests.factories import make_calendar_event, make_contact, make_event_attendee, make_identity

TODAY = timezone.now().date()
HOUR = dt.timedelta(hours=1)


def at(days: int, hour: int = 9) -> dt.datetime:
    return dt.datetime.combine(TODAY + dt.timedelta(days=days), dt.time(hour), dt.UTC)


def event(
    user: User, title: str, start: dt.datetime, lasts: dt.timedelta = HOUR, **more: Any
) -> CalendarEvent:
    given = {"starts_at": start, "ends_at": start + lasts, "response": "accepted"}
    return make_calendar_event(user, title=title, **given | more)


def whole_day(user: User, title: str, first: int, days: int = 1, **more: Any) -> CalendarEvent:
    start = TODAY + dt.timedelta(days=first)
    given = {
        "starts_on": start,
        "ends_on": start + dt.timedelta(days=days),
        "starts_at": None,
        "ends_at": None,
    }
    return make_calendar_event(user, title=title, **given | more)


def daily(user: User, title: str, first: int, **more: Any) -> CalendarEvent:
    return event(user, title, at(first), recurring=True, recurrence="RRULE:FREQ=DAILY;COUNT=3", **more)


def page(client: Client, query: str = "") -> str:
    answer = client.get(f"/calendar/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def listed(client: Client, query: str = "") -> list[tuple[int, str]]:
    """(days from today, title) of each line, in the order of the page."""
    lines = re.findall(r'id="day-([\d-]+)"|class="cell-name">([^<]+)</span>', page(client, query))
    found, day = [], TODAY
    for date, title in lines:
        day = dt.date.fromisoformat(date) if date else day
        if title:
            found.append(((day - TODAY).days, unescape(title)))
    return found


def test_what_comes_up_is_told_by_days(client: Client, alice: User) -> None:
    event(alice, "Later", at(3, 15))
    event(alice, "Early", at(3, 8))
    whole_day(alice, "Fair", 3)
    event(alice, "Yesterday", at(-1))
    event(alice, "Far away", at(40))
    assert listed(client) == [(3, "Fair"), (3, "Early"), (3, "Later")]
    assert listed(client, "?show=past") == [(-1, "Yesterday")]
    assert listed(client, f"?day={TODAY + dt.timedelta(days=28)}") == [(40, "Far away")]


def test_past_begins_with_the_newest_day(client: Client, alice: User) -> None:
    for days in (-1, -3, -2, -30):
        event(alice, f"{days}", at(days))
    assert listed(client, "?show=past") == [(-1, "-1"), (-2, "-2"), (-3, "-3")]
    assert listed(client, f"?show=past&day={TODAY - dt.timedelta(days=28)}") == [(-30, "-30")]


def test_weeks_begin_on_monday_and_months_with_the_first(client: Client, alice: User) -> None:
    for date in (
        "2026-02-28",
        "2026-03-01",
        "2026-03-02",
        "2026-03-08",
        "2026-03-09",
        "2026-03-31",
        "2026-04-01",
    ):
        event(alice, date, dt.datetime.fromisoformat(f"{date}T12:00:00+00:00"))
    assert [title for _, title in listed(client, "?show=week&day=2026-03-04")] == ["2026-03-02", "2026-03-08"]
    assert [title for _, title in listed(client, "?show=month&day=2026-03-31")] == [
        "2026-03-01", "2026-03-02", "2026-03-08", "2026-03-09", "2026-03-31"
    ]  # fmt: skip
    body = page(client, "?show=month&day=2026-03-31")
    assert "March 2026" in body
    assert 'href="/calendar/?show=month&amp;day=2026-04-01" rel="next"' in body
    before = re.search(r'href="/calendar/([^"]+)" rel="prev"', body)
    assert before is not None
    assert [title for _, title in listed(client, unescape(before[1]))] == ["2026-02-28"]


@pytest.mark.parametrize("query", [
    "?show=year", "?day=tomorrow", "?day=0001-01-01", "?day=9999-12-31", "?category=x", "?known=yes", "?day=2026-02-30",
    "?show=week&day=1990-01-01", "?show=month&day=2150-01-01", "?show=past&day=1990-01-01",
])  # fmt: skip
def test_nonsense_in_the_address_is_left_out(client: Client, alice: User, query: str) -> None:
    event(alice, "Lunch", at(2))
    assert listed(client, query) in ([(2, "Lunch")], [])


def test_a_series_takes_place_on_its_days_and_costs_one_row(client: Client, alice: User) -> None:
    master = daily(alice, "Standup", 1)
    moved = {"ical_uid": master.ical_uid, "recurrence_id": at(2).isoformat()}
    event(alice, "Standup, late", at(2, 17), **moved)
    assert listed(client) == [(1, "Standup"), (2, "Standup, late"), (3, "Standup")]
    event(alice, "", at(3), ical_uid=master.ical_uid, recurrence_id=at(3).isoformat(), status="cancelled")
    assert listed(client) == [(1, "Standup"), (2, "Standup, late")]


def test_what_lasts_stands_on_each_of_its_days(client: Client, alice: User) -> None:
    whole_day(alice, "Fair", -1, 4)
    event(alice, "Night shift", at(1, 22), 8 * HOUR)
    event(alice, "Until midnight", at(2, 20), 4 * HOUR)
    assert listed(client) == [
        (0, "Fair"), (1, "Fair"), (1, "Night shift"), (2, "Fair"), (2, "Night shift"), (2, "Until midnight"),
    ]  # fmt: skip
    body = page(client)
    assert body.count("day 2 of 4") == 1
    assert "day 1 of 4" not in body


def test_days_begin_where_the_reader_is(client: Client, alice: User) -> None:
    event(alice, "Late call", at(2, 23))
    whole_day(alice, "Fair", 2)
    client.cookies["zone"] = "Asia/Tokyo"
    assert (3, "Late call") in listed(client)
    assert (2, "Fair") in listed(client)
    assert "Times are those of Asia/Tokyo." in page(client)
    client.cookies["zone"] = "America/Los_Angeles"
    assert (2, "Late call") in listed(client)
    assert (2, "Fair") in listed(client)
    for nonsense in ("../../etc/passwd", "Nowhere/Else", "x" * 5_000, "%00"):
        client.cookies["zone"] = nonsense
        assert "Times are those of UTC." in page(client)


@pytest.fixture
def ada(alice: User) -> Contact:
    return make_contact(alice, display_name="Ada Lovelace", slug="ada")


def test_filters_leave_what_was_asked_for(client: Client, alice: User, ada: Contact) -> None:
    address = make_identity(alice, contact=ada, value="ada@example.com")
    tea = event(alice, "Tea", at(1), category="one_to_one")
    make_event_attendee(alice, event=tea, identity=address, name="Ada", response="tentative")
    other = event(alice, "Review", at(1, 11), category="group")
    make_event_attendee(alice, event=other, name="Charles")
    event(alice, "No", at(1, 12), response="declined", category="group")
    event(alice, "Gone", at(1, 13), status="cancelled")
    assert listed(client) == [(1, "Tea"), (1, "Review")]
    assert listed(client, "?category=group") == [(1, "Review")]
    assert listed(client, "?known=1") == [(1, "Tea")]
    assert listed(client, "?declined=1") == [(1, "Tea"), (1, "Review"), (1, "No")]
    body = page(client)
    assert (
        f'<a class="tag" href="/contacts/{ada.slug}/"><span class="clip">Ada Lovelace</span><span class="text-secondary">Maybe</span></a>'
        in body
    )
    assert '<span class="tag"><span class="clip">Charles</span></span>' in body


def test_rooms_the_user_and_crowds_are_not_listed_one_by_one(client: Client, alice: User) -> None:
    party = event(alice, "Party", at(1))
    make_event_attendee(
        alice, event=party, identity=make_identity(alice, value=alice.email), name="Me, myself"
    )
    make_event_attendee(alice, event=party, name="Ballroom", kind="room")
    for number in range(9):
        make_event_attendee(alice, event=party, name=f"Guest {number}")
    body = page(client)
    assert re.findall(r'<span class="tag"><span class="clip">([^<]+)</span>', body) == [
        f"Guest {n}" for n in range(6)
    ]
    assert "and 3 others" in body
    assert "Ballroom" not in body
    assert "Me, myself" not in body


def test_empty_states_say_what_to_do(client: Client, alice: User) -> None:
    assert "Your calendar is not here yet" in page(client)
    event(alice, "Yesterday", at(-1))
    assert "Nothing on these days" in page(client)
    assert "Nothing matches" in page(client, "?show=past&category=travel")
    assert '<a class="btn btn-primary" href="/calendar/?show=past">Show everything on these days</a>' in page(
        client, "?show=past&category=travel"
    )


def test_a_page_says_when_it_does_not_show_all(client: Client, alice: User) -> None:
    event(alice, "Tick", at(1), recurring=True, recurrence="RRULE:FREQ=SECONDLY")
    body = page(client)
    assert body.count('class="appointment"') == 200
    assert "There is more on these days than one page shows." in body
    assert "1 series repeats too often to be shown to the end, such as “Tick”." in body


def test_what_others_wrote_is_text(client: Client, alice: User) -> None:
    party = event(
        alice, "<script>alert(1)</script>", at(1), location="<b>x</b>", link='https://example.com/"><i>'
    )
    make_event_attendee(alice, event=party, name="<img src=x>")
    body = page(client)
    assert "<script>alert" not in body
    assert "<b>x</b>" not in body
    assert "<img src=x>" not in body
    assert 'rel="noreferrer noopener"' in body


def test_a_contact_shows_the_next_meetings_with_them(client: Client, alice: User, ada: Contact) -> None:
    address = make_identity(alice, contact=ada)
    made = [
        event(alice, "Past", at(-2)),
        daily(alice, "Standup", -1),
        event(alice, "Tea", at(3)),
        whole_day(alice, "Fair", 2, response="accepted"),
        event(alice, "No", at(2), response="declined"),
        event(alice, "Gone", at(2), status="cancelled"),
        daily(alice, "Over", -9),
    ]
    for one in made:
        make_event_attendee(alice, event=one, identity=address)
    event(alice, "Without her", at(1))
    body = client.get("/contacts/ada/").content.decode()
    card = body[body.index('id="meetings-title"') : body.index('id="identities"')]
    titles = [unescape(title) for title in re.findall(r'class="cell-name"[^>]*>([^<]+)</a>', card)]
    assert titles == ["Standup", "Fair", "Tea"]
    assert f"/calendar/?show=week&amp;day={TODAY + dt.timedelta(days=3)}" in card


def test_a_contact_without_any_has_no_such_card(client: Client, alice: User, ada: Contact) -> None:
    assert 'id="meetings-title"' not in client.get("/contacts/ada/").content.decode()


def test_the_front_page_shows_the_week(client: Client, alice: User, ada: Contact) -> None:
    assert "meetings-title" not in client.get("/").content.decode()
    for days in (-1, 1, 2, 3, 9):
        event(alice, f"In {days}", at(days))
    whole_day(alice, "Fair", -2, 5)
    body = client.get("/").content.decode()
    card = body[body.index('id="meetings-title"') : body.index('id="recent-title"')]
    assert re.findall(r'class="cell-name">([^<]+)</span>', card) == ["Fair", "In 1", "In 2", "In 3"]
