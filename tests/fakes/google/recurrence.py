"""The meetings of a series: when they would be, and as which events Google shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rruleset, rrulestr

MOST = 730
"""Instances of an endless series that a list unfolds."""


def moment(told: dict[str, Any]) -> datetime:
    """An instant with its zone; a whole day begins at midnight UTC."""
    if "date" in told:
        return datetime.combine(date.fromisoformat(told["date"]), datetime.min.time(), UTC)
    at = datetime.fromisoformat(told["dateTime"].replace("Z", "+00:00"))
    return at.astimezone(ZoneInfo(told["timeZone"])) if told.get("timeZone") else at


def same_kind(told: dict[str, Any], at: datetime) -> dict[str, Any]:
    """This time as `told` writes its own: as a day, or with the zone."""
    if "date" in told:
        return {"date": at.date().isoformat()}
    zone = {"timeZone": told["timeZone"]} if told.get("timeZone") else {}
    return {"dateTime": at.isoformat(), **zone}


def instance_id(master: str, told: dict[str, Any]) -> str:
    at = moment(told)
    return f"{master}_{at:%Y%m%d}" if "date" in told else f"{master}_{at.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def starts(master: dict[str, Any]) -> Iterator[datetime]:
    """In the wall time of the series' zone, so that nine o'clock stays nine o'clock."""
    begin = moment(master["start"])
    whole_day = "date" in master["start"]
    lines = "\n".join(line.replace("T000000Z", "") if whole_day else line for line in master["recurrence"])
    rules = rrulestr(
        lines, dtstart=begin.replace(tzinfo=None) if whole_day else begin, forceset=True, tzids=ZoneInfo
    )
    assert isinstance(rules, rruleset)
    return (at.replace(tzinfo=UTC) if whole_day else at for at in rules)


def instances(
    master: dict[str, Any], *, after: datetime | None = None, before: datetime | None = None, most: int = MOST
) -> Iterator[dict[str, Any]]:
    """Unfolded, without the exceptions."""
    length = moment(master["end"]) - moment(master["start"])
    for at in islice(starts(master), most):
        if before and at >= before:
            return
        if not after or at + max(length, timedelta(seconds=1)) > after:
            yield instance(master, at, length)


def instance(master: dict[str, Any], at: datetime, length: timedelta) -> dict[str, Any]:
    original = same_kind(master["start"], at)
    kept = {name: value for name, value in master.items() if name != "recurrence"}
    end = at + length if "date" in original else (at.astimezone(UTC) + length).astimezone(at.tzinfo)
    return kept | {
        "id": instance_id(master["id"], original),
        "recurringEventId": master["id"],
        "originalStartTime": original,
        "start": original,
        "end": same_kind(master["end"], end),
    }
