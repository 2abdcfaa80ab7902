"""The calendar as a stream changes it: rows made in a batch, changes logged in it, and the meetings that follow.

What already is as the stream says is neither written nor logged.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any
from uuid import UUID

from contacts import events, series
from contacts.derived import refresh_contacts
from contacts.drafts import EventDraft, InteractionDraft
from contacts.events import Whose
from contacts.models import CalendarEvent, EventAttendee, Interaction, Participant
from contacts.recording import CHUNK, record, write_participants
from contacts.when import as_moment
from integrations import naming
from jobs.changes import log_added, log_deleted, logged_changes
from jobs.models import Batch
from omnicrm.events import note

Key = tuple[str, str]
HELD = dt.timedelta(days=730)
"""How far back what a calendar says becomes meetings in the history."""

QUIET = {
    "id",
    "user",
    "batch",
    "created_at",
    "updated_at",
    "due_at",
    "last_synced",
    "google_updated",
    "interaction",
}
SAID = [field.name for field in CalendarEvent._meta.concrete_fields if field.name not in QUIET]
SAVED = [*SAID, "google_updated", "due_at"]
TOLD = ["occurred_at", "subject", "text", "visible_text"]
ANSWERED = ["name", "response", "kind", "is_organizer"]


class CalendarRows:
    """Gathers entries as they are now, by their keys, and writes what differs in the caller's transaction."""

    def __init__(self, user_id: UUID, batch: Callable[[], Batch], whose: Whose) -> None:
        self.user_id, self.whose, self._batch = user_id, whose, batch
        self.entered: dict[Key, EventDraft] = {}
        self.cancelled: dict[Key, EventDraft | None] = {}
        self.fresh: list[CalendarEvent] = []

    @cached_property
    def batch(self) -> Batch:
        """Asked for when there is something to write."""
        return self._batch()

    def enter(self, draft: EventDraft) -> None:
        self.cancelled.pop(events.key(draft), None)
        self.entered[events.key(draft)] = draft

    def cancel(self, key: Key, tombstone: EventDraft | None = None) -> None:
        """It does not take place. `tombstone`: what is known of an occurrence that has no row yet."""
        self.entered.pop(key, None)
        self.cancelled[key] = tombstone

    def write(self) -> None:
        uids = {uid for uid, _ in [*self.entered, *self.cancelled]}
        if not uids:
            return
        rows = CalendarEvent.objects.for_user(self.user_id).filter(ical_uid__in=uids)
        known = {(row.ical_uid, row.recurrence_id): row for row in rows.select_for_update(no_key=True)}
        before = {key: said(row) for key, row in known.items()}
        self.fill(known)
        self.save(known, before)
        self.write_attendees({key: row.pk for key, row in known.items()})
        Meetings(self, uids).write()

    def fill(self, known: dict[Key, CalendarEvent]) -> None:
        for key, draft in self.entered.items():
            if key in known:
                events.fill(known[key], draft, self.whose)
            else:
                known[key] = self.made(draft)
        self.cascade(known)
        for key, tombstone in self.cancelled.items():
            if key in known:
                known[key].status, known[key].due_at = "cancelled", None
            elif tombstone is not None:
                known[key] = self.made(tombstone)

    def cascade(self, known: dict[Key, CalendarEvent]) -> None:
        """With a series go all of its occurrences, also those that came from somewhere else."""
        gone = {uid for uid, original in self.cancelled if not original}
        for key in known.keys() - self.entered.keys():
            if key[0] in gone:
                self.cancelled.setdefault(key, None)

    def made(self, draft: EventDraft) -> CalendarEvent:
        row = events.event_row(self.batch, draft, self.whose)
        self.fresh.append(row)
        return row

    def save(self, known: dict[Key, CalendarEvent], before: dict[Key, dict[str, Any]]) -> None:
        changed = [known[key] for key, was in before.items() if said(known[key]) != was]
        if changed:
            ids = [row.pk for row in changed]
            with logged_changes(self.batch, CalendarEvent, ids, columns(CalendarEvent, SAID)):
                CalendarEvent.unscoped.bulk_update(changed, SAVED, batch_size=CHUNK)
        CalendarEvent.unscoped.bulk_create(self.fresh, batch_size=CHUNK)

    # --- who is invited

    def write_attendees(self, ids: dict[Key, UUID]) -> None:
        """As many as are invited now, with what they answered."""
        fresh = {row.pk for row in self.fresh}
        pairs = [(ids[key], draft) for key, draft in self.entered.items()]
        if new := [(pk, draft) for pk, draft in pairs if pk in fresh]:
            events.write_attendees(self.batch, new)
        self.compare_attendees([(pk, draft) for pk, draft in pairs if pk not in fresh])

    def compare_attendees(self, pairs: Sequence[tuple[UUID, EventDraft]]) -> None:
        found = EventAttendee.objects.for_user(self.user_id).filter(event__in=[pk for pk, _ in pairs])
        known = {(row.event_id, row.identity.value): row for row in found.select_related("identity")}
        wanted = {
            (pk, email): events.said_of(one) | {"is_organizer": email == events.organizer_of(draft)}
            for pk, draft in pairs
            for email, one in events.once(draft).items()
        }
        gone = [row.pk for key, row in known.items() if key not in wanted]
        changed = [row for key, row in known.items() if key in wanted and differs(row, wanted[key])]
        if gone:
            log_deleted(self.batch, EventAttendee, gone)
            EventAttendee.objects.for_user(self.user_id).filter(pk__in=gone).delete()
        if changed:
            with logged_changes(self.batch, EventAttendee, [row.pk for row in changed], ANSWERED):
                for row in changed:
                    assign(row, wanted[row.event_id, row.identity.value])
                EventAttendee.unscoped.bulk_update(changed, ANSWERED, batch_size=CHUNK)
        if missing := [
            (pk, draft) for pk, draft in pairs if any((pk, e) not in known for e in events.once(draft))
        ]:
            events.write_attendees(self.batch, missing)


class Meetings:
    """The meetings of some calendar entries until now, as the entries are now."""

    def __init__(self, rows: CalendarRows, uids: Collection[str]) -> None:
        self.rows, self.user_id, self.whose = rows, rows.user_id, rows.whose
        self.uids = uids
        self.since = rows.whose.now - HELD
        self.people: set[UUID] = set()

    def write(self) -> None:
        wanted = {draft.source_key: draft for draft in self.wanted()}
        threads = {events.thread_key(uid) for uid in self.uids}
        found = Interaction.objects.for_user(self.user_id).filter(kind="meeting", thread_key__in=threads)
        known = {row.source_key: row for row in found}
        self.remove(
            [row for one, row in known.items() if one not in wanted and row.occurred_at >= self.since]
        )
        self.add(naming.wanted(self.user_id, [draft for one, draft in wanted.items() if one not in known]))
        self.change([(known[one], draft) for one, draft in wanted.items() if one in known])
        if self.people:
            refresh_contacts(self.user_id, sorted(self.people))

    def wanted(self) -> Iterator[InteractionDraft]:
        rows = CalendarEvent.objects.for_user(self.user_id).filter(ical_uid__in=self.uids)
        entries = list(rows)
        drafts = events.drafts_of(entries)
        originals: dict[str, list[str]] = {}
        for row in entries:
            if row.recurrence_id:
                originals.setdefault(row.ical_uid, []).append(row.recurrence_id)
        places = [row for row in entries if series.begins(row) and row.status != "cancelled"]
        end = self.whose.now + dt.timedelta(microseconds=1)
        repeated = [row for row in places if row.recurring and not row.recurrence_id]
        for one in series.unroll(repeated, originals, self.since, end).occurrences:
            if self.since <= as_moment(one.start) <= self.whose.now:
                original = one.original.isoformat()
                draft = replace(drafts[one.event.pk], start=one.start, end=one.end, recurrence_id=original)
                yield from self.meeting(draft)
        for row in places:
            start = series.begins(row)
            assert start is not None
            is_single = row.recurrence_id or not row.recurring
            if is_single and self.since <= as_moment(start) <= self.whose.now:
                yield from self.meeting(drafts[row.pk])

    def meeting(self, draft: EventDraft) -> Iterator[InteractionDraft]:
        if found := events.meeting(draft, self.whose.own):
            yield found

    def remove(self, gone: Sequence[Interaction]) -> None:
        if not gone:
            return
        ids = [row.pk for row in gone]
        self.note_people(ids)
        parts = Participant.objects.for_user(self.user_id).filter(interaction__in=ids)
        log_deleted(self.rows.batch, Interaction, ids)
        log_deleted(self.rows.batch, Participant, list(parts.values_list("pk", flat=True)))
        parts.delete()
        Interaction.objects.for_user(self.user_id).filter(pk__in=ids).delete()
        note(
            self.user_id,
            "interaction.removed",
            on=self.rows.batch,
            batch_id=self.rows.batch.pk,
            count=len(ids),
        )

    def add(self, drafts: Sequence[InteractionDraft]) -> None:
        if not drafts:
            return
        ids = [done.interaction_id for done in record(self.rows.batch, drafts)]
        self.note_people(ids)
        note(
            self.user_id, "interaction.added", on=self.rows.batch, batch_id=self.rows.batch.pk, count=len(ids)
        )

    def change(self, pairs: Sequence[tuple[Interaction, InteractionDraft]]) -> None:
        told = {row.pk: {name: getattr(draft, name) for name in TOLD} for row, draft in pairs}
        changed = [row for row, _ in pairs if differs(row, told[row.pk])]
        if changed:
            ids = [row.pk for row in changed]
            with logged_changes(self.rows.batch, Interaction, ids, TOLD):
                for row in changed:
                    assign(row, told[row.pk])
                Interaction.unscoped.bulk_update(changed, TOLD, batch_size=CHUNK)
            for row in changed:
                parts = Participant.objects.for_user(self.user_id).filter(interaction=row)
                with logged_changes(
                    self.rows.batch, Participant, list(parts.values_list("pk", flat=True)), ["occurred_at"]
                ):
                    parts.update(occurred_at=row.occurred_at)
            self.note_people(ids)
        self.compare_people(pairs)

    def compare_people(self, pairs: Sequence[tuple[Interaction, InteractionDraft]]) -> None:
        rows = Participant.objects.for_user(self.user_id).filter(interaction__in=[row.pk for row, _ in pairs])
        known = {
            (row.interaction_id, row.identity.value, row.role): row.pk
            for row in rows.select_related("identity")
        }
        wanted = {(row.pk, m.email, m.role) for row, draft in pairs for m in draft.mentions}
        gone = [pk for one, pk in known.items() if one not in wanted]
        missing = wanted - known.keys()
        if gone:
            self.note_people({one[0] for one in known.keys() - wanted})
            log_deleted(self.rows.batch, Participant, gone)
            rows.filter(pk__in=gone).delete()
        for row, draft in pairs:
            if more := [m for m in draft.mentions if (row.pk, m.email, m.role) in missing]:
                parts = write_participants(self.rows.batch, [(row.pk, replace(draft, mentions=more))])
                if row.batch_id != self.rows.batch.pk:
                    log_added(self.rows.batch, Participant, [part.pk for part in parts], ["identity_id"])
                self.note_people([row.pk])

    def note_people(self, interactions: Iterable[UUID]) -> None:
        """Whose last meeting may be another one now."""
        parts = Participant.objects.for_user(self.user_id).filter(interaction__in=list(interactions))
        self.people |= {pk for pk in parts.values_list("identity__contact", flat=True) if pk}


def said(row: CalendarEvent) -> dict[str, Any]:
    return {name: getattr(row, name) for name in SAID}


def differs(row: Any, values: dict[str, Any]) -> bool:
    return any(getattr(row, name) != value for name, value in values.items())


def assign(row: Any, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(row, name, value)


def columns(model: type[CalendarEvent], names: Iterable[str]) -> list[str]:
    return [str(model._meta.get_field(name).column) for name in names]  # type: ignore[union-attr]
