"""When Google wants to be asked again: as a header, or in the sentence of an error."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_to_datetime

LONGEST_WAIT = 86_400.0
"""Seconds. Google's word is sometimes wrong by far; after a day somebody has to ask again."""
AFTER_ITS_TIME = 5.0
"""Seconds that are added to a time in a sentence: clocks differ."""
RETRY_AFTER = re.compile(
    r"retry after (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d)?)", re.IGNORECASE
)


def seconds_to_wait(header: str, message: str, now: dt.datetime) -> float | None:
    """The later of what Retry-After and the message's "Retry after …" say; None where neither says anything."""
    named = [
        seconds
        for seconds in (from_header(header.strip(), now), from_message(message, now))
        if seconds is not None
    ]
    return min(LONGEST_WAIT, max(0.0, *named)) if named else None


def from_header(value: str, now: dt.datetime) -> float | None:
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        return (aware(parsedate_to_datetime(value)) - now).total_seconds()
    except (ValueError, TypeError):
        return None


def from_message(message: str, now: dt.datetime) -> float | None:
    if not (found := RETRY_AFTER.search(message)):
        return None
    try:
        return (aware(dt.datetime.fromisoformat(found[1])) - now).total_seconds() + AFTER_ITS_TIME
    except ValueError:
        return None


def aware(time: dt.datetime) -> dt.datetime:
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)
