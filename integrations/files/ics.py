"""iCalendar files (RFC 5545): whole calendars, single invitations, and broken ones."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from contacts import recurrence_rules as rules
from contacts.drafts import Attendee, BadRow, EventDraft
from contacts.recurrence import Occurrence, Repeats, expand
from contacts.recurrence_text import written
from contacts.when import Moment, as_time, in_utc, zone_name
from integrations.files.contentlines import Line, content_lines, split_value, unescape
from integrations.files.moments import duration, moment, moments, moments_or_periods
from integrations.files.zones import Zones

MAX_ATTENDEES = 1_000
MAX_LINES = 3_000
"""How many properties of one event we look at."""
MAX_DEPTH = 50
LEAST_STEPS, BYTES_PER_STEP = 45_000, 8
"""What unrolling may cost: steps in proportion to the size of the calendar, and for a small one these."""

_TOO_MANY = (
    "It repeats too often: only its first times were taken. Export a shorter period to import the rest."
)
_TOO_BUSY = (
    "This calendar repeats too often to follow it all: {:,} of its series, this the first, are incomplete. "
    "Export a shorter period, or some of its events, to import the rest."
)

_WANTED = {
    "UID", "SUMMARY", "DESCRIPTION", "LOCATION", "DTSTART", "DTEND", "DURATION", "STATUS", "ORGANIZER", "ATTENDEE",
    "CATEGORIES", "RECURRENCE-ID", "SEQUENCE", "RRULE", "RDATE", "EXDATE", "CONFERENCE", "X-GOOGLE-CONFERENCE",
}  # fmt: skip
_ZONE_PARTS = ("VTIMEZONE", "STANDARD", "DAYLIGHT")
_RESPONSES = {"ACCEPTED": "accepted", "DECLINED": "declined", "TENTATIVE": "tentative"}


@dataclass(slots=True)
class _Lines:
    """The lines of one calendar: of its events, and of its time zones."""

    zone_name: str = ""
    zones: list[list[Line]] = field(default_factory=list)
    events: list[list[Line]] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    draft: EventDraft
    repeats: Repeats
    texts: list[str] = field(default_factory=list)
    """Its repetition rules, as the file has them."""
    complaint: str = ""
    """Why its repetition cannot be followed, or empty."""


def parse(raw: bytes) -> list[EventDraft]:
    """Return the events as the file has them: masters of series and their exceptions, not occurrences. Never raises."""
    return Calendar(raw).events


def read(raw: bytes) -> tuple[list[EventDraft], list[BadRow]]:
    """Return the events, and what was wrong, by the number of the event in the file."""
    calendar = Calendar(raw)
    return calendar.events, calendar.bad


def occurrences(raw: bytes, start: dt.datetime, end: dt.datetime) -> list[EventDraft]:
    """Return what takes place in [start, end), series unrolled, sorted by start. Never raises."""
    return Calendar(raw).between(start, end)[0]


class Calendar:
    """A calendar file, read once. No bytes make it raise.

    An event without a usable start is left out; one whose repetition cannot be followed is kept as a single event.
    `bad` says so of each, by the number of the event in the file.
    """

    def __init__(self, raw: bytes) -> None:
        self._entries, left_out = _entries(raw)
        self._steps = max(LEAST_STEPS, len(raw) // BYTES_PER_STEP)
        self.events = [entry.draft for entry in self._entries]
        ignored = [
            BadRow(entry.draft.position, entry.complaint) for entry in self._entries if entry.complaint
        ]
        self.bad = sorted(left_out + ignored, key=lambda row: row.position)

    def between(self, start: dt.datetime, end: dt.datetime) -> tuple[list[EventDraft], list[BadRow]]:
        """Return what takes place in [start, end), sorted by start, and which series were not unrolled to their end.

        `start` and `end` are aware. `recurrence_id` is an occurrence's original start. Events in `bad` are left out.
        """
        entries = [entry for entry in self._entries if not entry.complaint]
        found = expand([entry.repeats for entry in entries], start, end, self._steps)
        drafts = [_placed(entries[one.index].draft, one) for one in found.occurrences]
        drafts.sort(key=lambda draft: (as_time(draft.start or dt.date.min), draft.uid))
        bad = [BadRow(entries[index].draft.position, _TOO_MANY) for index in found.over_limit]
        if left := [entries[index].draft.position for index in found.not_afforded]:
            bad.append(BadRow(min(left), _TOO_BUSY.format(len(left))))
        return drafts, sorted(bad, key=lambda row: row.position)


def _calendars(raw: bytes) -> Iterator[_Lines]:
    """Sort the lines of the file into calendars. A component without its END is closed by what comes after it."""
    found, path = _Lines(), [""]
    for line in content_lines(raw):
        name = line.value.strip().upper()
        if line.name == "BEGIN":
            if name == "VCALENDAR" and found.events:
                yield found
                found = _Lines()
            _open(found, path, name, line)
        elif line.name == "END":
            _close(path, name)
        else:
            _keep(found, path[-1], line)
    yield found


def _open(found: _Lines, path: list[str], name: str, line: Line) -> None:
    if name == "VCALENDAR":
        del path[1:]
    elif name in ("VEVENT", "VTIMEZONE"):
        _close(path, name)
    if len(path) < MAX_DEPTH:
        path.append(name)
    if name == "VEVENT":
        found.events.append([])
    elif name == "VTIMEZONE":
        found.zones.append([])
    elif name in _ZONE_PARTS and found.zones:
        found.zones[-1].append(line)


def _close(path: list[str], name: str) -> None:
    if name in path[1:]:
        del path[path.index(name) :]


def _keep(found: _Lines, component: str, line: Line) -> None:
    if component == "VEVENT" and line.name in _WANTED and len(found.events[-1]) < MAX_LINES:
        found.events[-1].append(line)
    elif component in _ZONE_PARTS and found.zones and len(found.zones[-1]) < MAX_LINES:
        found.zones[-1].append(line)
    elif component == "VCALENDAR" and line.name == "X-WR-TIMEZONE":
        found.zone_name = found.zone_name or line.value.strip()


def _entries(raw: bytes) -> tuple[list[_Entry], list[BadRow]]:
    entries: list[_Entry] = []
    bad: list[BadRow] = []
    numbers = count(1)
    for found in _calendars(raw):
        zones = Zones(found.zones, found.zone_name)
        for lines, position in zip(found.events, numbers, strict=False):
            try:
                entries.append(_entry(lines, zones, position))
            except (ValueError, OverflowError) as error:
                bad.append(BadRow(position, f"This event was left out: {error}."))
    return entries, bad


def _entry(lines: list[Line], zones: Zones, position: int) -> _Entry:
    draft = _draft(lines, position)
    start, end = _span(lines, zones)
    draft.start, draft.end, draft.zone = in_utc(start), in_utc(end), zone_name(start)
    entry = _Entry(draft, Repeats(draft.uid, start, end))
    try:
        _read_repeats(entry, lines, zones)
        draft.recurrence = written(entry.repeats, entry.texts)
    except (ValueError, OverflowError) as error:
        entry.repeats = Repeats(draft.uid, start, end)
        entry.complaint = f"Its repetition was ignored: {error}."
    draft.recurring = entry.repeats.recurring
    if entry.repeats.original is not None:
        draft.recurrence_id = in_utc(entry.repeats.original).isoformat()
    return entry


def _draft(lines: list[Line], position: int) -> EventDraft:
    organizer = next(
        (person for line in lines if line.name == "ORGANIZER" and (person := _attendee(line))), None
    )
    invited = [person for line in lines if line.name == "ATTENDEE" and (person := _attendee(line))]
    return EventDraft(
        uid=_text(lines, "UID") or _made_up_uid(lines),
        title=_text(lines, "SUMMARY"),
        description=_text(lines, "DESCRIPTION"),
        location=_text(lines, "LOCATION"),
        status=_text(lines, "STATUS").lower(),
        link=web_address(_text(lines, "CONFERENCE") or _text(lines, "X-GOOGLE-CONFERENCE")),
        organizer=organizer,
        attendees=invited[:MAX_ATTENDEES],
        categories=_categories(lines),
        position=position,
    )


def web_address(text: str) -> str:
    """The text if it is an address that a browser opens, else nothing."""
    return text if text[:8].lower().startswith(("https://", "http://")) else ""


def _text(lines: list[Line], name: str) -> str:
    return next((unescape(line.value).strip() for line in lines if line.name == name), "")


def _value(lines: list[Line], name: str) -> Line | None:
    """Return a property of one date, without the stray text that a broken fold may have put after its first line."""
    line = next((line for line in lines if line.name == name), None)
    if line is None:
        return None
    zone, colon, value = line.value.partition("\\n")[0].rpartition(":")
    if not colon:
        return replace(line, value=value)
    # Outlook's TZID=(UTC+01:00) Berlin, without quotation marks: the value begins at the last colon.
    return replace(line, value=value, params={**line.params, "TZID": f"{line.params.get('TZID', '')}:{zone}"})


def _categories(lines: list[Line]) -> list[str]:
    values = [
        value.strip() for line in lines if line.name == "CATEGORIES" for value in split_value(line.value, ",")
    ]
    return list(dict.fromkeys(value for value in values[:100] if value))


def _made_up_uid(lines: list[Line]) -> str:
    """Return the same key for the same event each time it is read, for calendars that give none."""
    said = "\n".join(
        f"{line.name}:{line.value}" for line in lines if line.name in ("DTSTART", "SUMMARY", "RRULE")
    )
    return f"no-uid-{hashlib.sha256(said.encode()).hexdigest()[:32]}"


def _attendee(line: Line) -> Attendee | None:
    address = line.value.strip()
    address = address[7:] if address[:7].lower() == "mailto:" else address
    email = address if "@" in address else line.params.get("EMAIL", "")
    if "@" not in email:
        return None
    return Attendee(
        email=email.strip()[:320],
        name=line.params.get("CN", "")[:500],
        response=_RESPONSES.get(line.params.get("PARTSTAT", "").upper(), ""),
        kind=line.params.get("CUTYPE", "").lower()[:50],
    )


def _span(lines: list[Line], zones: Zones) -> tuple[Moment, Moment]:
    """Return start and end, both times or both dates; without an end a day for dates and no time at all for times."""
    begins = _value(lines, "DTSTART")
    if begins is None:
        raise ValueError("it has no start")
    start = moment(begins.value, begins, zones)
    whole_days = not isinstance(start, dt.datetime)
    end: Moment = start + dt.timedelta(days=1) if whole_days else start
    if ends := _value(lines, "DTEND"):
        end = moment(ends.value, ends, zones)
    elif lasts := _value(lines, "DURATION"):
        end = start + duration(lasts.value)
    if whole_days and isinstance(end, dt.datetime):
        end = end.date()
    elif isinstance(start, dt.datetime) and not isinstance(end, dt.datetime):
        end = dt.datetime.combine(end, dt.time(), start.tzinfo)
    return start, end


def _read_repeats(entry: _Entry, lines: list[Line], zones: Zones) -> None:
    repeats = entry.repeats
    if replaces := _value(lines, "RECURRENCE-ID"):
        repeats.original = moment(replaces.value, replaces, zones)
        repeats.this_and_future = replaces.params.get("RANGE", "").upper() == "THISANDFUTURE"
    number = _text(lines, "SEQUENCE")
    repeats.sequence = int(number) if number.isdecimal() and len(number) < 10 else 0
    for line in lines:
        if line.name == "RRULE" and line.value.strip():
            repeats.rules.append(rules.read(line.value))
            entry.texts.append(line.value)
        elif line.name == "RDATE":
            repeats.added += moments_or_periods(line, zones)
        elif line.name == "EXDATE":
            repeats.cancelled += moments(line, zones)


def _placed(draft: EventDraft, found: Occurrence) -> EventDraft:
    """Return the draft as it takes place that time."""
    return EventDraft(
        uid=draft.uid,
        title=draft.title,
        description=draft.description,
        location=draft.location,
        start=found.start,
        end=found.end,
        status=draft.status,
        organizer=draft.organizer,
        attendees=draft.attendees,
        recurrence_id=found.original.isoformat() if draft.recurring or draft.recurrence_id else "",
        recurring=draft.recurring,
        zone=draft.zone,
        link=draft.link,
        categories=draft.categories,
        position=draft.position,
    )
