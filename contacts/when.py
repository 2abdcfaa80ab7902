"""Moments and days: an all-day event is a date, everything else an aware time in UTC."""

from __future__ import annotations

import datetime as dt
from typing import Any

from contacts.drafts import EventDraft


def as_moment(when: dt.datetime | dt.date) -> dt.datetime:
    """The moment an event begins; a day begins at midnight UTC, for ordering only."""
    if isinstance(when, dt.datetime):
        return when if when.tzinfo else when.replace(tzinfo=dt.UTC)
    return dt.datetime.combine(when, dt.time(), dt.UTC)


def calendar_times(draft: EventDraft) -> dict[str, Any]:
    """The four columns of a calendar event's begin and end."""
    return {**columns("starts", draft.start), **columns("ends", draft.end)}


def columns(name: str, when: dt.datetime | dt.date | None) -> dict[str, Any]:
    if isinstance(when, dt.datetime):
        return {f"{name}_at": as_moment(when)}
    return {f"{name}_on": when} if when else {}
