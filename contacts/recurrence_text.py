"""How a series repeats, as lines of iCalendar: what a calendar said, in the one form in which we keep it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import lru_cache

from contacts import recurrence_rules as rules
from contacts.recurrence import Repeats
from contacts.when import Moment, in_utc

MOST_DATES = 2_000
"""How many added and left out dates of one series are kept."""

Added = Moment | tuple[Moment, dt.timedelta]


def written(repeats: Repeats, texts: Iterable[str]) -> str:
    """The rules (as they came), added and left out dates of a series, a line each; empty for what does not repeat."""
    if not repeats.recurring:
        return ""
    lines = [f"RRULE:{''.join(text.split())}" for text in texts]
    lines += [f"RDATE:{added_date(one)}" for one in repeats.added[:MOST_DATES]]
    lines += [f"EXDATE:{basic(moment)}" for moment in repeats.cancelled[:MOST_DATES]]
    return "\n".join(lines)


def added_date(added: Added) -> str:
    if isinstance(added, tuple):
        return f"{basic(added[0])}/PT{int(abs(added[1]).total_seconds())}S"
    return basic(added)


def basic(when: Moment) -> str:
    """A date, or a time in UTC, as iCalendar writes it."""
    return in_utc(when).isoformat().replace("+00:00", "Z").replace("-", "").replace(":", "")


def moment(text: str) -> Moment:
    return dt.datetime.fromisoformat(text) if "T" in text else dt.date.fromisoformat(text)


@lru_cache(2_000)
def read(text: str) -> tuple[tuple[rules.Rule, ...], tuple[Added, ...], tuple[Moment, ...]]:
    """The rules, added and left out dates that `written` wrote. Raises ValueError for what it did not write."""
    pairs = [line.partition(":")[::2] for line in text.splitlines()]
    return (
        tuple(rules.read(value) for name, value in pairs if name == "RRULE"),
        tuple(read_added(value) for name, value in pairs if name == "RDATE"),
        tuple(moment(value) for name, value in pairs if name == "EXDATE"),
    )


def read_added(value: str) -> Added:
    when, _, lasts = value.partition("/PT")
    return (moment(when), dt.timedelta(seconds=int(lasts[:-1]))) if lasts else moment(when)
