"""Time zones of calendar files: by their IANA or Windows name, else by the VTIMEZONE (RFC 5545 §3.6.5) beside the events.

Nothing read from a file outlives its reading, so one person's calendar never decides the times of another's.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import zoneinfo
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from integrations.files.contentlines import Line

MAX_ONSETS = 200
"""How many observances, and listed onsets of each, one time zone may have."""

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)(?::?\d\d)?$")
_NAMED_OFFSET = re.compile(r"(?:UTC|GMT)\s*([+-])(\d\d?):?(\d\d)?", re.I)
_LOCAL_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?)?")
_NTH_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)$")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_FOREVER = dt.datetime.combine(dt.date.max, dt.time())


@cache
def _known_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


def named_zone(name: str) -> dt.tzinfo | None:
    """Return the zone of an IANA name, a Windows name, or an IANA name with a vendor's path before it."""
    name = name.strip().strip("/")
    name = WINDOWS_TO_OLSON.get(name, name)
    for _ in range(4):
        if name in _known_names():
            return zoneinfo.ZoneInfo(name)
        name = name.partition("/")[2]
    return None


class Zones:
    """The time zones that the events of one calendar may name."""

    def __init__(self, definitions: Sequence[list[Line]], default_name: str) -> None:
        self._definitions = {_text(lines, "TZID").strip("/"): lines for lines in definitions}
        self._found: dict[str, dt.tzinfo] = {}
        self.default: dt.tzinfo | None = None
        self.default = self.find(default_name) if default_name else None

    def find(self, name: str) -> dt.tzinfo:
        """Return the zone of that name; an unknown one is the calendar's own zone, else UTC."""
        if name not in self._found:
            self._found[name] = (
                named_zone(name) or self._defined(name) or _fixed(name) or self.default or dt.UTC
            )
        return self._found[name]

    def _defined(self, name: str) -> dt.tzinfo | None:
        lines = self._definitions.get(name.strip().strip("/"))
        observances = _observances(lines) if lines else []
        return FileZone(name, observances) if observances else None


@dataclass(slots=True)
class Observance:
    """A STANDARD or DAYLIGHT part: from which local times on which offset holds."""

    start: dt.datetime
    before: dt.timedelta = dt.timedelta()
    after: dt.timedelta = dt.timedelta()
    onsets: list[dt.datetime] = field(default_factory=list)
    month: int = 0
    """The month of a yearly rule, or 0 when there is none."""
    days: Sequence[int] = range(1, 32)
    weekday: int | None = None
    nth: int = 1
    until: dt.datetime = _FOREVER

    _by_year: dict[int, dt.datetime] = field(default_factory=dict)

    def latest(self, wall: dt.datetime) -> dt.datetime | None:
        """Return the last onset at or before a local time, or None before the first."""
        if wall < self.start:
            return None
        known = [self.start, *self.onsets[: bisect_right(self.onsets, wall)][-1:]]
        if self.month:
            known += [
                onset for onset in map(self._in_year, (wall.year, wall.year - 1)) if onset <= self.until
            ]
        return max(onset for onset in known if onset <= wall)

    def _in_year(self, year: int) -> dt.datetime:
        if year not in self._by_year:
            self._by_year[year] = self._onset(year) if year > self.start.year else self.start
        return self._by_year[year]

    def _onset(self, year: int) -> dt.datetime:
        last = calendar.monthrange(year, self.month)[1]
        days = [
            d
            for d in self.days
            if d <= last and self.weekday in (None, calendar.weekday(year, self.month, d))
        ]
        position = self.nth - 1 if self.nth > 0 else self.nth
        if not -len(days) <= position < len(days):
            return self.start
        return dt.datetime.combine(dt.date(year, self.month, days[position]), self.start.time())


class FileZone(dt.tzinfo):
    """A time zone as a file defines it."""

    def __init__(self, key: str, observances: list[Observance]) -> None:
        self.key = key
        self._observances = observances
        self._first = min(observances, key=lambda observance: observance.start)

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        """Return what the latest onset before this local time says, or what held before the first one."""
        if moment is None:
            return self._first.before
        wall = moment.replace(tzinfo=None)
        onsets = [(onset, o.after) for o in self._observances if (onset := o.latest(wall)) is not None]
        return max(onsets)[1] if onsets else self._first.before

    def dst(self, moment: dt.datetime | None) -> dt.timedelta:
        """Return nothing: files do not say it reliably, and UTC needs only the offset."""
        return dt.timedelta()

    def tzname(self, moment: dt.datetime | None) -> str:
        """Return the name by which the file calls it."""
        return self.key


def _text(lines: list[Line], name: str) -> str:
    return next((line.value.strip() for line in lines if line.name == name), "")


def _fixed(name: str) -> dt.tzinfo | None:
    """Return the zone of a name like "(UTC+01:00) Amsterdam", which says its offset and nothing else of use."""
    match = _NAMED_OFFSET.search(name[:100])
    if not match or int(match[2]) > 14:
        return None
    offset = dt.timedelta(hours=int(match[2]), minutes=min(int(match[3] or 0), 59))
    return dt.timezone(-offset if match[1] == "-" else offset)


def _observances(lines: list[Line]) -> list[Observance]:
    parts: list[list[Line]] = []
    for line in lines:
        if line.name == "BEGIN":
            parts.append([])
        elif parts:
            parts[-1].append(line)
    return [o for part in parts[:MAX_ONSETS] if (o := _observance(part)) is not None]


def _observance(lines: list[Line]) -> Observance | None:
    start = _local_time(_text(lines, "DTSTART"))
    after = _offset(_text(lines, "TZOFFSETTO"))
    if start is None or after is None:
        return None
    before = _offset(_text(lines, "TZOFFSETFROM"))
    observance = Observance(start, after if before is None else before, after)
    listed = ",".join(line.value for line in lines if line.name == "RDATE")[: MAX_ONSETS * 17].split(",")
    observance.onsets = sorted(onset for value in listed if (onset := _local_time(value)) is not None)
    _read_rule(observance, _text(lines, "RRULE")[:200].upper())
    return observance


def _read_rule(observance: Observance, rule: str) -> None:
    """Take the yearly rule that zones use ("last Sunday of March"); any other leaves the first onset alone."""
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    month, days = parts.get("BYMONTH", str(observance.start.month)), parts.get("BYMONTHDAY", "")
    day = _NTH_DAY.match(parts.get("BYDAY", ""))
    if parts.get("FREQ") != "YEARLY" or not month.isdecimal() or not 1 <= int(month[:3]) <= 12:
        return
    observance.month = int(month)
    observance.days = [int(d) for d in days.split(",") if d.isdecimal() and len(d) < 3] or range(1, 32)
    if day:
        observance.nth, observance.weekday = int(day[1] or 1), _WEEKDAYS.index(day[2])
    elif not days:
        observance.days = [observance.start.day]
    if until := _local_time(parts.get("UNTIL", "")):
        observance.until = until + dt.timedelta(days=1)  # UNTIL is in UTC; the onset of its day still counts


def _local_time(value: str) -> dt.datetime | None:
    match = _LOCAL_TIME.match(value.strip())
    if not match:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return dt.datetime.combine(dt.date(year, month, day), dt.time(hour, minute, second))
    except ValueError:
        return None


def _offset(value: str) -> dt.timedelta | None:
    match = _OFFSET.match(value)
    if not match or int(match[2]) > 23:
        return None
    offset = dt.timedelta(hours=int(match[2]), minutes=min(int(match[3]), 59))
    return -offset if match[1] == "-" else offset
