"""Make contacts from what a source said about people, or add to those that are there. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.utils import timezone

from contacts.derived import refresh_contacts
from contacts.drafts import PersonDraft
from contacts.matching import normalize_email, normalize_phone
from contacts.models import Company, Contact, ContactIdentity, ContactTag, Note, Tag
from contacts.slugs import unique_slugs
from jobs.changes import logged_changes
from jobs.models import Batch
from omnicrm.events import make_event
from omnicrm.models import Event

CHUNK = 500
FILLABLE = (
    "given_name",
    "family_name",
    "job_title",
    "birthday",
    "primary_email",
    "primary_phone",
    "company_id",
    "custom",
)


@dataclass
class Person:
    """A draft made ready to be written: cleaned, normalized, with a name to show."""

    draft: PersonDraft
    name: str
    emails: list[str]
    phones: dict[str, str]
    """Normalized number → as it was written."""

    @property
    def identities(self) -> list[tuple[str, str, str]]:
        """(kind, normalized value, as written)."""
        return [("email", e, e) for e in self.emails] + [
            ("phone", p, shown) for p, shown in self.phones.items()
        ]


def ready(draft: PersonDraft) -> Person:
    """The draft as it would be written. A person without a name goes by the address, or the number."""
    emails = unique(normalize_email(e) for e in draft.emails)
    phones = {normalize_phone(p): tidy(p, 40) for p in draft.phones}
    phones.pop("", None)
    said = (
        tidy(draft.full_name) or tidy(f"{draft.given_name} {draft.family_name}") or tidy(draft.organization)
    )
    name = said or (emails[0].partition("@")[0] if emails else next(iter(phones.values()), "Unnamed"))
    return Person(draft, name[:200], emails, phones)


def unique(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value and len(value) <= 254]


def tidy(text: str, limit: int = 200) -> str:
    """Trimmed, on one line, without what Postgres refuses, bounded."""
    return " ".join(text.replace("\x00", "").split())[:limit]


def name_key(name: str, limit: int = 200) -> str:
    """The name of a company or a tag as it is compared: case folded, which may make it longer."""
    return name.casefold()[:limit]


def sort_name(draft: PersonDraft, name: str) -> str:
    """How the contact is ordered in lists: family name first where we know it, case folded."""
    said = f"{draft.family_name} {draft.given_name}" if draft.family_name else name
    return tidy(said).casefold()[:200]


def create_people(batch: Batch, drafts: Sequence[PersonDraft], *, source: str) -> list[Contact]:
    """A new contact for each draft, with its addresses, company, tags and notes, in the caller's transaction."""
    people = [ready(draft) for draft in drafts]
    slugs = unique_slugs(batch.user_id, [person.name for person in people])
    companies = company_ids(batch, [tidy(draft.organization) for draft in drafts])
    contacts = [
        contact_row(batch, person, slug, companies, source)
        for person, slug in zip(people, slugs, strict=True)
    ]
    Contact.unscoped.bulk_create(contacts, batch_size=CHUNK)
    pairs = list(zip(contacts, people, strict=True))
    claim_identities(batch, pairs)
    add_tags(batch, pairs)
    add_notes(batch, pairs)
    refresh_contacts(batch.user_id, [contact.pk for contact in contacts])
    note_all(batch, contacts, "contact.created")
    return contacts


def contact_row(batch: Batch, person: Person, slug: str, companies: dict[str, UUID], source: str) -> Contact:
    draft = person.draft
    return Contact(
        user_id=batch.user_id,
        batch=batch,
        display_name=person.name,
        sort_name=sort_name(draft, person.name),
        given_name=tidy(draft.given_name, 100),
        family_name=tidy(draft.family_name, 100),
        slug=slug,
        primary_email=person.emails[0] if person.emails else "",
        primary_phone=next(iter(person.phones.values()), ""),
        company_id=companies.get(name_key(tidy(draft.organization))),
        job_title=tidy(draft.title),
        birthday=draft.birthday,
        source=source,
        custom={tidy(key, 100): value[:2000] for key, value in draft.custom.items()},
    )


def company_ids(batch: Batch, names: Iterable[str]) -> dict[str, UUID]:
    """The company of each name, by its case-folded name; missing ones are made."""
    wanted = {name_key(name): name for name in names if name}
    rows = Company.objects.for_user(batch.user_id).filter(name_key__in=list(wanted))
    found = dict(rows.values_list("name_key", "id"))
    fresh = [
        Company(user_id=batch.user_id, batch=batch, name=wanted[key], name_key=key)
        for key in sorted(wanted.keys() - found.keys())
    ]
    if fresh:
        Company.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)
        found |= dict(rows.all().values_list("name_key", "id"))
    return found


def claim_identities(batch: Batch, pairs: Sequence[tuple[Contact, Person]]) -> None:
    """The people's addresses and numbers lead to them from now on, unless they already lead to somebody."""
    wanted = {(kind, value): (contact, shown) for contact, p in pairs for kind, value, shown in p.identities}
    rows = ContactIdentity.objects.for_user(batch.user_id).filter(value__in=[value for _, value in wanted])
    known = {(row.kind, row.value): row for row in rows}
    free = [row for key, row in known.items() if key in wanted and row.contact_id is None]
    with logged_changes(batch, ContactIdentity, [row.pk for row in free], ["contact_id"]):
        for row in free:
            row.contact = wanted[row.kind, row.value][0]
        ContactIdentity.unscoped.bulk_update(free, ["contact"], batch_size=CHUNK)
    fresh = [
        ContactIdentity(
            user_id=batch.user_id, batch=batch, kind=kind, value=value, display=shown[:254], contact=contact
        )
        for (kind, value), (contact, shown) in sorted(wanted.items(), key=lambda pair: pair[0])
        if (kind, value) not in known
    ]
    ContactIdentity.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)


def add_tags(batch: Batch, pairs: Sequence[tuple[Contact, Person]]) -> None:
    wanted = [(contact, tidy(tag, 60)) for contact, person in pairs for tag in person.draft.tags]
    wanted = [(contact, tag) for contact, tag in wanted if tag]
    if not wanted:
        return
    names = {name_key(tag, 60): tag for _, tag in wanted}
    fresh = [Tag(user_id=batch.user_id, batch=batch, name=names[key], name_key=key) for key in sorted(names)]
    Tag.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)
    rows = Tag.objects.for_user(batch.user_id).filter(name_key__in=list(names))
    ids = dict(rows.values_list("name_key", "id"))
    links = [
        ContactTag(user_id=batch.user_id, batch=batch, contact=contact, tag_id=ids[name_key(tag, 60)])
        for contact, tag in wanted
    ]
    ContactTag.unscoped.bulk_create(links, ignore_conflicts=True, batch_size=CHUNK)


def add_notes(batch: Batch, pairs: Sequence[tuple[Contact, Person]]) -> None:
    notes = [
        Note(user_id=batch.user_id, batch=batch, contact=contact, text=person.draft.notes.strip()[:100_000])
        for contact, person in pairs
        if person.draft.notes.strip()
    ]
    Note.unscoped.bulk_create(notes, batch_size=CHUNK)


def note_all(batch: Batch, contacts: Iterable[Contact], action: str) -> None:
    events = [make_event(batch.user_id, action, on=contact, batch_id=batch.pk) for contact in contacts]
    Event.unscoped.bulk_create(events, batch_size=CHUNK)


@dataclass
class Additions:
    """What a draft knows that a contact does not: blank columns to fill, and identities, tags and notes to add."""

    columns: dict[str, Any] = field(default_factory=dict)
    identities: int = 0
    tags: int = 0
    notes: int = 0

    def __bool__(self) -> bool:
        return bool(self.columns or self.identities or self.tags or self.notes)

    def names(self) -> list[str]:
        """What would be added, in words."""
        words = [name.removesuffix("_id").replace("_", " ") for name in self.columns]
        return words + [word for word in ("identities", "tags", "notes") if getattr(self, word)]


def additions(contact: Contact, draft: PersonDraft, taken: Collection[tuple[str, str]]) -> Additions:
    """Compare a draft with a contact whose tags and notes are prefetched.

    `taken`: the (kind, value) of identities that lead to somebody already, this contact or another.
    """
    person = ready(draft)
    tags = {link.tag.name_key for link in contact.contact_tags.all()}
    notes = {row.text for row in contact.notes.all()}
    text = draft.notes.strip()[:100_000]
    return Additions(
        columns=blanks(contact, person),
        identities=sum((kind, value) not in taken for kind, value, _ in person.identities),
        tags=sum(name_key(tidy(tag, 60), 60) not in tags for tag in draft.tags if tidy(tag)),
        notes=int(bool(text) and text not in notes),
    )


def blanks(contact: Contact, person: Person) -> dict[str, Any]:
    """The columns that are empty and that the draft can fill; `company_id` is given by name here."""
    draft = person.draft
    said: dict[str, Any] = {
        "given_name": tidy(draft.given_name, 100),
        "family_name": tidy(draft.family_name, 100),
        "job_title": tidy(draft.title),
        "birthday": draft.birthday,
        "primary_email": person.emails[0] if person.emails else "",
        "primary_phone": next(iter(person.phones.values()), ""),
        "company_id": tidy(draft.organization),
    }
    fills = {column: value for column, value in said.items() if value and not getattr(contact, column)}
    more = {tidy(k, 100): v[:2000] for k, v in draft.custom.items() if tidy(k, 100) not in contact.custom}
    return fills | ({"custom": {**contact.custom, **more}} if more else {})


def update_people(batch: Batch, pairs: Sequence[tuple[Contact, PersonDraft]]) -> None:
    """Add to each contact what its draft knows and it does not, in the caller's transaction."""
    contacts = [contact for contact, _ in pairs]
    people = [(contact, ready(draft)) for contact, draft in pairs]
    companies = company_ids(batch, [tidy(draft.organization) for c, draft in pairs if not c.company_id])
    with logged_changes(batch, Contact, [c.pk for c in contacts], FILLABLE):
        for contact, person in people:
            for column, value in blanks(contact, person).items():
                setattr(contact, column, companies[name_key(value)] if column == "company_id" else value)
            contact.updated_at = timezone.now()  # bulk_update leaves it alone
        Contact.unscoped.bulk_update(contacts, [*FILLABLE, "updated_at"], batch_size=CHUNK)
    claim_identities(batch, people)
    add_tags(batch, people)
    add_new_notes(batch, people)
    refresh_contacts(batch.user_id, [contact.pk for contact in contacts])
    note_all(batch, contacts, "contact.updated")


def add_new_notes(batch: Batch, people: Sequence[tuple[Contact, Person]]) -> None:
    rows = Note.objects.for_user(batch.user_id).filter(contact__in=[contact for contact, _ in people])
    have = set(rows.values_list("contact_id", "text"))
    add_notes(batch, [(c, p) for c, p in people if (c.pk, p.draft.notes.strip()[:100_000]) not in have])
