"""Repetition rules (RRULE, RFC 5545 §3.3.10): which local times a rule names.

A rule's rhythm is cut into periods: years, months, weeks, days, or hours and less. Whoever walks a stranger's rule pays
for each period, so that it can stop; and a walk may begin anywhere, not only at the rule's own start.
"""

from __future__ import annotations

import calendar
import datetime as dt
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import prod

MAX_RULE = 1_000
MAX_NUMBER = 1_000_000
"""How long a rule may be, and how large its COUNT and INTERVAL."""

_FREQUENCIES = ("YEARLY", "MONTHLY", "WEEKLY", "DAILY", "HOURLY", "MINUTELY", "SECONDLY")
_SECONDS = {"HOURLY": 3600, "MINUTELY": 60, "SECONDLY": 1}
_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_WEEKDAY = re.compile(r"([+-]?\d{1,2})?(MO|TU|WE|TH|FR|SA|SU)")
_UNTIL = re.compile(r"(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)(\d\d)(Z?))?")
_LISTS = {
    "BYMONTH": (1, 12), "BYWEEKNO": (-53, 53), "BYYEARDAY": (-366, 366), "BYMONTHDAY": (-31, 31), "BYHOUR": (0, 23),
    "BYMINUTE": (0, 59), "BYSECOND": (0, 60), "BYSETPOS": (-366, 366),
}  # fmt: skip
_PARTS = {"FREQ", "UNTIL", "COUNT", "INTERVAL", "WKST", "BYDAY", *_LISTS}
_DAY = 24 * 60 * 60
_LAST = dt.date.max.toordinal() - 366  # the last year is left alone, for room to calculate in


@dataclass(slots=True, frozen=True)
class Rule:
    """A rule, read. An empty list sets no limit; days of the week count from Monday, 0."""

    frequency: str
    interval: int = 1
    count: int | None = None
    until: dt.datetime | dt.date | None = None
    week_start: int = 0
    weekdays: list[int] = field(default_factory=list)
    nth_weekdays: list[tuple[int, int]] = field(default_factory=list)
    """Of the month or year, from its end if negative, and the day of the week."""
    months: list[int] = field(default_factory=list)
    weeks: list[int] = field(default_factory=list)
    year_days: list[int] = field(default_factory=list)
    month_days: list[int] = field(default_factory=list)
    hours: list[int] = field(default_factory=list)
    minutes: list[int] = field(default_factory=list)
    seconds: list[int] = field(default_factory=list)
    positions: list[int] = field(default_factory=list)

    @property
    def cost(self) -> int:
        """What one period costs to look at: a day costs 1, a year of days some fifty."""
        by_date = bool(self.weeks or self.year_days)
        if self.frequency not in ("YEARLY", "MONTHLY"):
            return 3 if by_date else 1
        days = len(self.month_days) or (31 if by_date or self.weekdays or self.nth_weekdays else 1)
        months = 1 if self.frequency == "MONTHLY" else len(self.months) or (12 if days > 1 else 1)
        return 2 + months * days * (32 if by_date else 1) // 8

    @property
    def within_a_day(self) -> bool:
        """Whether it may take place several times a day."""
        times = prod(len(values) or 1 for values in (self.hours, self.minutes, self.seconds))
        return self.frequency in _SECONDS or times > 1


@lru_cache(256)
def read(value: str) -> Rule:
    """Return the rule of a text; white space in it and semicolons too many do no harm. Raises ValueError."""
    if len(value) > MAX_RULE:
        raise ValueError("the repetition rule is too long")
    text = re.sub(r"\s+", "", value).upper()
    parts = dict(part.partition("=")[::2] for part in text.split(";") if part)
    if not _PARTS.issuperset(parts) or parts.get("FREQ") not in _FREQUENCIES:
        raise ValueError("the repetition rule has parts that are not known")
    plain, nth = _days_of_week(parts.get("BYDAY"), counted=parts["FREQ"] in ("YEARLY", "MONTHLY"))
    times = _number(parts["COUNT"], -1, MAX_NUMBER) if "COUNT" in parts else -1
    lists = [_numbers(parts[name], *_LISTS[name]) if name in parts else [] for name in _LISTS]
    months, weeks, year_days, month_days, hours, minutes, seconds, positions = lists
    return Rule(
        frequency=parts["FREQ"],
        interval=_number(parts.get("INTERVAL", "1"), 1, MAX_NUMBER),
        count=times if times >= 0 else None,
        until=_until(parts["UNTIL"]) if "UNTIL" in parts else None,
        week_start=_days_of_week(parts.get("WKST", "MO"), counted=False)[0][0],
        weekdays=plain,
        nth_weekdays=nth,
        months=months,
        weeks=weeks,
        year_days=year_days,
        month_days=month_days,
        hours=hours,
        minutes=minutes,
        seconds=[second for second in seconds if second < 60],
        positions=positions,
    )


def _number(text: str, least: int, most: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,10}", text) or not least <= int(text) <= most:
        raise ValueError(f"the repetition rule has “{text[:20]}” where a number belongs")
    return int(text)


def _numbers(text: str, least: int, most: int) -> list[int]:
    return sorted({_number(number, least, most) for number in text.split(",")})


def _days_of_week(text: str | None, *, counted: bool) -> tuple[list[int], list[tuple[int, int]]]:
    """Return the plain days, and the counted ones of rules that have a month or year to count in."""
    plain, nth = set(), set()
    for day in text.split(",") if text is not None else ():
        found = _WEEKDAY.fullmatch(day)
        if not found:
            raise ValueError(f"the repetition rule has “{day[:20]}” where a day of the week belongs")
        weekday, number = _WEEKDAYS.index(found[2]), int(found[1] or 0)
        if number and counted:
            nth.add((number, weekday))
        else:
            plain.add(weekday)
    return sorted(plain), sorted(nth)


def _until(text: str) -> dt.datetime | dt.date:
    found = _UNTIL.fullmatch(text)
    if not found:
        raise ValueError(f"the repetition rule has “{text[:20]}” where a date belongs")
    year, month, day, hour, minute, second, utc = found.groups()
    date = dt.date(int(year), int(month), int(day))
    if hour is None:
        return date
    time = dt.time(int(hour), int(minute), min(int(second), 59), tzinfo=dt.UTC if utc else None)
    return dt.datetime.combine(date, time)


def periods(
    rule: Rule, first: dt.datetime, since: dt.datetime
) -> Iterator[tuple[dt.datetime, list[dt.datetime]]]:
    """Yield when each period begins and what takes place in it, in order and without end; many periods are empty.

    Times are local. `first` is the rule's start, which tells what the rule leaves open. The walk begins at or shortly
    before `since`, so it may yield times before either.
    """
    rhythm = _Rhythm(rule, first)
    begin = max(first, since)
    return rhythm.within_days(begin) if rule.frequency in _SECONDS else rhythm.by_days(begin.date())


class _Rhythm:
    """A rule that knows its start. Days are ordinal numbers, which are cheap to count with."""

    def __init__(self, rule: Rule, first: dt.datetime) -> None:
        self.rule, self.first = rule, first
        self.months, self.month_days, self.weekdays = rule.months, rule.month_days, rule.weekdays
        self._by_month = rule.frequency in ("YEARLY", "MONTHLY")
        if not (rule.weeks or rule.year_days or rule.month_days or rule.weekdays or rule.nth_weekdays):
            self._borrow_the_day()
        elif rule.frequency == "YEARLY" and rule.month_days:
            self.months = self.months or list(range(1, 13))
        in_date = rule.months or rule.month_days
        self._by_date = bool(rule.weeks or rule.year_days or (in_date and not self._by_month))

    def _borrow_the_day(self) -> None:
        if self.rule.frequency == "YEARLY":
            self.months = self.months or [self.first.month]
        if self._by_month:
            self.month_days = [self.first.day]
        elif self.rule.frequency == "WEEKLY":
            self.weekdays = [self.first.weekday()]

    def by_days(self, since: dt.date) -> Iterator[tuple[dt.datetime, list[dt.datetime]]]:
        """Yield the periods of a rule that repeats by days or slower."""
        rule, first = self.rule, self.first
        times = [
            dt.time(hour, minute, second)
            for hour in rule.hours or [first.hour]
            for minute in rule.minutes or [first.minute]
            for second in rule.seconds or [first.second]
        ]
        for begin, days in self._days(since):
            found = [dt.datetime.combine(dt.date.fromordinal(day), time) for day in days for time in times]
            yield dt.datetime.fromordinal(begin), _at_positions(found, rule.positions)

    def within_days(self, since: dt.datetime) -> Iterator[tuple[dt.datetime, list[dt.datetime]]]:
        """Yield the hours, minutes or seconds of a rule that repeats by them; a day that does not count is one leap."""
        midnight, unit = dt.datetime.combine(self.first, dt.time()), _SECONDS[self.rule.frequency]
        step = unit * self.rule.interval
        begin = int((self.first - midnight).total_seconds()) // unit * unit
        at = _reached(begin, int((since - midnight).total_seconds()), step)
        while at < (_LAST - midnight.toordinal()) * _DAY:
            begins = midnight + dt.timedelta(seconds=at)
            if self._that_count((begins.toordinal(),)):
                yield begins, _at_positions(self._inside(begins, unit), self.rule.positions)
                at += step
            else:
                yield begins, []
                at += -((at % _DAY - _DAY) // step) * step  # the first at or after the next midnight

    def _inside(self, begins: dt.datetime, unit: int) -> list[dt.datetime]:
        """Return the times within one hour, minute or second."""
        rule = self.rule
        minutes = [begins.minute] if unit < 3600 else rule.minutes or [self.first.minute]
        seconds = [begins.second] if unit < 60 else rule.seconds or [self.first.second]
        if rule.hours and begins.hour not in rule.hours:
            return []
        return [
            begins.replace(minute=minute, second=second)
            for minute in minutes
            if not rule.minutes or minute in rule.minutes
            for second in seconds
            if not rule.seconds or second in rule.seconds
        ]

    def _days(self, since: dt.date) -> Iterator[tuple[int, Sequence[int]]]:
        """Yield the first day of each period and the days that count in it."""
        first, step = self.first, self.rule.interval
        match self.rule.frequency:
            case "YEARLY":
                for year in range(_reached(first.year, since.year, step), dt.MAXYEAR + 1, step):
                    yield dt.date(year, 1, 1).toordinal(), self._of_year(year)
            case "MONTHLY":
                begin = _reached(_months(first), _months(since), step)
                for year, month in (divmod(n, 12) for n in range(begin, _months(dt.date.max) + 1, step)):
                    yield dt.date(year, month + 1, 1).toordinal(), self._of_month(year, month + 1)
            case "WEEKLY":
                begin = first.toordinal() - (first.weekday() - self.rule.week_start) % 7
                for day in range(_reached(begin, since.toordinal(), 7 * step), _LAST - 6, 7 * step):
                    yield day, self._that_count(range(day, day + 7))
            case _:
                for day in range(_reached(first.toordinal(), since.toordinal(), step), _LAST, step):
                    yield day, self._that_count((day,))

    def _of_year(self, year: int) -> Sequence[int]:
        if self.months:
            return [day for month in self.months for day in self._of_month(year, month)]
        begin, size = dt.date(year, 1, 1).toordinal(), 365 + calendar.isleap(year)
        return self._that_count(range(begin, begin + size), self._nth(begin, size))

    def _of_month(self, year: int, month: int) -> Sequence[int]:
        if self.months and month not in self.months:
            return ()
        begin, size = dt.date(year, month, 1).toordinal(), calendar.monthrange(year, month)[1]
        days: Sequence[int] = range(begin, begin + size)
        if self.month_days:
            days = sorted({days[d - (d > 0)] for d in self.month_days if 0 < abs(d) <= size})
        return self._that_count(days, self._nth(begin, size))

    def _nth(self, begin: int, size: int) -> set[int]:
        """Return the days that counted weekdays name in a month or year."""
        found = set()
        for nth, weekday in self.rule.nth_weekdays:
            of_kind = range(begin + (weekday - _weekday(begin)) % 7, begin + size, 7)
            if 0 < abs(nth) <= len(of_kind):
                found.add(of_kind[nth - (nth > 0)])
        return found

    def _that_count(self, days: Sequence[int], nth: Collection[int] = ()) -> Sequence[int]:
        """Return the days that no part of the rule rules out."""
        if self.weekdays or self.rule.nth_weekdays:
            days = [day for day in days if _weekday(day) in self.weekdays or day in nth]
        if self._by_date:
            days = [day for day in days if self._date_counts(dt.date.fromordinal(day))]
        return days

    def _date_counts(self, date: dt.date) -> bool:
        rule, day_of_year = self.rule, date.timetuple().tm_yday
        return (
            (not self.months or date.month in self.months)
            and _named(self.month_days, date.day, calendar.monthrange(date.year, date.month)[1])
            and _named(rule.year_days, day_of_year, 365 + calendar.isleap(date.year))
            and (not rule.weeks or _named(rule.weeks, *_week(date, rule.week_start)))
        )


def _named(numbers: Collection[int], number: int, last: int) -> bool:
    """Whether a list names a number, counted from the beginning or from the end; an empty list names all."""
    return not numbers or number in numbers or number - last - 1 in numbers


def _week(date: dt.date, week_start: int) -> tuple[int, int]:
    """Return the number of a date's week, and that of the last week of the year to which the week belongs."""
    middle = _middle(date, week_start)
    last = _middle(
        dt.date(middle.year, 12, 28), week_start
    )  # the first week is the one with four days or more
    return (middle.timetuple().tm_yday + 6) // 7, (last.timetuple().tm_yday + 6) // 7


def _middle(date: dt.date, week_start: int) -> dt.date:
    return date + dt.timedelta(days=3 - (date.weekday() - week_start) % 7)


def _reached(begin: int, since: int, step: int) -> int:
    """Return the last of `begin`, `begin + step`, … that is not after `since`."""
    return begin + max(0, since - begin) // step * step


def _weekday(day: int) -> int:
    return (day - 1) % 7


def _months(date: dt.date) -> int:
    return date.year * 12 + date.month - 1


def _at_positions(moments: list[dt.datetime], positions: Sequence[int]) -> list[dt.datetime]:
    if not positions:
        return moments
    places = {moments[n - (n > 0)] for n in positions if 0 < abs(n) <= len(moments)}
    return sorted(places)
