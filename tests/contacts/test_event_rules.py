"""What kind of calendar entry something is, and what it is about."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts import event_rules
from contacts.drafts import Attendee, EventDraft
from contacts.models import CalendarEvent

OWN = frozenset({"me@work.example", "me@gmail.com"})
NINE = dt.datetime(2026, 3, 2, 9, tzinfo=dt.UTC)
ADA, BOB, CAROL = "ada@example.com", "bob@work.example", "carol@work.example"


def draft(title: str = "Lunch", *emails: str, **more: object) -> EventDraft:
    people = [Attendee(email) for email in emails]
    return EventDraft("1", title, **{"start": NINE, "attendees": people} | more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("entry", "category"),
    [
        (draft("Interview with Ada", ADA), "interview"),
        (draft("Vorstellungsgespräch", ADA), "interview"),
        (draft("Entretien d'embauche", ADA), "interview"),
        (draft("Phone screen", ADA), "interview"),
        (draft("Flight to Oslo"), "travel"),
        (draft("Flug LH 123", ADA), "travel"),
        (draft("Hotel Astoria", start=dt.date(2026, 3, 2)), "travel"),
        (draft("Check-in"), "travel"),
        (draft("Viaje a Madrid"), "travel"),
        (draft("Holidays", start=dt.date(2026, 3, 2)), "all_day"),
        (draft("Dentist"), "personal"),
        (draft("Dentist", "me@work.example"), "personal"),
        (draft("Room booked", "room@example.com", attendees=[Attendee("r@example.com", kind="room")]), "personal"),
        (draft("Call with Ada", ADA), "call"),
        (draft("Telefonat", ADA), "call"),
        (draft("Catch up", ADA, location="Zoom"), "call"),
        (draft("Call the dentist"), "personal"),
        (draft("Catch up", BOB), "internal"),
        (draft("Planning", BOB, CAROL), "internal"),
        (draft("Planning", BOB, ADA), "group"),
        (draft("Catch up", ADA), "one_to_one"),
        (draft("Catch up", ADA, "me@gmail.com"), "one_to_one"),
        (draft("Catch up", "somebody@gmail.com"), "one_to_one"),
        (draft("Catch up", organizer=Attendee(ADA)), "one_to_one"),
        (draft("Conference", ADA, BOB, start=dt.date(2026, 3, 2)), "group"),
        (draft("Recall of the engine", ADA), "one_to_one"),
        (draft("Volume discount", ADA), "one_to_one"),
    ],
)  # fmt: skip
def test_the_first_rule_that_fits_decides(entry: EventDraft, category: str) -> None:
    assert event_rules.category(entry, OWN) == category


@given(st.text(), st.lists(st.emails(), max_size=3), st.text())
def test_every_entry_has_a_category_that_we_know(title: str, emails: list[str], location: str) -> None:
    entry = draft(title, *emails, location=location)
    assert event_rules.category(entry, OWN) in CalendarEvent.Category.values
    assert event_rules.keywords(entry) == event_rules.keywords(entry)
    assert all(len(word) <= 60 for word in event_rules.keywords(entry))


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (draft("Budget for the new engine"), ["budget", "engine"]),
        (draft("Ada's budget: Budget!"), ["ada", "budget"]),
        (draft("Besprechung über die Rechenmaschine"), ["rechenmaschine"]),
        (draft("Réunion sur le métier à tisser"), ["métier", "tisser"]),
        (draft("Meeting"), []),
        (draft("1:1"), []),
        (draft("Review", categories=["Money", "Big  plans"]), ["Money", "Big plans", "review"]),
        (draft("Plans", description="Punch cards. The cards are in the <b>loom</b> room."), ["plans", "cards"]),
        (draft("Plans", description="join join https://zoom.us/zoom/zoom ada@example.com ada@example.com"), ["plans"]),
        (
            draft("Plans", description="Cards.\n-::~:~::~:~\nDevices devices devices\n-::~:~::~"),
            ["plans"],
        ),
        (draft("Charlie and the loom"), ["loom"]),
        (draft("one two three four five six seven eight nine ten eleven twelve"), [
            "three", "four", "five", "six", "seven", "eight", "nine", "ten"
        ]),
    ],
)  # fmt: skip
def test_keywords_say_what_it_is_about(entry: EventDraft, words: list[str]) -> None:
    names = event_rules.names_of("Charlie Example", ["charlie.example@work.example"])
    assert event_rules.keywords(entry, names) == words


@pytest.mark.parametrize(
    ("entry", "answer"),
    [
        (draft("Lunch"), "accepted"),
        (draft("Lunch", organizer=Attendee("me@gmail.com")), "accepted"),
        (draft("Lunch", organizer=Attendee(ADA)), ""),
        (draft("Lunch", attendees=[Attendee("ME@work.example", response="declined")]), "declined"),
        (draft("Lunch", attendees=[Attendee("alias@x.example", response="tentative", is_self=True)]), "tentative"),
        (draft("Lunch", attendees=[Attendee("me@gmail.com"), Attendee("me@work.example", response="accepted")]), "accepted"),
        (draft("Lunch", attendees=[Attendee(ADA, response="declined"), Attendee("me@gmail.com")]), ""),
    ],
)  # fmt: skip
def test_what_the_user_answered(entry: EventDraft, answer: str) -> None:
    assert event_rules.response(entry, OWN) == answer
