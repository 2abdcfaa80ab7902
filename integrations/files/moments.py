"""Dates, times, durations and periods of iCalendar (RFC 5545 §3.3)."""

from __future__ import annotations

import datetime as dt
import re

from icalendar import vDuration

from contacts.when import Moment, as_time
from integrations.files.contentlines import Line
from integrations.files.zones import Zones

_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?(Z?))?", re.IGNORECASE)


def moment(value: str, line: Line, zones: Zones) -> Moment:
    """Read one date or time. A floating time is in the calendar's own zone, else in UTC.

    In a calendar that names its zone (X-WR-TIMEZONE) times in UTC move to it too, so that they recur at its hours.
    Raises ValueError.
    """
    match = _MOMENT.fullmatch(value.strip())
    if not match:
        raise ValueError(f"“{value[:40]}” is not a date")
    year, month, day, hour, minute, second, utc = match.groups()
    date = dt.date(int(year), int(month), int(day))
    if hour is None or line.params.get("VALUE", "").upper() == "DATE":
        return date
    wall = dt.datetime.combine(date, dt.time(int(hour), int(minute), min(int(second or 0), 59)))
    if utc:
        return wall.replace(tzinfo=dt.UTC).astimezone(zones.default or dt.UTC)
    name = line.params.get("TZID", "")
    return wall.replace(tzinfo=zones.find(name) if name else zones.default or dt.UTC)


def moments(line: Line, zones: Zones) -> list[Moment]:
    """Read a list of dates or times; an empty list is allowed. Raises ValueError."""
    return [moment(value, line, zones) for value in line.value.split(",") if value.strip()]


def moments_or_periods(line: Line, zones: Zones) -> list[Moment | tuple[Moment, dt.timedelta]]:
    """Read RDATE, whose values may be periods: a start with an end or a duration. Raises ValueError."""
    return [_moment_or_period(value, line, zones) for value in line.value.split(",") if value.strip()]


def duration(value: str) -> dt.timedelta:
    """Read a duration such as P1DT2H. Raises ValueError, also for one that no calendar could hold."""
    found: dt.timedelta = vDuration.from_ical(value.strip())  # type: ignore[no-untyped-call]
    return found


def _moment_or_period(value: str, line: Line, zones: Zones) -> Moment | tuple[Moment, dt.timedelta]:
    first, slash, last = value.strip().partition("/")
    start = moment(first, line, zones)
    if not slash:
        return start
    if last[:1] in "Pp+-":
        return start, duration(last)
    return start, as_time(moment(last, line, zones)) - as_time(start)
