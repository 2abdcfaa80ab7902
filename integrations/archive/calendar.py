"""The calendar entries as a calendar that every program reads: iCalendar (RFC 5545).

Who is invited is not part of an entry here: the calendars as they came, which say it, are in the archive too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from contacts.models import CalendarEvent
from contacts.when import zone_of
from integrations.archive.pages import paged
from integrations.archive.properties import escaped, folded

HEAD = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//OmniCRM//OmniCRM//EN"]


def calendar(user_id: UUID) -> Iterator[bytes]:
    yield folded(HEAD)
    for event in paged(CalendarEvent.objects.for_user(user_id)):
        yield folded(entry(event))
    yield folded(["END:VCALENDAR"])


def entry(event: CalendarEvent) -> Iterator[str]:
    yield "BEGIN:VEVENT"
    yield f"UID:{escaped(event.ical_uid)}"
    yield f"DTSTAMP:{moment(event.updated_at)}"
    yield from recurrence(event.recurrence_id)
    zone = event.zone if event.recurring else ""
    yield from time_of("DTSTART", event.starts_at, event.starts_on, zone)
    yield from time_of("DTEND", event.ends_at, event.ends_on, zone)
    for line in event.recurrence.splitlines():
        name, _, value = line.partition(":")
        yield f"{name}{kind_of(name, value)}:{value}"
    for name, value in (
        ("SUMMARY", event.title),
        ("DESCRIPTION", event.description),
        ("LOCATION", event.location),
    ):
        if value:
            yield f"{name}:{escaped(value)}"
    if event.keywords:
        yield f"CATEGORIES:{','.join(map(escaped, event.keywords))}"
    if event.status.upper() in ("TENTATIVE", "CONFIRMED", "CANCELLED"):
        yield f"STATUS:{event.status.upper()}"
    yield "END:VEVENT"


def kind_of(name: str, value: str) -> str:
    """What an added or left out date must say of itself, where it is no time: that it is a day, or a period."""
    if name == "RRULE" or ("T" in value and "/" not in value):
        return ""
    return ";VALUE=PERIOD" if "/" in value else ";VALUE=DATE"


def time_of(name: str, at: dt.datetime | None, on: dt.date | None, zone: str = "") -> Iterator[str]:
    """`zone`: of a series, which repeats at the hours of a place."""
    if at and zone:
        yield f"{name};TZID={zone}:{at.astimezone(zone_of(zone)):%Y%m%dT%H%M%S}"
    elif at:
        yield f"{name}:{moment(at)}"
    elif on:
        yield f"{name};VALUE=DATE:{on:%Y%m%d}"


def recurrence(said: str) -> Iterator[str]:
    """Which occurrence of its series this is, from how we keep it: a date or a moment in ISO 8601; or nothing."""
    with suppress(ValueError):
        if len(said) == len("2026-01-05"):
            yield f"RECURRENCE-ID;VALUE=DATE:{dt.date.fromisoformat(said):%Y%m%d}"
        elif said:
            yield f"RECURRENCE-ID:{moment(dt.datetime.fromisoformat(said))}"


def moment(at: dt.datetime) -> str:
    return f"{at.astimezone(dt.UTC):%Y%m%dT%H%M%SZ}"
