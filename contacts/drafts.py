"""What any source must tell us about a person, an event or an interaction: plain values, no database.

Readers (mail, cards, calendars, spreadsheets, later Google) produce these; `contacts.recording` writes them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class PersonDraft:
    """One person as a card, a spreadsheet row or a message described them. Empty strings mean "not said"."""

    full_name: str = ""
    given_name: str = ""
    family_name: str = ""
    emails: Sequence[str] = ()
    phones: Sequence[str] = ()
    organization: str = ""
    title: str = ""
    birthday: dt.date | None = None
    notes: str = ""
    tags: Sequence[str] = ()
    custom: dict[str, str] = field(default_factory=dict)
    """Columns and properties that we have no field for, by the name their source gave them."""
    external_id: str = ""
    """The source's own key for this person (a vCard UID), or empty."""
    position: int = 0
    """Where it stood in its file: the card's or row's number, counted from 1, for messages to people."""


@dataclass(slots=True, frozen=True)
class Attendee:
    """Somebody invited to an event, or its organizer. `response` is accepted, declined, tentative or empty."""

    email: str
    name: str = ""
    response: str = ""
    kind: str = ""
    """The iCalendar CUTYPE in lower case: individual, group, resource, room, or empty."""
    is_self: bool = False
    """Whether the source says that this is the user."""


@dataclass(slots=True)
class EventDraft:
    """One calendar event, or one occurrence of a recurring one. Times are aware; all-day events are dates, and end
    with the day after their last."""

    uid: str
    title: str = ""
    description: str = ""
    location: str = ""
    start: dt.datetime | dt.date | None = None
    end: dt.datetime | dt.date | None = None
    status: str = ""
    organizer: Attendee | None = None
    attendees: list[Attendee] = field(default_factory=list)
    recurrence_id: str = ""
    """The original start of this occurrence in ISO 8601, or empty for a master or a single event."""
    recurring: bool = False
    recurrence: str = ""
    """How a master repeats, as `contacts.series.written` says it; empty for anything else."""
    zone: str = ""
    """The IANA name of the zone in which it begins, so that it recur at the hours of that place; else empty."""
    google_id: str = ""
    series: str = ""
    """Google's id of the series that this is an occurrence of, or empty."""
    link: str = ""
    """Where it takes place online, or empty."""
    updated: dt.datetime | None = None
    categories: list[str] = field(default_factory=list)
    leave_out: str = ""
    """Why the source itself says not to keep it (a birthday, a place of work), as a reason code, or empty."""
    position: int = 0


@dataclass(slots=True, frozen=True)
class Mention:
    """One address that took part in an interaction, and how: from, to, cc, bcc, organizer, attendee."""

    email: str
    name: str
    role: str


@dataclass(slots=True)
class InteractionDraft:
    """One e-mail, meeting or call, ready to be recorded. `source_key` is the same for the same event in any source."""

    kind: str
    source: str
    source_key: str
    occurred_at: dt.datetime
    subject: str = ""
    text: str = ""
    visible_text: str = ""
    direction: str = ""
    thread_key: str = ""
    bulk: str = ""
    """Why this is not person-to-person mail (a header's verdict), or empty."""
    mentions: list[Mention] = field(default_factory=list)
    own_address: str = ""
    """An address that the source says is the user's own (the author of what they sent), or empty."""
    leave_out: str = ""
    """Why the source itself says not to keep it (spam, trash, a draft), as a reason code, or empty."""


class BadRow(NamedTuple):
    """A row, card or entry that could not be read: its number (from 1) and the reason, for a person to read."""

    position: int
    reason: str


@dataclass(slots=True, frozen=True)
class Pair:
    """Two people who may be the same: their indices, a score from 0 to 1, and why."""

    a: int
    b: int
    score: float
    reasons: list[str]
