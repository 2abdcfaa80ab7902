"""A calendar event as Google writes it (https://developers.google.com/calendar/api/v3/reference/events), as a draft.

Pure: no network, no database. Whatever Google leaves out, or writes in another way than it says, costs a field; only an
event without an id or a usable start is refused.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from contacts import recurrence_rules as rules
from contacts.drafts import Attendee, EventDraft
from contacts.recurrence import Repeats
from contacts.recurrence_text import written
from contacts.when import Moment, in_utc, zone_name
from integrations.files.contentlines import content_lines
from integrations.files.moments import moments, moments_or_periods
from integrations.files.zones import Zones, named_zone

MOST_ATTENDEES = 1_000
KEPT_TYPES = frozenset({"", "default", "fromGmail"})
"""What a person has planned. Birthdays, focus time, absences and places of work say nothing about whom they met."""

RESPONSES = {"accepted": "accepted", "declined": "declined", "tentative": "tentative"}
STATUSES = frozenset({"confirmed", "tentative", "cancelled"})
GROUP_CALENDARS = ("@group.calendar.google.com", "@group.v.calendar.google.com")
ROOMS = "@resource.calendar.google.com"


def event_draft(event: dict[str, Any], zone: str = "") -> EventDraft:
    """What an event says. `zone`: the calendar's own, for times that name none. Raises ValueError.

    A cancelled one has an id and little else: an occurrence names its series and original start, and has no `uid` where
    Google gives none.
    """
    google_id = text(event, "id")
    if not google_id:
        raise ValueError("this event has no id")
    draft = EventDraft(
        uid=text(event, "iCalUID"),
        google_id=google_id,
        series=text(event, "recurringEventId"),
        title=text(event, "summary").strip(),
        description=text(event, "description"),
        location=text(event, "location").strip(),
        status=status if (status := text(event, "status")) in STATUSES else "",
        link=conference(event),
        updated=timestamp(text(event, "updated")),
        organizer=person(event.get("organizer")),
        attendees=list(invited(event))[:MOST_ATTENDEES],
        leave_out="" if text(event, "eventType") in KEPT_TYPES else "not_an_appointment",
    )
    if draft.series:
        original = when(event.get("originalStartTime"), zone)
        draft.recurrence_id = in_utc(original).isoformat() if original else ""
    if draft.status != "cancelled":
        place_in_time(draft, event, zone)
    return draft


def place_in_time(draft: EventDraft, event: dict[str, Any], zone: str) -> None:
    start, end = when(event.get("start"), zone), when(event.get("end"), zone)
    if start is None:
        raise ValueError("this event has no start that can be read")
    if end is None or isinstance(end, dt.datetime) != isinstance(start, dt.datetime):
        end = start if isinstance(start, dt.datetime) else start + dt.timedelta(days=1)
    draft.start, draft.end, draft.zone = in_utc(start), in_utc(end), zone_name(start)
    lines = [line for line in event.get("recurrence") or () if isinstance(line, str)]
    with suppress(ValueError, OverflowError):  # then it is an event that takes place once
        draft.recurrence = recurrence(lines, start, end, zone)
    draft.recurring = bool(draft.recurrence)
    if not draft.uid:
        draft.uid = f"no-uid-{hashlib.sha256(draft.google_id.encode()).hexdigest()[:32]}"


def when(said: Any, zone: str) -> Moment | None:
    """A date as a date, and a time in the zone it names, else in the calendar's; None for anything else."""
    if not isinstance(said, dict):
        return None
    with suppress(ValueError, TypeError, KeyError, OverflowError):
        if said.get("date"):
            return dt.date.fromisoformat(said["date"])
        moment = dt.datetime.fromisoformat(said["dateTime"])
        place = named_zone(text(said, "timeZone")) or named_zone(zone) or dt.UTC
        return moment.astimezone(place) if moment.tzinfo else moment.replace(tzinfo=place)
    return None


def recurrence(lines: list[str], start: Moment, end: Moment, zone: str) -> str:
    """How it repeats, in our words. Raises ValueError for a rule that cannot be followed."""
    zones = Zones([], zone_name(start) or zone)
    repeats, texts = Repeats("", start, end), []
    for line in content_lines("\r\n".join(lines).encode()):
        if line.name == "RRULE":
            repeats.rules.append(rules.read(line.value))
            texts.append(line.value)
        elif line.name == "RDATE":
            repeats.added += moments_or_periods(line, zones)
        elif line.name == "EXDATE":
            repeats.cancelled += moments(line, zones)
    return written(repeats, texts)


def invited(event: dict[str, Any]) -> Iterator[Attendee]:
    said = event.get("attendees")
    for one in said if isinstance(said, list) else ():
        if found := person(one):
            yield found


def person(said: Any) -> Attendee | None:
    """Somebody invited, or the organizer; None for one without an address."""
    if not isinstance(said, dict) or "@" not in text(said, "email"):
        return None
    email = text(said, "email").strip()[:320]
    return Attendee(
        email=email,
        name=text(said, "displayName")[:500],
        response=RESPONSES.get(text(said, "responseStatus"), ""),
        kind=kind(email.lower(), is_resource=bool(said.get("resource"))),
        is_self=said.get("self") is True,
    )


def kind(email: str, *, is_resource: bool) -> str:
    """Rooms and shared calendars take part in events without being anybody."""
    if is_resource or email.endswith(ROOMS):
        return "resource"
    return "group" if email.endswith(GROUP_CALENDARS) else ""


def conference(event: dict[str, Any]) -> str:
    """The address of its video conference, or empty."""
    said = event.get("conferenceData")
    points = said.get("entryPoints") if isinstance(said, dict) else None
    for point in points if isinstance(points, list) else ():
        if isinstance(point, dict) and point.get("entryPointType") == "video" and is_web(text(point, "uri")):
            return text(point, "uri")
    return link if is_web(link := text(event, "hangoutLink")) else ""


def is_web(address: str) -> bool:
    return address.lower().startswith(("https://", "http://"))


def timestamp(said: str) -> dt.datetime | None:
    with suppress(ValueError):
        moment = dt.datetime.fromisoformat(said)
        return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
    return None


def text(said: dict[str, Any], name: str) -> str:
    """A field that is text, without what a database cannot keep; empty if it is none."""
    value = said.get(name)
    return value.replace("\x00", "").encode("utf-8", "replace").decode() if isinstance(value, str) else ""
