"""Random calendars, changed while they are read by workers that crash: nothing is lost, left over, stale or doubled."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from typing import Any

import pytest

from omnicrm.models import User
from tests.factories import make_user
from tests.google.calendars import ADA, ME, NOW, Crash, Following

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
BOB = "bob@example.com"
SHOWN = "0 appointments lost, left over, stale or doubled"
Record = Callable[[str, object], None]
ANSWERS = ("accepted", "declined", "tentative", "needsAction")
FAULTS = ("429", "500", "503", "rateLimitExceeded", "html", "reset", "invalid_json")


class Person:
    """Somebody who uses a calendar at random."""

    def __init__(self, following: Following, chance: random.Random) -> None:
        self.cal, self.chance = following.calendar, chance
        self.following = following

    def act(self) -> None:
        masters = [id for id, one in self.living() if one.get("recurrence")]
        singles = [id for id, one in self.living() if not one.get("recurrence")]
        ways: list[Callable[[], Any]] = [self.add, self.add, self.add_series]
        if singles:
            ways += [lambda: self.change(self.pick(singles)), lambda: self.cal.cancel(self.pick(singles))]
        if masters:
            ways += [
                lambda: self.move_one(self.pick(masters)),
                lambda: self.cancel_one(self.pick(masters)),
                lambda: self.cal.change(self.pick(masters), summary=self.title()),
                lambda: self.cal.respond(self.pick(masters), ADA, self.chance.choice(ANSWERS)),
            ]
            if self.chance.random() < 0.3:
                ways.append(lambda: self.cal.cancel(self.pick(masters)))
        self.chance.choice(ways)()
        if self.chance.random() < 0.06:
            self.cal.expire_tokens()

    def living(self) -> list[tuple[str, dict[str, Any]]]:
        return [(id, one) for id, one in self.cal.events.items() if one["status"] != "cancelled"]

    def pick(self, ids: list[str]) -> str:
        return self.chance.choice(ids)

    def title(self) -> str:
        return f"Title {self.chance.randrange(10**6)}"

    def when(self) -> dt.datetime:
        return NOW + self.chance.randrange(-600, 600) * HOUR

    def people(self) -> list[dict[str, Any]]:
        others = self.chance.sample([ADA, BOB], self.chance.randrange(3))
        mine = {"email": ME, "responseStatus": "accepted"}
        return [mine, *({"email": one, "responseStatus": self.chance.choice(ANSWERS)} for one in others)]

    def add(self) -> None:
        at = self.when()
        if self.chance.random() < 0.2:
            self.cal.add(self.title(), at.date(), at.date() + 2 * DAY)
        else:
            self.cal.add(self.title(), at, at + HOUR, attendees=self.people())

    def add_series(self) -> None:
        at, rule = (
            self.when(),
            self.chance.choice(["FREQ=DAILY;COUNT=9", "FREQ=WEEKLY", "FREQ=DAILY;INTERVAL=3"]),
        )
        self.cal.add(self.title(), at, at + HOUR, attendees=self.people(), recurrence=[f"RRULE:{rule}"])

    def change(self, id: str) -> None:
        if "date" in self.cal.events[id]["start"]:
            self.cal.change(id, summary=self.title())
            return
        at = self.when()
        fields = self.chance.choice(
            [{"summary": self.title()}, {"start": at, "end": at + HOUR}, {"attendees": self.people()}]
        )
        self.cal.change(id, **fields)

    def original(self, master: str) -> dt.datetime:
        """One of its first occurrences: all rules here repeat by days."""
        event = self.cal.events[master]
        start = dt.datetime.fromisoformat(event["start"]["dateTime"])
        step = 7 if "WEEKLY" in event["recurrence"][0] else 3 if "INTERVAL" in event["recurrence"][0] else 1
        return start + self.chance.randrange(8) * step * DAY

    def move_one(self, master: str) -> None:
        at = self.when()
        self.cal.change_instance(master, self.original(master), start=at, end=at + HOUR, summary=self.title())

    def cancel_one(self, master: str) -> None:
        self.cal.cancel_instance(master, self.original(master))


def live_through(user: User, seed: int) -> list[str]:
    """One random life of a calendar; what is wrong at its end."""
    chance = random.Random(seed)
    following = Following.begin(user, seed=seed)
    person = Person(following, chance)
    for _ in range(chance.randrange(12)):
        person.act()
    following.google.between.append(lambda call: person.act() if chance.random() < 0.3 else None)
    following.google.faults.chance(0.06, seed=seed, kinds=FAULTS)
    following.crash = lambda place: crash(chance)
    for _ in range(chance.randrange(2, 5)):
        for _ in range(chance.randrange(4)):
            person.act()
        following.catch_up()
    following.google.between.clear()
    following.google.faults.clear()
    following.crash = lambda place: None
    following.catch_up()
    return wrong(following)


def crash(chance: random.Random) -> None:
    if chance.random() < 0.03:
        raise Crash


def wrong(following: Following) -> list[str]:
    here, true = following.places(), following.truth()
    held, met = following.meetings(), following.true_meetings()
    return [
        *(f"lost {one}" for one in true - here),
        *(f"ghost {one}" for one in here - true),
        *(f"meeting lost {one}" for one in met.keys() - held.keys()),
        *(f"meeting ghost {one}" for one in held.keys() - met.keys()),
        *(f"meeting stale {one}" for one in met.keys() & held.keys() if met[one] != held[one]),
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("first", range(0, 100, 25))
def test_nothing_is_lost_left_over_stale_or_doubled(
    first: int, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    run(range(first, first + 25), monkeypatch)
    record_property("google", f"100 random lives of calendars: {SHOWN}")


@pytest.mark.proof
@pytest.mark.django_db
@pytest.mark.parametrize("first", range(1_000, 3_000, 100))
def test_nothing_is_lost_in_many_lives(
    first: int, monkeypatch: pytest.MonkeyPatch, record_property: Record
) -> None:
    run(range(first, first + 100), monkeypatch)
    record_property("google", f"2,000 random lives of calendars: {SHOWN}")


def run(seeds: range, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("integrations.google.calendar.EVENTS", 4)
    assert {seed: faults for seed in seeds if (faults := live_through(make_user(), seed))} == {}
