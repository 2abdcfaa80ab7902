"""The Date header (RFC 5322 §3.3), its obsolete forms, and what senders write instead."""

from __future__ import annotations

import datetime as dt
import re
from email.utils import parsedate_tz

_COMMON = re.compile(
    r"(?:[A-Za-z]{3},? )?\s*(\d{1,2}) ([A-Z][a-z]{2}) (\d{4}) (\d\d):(\d\d):(\d\d) ([+-])(\d\d)(\d\d)\b"
)
_MONTHS = {
    name: number
    for number, name in enumerate("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), start=1)  # noqa: SIM905
}
_COMMENT = re.compile(r"\([^()]*\)")
_GLUED = re.compile(r"(?<=\d)(?=[+-]\d{4}$)")
_SPACED_TIME = re.compile(r"\s*:\s*")


def read(value: str) -> dt.datetime | None:
    """The moment that a Date header names, aware, in the sender's offset; None where it names none.

    A missing offset means UTC. Years from 1 to 9999 are returned as written: whether one is plausible is for the
    caller, who may know when the message arrived.
    """
    value = value[:200]
    found = _COMMON.match(value)
    if found and (month := _MONTHS.get(found[2])):
        day, year, hour, minute, second = (
            int(found[1]),
            int(found[3]),
            int(found[4]),
            int(found[5]),
            int(found[6]),
        )
        offset = int(found[8]) * 60 + int(found[9])
        return _moment(year, month, day, hour, minute, second, -offset if found[7] == "-" else offset)
    return _obsolete(value)


def _obsolete(value: str) -> dt.datetime | None:
    value = " ".join(_COMMENT.sub(" ", _COMMENT.sub(" ", value)).split())
    value = _GLUED.sub(" ", _SPACED_TIME.sub(":", value))
    try:
        parts = parsedate_tz(value)
    except (ValueError, IndexError, OverflowError):
        parts = None
    if parts:
        return _moment(*parts[:6], round((parts[9] or 0) / 60))
    return _iso(value)


def _iso(value: str) -> dt.datetime | None:
    try:
        moment = dt.datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _moment(
    year: int, month: int, day: int, hour: int, minute: int, second: int, offset: int
) -> dt.datetime | None:
    try:
        zone = dt.timezone(dt.timedelta(minutes=offset)) if offset else dt.UTC
        moment = dt.datetime(year, month, day, hour, minute, min(second, 59), tzinfo=zone)
        moment.astimezone(dt.UTC)  # an offset may carry the first and the last day out of the calendar
    except (ValueError, OverflowError):
        return None
    return moment
