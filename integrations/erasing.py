"""Erase one person from a user's data, for good: what was with them alone goes, the rest loses them, and no import
brings them back.

What they wrote goes, whoever else got it. What others wrote to several people stays in the others' histories, without
their name and addresses. Letters among others that speak of them are the others', and stay as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, TextField
from django.db.models.functions import Cast

from contacts import erased
from contacts.derived import refresh_contacts
from contacts.drafts import EventDraft
from contacts.events import Whose
from contacts.models import (
    CalendarEvent,
    Company,
    Contact,
    ContactIdentity,
    EventAttendee,
    Interaction,
    Note,
    Participant,
    Suggestion,
    Suppression,
    Task,
)
from integrations import traces
from integrations.archive.jobs import forget
from integrations.archive.pages import paged
from integrations.erased_letters import forget_letters, letters_to
from integrations.models import Export, OutboxMessage, RawEvent, SourceFile
from integrations.plan import discard
from integrations.sifting import Sifted, sift
from integrations.sources import Me, load, streamed
from integrations.traces import Trace, trace
from jobs.models import Batch, PlanItem
from omnicrm.events import note
from omnicrm.models import User
from omnicrm.owned import OwnedQuerySet
from omnicrm.personal import bulk_save

AT_WORK = (Batch.State.PLANNING, Batch.State.APPROVED, Batch.State.RUNNING, Batch.State.UNDOING)
ABOUT_THEM = {"delete": "Deleted", "accept": "Added"}
"""Batches that are called after whom they were about, by their kind."""
GONE = "skipped:erased"
SAID = ["subject", "text", "visible_text"]
SHOWN = ["title", "description", "location"]
CHUNK = 500


class Busy(Exception):
    """Something is at work that could bring the person back; the message says what to do."""


@dataclass(frozen=True)
class Reach:
    """What erasing somebody would take, in numbers."""

    addresses: int
    interactions: int
    shared: int
    notes: int
    tasks: int


def reach(found: Trace) -> Reach:
    notes = Note.objects.for_user(found.user).filter(contact__in=found.contacts)
    tasks = Task.objects.for_user(found.user).filter(contact__in=found.contacts)
    return Reach(len(found.identities), len(found.theirs), len(found.shared), notes.count(), tasks.count())


@transaction.atomic
def erase_person(user: User, contact: Contact | None, addresses: Sequence[str] = ()) -> Reach:
    """Erase them now. Raises Busy while an import, an undo or a letter to them is at work. `addresses`: of somebody deleted before."""
    refuse_while_at_work(user)
    found = trace(user, contact, addresses)
    if letters_to(found).filter(state__in=OutboxMessage.ON_ITS_WAY).exists():
        raise Busy("A letter to them is on its way. Take it back, or wait until it is sent, then erase.")
    done = reach(found)
    secret = erased.remember(
        user.pk, [*found.identities.values(), *(("email", one) for one in addresses if "@" in one)]
    )
    entries = traces.calendar_entries(found)
    keys = Letters(found, secret, entries).forget()
    Plans(found, secret, keys).forget()
    companies = traces.companies_of(found)
    retitle(found, forget_log(found, entries))
    forget_letters(found)
    forget_rows(found, entries, companies)
    without_them(found)
    for export in Export.objects.for_user(user):
        forget(export)
    refresh_contacts(user.pk, sorted(found.others))
    note(user.pk, "contact.erased", on=contact, interactions=done.interactions, shared=done.shared)
    return done


def refuse_while_at_work(user: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(user.pk)])
    if batch := Batch.objects.for_user(user).filter(state__in=AT_WORK).first():
        raise Busy(
            f"“{batch}” is at work and could bring them back. Wait for its end, or cancel it, then erase."
        )


@dataclass
class Letters:
    """What was kept word for word."""

    found: Trace
    secret: bytes
    entries: set[UUID]
    """Calendar entries that go; more are found here."""

    def forget(self) -> set[str]:
        """Theirs become stubs, others that name them lose their words; the ids that theirs had."""
        gone = traces.vouching(self.found, self.found.theirs) | traces.cards_of(self.found)
        bare = traces.vouching(self.found, self.found.shared)
        for raw in traces.mentioning(self.found):
            (gone if self.is_theirs(raw) else bare).add(raw.pk)
        bare -= gone
        rows = RawEvent.objects.for_user(self.found.user)
        rows.filter(pk__in=bare).update(payload=None)
        stubs = list(rows.filter(pk__in=gone).defer("payload"))
        keys = {raw.external_id for raw in stubs}
        for raw in stubs:
            raw.external_id = erased.digest(self.secret, "item", raw.external_id)
        RawEvent.unscoped.bulk_update(stubs, ["external_id"], batch_size=CHUNK)
        rows.filter(pk__in=gone).update(payload=None, verdict=GONE, reason="")
        return keys

    def is_theirs(self, raw: RawEvent) -> bool:
        """Whether it is about them alone, rather than naming them among others."""
        if raw.verdict.startswith("failed"):
            return True
        if raw.kind != "event":
            return False
        own = Whose.mine(self.found.user).own
        read = streamed["calendar"] if raw.source.startswith("gcal:") else load
        event = read(raw.content, "event", Me(own, raw.created_at))
        assert isinstance(event, EventDraft)
        entry = CalendarEvent.objects.for_user(self.found.user).filter(
            ical_uid=event.uid[:255], recurrence_id=event.recurrence_id[:40]
        )
        if sift(event, erased.Erased(self.found.user.pk), own) == Sifted.WHOLE:
            self.entries |= set(entry.values_list("pk", flat=True))
            return True
        for row in entry:
            if redact(self.found, row, SHOWN):
                row.save(update_fields=SHOWN)
        return False


@dataclass
class Plans:
    """The lines of plans: what files held, and what became of it."""

    found: Trace
    secret: bytes
    keys: set[str]

    def forget(self) -> None:
        named = Q(external_id__in=self.keys) | Q(target__in=self.found.contacts | self.found.theirs)
        for value in self.found.values:
            named |= Q(said__icontains=json.dumps(value, ensure_ascii=False)[1:-1])
        rows = PlanItem.objects.for_user(self.found.user).annotate(said=Cast("data", TextField()))
        lines: list[PlanItem] = list(rows.filter(named))
        lines += self.said_in_drafts(
            PlanItem.objects.for_user(self.found.user).exclude(pk__in=[one.pk for one in lines])
        )
        waiting = {line.batch_id for line in lines}
        for line in lines:
            self.silence(line) if self.is_theirs(line) else self.redact(line)
        bulk_save(lines, ["external_id", "data", "draft"])
        self.forget_suppressions()
        for batch in Batch.objects.for_user(self.found.user).filter(
            pk__in=waiting, state=Batch.State.PLANNED
        ):
            discard(batch)

    def said_in_drafts(self, rows: OwnedQuerySet[PlanItem]) -> Iterator[PlanItem]:
        """Lines about people that name them in what is kept sealed: a number, a note."""
        for line in paged(rows.filter(draft__isnull=False), CHUNK):
            if redacted(said := json.loads(bytes(line.draft)), self.found.values) != said:
                yield line

    def is_theirs(self, line: PlanItem) -> bool:
        addresses = self.found.addresses
        named = {
            line.data.get("from"),
            *str(line.data.get("email", "")).split(", "),
            *line.data.get("emails", []),
        }
        return line.external_id in self.keys or not named.isdisjoint(addresses)

    def silence(self, line: PlanItem) -> None:
        """It answers whoever asks for its id, or for the address, and says nothing."""
        self.keys.add(line.external_id)
        line.external_id = erased.digest(self.secret, "item", line.external_id)
        line.draft = None
        line.data = {"erased": erased.digest(self.secret, *next(iter(self.found.identities.values())))}

    def redact(self, line: PlanItem) -> None:
        people = line.data.get("people")
        if people:
            line.data["people"] = [one for one in people if one[0] not in self.found.addresses]
        line.data = redacted(line.data, self.found.values)
        if line.draft is not None:
            line.draft = json.dumps(redacted(json.loads(bytes(line.draft)), self.found.values)).encode()

    def forget_suppressions(self) -> None:
        """They name what they keep away; what was erased stays away all the same."""
        rows = Suppression.objects.for_user(self.found.user).exclude(reason=Suppression.ERASED)
        rows.filter(
            Q(scope="address", key__in=self.found.addresses) | Q(scope="item", key__in=self.keys)
        ).delete()


def forget_log(found: Trace, entries: set[UUID]) -> set[UUID]:
    """What changes said of them before and after; the batches that said it."""
    return traces.forget_changes(
        {*found.contacts, *found.identities, *found.theirs, *entries}, found.contacts
    )


def forget_rows(found: Trace, entries: set[UUID], companies: set[UUID]) -> None:
    user = found.user
    Interaction.objects.for_user(user).filter(pk__in=found.theirs).delete()
    Participant.objects.for_user(user).filter(identity__in=found.identities).delete()
    EventAttendee.objects.for_user(user).filter(identity__in=found.identities).delete()
    CalendarEvent.objects.for_user(user).filter(pk__in=entries).delete()
    Contact.objects.for_user(user).filter(pk__in=found.contacts).delete()
    ContactIdentity.objects.for_user(user).filter(pk__in=found.identities).delete()
    # A company of one person may well be called as they are.
    Company.objects.for_user(user).filter(pk__in=companies, contacts=None).delete()
    about = Q(key__in=found.addresses)
    for pk in found.contacts:
        about |= Q(said__contains=str(pk)) | Q(key__contains=str(pk))
    suggestions = Suggestion.objects.for_user(user).annotate(said=Cast("evidence", TextField()))
    suggestions.filter(about).delete()


def without_them(found: Trace) -> None:
    """What stays does not name them any more; what it quoted may be theirs, so it goes."""
    shared = paged(Interaction.objects.for_user(found.user).filter(pk__in=found.shared), CHUNK)
    while rows := list(islice(shared, CHUNK)):
        for row in rows:
            row.text = row.visible_text
            redact(found, row, SAID)
        Interaction.unscoped.bulk_update(rows, SAID)
    for file in SourceFile.objects.for_user(found.user):
        if redact(found, file, ["name", "path"]):
            file.save(update_fields=["name", "path"])


def retitle(found: Trace, logged_in: set[UUID]) -> None:
    """Batches are called as their file, or as whom they deleted, and list by name what an undo kept."""
    gone = found.contacts | found.identities.keys()
    for batch in Batch.objects.for_user(found.user):
        before = (batch.title, batch.error, batch.totals, batch.warnings)
        if batch.pk in logged_in and batch.kind in ABOUT_THEM:
            batch.title = f"{ABOUT_THEM[batch.kind]} somebody who was erased since"
        batch.totals = redacted(named_no_more(batch.totals, gone), found.values)
        batch.warnings = redacted(batch.warnings, found.values)
        redact(found, batch, ["title", "error"])
        if before != (batch.title, batch.error, batch.totals, batch.warnings):
            batch.save(update_fields=["title", "error", "totals", "warnings"])


def named_no_more(totals: dict[str, Any], gone: Iterable[UUID]) -> dict[str, Any]:
    ids = {str(pk) for pk in gone}
    kept = totals.get("undo", {}).get("kept", [])
    if not any(row.get("id") in ids for row in kept):
        return totals
    kept = [row | {"label": erased.MARK} if row.get("id") in ids else row for row in kept]
    return totals | {"undo": totals["undo"] | {"kept": kept}}


def redact(found: Trace, row: Any, names: Sequence[str]) -> bool:
    """Take what tells them out of these texts of a row; whether that changed anything."""
    before = [getattr(row, name) for name in names]
    for name, text in zip(names, before, strict=True):
        setattr(row, name, erased.without(text, found.values))
    return before != [getattr(row, name) for name in names]


def redacted(value: Any, values: Sequence[str]) -> Any:
    """The same JSON, with what tells them taken out of its texts."""
    if isinstance(value, str):
        return erased.without(value, values)
    if isinstance(value, list):
        return [redacted(one, values) for one in value]
    if isinstance(value, dict):
        return {key: redacted(one, values) for key, one in value.items()}
    return value
