"""The occurrences of events: rules, added and cancelled dates, and exceptions (RFC 5545 §3.8.4.4, §3.8.5).

A calendar is a stranger's file: a few bytes may repeat every second for a century. So whatever is looked at is paid for
out of one allowance, and where it did not suffice the caller is told.
"""

from __future__ import annotations

import datetime as dt
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from contacts.recurrence_rules import Rule, periods
from contacts.when import Moment, as_time, in_utc

MAX_OCCURRENCES = 15_000
MAX_WITHIN_A_DAY = 1_000
"""How many occurrences one event may have: by days or slower, and by hours, minutes or seconds."""

COST = 2
"""What an occurrence costs of the allowance; looking at a period of a rule costs 1 or more."""

_ALWAYS = tuple(dt.datetime.combine(date, dt.time()) for date in (dt.date.min, dt.date.max))

Span = tuple[dt.datetime, dt.datetime]
"""From when until before when, aware."""


@dataclass(slots=True)
class Repeats:
    """When an event takes place: its first start and end, and what repeats, moves or cancels them."""

    uid: str
    start: Moment
    end: Moment
    rules: list[Rule] = field(default_factory=list)
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

    @property
    def planned(self) -> Moment:
        """When an exception would have begun by its master's rules; for anything else its start."""
        return self.start if self.original is None else self.original

    @property
    def lasts(self) -> dt.timedelta:
        """How long it takes, by the clock on the wall."""
        return abs(_between(self.start, self.end))

    @property
    def moved_by(self) -> dt.timedelta:
        """How much later than planned an exception and all that follow it take place."""
        if not self.this_and_future or self.original is None:
            return dt.timedelta()
        return _between(self.original, self.start)


@dataclass(slots=True)
class Occurrence:
    """One time that an event takes place: the index of the `Repeats` that describes it, and when, in UTC."""

    index: int
    start: Moment
    end: Moment
    original: Moment


@dataclass(slots=True)
class Unrolled:
    """What takes place, in no order; and by index which events were left unfinished."""

    occurrences: list[Occurrence] = field(default_factory=list)
    over_limit: list[int] = field(default_factory=list)
    """Those with more occurrences than one event may have."""
    not_afforded: list[int] = field(default_factory=list)
    """Those at which the allowance was used up."""


class _Spent(Exception):
    """The allowance is used up."""


class _Allowance:
    def __init__(self, left: int) -> None:
        self.left = left

    def spend(self, cost: int) -> None:
        self.left -= cost
        if self.left < 0:
            raise _Spent


def expand(events: Sequence[Repeats], start: dt.datetime, end: dt.datetime, allowance: int) -> Unrolled:
    """Return what takes place in [start, end), overlapping. What does not repeat costs nothing."""
    unrolled, purse, span = Unrolled(), _Allowance(allowance), (start, end)
    for indices in _by_uid(events).values():
        event = events[indices[0]]
        if len(indices) == 1 and not event.recurring:
            unrolled.occurrences += _overlapping(indices[0], event.start, event.end, event.planned, span)
            continue
        if purse.left < 0 and any(events[index].recurring for index in indices):
            unrolled.not_afforded.append(indices[0])
            continue
        series = _Series(events, indices)
        limit = series.limit
        try:
            for number, occurrence in enumerate(series.between(span, purse)):
                if number == limit:
                    unrolled.over_limit.append(indices[0])
                    break
                unrolled.occurrences.append(occurrence)
        except _Spent:
            unrolled.not_afforded.append(indices[0])
    return unrolled


def _by_uid(events: Sequence[Repeats]) -> dict[str, list[int]]:
    groups: dict[str, list[int]] = {}
    for index, event in enumerate(events):
        groups.setdefault(event.uid, []).append(index)
    return groups


class _Series:
    """The events of one identifier: a master and exceptions to it. Of several versions the newest is meant."""

    def __init__(self, events: Sequence[Repeats], indices: Sequence[int]) -> None:
        self.events = events
        self.master: int | None = None
        self.exceptions: dict[dt.datetime, int] = {}
        for index in indices:
            if events[index].original is None:
                self.master = self._newer(self.master, index)
                continue
            for name in _names(events[index].planned):
                self.exceptions[name] = self._newer(self.exceptions.get(name), index)
        lasting = {index for index in self.exceptions.values() if events[index].this_and_future}
        self.changes = sorted((_names(events[index].planned)[0], index) for index in lasting)

    def _newer(self, known: int | None, index: int) -> int:
        if known is None or self.events[known].sequence < self.events[index].sequence:
            return index
        return known

    @property
    def limit(self) -> int:
        """How many occurrences it may have."""
        rules = self.events[self.master].rules if self.master is not None else []
        return MAX_WITHIN_A_DAY if any(rule.within_a_day for rule in rules) else MAX_OCCURRENCES

    def between(self, span: Span, purse: _Allowance) -> Iterator[Occurrence]:
        """Yield what overlaps the span. Raises _Spent."""
        cancelled: set[dt.datetime] = set()
        if self.master is not None:
            cancelled.update(name for moment in self.events[self.master].cancelled for name in _names(moment))
            yield from self._planned(self.master, cancelled, span, purse)
        for index in dict.fromkeys(self.exceptions.values()):
            event = self.events[index]
            if cancelled.isdisjoint(_names(event.planned)):
                yield from _overlapping(index, event.start, event.end, event.planned, span)

    def _planned(
        self, master: int, cancelled: set[dt.datetime], span: Span, purse: _Allowance
    ) -> Iterator[Occurrence]:
        """Yield the occurrences of the master that no exception replaces."""
        event = self.events[master]
        days = {moment for moment in event.cancelled if not isinstance(moment, dt.datetime)}
        valid = {index: self.events[index] for index in (master, *(index for _, index in self.changes))}
        shifts = {index: (one.moved_by, one.lasts) for index, one in valid.items()}
        margin = max(abs(moved) + lasts for moved, lasts in shifts.values()) + dt.timedelta(days=1)
        taken, seen = cancelled | self.exceptions.keys(), set()
        exact = bool(taken or days or event.added or len(event.rules) > 1)
        for planned, lasts in _starts(event, span, margin, purse):
            index = master
            if exact:
                name, *others = _names(planned)
                if name in seen or name in taken or not taken.isdisjoint(others) or _day(planned) in days:
                    continue
                seen.add(name)
                index = self._valid_at(name, master)
            moved, usual = shifts[index]
            with suppress(OverflowError, ValueError):  # beyond the ends of the calendar
                begins = planned + moved if moved else planned
                long = usual if lasts is None else lasts
                ends = begins + long if long else begins
                yield from _overlapping(index, begins, ends, planned, span)

    def _valid_at(self, name: dt.datetime, master: int) -> int:
        """Return which event describes an occurrence: the last change before it that holds for all that follow."""
        before = bisect_left(self.changes, (name, -1))
        return self.changes[before - 1][1] if before else master


def _starts(
    event: Repeats, span: Span, margin: dt.timedelta, purse: _Allowance
) -> Iterator[tuple[Moment, dt.timedelta | None]]:
    """Yield when the event was planned to begin within `margin` of the span, and how long if that is said apart."""
    for added in event.added:
        moment, lasts = added if isinstance(added, tuple) else (added, None)
        yield _like(event.start, moment), lasts
    untils = [until for rule in event.rules if (until := _last(rule, event.start)) is not None]
    if not untils or max(untils) >= _wall(event.start):
        yield event.start, None
    since, before = (_wall_at(event.start, edge) for edge in span)
    since, before = _shifted(since, -margin), _shifted(before, margin)
    for rule in event.rules:
        for wall in _by_rule(rule, event.start, since, before, purse):
            yield _like(event.start, wall), None


def _by_rule(
    rule: Rule, start: Moment, since: dt.datetime, before: dt.datetime, purse: _Allowance
) -> Iterator[dt.datetime]:
    """Yield the local times of a rule in [since, before), without its first. One with a count is walked from there."""
    first, last, left = _wall(start), _last(rule, start) or _ALWAYS[1], rule.count
    for begins, moments in periods(rule, first, since if left is None else first):
        purse.spend(rule.cost + COST * len(moments))
        if begins >= before or begins > last:
            return
        for moment in moments:
            if left is not None and moment >= first:
                left -= 1
            if moment > last or moment >= before or (left is not None and left < 0):
                return
            if moment > first and moment >= since:
                yield moment


def _last(rule: Rule, start: Moment) -> dt.datetime | None:
    """Return the local time up to which a rule holds."""
    return None if rule.until is None else _wall_at(start, rule.until)


def _wall(moment: Moment) -> dt.datetime:
    """Return what the clock on the wall says at a moment; a date is its midnight."""
    if isinstance(moment, dt.datetime):
        return moment.replace(tzinfo=None)
    return dt.datetime.combine(moment, dt.time())


def _wall_at(start: Moment, moment: Moment) -> dt.datetime:
    """Return what the clock says at a moment where an event starts; for all-day events the day counts."""
    if not isinstance(start, dt.datetime):
        return _wall(_day(moment))
    if isinstance(moment, dt.datetime) and moment.tzinfo:
        with suppress(OverflowError):
            moment = moment.astimezone(start.tzinfo)
    return _wall(moment)


def _like(start: Moment, moment: Moment) -> Moment:
    """Return a moment as a date or a time in a zone, whichever the start is."""
    if not isinstance(start, dt.datetime):
        return _day(moment)
    time = moment if isinstance(moment, dt.datetime) else _wall(moment)
    return time if time.tzinfo else time.replace(tzinfo=start.tzinfo)


def _between(first: Moment, last: Moment) -> dt.timedelta:
    """Return the time between two moments, in one zone by its clocks."""
    if isinstance(first, dt.datetime) and isinstance(last, dt.datetime):
        return last - first
    return as_time(last) - as_time(first)


def _day(moment: Moment) -> dt.date:
    return moment.date() if isinstance(moment, dt.datetime) else moment


def _names(moment: Moment) -> tuple[dt.datetime, ...]:
    """Return by which times an occurrence may be named: in UTC, and as the clock on the wall says it."""
    if not isinstance(moment, dt.datetime):
        return (dt.datetime.combine(moment, dt.time()),)
    return _wall(in_utc(moment)), _wall(moment)


def _overlapping(
    index: int, start: Moment, end: Moment, original: Moment, span: Span
) -> Iterator[Occurrence]:
    """Yield the occurrence if it overlaps the span."""
    start_ = in_utc(start)
    end_ = start_ if end is start else in_utc(end)
    first, last = as_time(start_), as_time(end_)
    if last < first:
        first, last = last, first
    if first < span[1] and (span[0] < last or span[0] <= first):
        yield Occurrence(index, start_, end_, start_ if original is start else in_utc(original))


def _shifted(moment: dt.datetime, by: dt.timedelta) -> dt.datetime:
    """Return a local time some while later or earlier, but not beyond the ends of the calendar."""
    try:
        return moment + by
    except OverflowError:
        return _ALWAYS[by > dt.timedelta()]
