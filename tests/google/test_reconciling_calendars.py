"""A calendar held to what Google has: what was lost, or is held otherwise, is found and asked for."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from integrations.google import calendar
from integrations.models import RawEvent
from integrations.streams.reconciling import DAYS, compare
from integrations.streams.steps import Position, Step
from integrations.streams.truth import TRUTHS
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.google.calendars import NOW, Following
from tests.google.test_calendar_stream import BOTH, at

pytestmark = pytest.mark.django_db
KIND: Any = "calendar"


@pytest.fixture
def following(alice: User, monkeypatch: pytest.MonkeyPatch) -> Following:
    monkeypatch.setattr("integrations.google.calendar.EVENTS", 2)
    return Following.begin(alice)


def look(following: Following) -> dict[str, int]:
    """What the job does: list, catch up, compare."""
    began, ids, page = dt.datetime.now(dt.UTC), {}, ""
    asks = {"since": (NOW - DAYS).timestamp(), "calendar": following.stream.remote_id}
    while True:
        step = Step("reconcile", Position.of(following.stream), asks | {"page": page})
        listed = TRUTHS[KIND].ask(step, following.client)
        ids |= listed.ids
        if not (page := listed.next_page):
            break
    following.catch_up()
    with acting_as(following.user.pk):
        compare(following.stream, ids, began, dt.datetime.now(dt.UTC))
    tally: dict[str, int] = following.stream.tally
    return {name: count for name, count in tally.items() if count}


def test_what_was_lost_or_is_held_otherwise_is_found(following: Following, alice: User) -> None:
    cal = following.calendar
    lunch, _, gone = (cal.add(name, at(1), attendees=BOTH) for name in ("Lunch", "Tea", "Gone"))
    cal.add("Birthday", NOW.date(), recurrence=["RRULE:FREQ=YEARLY"], eventType="birthday")
    following.catch_up()
    assert look(following) == {"google": 4, "held": 3, "left_out": 1}
    assert following.stream.missing == 0

    following.google.clock.advance(60)
    cal.add("Never heard of", at(2), attendees=BOTH)
    cal.change(lunch, summary="Long lunch")
    cal.cancel(gone)
    skip_what_changed(following)
    assert look(following) == {"google": 5, "held": 1, "left_out": 1, "missing": 3}
    following.catch_up()
    assert {title for title, _ in following.places()} == {"Long lunch", "Tea", "Never heard of"}
    assert look(following) == {"google": 5, "held": 3, "left_out": 2}


def skip_what_changed(following: Following) -> None:
    """A fault of ours: the stream believes that it knows all until now."""
    stream, token = following.stream, ""
    while not token:
        said = calendar.list_events(
            following.client, stream.remote_id, sync_token=stream.cursor, page=stream.page_token
        )
        stream.page_token, token = said.next_page, said.sync_token
    stream.cursor = token
    with acting_as(following.user.pk):
        stream.save()


def test_what_its_owner_took_back_is_not_asked_for(following: Following, alice: User) -> None:
    lunch = following.calendar.add("Lunch", at(1), attendees=BOTH)
    following.catch_up()
    with acting_as(alice.pk):
        RawEvent.objects.for_user(alice).update(verdict="skipped:undone", payload=None)
    following.google.clock.advance(60)
    following.calendar.change(lunch, summary="Long lunch")
    assert look(following) == {"google": 1, "left_out": 1}
