"""Moments and days: an all-day event is a date, everything else an aware time in UTC."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from functools import cache
from typing import Any

from contacts.drafts import EventDraft

Moment = dt.datetime | dt.date
"""An aware datetime, or the date of something that lasts all day."""


def in_utc(value: Moment) -> Moment:
    """Return a time in UTC and a date as it is. Raises ValueError at the ends of the calendar."""
    try:
        return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value
    except OverflowError as error:
        raise ValueError("the date is out of range") from error


def as_time(value: Moment) -> dt.datetime:
    """Return a time as it is and a date as its midnight in UTC, for comparing."""
    if isinstance(value, dt.datetime):
        return value
    return dt.datetime.combine(value, dt.time(), dt.UTC)


UTC_NAMES = frozenset({"UTC", "Etc/UTC", "GMT", "Etc/GMT", "Zulu", "Etc/Zulu", "UCT", "Etc/UCT"})


@cache
def known_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def zone_name(when: Moment) -> str:
    """The IANA name of the zone that a time is in; empty for dates, for UTC, and for zones that only a file knows."""
    name = getattr(getattr(when, "tzinfo", None), "key", "")
    return name if name in known_zones() and name not in UTC_NAMES else ""


def zone_of(name: str) -> dt.tzinfo:
    """The zone of a name that `zone_name` gave."""
    return zoneinfo.ZoneInfo(name) if name in known_zones() else dt.UTC


def as_moment(when: dt.datetime | dt.date) -> dt.datetime:
    """The moment an event begins; a day begins at midnight UTC, for ordering only."""
    if isinstance(when, dt.datetime):
        return when if when.tzinfo else when.replace(tzinfo=dt.UTC)
    return dt.datetime.combine(when, dt.time(), dt.UTC)


def calendar_times(draft: EventDraft) -> dict[str, Any]:
    """The four columns of a calendar event's begin and end."""
    return {**columns("starts", draft.start), **columns("ends", draft.end)}


def columns(name: str, when: dt.datetime | dt.date | None) -> dict[str, Any]:
    if isinstance(when, dt.datetime):
        return {f"{name}_at": as_moment(when)}
    return {f"{name}_on": when} if when else {}
