"""Time zones of calendar files: by their IANA or Windows name, else by the VTIMEZONE (RFC 5545 §3.6.5) beside the events.

Nothing read from a file outlives its reading, so one person's calendar never decides the times of another's.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
import zoneinfo
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter

from icalendar.timezone.windows_to_olson import WINDOWS_TO_OLSON

from contacts.when import known_zones
from integrations.files.contentlines import Line

MAX_OBSERVANCES, MAX_ONSETS = 12, 200
"""How many parts one time zone may have, the newest ones, and how many listed onsets each of them."""

_OFFSET = re.compile(r"([+-])(\d\d):?(\d\d)(?::?\d\d)?$")
_NAMED_OFFSET = re.compile(r"(?:UTC|GMT)\s*([+-])(\d\d?):?(\d\d)?", re.I)
_LOCAL_TIME = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)?)?")
_NTH_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)$")
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")

_YEAR = attrgetter("year")
_FOREVER = dt.datetime.combine(dt.date.max, dt.time())


def named_zone(name: str) -> dt.tzinfo | None:
    """Return the zone of an IANA name, a Windows name, or an IANA name with a vendor's path before it."""
    name = name.strip().strip("/")
    name = WINDOWS_TO_OLSON.get(name, name)
    for _ in range(4):
        if name in known_zones():
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

    def in_year(self, year: int) -> list[dt.datetime]:
        """Return the onsets that may matter in a year: its own, and the last ones before it."""
        listed = bisect_left(self.onsets, year, key=_YEAR), bisect_right(self.onsets, year, key=_YEAR)
        found = [self.start, *self.onsets[max(0, listed[0] - 1) : listed[1]]]
        if self.month:
            last = min(year, self.until.year)
            yearly = [self._by_rule(year) for year in (last - 1, last) if year > self.start.year]
            found += [onset for onset in yearly if onset and onset <= self.until]
        return found

    def _by_rule(self, year: int) -> dt.datetime | None:
        first, size = calendar.monthrange(year, self.month)
        days = [d for d in self.days if d <= size and self.weekday in (None, (first + d - 1) % 7)]
        position = self.nth - 1 if self.nth > 0 else self.nth
        if not -len(days) <= position < len(days):
            return None
        return dt.datetime.combine(dt.date(year, self.month, days[position]), self.start.time())


class FileZone(dt.tzinfo):
    """A time zone as a file defines it, its clocks changing between 1900 and 2100."""

    def __init__(self, key: str, observances: list[Observance]) -> None:
        self.key = key
        self._observances = observances
        self._first = min(observances, key=lambda observance: observance.start)
        self._years: dict[int, list[tuple[dt.datetime, dt.timedelta]]] = {}

    def utcoffset(self, moment: dt.datetime | None) -> dt.timedelta:
        """Return what the latest onset before this local time says, or what held before the first one."""
        if moment is None:
            return self._first.before
        onsets = self._onsets(min(max(moment.year, 1900), 2100))
        before = bisect_right(onsets, moment.replace(tzinfo=None), key=itemgetter(0))
        return onsets[before - 1][1] if before else self._first.before

    def _onsets(self, year: int) -> list[tuple[dt.datetime, dt.timedelta]]:
        if year not in self._years:
            self._years[year] = sorted(
                (onset, o.after) for o in self._observances for onset in o.in_year(year)
            )
        return self._years[year]

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
    found = [observance for part in parts if (observance := _observance(part)) is not None]
    return sorted(found, key=lambda observance: observance.start)[-MAX_OBSERVANCES:]


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
