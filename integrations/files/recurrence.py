"""The occurrences of recurring events, by `recurring-ical-events` within bounds of our own.

A calendar is a stranger's file. A rule may repeat every second for a century, or search for the 30th of February
until the year 9999, so every rule is checked first and walked lazily, a limited number of steps.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any

import recurring_ical_events
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from icalendar import Event, vDDDLists, vRecur
from recurring_ical_events import EventAdapter, Series

from integrations.files.moments import Moment, as_time

MAX_STEPS = 50_000
"""How many occurrences of one rule we look at, from its first: 136 years of days."""
MAX_RULE = 1_000
MAX_OCCURRENCES = 15_000
MAX_WITHIN_A_DAY = 1_000
"""How many occurrences one event may have: by days or slower, and by hours, minutes or seconds."""
MAX_TOTAL = 100_000
SECONDS = 10.0
"""How many occurrences, and how much processor time, one calendar may take in all."""

# What the library raises on values that it did not expect; a bug report, not a reason to lose the other events.
LIBRARY_ERRORS = (ValueError, TypeError, KeyError, AttributeError, IndexError, ArithmeticError)

_PARTS = {
    "FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYSECOND", "BYMINUTE", "BYHOUR", "BYDAY", "BYMONTHDAY", "BYYEARDAY",
    "BYWEEKNO", "BYMONTH", "BYSETPOS",
}  # fmt: skip
_WITHIN_A_DAY = re.compile(r"FREQ=(SECONDLY|MINUTELY|HOURLY)|BY(SECOND|MINUTE|HOUR)=")
_SURELY_HAPPENS = re.compile(
    r"((FREQ|COUNT|UNTIL|WKST|INTERVAL)=[^;]*;?)*$|((FREQ|COUNT|UNTIL|WKST)=[^;]*;?|BYDAY=[A-Z,]*;?)*$"
)
_LIMITS = re.compile(r";?(COUNT|UNTIL)=[^;]*")
_YEARLY_LIMITS = re.compile(r";?(COUNT|UNTIL|INTERVAL)=[^;]*")


@dataclass(slots=True)
class Repeats:
    """When an event takes place: its first start and end, and what repeats, moves or cancels them."""

    uid: str
    start: Moment
    end: Moment
    rules: list[str] = field(default_factory=list)
    added: list[Moment | tuple[Moment, dt.timedelta]] = field(default_factory=list)
    cancelled: list[Moment] = field(default_factory=list)
    original: Moment | None = None
    """For an exception: which occurrence of its master it replaces."""
    this_and_future: bool = False
    sequence: int = 0

    @property
    def recurring(self) -> bool:
        """Whether it may take place more than once."""
        return bool(self.rules or self.added)


@dataclass(slots=True)
class Occurrence:
    """One time that an event takes place: the index of the `Repeats` that describes it, and when."""

    index: int
    start: Moment
    end: Moment
    original: Moment


def checked_rule(value: str) -> str:
    """Return a rule that `expand` can follow. Raises ValueError.

    >>> checked_rule("FREQ=DAILY;BYDAY=MO, TU;")
    'FREQ=DAILY;BYDAY=MO,TU'
    """
    if len(value) > MAX_RULE:
        raise ValueError("the repetition rule is too long")
    text = re.sub(r"\s+", "", value).upper().strip(";")
    rule = vRecur.from_ical(text)
    if "FREQ" not in rule or not _PARTS.issuperset(rule):
        raise ValueError("the repetition rule has parts that are not known")
    if any(number < 1 for number in rule.get("INTERVAL", [])):
        raise ValueError("the repetition rule repeats without moving on")
    return str(rule.to_ical(), "utf-8")


def expand(events: Sequence[Repeats], start: dt.datetime, end: dt.datetime) -> Iterator[Occurrence]:
    """Yield what takes place in [start, end), overlapping, in no order. The limits above hold."""
    left, deadline = MAX_TOTAL, time.thread_time() + SECONDS
    for indices in _by_uid(events).values():
        first = events[indices[0]]
        if len(indices) == 1 and not first.recurring:
            if _overlaps(first, start, end):
                yield Occurrence(indices[0], first.start, first.end, first.original or first.start)
        elif left > 0 and time.thread_time() < deadline:
            found = _expand_series(events, indices, start, end)
            left -= len(found)
            yield from found


def _by_uid(events: Sequence[Repeats]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        groups.setdefault(event.uid, []).append(index)
    return groups


def _overlaps(event: Repeats, start: dt.datetime, end: dt.datetime) -> bool:
    first, last = sorted((as_time(event.start), as_time(event.end)))
    return start <= first < end if first == last else first < end and start < last


def _expand_series(
    events: Sequence[Repeats], indices: list[int], start: dt.datetime, end: dt.datetime
) -> list[Occurrence]:
    rules = [rule for index in indices for rule in events[index].rules]
    limit = MAX_WITHIN_A_DAY if any(map(_WITHIN_A_DAY.search, rules)) else MAX_OCCURRENCES
    try:
        series = _Series([_Adapter(index, events[index]) for index in indices])
        if series.recurrence.has_core:
            series.recurrence.rrules = [_Bounded(rule) for rule in series.recurrence.rrules]
        return [found.occurrence for found in islice(series.between(start, end), limit)]
    except LIBRARY_ERRORS:
        return []


def _component(event: Repeats) -> Event:
    component = Event()
    component["UID"] = event.uid
    component["SEQUENCE"] = event.sequence
    component.add("DTSTART", event.start)
    component.add("DTEND", event.end)
    if rules := [rule for rule in event.rules if _happens_again(rule, event.start)]:
        component["RRULE"] = [vRecur.from_ical(rule) for rule in rules]
    if event.added:
        component["RDATE"] = vDDDLists(event.added)
    if event.cancelled:
        component["EXDATE"] = vDDDLists(event.cancelled)
    if event.original is not None:
        range_ = {"RANGE": "THISANDFUTURE"} if event.this_and_future else {}
        component.add("RECURRENCE-ID", event.original, parameters=range_)
    return component


class _Adapter(EventAdapter):  # type: ignore[misc]
    """A component for the library that remembers which of our events it stands for."""

    def __init__(self, index: int, event: Repeats) -> None:
        super().__init__(_component(event))
        self.index = index
        self.original = event.original or event.start


class _Found(recurring_ical_events.Occurrence):  # type: ignore[misc]
    """What the library finds, without the copy of its whole component: that took most of the time."""

    def __init__(self, adapter: _Adapter, start: Moment | None, end: Moment | None) -> None:
        super().__init__(adapter, start, end)
        original = adapter.original if start is None else start - adapter.move_recurrences_by
        self.occurrence = Occurrence(adapter.index, self.start, self.end, original)


class _Series(Series):  # type: ignore[misc]
    def occurrence(self, adapter: _Adapter, start: Moment | None = None, end: Moment | None = None) -> _Found:
        return _Found(adapter, start, end)


class _Bounded:
    """A rule of dateutil whose `between` stops after `MAX_STEPS`, and makes no list of what it finds."""

    def __init__(self, rule: Any) -> None:
        self.until = rule.until
        self._rule = rule

    def between(self, after: dt.datetime, before: dt.datetime, inc: bool) -> Iterator[dt.datetime]:
        for moment in islice(self._rule, MAX_STEPS):
            if moment > before:
                return
            if moment >= after:
                yield moment


@lru_cache(1024)
def _happens_again(rule: str, start: Moment) -> bool:
    """Look for an occurrence in the last years that dateutil knows, where a vain search is soon over.

    Weekdays and leap years return every 28 years, and 8,000 years are whole cycles of the calendar.
    """
    if _SURELY_HAPPENS.match(rule):
        return True
    late = dt.date(9942 + (start.year - 1942) % 28, start.month, start.day)
    hour = start.time() if isinstance(start, dt.datetime) else dt.time()
    limits = (
        _LIMITS if "FREQ=YEARLY" not in rule else _YEARLY_LIMITS
    )  # years may be far apart, and are soon walked
    try:
        found = iter(rrulestr(limits.sub("", rule).strip(";"), dtstart=dt.datetime.combine(late, hour)))
    except ValueError:  # dateutil itself sees that hours never meet
        return False
    return next(found, None) is not None
