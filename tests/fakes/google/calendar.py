"""One person's calendars and their events, every change numbered for the sync tokens."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from .alone import Lock, alone
from .clock import Clock
from .recurrence import instance, instance_id, moment, same_kind

Times = date | datetime | dict[str, Any]


def time_of(at: Times, zone: str) -> dict[str, Any]:
    """As events write it. A dictionary stays as it is."""
    if isinstance(at, dict):
        return at
    if isinstance(at, datetime):
        return {"dateTime": at.isoformat(), "timeZone": getattr(at.tzinfo, "key", zone)}
    return {"date": at.isoformat()}


@dataclass
class Calendar:
    id: str
    owner: str
    clock: Clock
    summary: str = ""
    lock: Any = field(default_factory=Lock, repr=False)
    time_zone: str = "Europe/Zurich"
    primary: bool = False
    access_role: str = "owner"
    deleted: bool = False
    events: dict[str, dict[str, Any]] = field(default_factory=dict)
    born: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    """The number of each event's last change."""
    number: int = 0
    generation: int = 0
    told: list[Callable[[], Any]] = field(default_factory=list)
    """Called after every change."""

    def __post_init__(self) -> None:
        self._random = random.Random(self.id)

    # what a person does

    def add(
        self, summary: str, start: Times, end: Times | None = None, *,
        attendees: Iterable[str | dict[str, Any]] = (), recurrence: Iterable[str] = (), **more: Any,
    ) -> str:  # fmt: skip
        """The id of a new event. Attendees are addresses, or all that Google says of one."""
        begin = time_of(start, self.time_zone)
        if end is None:
            end = same_kind(begin, moment(begin) + timedelta(days="date" in begin, hours="date" not in begin))
        invited = [{"email": each, "responseStatus": "needsAction"} if isinstance(each, str) else each
                   for each in attendees]  # fmt: skip
        event = {"summary": summary, "start": begin, "end": time_of(end, self.time_zone), **more}
        if invited:
            event["attendees"] = invited
        if recurrence:
            event["recurrence"] = list(recurrence)
        return self.put(event)

    @alone
    def put(self, event: dict[str, Any]) -> str:
        """An event as Google would write it; what is missing is filled in."""
        id = event.get("id") or f"{self._random.getrandbits(128):026x}"[:26]
        now = self.clock.iso()
        usual = {
            "kind": "calendar#event",
            "status": "confirmed",
            "created": now,
            "iCalUID": f"{id}@google.com",
            "sequence": 0,
            "eventType": "default",
            "htmlLink": f"https://www.google.com/calendar/event?eid={id}",
            "creator": {"email": self.owner},
            "organizer": {"email": self.id},
        }
        self._store({**usual, **event, "id": id, "updated": now})
        return id

    @alone
    def change(self, id: str, **fields: Any) -> None:
        times: dict[str, Any] = {
            name: time_of(fields[name], self.time_zone) for name in ("start", "end") if name in fields
        }
        old = self.events[id]
        self._store(
            {**old, **fields, **times, "updated": self.clock.iso(), "sequence": old.get("sequence", 0) + 1}
        )

    @alone
    def respond(self, id: str, address: str, status: str) -> None:
        attendees = [
            {**each, "responseStatus": status} if each["email"] == address else each
            for each in self.events[id].get("attendees", [])
        ]
        self.change(id, attendees=attendees)

    @alone
    def cancel(self, id: str) -> None:
        """Gone; of a series all is gone, and only the series is told of."""
        event = self.events[id]
        for other in [each for each, known in self.events.items() if known.get("recurringEventId") == id]:
            self._forget(other)
        kept = ("kind", "id", "recurringEventId", "originalStartTime")
        self._store({name: event[name] for name in kept if name in event} | {"status": "cancelled"})

    @alone
    def change_instance(self, master: str, original: Times, **fields: Any) -> str:
        """The id of the exception that one meeting of a series becomes."""
        series = self.events[master]
        begin = time_of(original, self.time_zone)
        length = moment(series["end"]) - moment(series["start"])
        id = instance_id(master, begin)
        if id not in self.events:
            self.put(instance(series, moment(begin), length) | {"originalStartTime": begin})
        self.change(id, **fields)
        return id

    @alone
    def cancel_instance(self, master: str, original: Times) -> str:
        """The id of the tombstone: it holds its id, its series, when it would have been, and that it is cancelled."""
        begin = time_of(original, self.time_zone)
        id = instance_id(master, begin)
        gone = {"kind": "calendar#event", "id": id, "status": "cancelled", "recurringEventId": master}
        self._store(gone | {"originalStartTime": begin})
        return id

    @alone
    def expire_tokens(self) -> None:
        """All sync tokens end, and what was deleted till now is not told of any more."""
        self.generation += 1
        for id, event in list(self.events.items()):
            if event["status"] == "cancelled" and "recurringEventId" not in event:
                self._forget(id)

    # keeping

    def _store(self, event: dict[str, Any]) -> None:
        self.number += 1
        id = event["id"]
        self.events[id] = event | {"etag": f'"{self.number}"'}
        self.born.setdefault(id, self.number)
        self.changed[id] = self.number
        for each in self.told:
            each()

    def _forget(self, id: str) -> None:
        for kept in (self.events, self.born, self.changed):
            kept.pop(id, None)


@dataclass
class Calendars:
    """The list of one account's calendars."""

    owner: str
    clock: Clock
    lock: Any = field(default_factory=Lock, repr=False)
    known: dict[str, Calendar] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    number: int = 0
    generation: int = 0
    told: list[Callable[[], Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add(self.owner, self.owner, primary=True)

    @alone
    def add(self, id: str, summary: str, **more: Any) -> Calendar:
        self.known[id] = Calendar(id, self.owner, self.clock, summary, lock=self.lock, **more)
        self._note(id)
        return self.known[id]

    def get(self, id: str) -> Calendar:
        return self.known[self.owner if id == "primary" else id]

    @alone
    def remove(self, id: str) -> None:
        self.known[id].deleted = True
        self._note(id)

    @alone
    def rename(self, id: str, summary: str) -> None:
        self.known[id].summary = summary
        self._note(id)

    @alone
    def expire_tokens(self) -> None:
        self.generation += 1
        for id in [id for id, calendar in self.known.items() if calendar.deleted]:
            del self.known[id], self.changed[id]

    def _note(self, id: str) -> None:
        self.number += 1
        self.changed[id] = self.number
        for each in self.told:
            each()
