"""Calendar entries as rows: who is invited and what they answered, when it repeats, and the meetings it becomes."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils import timezone

from contacts import event_rules, series
from contacts.drafts import Attendee, EventDraft, InteractionDraft, Mention
from contacts.event_rules import NOT_PEOPLE
from contacts.matching import same_spelling
from contacts.models import CalendarEvent, EventAttendee, OwnAddress
from contacts.recording import CHUNK, email_identities
from contacts.when import as_moment, calendar_times
from jobs.models import Batch
from omnicrm.models import User

MOST_ATTENDEES = 300
"""How many of those invited to one event have rows; nobody meets more."""
RESPONSES = frozenset(CalendarEvent.Response.values)


@dataclass(frozen=True)
class Whose:
    """Whose calendar it is: their addresses, the words in their name, and until when meetings are recorded already."""

    own: frozenset[str]
    names: frozenset[str]
    now: dt.datetime

    @classmethod
    def of(cls, user: User, own: Collection[str], now: dt.datetime | None = None) -> Whose:
        return cls(frozenset(own), event_rules.names_of(user.name, own), now or timezone.now())

    @classmethod
    def mine(cls, user: User) -> Whose:
        """As the user's addresses are now, in their name."""
        own = OwnAddress.objects.for_user(user).values_list("value", flat=True)
        return cls.of(user, {user.email.lower(), *own})


def record_events(batch: Batch, drafts: Sequence[EventDraft], whose: Whose) -> int:
    """Record calendar entries in the caller's transaction; how many of them were new."""
    pairs = [(event_row(batch, draft, whose), draft) for draft in sorted(drafts, key=key)]
    CalendarEvent.unscoped.bulk_create([row for row, _ in pairs], ignore_conflicts=True, batch_size=CHUNK)
    mine = CalendarEvent.objects.for_user(batch.user_id).filter(pk__in=[row.pk for row, _ in pairs])
    fresh = set(mine.values_list("pk", flat=True))
    write_attendees(batch, [(row.pk, draft) for row, draft in pairs if row.pk in fresh])
    return len(fresh)


def key(draft: EventDraft) -> tuple[str, str]:
    """What tells one entry from another, whichever source it comes from."""
    return draft.uid[:255], draft.recurrence_id[:40]


def event_row(batch: Batch, draft: EventDraft, whose: Whose) -> CalendarEvent:
    row = CalendarEvent(user_id=batch.user_id, batch=batch, ical_uid=draft.uid[:255])
    row.recurrence_id = draft.recurrence_id[:40]
    fill(row, draft, whose)
    return row


def fill(row: CalendarEvent, draft: EventDraft, whose: Whose) -> None:
    """Let a row say what the draft says, but for what names it."""
    for name, value in columns(draft, whose).items():
        setattr(row, name, value)
    repeats = series.repeats_of(row) if draft.start is not None else None
    row.repeats_until = series.until(repeats) if repeats else None
    row.due_at = series.next_start(repeats, whose.now) if repeats and meeting(draft, whose.own) else None


def columns(draft: EventDraft, whose: Whose) -> dict[str, Any]:
    return {
        "google_id": draft.google_id[:255],
        "series": draft.series[:255],
        "recurring": draft.recurring,
        "recurrence": draft.recurrence,
        "zone": draft.zone[:64],
        "title": draft.title,
        "description": draft.description,
        "location": draft.location,
        "link": draft.link[:2_000],
        "status": draft.status[:20],
        "response": event_rules.response(draft, whose.own),
        "category": event_rules.category(draft, whose.own),
        "keywords": event_rules.keywords(draft, whose.names),
        "google_updated": draft.updated,
        **dict.fromkeys(("starts_at", "ends_at", "starts_on", "ends_on")),
        **calendar_times(draft),
    }


def write_attendees(batch: Batch, recorded: Sequence[tuple[UUID, EventDraft]]) -> None:
    """Who is invited to these events, in the caller's transaction; somebody named twice is invited once."""
    invited = [(event_id, once(draft)) for event_id, draft in recorded]
    names = {email: one.name for _, people in invited for email, one in people.items()}
    identities = email_identities(batch, names)
    organizers = {event_id: organizer_of(draft) for event_id, draft in recorded}
    rows = [
        EventAttendee(
            user_id=batch.user_id,
            batch=batch,
            event_id=event_id,
            identity_id=identities[email],
            is_organizer=email == organizers[event_id],
            **said_of(one),
        )
        for event_id, people in invited
        for email, one in people.items()
    ]
    EventAttendee.unscoped.bulk_create(rows, ignore_conflicts=True, batch_size=CHUNK)


def organizer_of(draft: EventDraft) -> str:
    return same_spelling(draft.organizer.email) if draft.organizer else ""


def said_of(one: Attendee) -> dict[str, Any]:
    return {
        "name": one.name[:200],
        "response": one.response if one.response in RESPONSES else "",
        "kind": one.kind if one.kind in NOT_PEOPLE else "",
    }


def once(draft: EventDraft) -> dict[str, Attendee]:
    """Everybody invited, by address. What an attendee says goes before what is said of them as the organizer."""
    people = {same_spelling(one.email): one for one in event_rules.invited(draft) if one.email}
    return dict(list(people.items())[:MOST_ATTENDEES])


def meeting(draft: EventDraft, own: frozenset[str]) -> InteractionDraft | None:
    """The interaction that an event with other people is; None for one's own entries, cancelled and declined ones."""
    if draft.start is None or draft.status.lower() == "cancelled":
        return None
    if event_rules.response(draft, own) == "declined":
        return None
    mentions = list(mentioned(draft))
    if not any(mention.email not in own for mention in mentions):
        return None
    start = as_moment(draft.start)
    return InteractionDraft(
        kind="meeting",
        source="calendar",
        source_key=meeting_key(draft.uid, draft.recurrence_id, start),
        occurred_at=start,
        subject=draft.title,
        text=draft.description,
        visible_text=draft.description,
        thread_key=thread_key(draft.uid),
        mentions=mentions,
    )


def mentioned(draft: EventDraft) -> Iterable[Mention]:
    """Who takes part: neither rooms and mailing lists, nor who declined."""
    if draft.organizer and draft.organizer.email and draft.organizer.kind not in NOT_PEOPLE:
        yield Mention(same_spelling(draft.organizer.email), draft.organizer.name, "organizer")
    for one in draft.attendees:
        if one.email and one.response != "declined" and one.kind not in NOT_PEOPLE:
            yield Mention(same_spelling(one.email), one.name, "attendee")


def meeting_key(uid: str, recurrence_id: str, start: dt.datetime) -> str:
    """One meeting in any source: its calendar's identifier and, in a series, when it was meant to begin."""
    return f"ical:{uid[:180]}:{recurrence_id or start.isoformat()}"[:255]


def thread_key(uid: str) -> str:
    return f"ical:{uid[:200]}"


def drafts_of(rows: Sequence[CalendarEvent]) -> dict[UUID, EventDraft]:
    """What these stored events say, for making meetings of them; with their attendees, in one query."""
    if not rows:
        return {}
    people: dict[UUID, list[EventAttendee]] = {row.pk: [] for row in rows}
    found = EventAttendee.objects.for_user(rows[0].user_id).filter(event__in=list(people))
    for one in found.select_related("identity").order_by("id"):
        people[one.event_id].append(one)
    return {row.pk: draft_of(row, people[row.pk]) for row in rows}


def draft_of(row: CalendarEvent, invited: Iterable[EventAttendee]) -> EventDraft:
    attendees = [(one, Attendee(one.identity.value, one.name, one.response, one.kind)) for one in invited]
    return EventDraft(
        uid=row.ical_uid,
        title=row.title,
        description=row.description,
        location=row.location,
        start=series.begins(row),
        end=series.ends(row),
        status=row.status,
        organizer=next((said for one, said in attendees if one.is_organizer), None),
        attendees=[said for one, said in attendees if not one.is_organizer or one.response],
        recurrence_id=row.recurrence_id,
        recurring=row.recurring,
        recurrence=row.recurrence,
        zone=row.zone,
        google_id=row.google_id,
        series=row.series,
        link=row.link,
        updated=row.google_updated,
    )


def refresh_due(rows: Sequence[CalendarEvent], whose: Whose) -> None:
    """Say anew when these stored events next become meetings."""
    drafts = drafts_of(rows)
    for row in rows:
        is_one = meeting(drafts[row.pk], whose.own) is not None
        row.due_at = series.next_start(series.repeats_of(row), whose.now) if is_one else None
    CalendarEvent.unscoped.bulk_update(rows, ["due_at"], batch_size=CHUNK)
