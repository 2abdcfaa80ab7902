"""Everything that leads to one person, found before it is erased."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection

from contacts.creating import compared
from contacts.erased import telling
from contacts.models import CalendarEvent, Contact, ContactIdentity, Interaction, OwnAddress, Participant
from integrations.archive.pages import paged
from integrations.models import Provenance, RawEvent
from jobs.models import BatchItem
from omnicrm.models import User

JSON_KINDS = ("event", "meeting", "person")


@dataclass
class Trace:
    """Somebody as a user's data knows them, now or before they were deleted."""

    user: User
    contacts: set[UUID] = field(default_factory=set)
    identities: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    """(kind, readable value) by id."""
    values: list[str] = field(default_factory=list)
    """What tells them in a text: addresses, numbers, full names."""
    theirs: set[UUID] = field(default_factory=set)
    """Interactions that go: what they wrote, and what was with them alone."""
    shared: set[UUID] = field(default_factory=set)
    """Interactions with others, too: these stay, without them."""
    others: set[UUID] = field(default_factory=set)
    """Other people in interactions that go."""

    @property
    def addresses(self) -> list[str]:
        return [value for _, value in self.identities.values()]


def trace(user: User, contact: Contact | None, addresses: Iterable[str] = ()) -> Trace:
    found = Trace(user, {contact.pk} if contact else set())
    rows = ContactIdentity.objects.for_user(user)
    wanted = {compared(user.pk, "email" if "@" in value else "phone", value) for value in addresses}
    mine = rows.filter(value__in=wanted, contact=None)
    for identity in [*(rows.filter(contact=contact) if contact else []), *mine]:
        found.identities[identity.pk] = (identity.kind, identity.readable)
    found.contacts |= former_contacts(found)
    found.identities |= former_identities(found)
    found.values = telling(names_of(found, contact))
    divide(found)
    return found


def former_contacts(found: Trace) -> set[UUID]:
    """Whom their addresses led to before somebody deleted that contact."""
    items = BatchItem.objects.for_user(found.user).filter(
        object_type=ContactIdentity._meta.label_lower, object_id__in=found.identities
    )
    sides = [side for pair in items.values_list("before", "after") for side in pair if side]
    known = {UUID(side["contact_id"]) for side in sides if side.get("contact_id")}
    return known - set(Contact.objects.for_user(found.user).in_bulk(known))


def former_identities(found: Trace) -> dict[UUID, tuple[str, str]]:
    """Addresses and numbers that led to them before they were deleted, and lead to nobody now."""
    items = BatchItem.objects.for_user(found.user).filter(
        object_type=ContactIdentity._meta.label_lower, before__contact_id__in=list(map(str, found.contacts))
    )
    rows = ContactIdentity.objects.for_user(found.user).filter(contact=None)
    rows = rows.filter(pk__in=items.values("object_id"))
    return {row.pk: (row.kind, row.readable) for row in rows}


def companies_of(found: Trace) -> set[UUID]:
    """Where they work, or worked before they were deleted."""
    now = Contact.objects.for_user(found.user).filter(pk__in=found.contacts)
    items = BatchItem.objects.for_user(found.user).filter(object_id__in=found.contacts)
    before = {row.get("company_id") for row in items.values_list("before", flat=True)}
    return {pk for pk in now.values_list("company", flat=True) if pk} | {UUID(pk) for pk in before if pk}


def names_of(found: Trace, contact: Contact | None) -> Iterator[str]:
    yield from found.addresses
    for identity in ContactIdentity.objects.for_user(found.user).filter(pk__in=found.identities):
        yield identity.display
    parts = Participant.objects.for_user(found.user).filter(identity__in=found.identities)
    yield from parts.values_list("name", flat=True).distinct()
    if contact:
        yield from (contact.display_name, f"{contact.given_name} {contact.family_name}".strip())
        yield contact.primary_phone
    items = BatchItem.objects.for_user(found.user).filter(object_id__in=found.contacts)
    for before in items.values_list("before", flat=True):
        yield str(before.get("display_name", ""))


def divide(found: Trace) -> None:
    """Which interactions go with them, and which stay without them."""
    user = found.user
    own = {user.email, *OwnAddress.objects.for_user(user).values_list("value", flat=True)}
    rows = Participant.objects.for_user(user)
    hers = rows.filter(identity__in=found.identities)
    with_others = (
        rows.filter(interaction__in=hers.values("interaction"))
        .exclude(identity__in=found.identities)
        .exclude(identity__value__in=own)
    )
    everything = set(hers.values_list("interaction", flat=True))
    written = set(hers.filter(role="from").values_list("interaction", flat=True))
    found.shared = set(with_others.values_list("interaction", flat=True)) - written
    found.theirs = everything - found.shared
    among = with_others.filter(interaction__in=found.theirs).values_list("identity__contact", flat=True)
    found.others = {pk for pk in among if pk} - found.contacts


def vouching(found: Trace, interactions: Iterable[UUID]) -> set[UUID]:
    """The raw events that these interactions stand for."""
    rows = Provenance.objects.for_user(found.user).filter(interaction__in=list(interactions))
    return set(rows.values_list("raw_event", flat=True))


def cards_of(found: Trace) -> set[UUID]:
    rows = Provenance.objects.for_user(found.user).filter(contact__in=found.contacts)
    return set(rows.values_list("raw_event", flat=True))


def mentioning(found: Trace) -> Iterator[RawEvent]:
    """What was kept word for word and names them: cards, calendar entries, whole files, and letters that failed."""
    rows = RawEvent.objects.for_user(found.user).exclude(payload=None)
    addresses = [value.lower().encode() for value in found.addresses]
    values = [value.lower().encode() for value in found.values]
    for raw in paged(
        rows.filter(kind__in=[*JSON_KINDS, "file"]) | rows.filter(verdict__startswith="failed"), 100
    ):
        content = raw.content.lower()
        if any(needle in content for needle in (values if raw.kind == "file" else addresses)):
            yield raw


def calendar_entries(found: Trace) -> set[UUID]:
    """Calendar entries of meetings that go."""
    keys = Interaction.objects.for_user(found.user).filter(pk__in=found.theirs, kind="meeting")
    uids = {key.removeprefix("ical:") for key in keys.values_list("thread_key", flat=True)}
    shared = Interaction.objects.for_user(found.user).filter(pk__in=found.shared, kind="meeting")
    uids -= {key.removeprefix("ical:") for key in shared.values_list("thread_key", flat=True)}
    return set(
        CalendarEvent.objects.for_user(found.user).filter(ical_uid__in=uids).values_list("pk", flat=True)
    )


def forget_changes(objects: Iterable[UUID], contacts: Iterable[UUID]) -> set[UUID]:
    """Take what was logged about these rows out of the log of changes; the batches that it stood in."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT jobs_forget_changes(%s, %s)", [list(objects), list(contacts)])
        return {batch_id for (batch_id,) in cursor.fetchall()}
