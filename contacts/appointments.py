"""Appointments: calendar entries as they take place on days, who is invited, and the next ones.

However long a calendar is, this looks at the entries of some days and at the series that may reach them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Window
from django.db.models.functions import RowNumber
from django.utils import timezone

from contacts import series
from contacts.event_rules import NOT_PEOPLE
from contacts.events import Whose
from contacts.models import CalendarEvent, Contact, EventAttendee
from contacts.series import Occurrence
from contacts.when import Moment, as_time
from omnicrm.models import User

LONGEST = dt.timedelta(days=62)
"""How long before a span an entry may have begun, to be still looked for; whole days are always found."""
MOST_LINES = 200
MOST_SERIES = 3_000
NAMED = 6
"""How many people of an entry are named; the rest is counted."""
AHEAD = dt.timedelta(days=183)
"""How far ahead the next meetings are looked for."""
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Invited:
    """Somebody of an entry: a contact, or a name that leads to nobody."""

    name: str
    contact: Contact | None
    response: str

    @property
    def answer(self) -> str:
        return str(CalendarEvent.Response(self.response).label) if self.response else ""


@dataclass
class People:
    """Who else is invited, the known ones first, and how many more there are."""

    named: list[Invited] = field(default_factory=list)
    more: int = 0


@dataclass
class Entry:
    """One line of the calendar: an event on one of its days."""

    event: CalendarEvent
    start: Moment
    end: Moment
    day: dt.date
    nth: int = 1
    """Which of its days this is, of `of`."""
    of: int = 1
    people: People = field(default_factory=People)

    @property
    def is_whole_day(self) -> bool:
        return not isinstance(self.start, dt.datetime)

    @property
    def lasts(self) -> bool:
        """Whether it takes any time, so that its end is worth saying."""
        return self.end != self.start

    def is_first_since(self, day: dt.date) -> bool:
        """Whether no earlier day, from this one on, has the same entry."""
        return self.nth == 1 or self.day == day

    @property
    def order(self) -> tuple[Any, ...]:
        at = self.start if isinstance(self.start, dt.datetime) else dt.datetime.min.replace(tzinfo=dt.UTC)
        return not self.is_whole_day, at, self.event.title.casefold(), self.event.pk


# --- which rows


@dataclass
class Found:
    """What takes place on some days."""

    entries: list[Entry]
    """In order; an entry for each day that an appointment reaches."""
    is_cut: bool
    """Whether there is more than is looked at."""
    incomplete: list[CalendarEvent]
    """Series that repeat too often to be followed to the end."""


def on_days_of(user: User, rows: QuerySet[CalendarEvent], first: dt.date, end: dt.date) -> Found:
    """The appointments among these rows on the days from `first` until before `end`, in four queries."""
    since, before = midnight(first), midnight(end)
    singles = [*timed(rows, since, before)[: MOST_LINES + 1], *whole_days(rows, first, end)[: MOST_LINES + 1]]
    masters = list(repeating(rows, since, before)[: MOST_SERIES + 1])
    unrolled = series.unroll(masters, changed(user, masters), since - DAY, before + DAY)
    places = [*map(once, singles), *unrolled.occurrences]
    entries = [entry for one in places for entry in reached(one, first, end)]
    entries.sort(key=lambda entry: (entry.day, *entry.order))
    is_cut = len(singles) > MOST_LINES or len(masters) > MOST_SERIES or len(entries) > MOST_LINES
    return Found(entries, is_cut, unrolled.incomplete)


def midnight(day: dt.date) -> dt.datetime:
    """When this day begins where the reader is."""
    return timezone.make_aware(dt.datetime.combine(day, dt.time()))


def wanted(user: User, category: str = "", *, is_known: bool = False, with_declined: bool = False) -> Any:
    rows: QuerySet[CalendarEvent] = CalendarEvent.objects.for_user(user).exclude(status="cancelled")
    if category:
        rows = rows.filter(category=category)
    if not with_declined:
        rows = rows.exclude(response=CalendarEvent.Response.DECLINED)
    if is_known:
        people = EventAttendee.objects.for_user(user).filter(
            event=OuterRef("pk"), identity__contact__isnull=False
        )
        rows = rows.filter(Exists(people))
    return rows


def timed(rows: QuerySet[CalendarEvent], since: dt.datetime, before: dt.datetime) -> QuerySet[CalendarEvent]:
    reaches = Q(starts_at__gte=since) | Q(ends_at__gt=since)
    found = rows.filter(reaches, recurring=False, starts_at__gte=since - LONGEST, starts_at__lt=before)
    return found.order_by("starts_at", "pk")


def whole_days(rows: QuerySet[CalendarEvent], first: dt.date, end: dt.date) -> QuerySet[CalendarEvent]:
    reaches = Q(starts_on__gte=first) | Q(ends_on__gt=first)
    return rows.filter(reaches, recurring=False, starts_on__lt=end).order_by("starts_on", "pk")


def repeating(
    rows: QuerySet[CalendarEvent], since: dt.datetime, before: dt.datetime
) -> QuerySet[CalendarEvent]:
    """The series that may take place in this span, the newest first."""
    lives_on = Q(repeats_until=None) | Q(repeats_until__gt=since)
    has_begun = Q(starts_at__lt=before) | Q(starts_on__lt=(before + DAY).date())
    return rows.filter(lives_on, has_begun, recurring=True, recurrence_id="").order_by("-pk")


def changed(user: User, masters: Sequence[CalendarEvent]) -> dict[str, list[str]]:
    """The occurrences of these series that have rows of their own, by the identifier of the series."""
    rows = CalendarEvent.objects.for_user(user).filter(ical_uid__in=[one.ical_uid for one in masters])
    found: dict[str, list[str]] = {}
    for uid, original in rows.exclude(recurrence_id="").values_list("ical_uid", "recurrence_id"):
        found.setdefault(uid, []).append(original)
    return found


def reached(one: Occurrence, first: dt.date, end: dt.date) -> Iterator[Entry]:
    """A line for each of these days that it reaches."""
    begins, ends = local(one.start), local(one.end)
    from_day, last_day = day_of(begins), last_day_of(begins, ends)
    of = (last_day - from_day).days + 1
    day = max(from_day, first)
    while day <= last_day and day < end:
        yield Entry(one.event, begins, ends, day, (day - from_day).days + 1, of)
        day += DAY


def local(when: Moment) -> Moment:
    return timezone.localtime(when) if isinstance(when, dt.datetime) else when


def day_of(when: Moment) -> dt.date:
    return when.date() if isinstance(when, dt.datetime) else when


def last_day_of(begins: Moment, ends: Moment) -> dt.date:
    """The day on which it ends: one that ends at midnight, or with a date, ended the day before."""
    last = day_of(ends - dt.timedelta(microseconds=1)) if isinstance(ends, dt.datetime) else ends - DAY
    return max(day_of(begins), last)


# --- who


def invited(user: User, events: Iterable[UUID]) -> dict[UUID, People]:
    """Who else is invited to these events, in two queries, however many they are."""
    rows = EventAttendee.objects.for_user(user).filter(event__in=list(events)).exclude(kind__in=NOT_PEOPLE)
    by_event = [F("event")]
    known_first = [F("identity__contact").asc(nulls_last=True), F("is_organizer").desc(), F("id").asc()]
    numbered = (
        rows.exclude(identity__value__in=Whose.mine(user).own)
        .annotate(nth=Window(RowNumber(), partition_by=by_event, order_by=known_first))
        .annotate(whole=Window(Count("id"), partition_by=by_event))
        .filter(nth__lte=NAMED)
    )
    found: dict[UUID, People] = {}
    for one in numbered.select_related("identity__contact").order_by("event", "nth"):
        people = found.setdefault(one.event_id, People(more=max(0, one.whole - NAMED)))
        contact = one.identity.contact
        name = contact.display_name if contact else one.name or one.identity.value
        people.named.append(Invited(name, contact, one.response))
    return found


def with_people(user: User, entries: Sequence[Entry]) -> None:
    """Let these entries say who is invited."""
    people = invited(user, {entry.event.pk for entry in entries})
    for entry in entries:
        entry.people = people.get(entry.event.pk, People())


# --- what comes next


def coming_up(user: User, *, limit: int, days: int) -> list[Entry]:
    """The next entries from now on, for the front page; whole days of today count."""
    now, today = timezone.now(), timezone.localdate()
    entries = on_days_of(user, wanted(user), today, today + dt.timedelta(days=days)).entries
    ahead = [one for one in entries if one.is_first_since(today) and (one.is_whole_day or one.end > now)]
    with_people(user, ahead[:limit])
    return ahead[:limit]


def coming_up_with(user: User, contact: Contact, *, limit: int) -> list[Entry]:
    """The next meetings with a contact; of a series the next one."""
    now, today = timezone.now(), timezone.localdate()
    theirs = EventAttendee.objects.for_user(user).filter(identity__contact=contact)
    rows = wanted(user).filter(pk__in=theirs.values("event"))
    ahead = Q(starts_at__gt=now) | Q(ends_at__gt=now) | Q(starts_on__gte=today) | Q(ends_on__gt=today)
    singles = rows.filter(ahead, recurring=False).order_by("starts_at", "starts_on", "pk")[:limit]
    masters = list(repeating(rows, now, now + AHEAD)[:MOST_SERIES])
    unrolled = series.unroll(masters, changed(user, masters), now, now + AHEAD).occurrences
    unrolled.sort(key=lambda one: as_time(one.start))
    following = list({one.event.pk: one for one in reversed(unrolled)}.values())
    entries = [alone(one) for one in [*map(once, singles), *following]]
    return sorted(entries, key=lambda entry: (entry.day, *entry.order))[:limit]


def once(event: CalendarEvent) -> Occurrence:
    """What does not repeat, as it takes place."""
    start = series.begins(event)
    assert start is not None
    return Occurrence(event, start, series.ends(event) or start, start)


def alone(one: Occurrence) -> Entry:
    """An entry by its first day, whatever its length."""
    begins = local(one.start)
    return Entry(one.event, begins, local(one.end), day_of(begins))
