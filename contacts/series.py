"""When stored events take place: their series, unrolled within a span and at a bounded cost."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from contacts import recurrence_text
from contacts.models import CalendarEvent
from contacts.recurrence import Repeats, expand
from contacts.when import Moment, as_moment, as_time, zone_of

STEPS = 60_000
"""What looking at the series of one page may cost, in steps of the walker: a tenth of a second or so."""


def repeats_of(event: CalendarEvent, exceptions: Sequence[str] = ()) -> Repeats:
    """The series of a stored master. `exceptions`: the original starts of occurrences that have rows of their own."""
    first, last = begins(event), ends(event)
    assert first is not None
    if isinstance(first, dt.datetime) and isinstance(last, dt.datetime):
        zone = zone_of(event.zone)
        first, last = first.astimezone(zone), last.astimezone(zone)
    repeats = Repeats(event.ical_uid, first, last or first)
    with suppress(ValueError, OverflowError):  # an archive from elsewhere may say anything
        found, added, left_out = recurrence_text.read(event.recurrence)
        repeats.rules, repeats.added, repeats.cancelled = [*found], [*added], [*left_out]
    for original in exceptions:
        with suppress(ValueError):
            repeats.cancelled.append(recurrence_text.moment(original))
    return repeats


def begins(event: CalendarEvent) -> Moment | None:
    return event.starts_at or event.starts_on


def ends(event: CalendarEvent) -> Moment | None:
    return event.ends_at or event.ends_on or begins(event)


def until(repeats: Repeats) -> dt.datetime | None:
    """Before when a series has surely ended; None when it may go on for ever, or that takes counting."""
    if not repeats.recurring or repeats.added or any(rule.until is None for rule in repeats.rules):
        return None
    last = max(as_moment(rule.until) for rule in repeats.rules if rule.until)
    try:
        # A day for the zones, and however long the last one takes.
        return max(last, as_time(repeats.start)) + repeats.lasts + dt.timedelta(days=2)
    except OverflowError:
        return None


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that an event takes place."""

    event: CalendarEvent
    start: Moment
    end: Moment
    original: Moment
    """When it would have begun by the rule of its series; for anything else its start."""


@dataclass(slots=True)
class Unrolled:
    occurrences: list[Occurrence]
    incomplete: list[CalendarEvent]
    """Series that repeat too often to be followed to the end."""


def unroll(
    masters: Sequence[CalendarEvent],
    exceptions: Mapping[str, Sequence[str]],
    start: dt.datetime,
    end: dt.datetime,
    *,
    steps: int = STEPS,
) -> Unrolled:
    """When these series take place in [start, end), leaving out what has rows of its own (by `ical_uid`)."""
    repeats = [repeats_of(event, exceptions.get(event.ical_uid, ())) for event in masters]
    found = expand(repeats, start, end, steps)
    occurrences = [
        Occurrence(masters[one.index], one.start, one.end, one.original) for one in found.occurrences
    ]
    return Unrolled(occurrences, [masters[index] for index in [*found.over_limit, *found.not_afforded]])


def next_start(repeats: Repeats, after: dt.datetime) -> dt.datetime | None:
    """When an event next begins after this moment, looked for year by year; None if not within ten years."""
    for since, before in stretches(after):
        found = expand([repeats], since, before, STEPS)
        starts = [when for one in found.occurrences if (when := as_time(one.start)) > after]
        if starts:
            return min(starts)
        if found.not_afforded or found.over_limit:
            return before  # look again then
    return None


def stretches(after: dt.datetime) -> Iterator[tuple[dt.datetime, dt.datetime]]:
    """The next month, then the year after it, then nine more."""
    days = [0, 31, 396, 3_650]
    for since, before in pairwise(days):
        yield after + dt.timedelta(days=since), after + dt.timedelta(days=before)
