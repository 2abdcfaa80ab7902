"""What the calendar planned becomes history as time passes: each meeting once, whoever asks and however often."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from contacts import editing
from contacts.events import Whose
from contacts.models import CalendarEvent, Contact, ContactIdentity, EventAttendee, Interaction, Participant
from integrations import meetings
from jobs.models import Batch
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.importing import check_derived, import_file, take_back
from tests.integrations.test_pipeline import rows, state

pytestmark = pytest.mark.django_db


NINE = dt.datetime.now(dt.UTC).replace(hour=9, minute=0, second=0, microsecond=0)


def at(days: int) -> str:
    """Nine o'clock in so many days."""
    return f"{NINE + dt.timedelta(days=days):%Y%m%dT%H%M%SZ}"


def entry(uid: str, start: str, *lines: str, person: str = "ada@example.com") -> str:
    body = [f"UID:{uid}", f"SUMMARY:{uid}", f"DTSTART:{start}", *lines]
    if person:
        body += [
            f"ORGANIZER;CN=Ada Lovelace:mailto:{person}",
            "ATTENDEE;PARTSTAT=TENTATIVE:mailto:alice@example.org",
        ]
    return "\r\n".join(["BEGIN:VEVENT", *body, "END:VEVENT"])


def calendar(path: Path, *entries: str) -> Path:
    path.write_text("\r\n".join(["BEGIN:VCALENDAR", *entries, "END:VCALENDAR", ""]), newline="")
    return path


def hold(user: User, days: int) -> int:
    """As if it were ten o'clock in so many days."""
    with acting_as(user.pk):
        mine = Whose.mine(user)
        later = Whose(mine.own, mine.names, NINE + dt.timedelta(days=days, hours=1))
        return meetings.hold_due(user, later)


def held(user: User) -> list[tuple[str, int]]:
    """Each meeting that is here, and in how many days it takes place."""
    with acting_as(user.pk):
        found = rows(user, Interaction).filter(kind="meeting").order_by("occurred_at", "subject")
        return [(one.subject, (one.occurred_at.date() - NINE.date()).days) for one in found]


@pytest.fixture
def week(alice: User, tmp_path: Path) -> Batch:
    return import_file(
        alice,
        calendar(
            tmp_path / "week.ics",
            entry("Daily", at(2), "RRULE:FREQ=DAILY;COUNT=4"),
            entry("Daily", at(5), f"RECURRENCE-ID:{at(4)}"),
            entry("Daily", at(3), f"RECURRENCE-ID:{at(3)}", "STATUS:CANCELLED"),
            entry("Once", at(3)),
            entry("Alone", at(3), person=""),
        ),
    )


def test_nothing_is_history_before_it_begins(alice: User, week: Batch) -> None:
    assert held(alice) == []
    assert hold(alice, 1) == 0
    assert held(alice) == []


def test_each_meeting_is_held_once(alice: User, week: Batch) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Ada Lovelace", addresses=["ada@example.com"])
    assert hold(alice, 3) == 2
    assert held(alice) == [("Daily", 2), ("Once", 3)]
    assert hold(alice, 3) == 0
    hold(alice, 30)
    assert held(alice) == [("Daily", 2), ("Once", 3), ("Daily", 5), ("Daily", 5)]
    assert hold(alice, 30) == 0
    with acting_as(alice.pk):
        keys = rows(alice, Interaction).filter(subject="Daily").values_list("source_key", flat=True)
        assert len(set(keys)) == 3
        assert rows(alice, CalendarEvent).exclude(due_at=None).count() == 0
        ada = rows(alice, Contact).get()
        assert ada.last_interaction_at.date() == NINE.date() + dt.timedelta(days=5)
    check_derived(alice)


def test_a_later_import_of_the_same_calendar_adds_none_of_them(
    alice: User, week: Batch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold(alice, 30)
    before = held(alice)
    later = NINE + dt.timedelta(days=30)
    monkeypatch.setattr("integrations.plan.timezone.now", lambda: later)
    (tmp_path / "week.ics").write_text((tmp_path / "week.ics").read_text() + "\r\n")
    again = import_file(alice, tmp_path / "week.ics")
    assert (again.totals["interactions"], again.totals["events"]) == (0, 0)
    assert held(alice) == before


def test_they_go_with_what_brought_the_series(alice: User, week: Batch) -> None:
    hold(alice, 30)
    assert take_back(week).totals["undo"]["kept"] == []
    assert held(alice) == []
    with acting_as(alice.pk):
        left = [
            model
            for model in (CalendarEvent, EventAttendee, Contact, ContactIdentity)
            if rows(alice, model).exists()
        ]
    assert left == []


def test_undo_after_a_meeting_leaves_what_was_before(alice: User, tmp_path: Path) -> None:
    import_file(alice, calendar(tmp_path / "a.ics", entry("Past", at(-3))))
    before = state(alice)
    second = import_file(alice, calendar(tmp_path / "b.ics", entry("Next", at(2), "RRULE:FREQ=WEEKLY")))
    hold(alice, 20)
    assert held(alice) == [("Past", -3), ("Next", 2), ("Next", 9), ("Next", 16)]
    take_back(second)
    assert state(alice) == before


@pytest.mark.parametrize("lines", [
    ["ATTENDEE;PARTSTAT=DECLINED:mailto:alice@example.org"],
    ["STATUS:CANCELLED"],
])  # fmt: skip
def test_what_was_declined_or_cancelled_is_no_meeting(alice: User, tmp_path: Path, lines: list[str]) -> None:
    batch = import_file(alice, calendar(tmp_path / "a.ics", entry("Never", at(2), *lines)))
    assert batch.totals["result"]["events"] == 1
    assert (hold(alice, 5), held(alice)) == (0, [])


def test_rooms_and_lists_do_not_take_part(alice: User, tmp_path: Path) -> None:
    rooms = [
        "ATTENDEE;CUTYPE=ROOM:mailto:room@example.com",
        "ATTENDEE;CUTYPE=GROUP:mailto:everybody@example.com",
    ]
    import_file(alice, calendar(tmp_path / "a.ics", entry("Booked", at(2), *rooms, person="")))
    import_file(alice, calendar(tmp_path / "b.ics", entry("Met", at(2), *rooms)))
    hold(alice, 5)
    assert held(alice) == [("Met", 2)]
    with acting_as(alice.pk):
        took_part = rows(alice, Participant).values_list("identity__value", "role")
        assert set(took_part) == {("ada@example.com", "organizer"), ("alice@example.org", "attendee")}
        kinds = rows(alice, EventAttendee).filter(event__title="Met").order_by("kind", "response")
        assert list(kinds.values_list("kind", "response", "is_organizer")) == [
            ("", "", True),
            ("", "tentative", False),
            ("group", "", False),
            ("room", "", False),
        ]


def test_a_series_that_repeats_too_often_is_followed_as_far_as_it_goes(alice: User, tmp_path: Path) -> None:
    import_file(alice, calendar(tmp_path / "a.ics", entry("Busy", at(2), "RRULE:FREQ=SECONDLY")))
    assert hold(alice, 4) == 1
    assert 0 < len(held(alice)) <= 1_000
    with acting_as(alice.pk):
        assert rows(alice, CalendarEvent).get().due_at > NINE + dt.timedelta(days=4)


def test_the_job_of_everybody(alice: User, charlie: User, week: Batch) -> None:
    asked = meetings.hold_everybodys()
    assert asked >= 2
    assert meetings.hold_everybodys() == asked
    for user in (alice, charlie):
        done = run_one(None, "test", user=user)
        assert done is not None
        assert (done.kind, done.state) == ("hold_meetings", "succeeded")
        assert run_one(None, "test", user=user) is None


def test_more_than_one_chunk_takes_more_than_one_turn(alice: User, tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(meetings, "AT_ONCE", 2)
    import_file(alice, calendar(tmp_path / "a.ics", *(entry(f"{n}", at(2)) for n in range(5))))
    assert [hold(alice, 3) for _ in range(4)] == [2, 2, 1, 0]
    assert len(held(alice)) == 5
