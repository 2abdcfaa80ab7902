"""Meetings that have begun since: what the calendar planned becomes part of the history, as time passes.

Each entry says in `due_at` when that is next, so an hour in which nothing begins costs one look at an index. What a
series brings later belongs to the batch that brought the series, and goes with it when that is undone.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from uuid import UUID

from contacts import series
from contacts.derived import refresh_contacts
from contacts.drafts import EventDraft, InteractionDraft
from contacts.events import Whose, drafts_of, meeting, refresh_due
from contacts.models import CalendarEvent, Participant
from contacts.recording import record
from contacts.when import as_time
from integrations.extracting import ask_for_people
from integrations.naming import wanted
from jobs.models import Batch
from jobs.periodic import every
from jobs.queue import Again, enqueue, handles
from jobs.runner import JobContext
from omnicrm.events import note
from omnicrm.models import User

AT_ONCE = 500
"""How many entries one transaction looks at."""


@every(dt.timedelta(hours=1), "hold meetings")
def hold_everybodys() -> int:
    """Ask for everybody's meetings of the last hour; how many were asked for."""
    users = list(User.objects.filter(is_active=True).values_list("pk", flat=True))
    for user_id in users:
        enqueue("hold_meetings", user_id, dedupe_key="hold_meetings")
    return len(users)


@handles("hold_meetings", queue="bulk")
def hold_meetings(context: JobContext) -> Again | None:
    """Record what has begun. A chunk of entries at a time; doing it again changes nothing."""
    user = User.objects.get(pk=context.user_id)
    due = hold_due(user, Whose.mine(user))
    return Again({}) if due == AT_ONCE else None


def hold_due(user: User, whose: Whose) -> int:
    """Make meetings of the entries that are due, in the caller's transaction; how many entries were."""
    waiting = CalendarEvent.objects.for_user(user).filter(due_at__lte=whose.now).order_by("due_at", "pk")
    # Locked, so that an undo of what brought them waits, and then finds the meetings too.
    rows = list(waiting.select_for_update(no_key=True)[:AT_ONCE])
    drafts = drafts_of(rows)
    by_batch: dict[UUID | None, list[InteractionDraft]] = {}
    for row in rows:
        held = [meeting(one, whose.own) for one in begun(row, drafts[row.pk], whose.now)]
        by_batch.setdefault(row.batch_id, []).extend(one for one in held if one)
    batches = Batch.objects.for_user(user).in_bulk([pk for pk in by_batch if pk])
    for batch_id, found in by_batch.items():
        if batch_id in batches:
            add(batches[batch_id], found)
    refresh_due(rows, whose)
    return len(rows)


def begun(row: CalendarEvent, draft: EventDraft, now: dt.datetime) -> Iterator[EventDraft]:
    """The entry as it took place, each time from when it was due until now."""
    assert row.due_at is not None
    if not row.recurring:
        yield draft
        return
    changed = CalendarEvent.objects.for_user(row.user_id).filter(ical_uid=row.ical_uid)
    originals = changed.exclude(recurrence_id="").values_list("recurrence_id", flat=True)
    end = now + dt.timedelta(microseconds=1)
    for one in series.unroll([row], {row.ical_uid: list(originals)}, row.due_at, end).occurrences:
        if row.due_at <= as_time(one.start):
            yield replace(draft, start=one.start, end=one.end, recurrence_id=one.original.isoformat())


def add(batch: Batch, drafts: Sequence[InteractionDraft]) -> None:
    """The meetings that are not here yet, and what follows from them."""
    keyed = list({draft.source_key: draft for draft in wanted(batch.user_id, drafts)}.values())
    fresh = [done.interaction_id for done in record(batch, keyed) if done.created]
    if fresh:
        refresh_contacts(batch.user_id, sorted(with_whom(batch.user_id, fresh)))
        ask_for_people(batch, fresh)
        note(batch.user_id, "interaction.added", on=batch, batch_id=batch.pk, count=len(fresh))


def with_whom(user_id: UUID, interactions: Iterable[UUID]) -> set[UUID]:
    """The contacts that took part."""
    parts = Participant.objects.for_user(user_id).filter(interaction__in=list(interactions))
    return {pk for pk in parts.values_list("identity__contact", flat=True) if pk}
