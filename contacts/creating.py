"""Make contacts from what a source said about people, or add to those that are there. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from contacts.derived import refresh_contacts
from contacts.drafts import PersonDraft
from contacts.matching import normalize_email, normalize_phone
from contacts.models import Company, Contact, ContactIdentity, ContactTag, Note, Tag
from contacts.slugs import unique_slugs
from jobs.changes import logged_changes
from jobs.models import Batch
from omnicrm.blind import blind
from omnicrm.events import make_event
from omnicrm.models import Event
from omnicrm.personal import bulk_save, is_strict

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

    def identities(self, user_id: UUID) -> list[tuple[str, str, str]]:
        """(kind, value as it is compared among this user's, as written)."""
        return [("email", e, e) for e in self.emails] + [
            ("phone", compared(user_id, "phone", p), shown) for p, shown in self.phones.items()
        ]


def compared(user_id: UUID, kind: str, value: str) -> str:
    """The `value` of an identity: a normalized address or number, or the blind index of a number that is sealed."""
    return blind(user_id, "phone", value) if kind == "phone" and is_strict() else value


def ready(draft: PersonDraft) -> Person:
    """The draft as it would be written. A person without a name goes by the address, or by a number that is no
    secret."""
    emails = unique(normalize_email(e) for e in draft.emails)
    phones = {normalize_phone(p): shown_number(p) for p in draft.phones}
    phones.pop("", None)
    said = (
        tidy(draft.full_name) or tidy(f"{draft.given_name} {draft.family_name}") or tidy(draft.organization)
    )
    number = "" if is_strict() else next(iter(phones.values()), "")
    name = said or (emails[0].partition("@")[0] if emails else number) or "Unnamed"
    return Person(draft, name[:200], emails, phones)


def shown_number(text: str) -> str:
    """A number as it was written, as far as it is still the same number then."""
    shown, number = tidy(text, 40), normalize_phone(text)
    return shown if normalize_phone(shown) == number else number


def unique(values: Iterable[str]) -> list[str]:
    return [value for value in dict.fromkeys(values) if value and len(value) <= 254]


def tidy(text: str, limit: int = 200) -> str:
    """Trimmed, on one line, without what Postgres refuses, bounded."""
    return " ".join(text.replace("\x00", "").split())[:limit]


def key_of(name: str, limit: int = 200) -> str:
    """How names of companies and tags are compared: tidied and case-folded."""
    return tidy(name, limit).casefold()[:limit]


def sort_name(draft: PersonDraft, name: str) -> str:
    """How the contact is ordered in lists: family name first where we know it, case folded."""
    said = f"{draft.family_name} {draft.given_name}" if draft.family_name else name
    return tidy(said).casefold()[:200]


def write_people(
    batch: Batch, lines: Sequence[tuple[Contact | None, PersonDraft]], *, source: str
) -> list[Contact]:
    """The contact of each draft, made where there is none yet and added to where there is, in the caller's
    transaction. Of several who name one number, the first has it."""
    people = [(contact, ready(draft)) for contact, draft in lines]
    companies = company_ids(batch, [p.draft.organization for c, p in people if c is None or not c.company_id])
    made = iter(new_contacts(batch, [p for c, p in people if c is None], companies, source))
    pairs = [(contact or next(made), person) for contact, person in people]
    known = [(contact, person) for contact, person in people if contact is not None]
    changed = fill_blanks(batch, known, companies)
    changed |= claim_identities(batch, pairs) | add_tags(batch, pairs) | add_notes(batch, pairs)
    refresh_contacts(batch.user_id, [contact.pk for contact, _ in pairs])
    note_all(batch, [contact for contact, _ in known if contact.pk in changed], "contact.updated")
    return [contact for contact, _ in pairs]


def new_contacts(
    batch: Batch, people: Sequence[Person], companies: dict[str, UUID], source: str
) -> list[Contact]:
    slugs = unique_slugs(batch.user_id, [person.name for person in people])
    contacts = [
        contact_row(batch, person, slug, companies, source)
        for person, slug in zip(people, slugs, strict=True)
    ]
    Contact.unscoped.bulk_create(contacts, batch_size=CHUNK)
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
        company_id=companies.get(key_of(draft.organization)),
        job_title=tidy(draft.title),
        birthday=draft.birthday,
        source=source,
        custom={tidy(key, 100): value[:2000] for key, value in draft.custom.items()},
    )


def company_ids(batch: Batch, names: Iterable[str]) -> dict[str, UUID]:
    """The company of each name, by the key of the name; missing ones are made."""
    wanted = {key_of(name): tidy(name) for name in names if tidy(name)}
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


def claim_identities(batch: Batch, pairs: Sequence[tuple[Contact, Person]]) -> set[UUID]:
    """The people's addresses and numbers lead to them from now on, unless they already lead to somebody.

    The contacts that got one.
    """
    wanted: dict[tuple[str, str], tuple[Contact, str]] = {}
    for contact, person in pairs:
        for kind, value, shown in person.identities(batch.user_id):
            wanted.setdefault((kind, value), (contact, shown))
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
    return {row.contact_id for row in [*free, *fresh] if row.contact_id}


def add_tags(batch: Batch, pairs: Sequence[tuple[Contact, Person]]) -> set[UUID]:
    """The tags that the people do not have yet; the contacts that got one."""
    names = {key_of(tag, 60): tidy(tag, 60) for _, person in pairs for tag in person.draft.tags if tidy(tag)}
    if not names:
        return set()
    fresh = [Tag(user_id=batch.user_id, batch=batch, name=names[key], name_key=key) for key in sorted(names)]
    Tag.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)
    rows = Tag.objects.for_user(batch.user_id).filter(name_key__in=list(names))
    ids = dict(rows.values_list("name_key", "id"))
    wanted = {
        (contact.pk, ids[key_of(tag, 60)]): contact
        for contact, person in pairs
        for tag in person.draft.tags
        if tidy(tag)
    }
    links = ContactTag.objects.for_user(batch.user_id).filter(contact__in=[pk for pk, _ in wanted])
    missing = wanted.keys() - set(links.values_list("contact_id", "tag_id"))
    ContactTag.unscoped.bulk_create(
        [
            ContactTag(user_id=batch.user_id, batch=batch, contact_id=pk, tag_id=tag)
            for pk, tag in sorted(missing)
        ],
        ignore_conflicts=True,
        batch_size=CHUNK,
    )
    return {pk for pk, _ in missing}


def add_notes(batch: Batch, pairs: Sequence[tuple[Contact, Person]]) -> set[UUID]:
    """The notes that the people do not have yet; the contacts that got one."""
    said = [(contact, note_text(person.draft)) for contact, person in pairs if note_text(person.draft)]
    rows = Note.objects.for_user(batch.user_id).filter(contact__in=[contact for contact, _ in said])
    have = {(row.contact_id, row.text) for row in rows}
    fresh = [
        Note(user_id=batch.user_id, batch=batch, contact=contact, text=text)
        for contact, text in said
        if (contact.pk, text) not in have
    ]
    Note.unscoped.bulk_create(fresh, batch_size=CHUNK)
    return {note.contact_id for note in fresh}


def note_text(draft: PersonDraft) -> str:
    return draft.notes.strip()[:100_000]


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
    text = note_text(draft)
    return Additions(
        columns=blanks(contact, person),
        identities=sum((kind, value) not in taken for kind, value, _ in person.identities(contact.user_id)),
        tags=sum(key_of(tag, 60) not in tags for tag in draft.tags if tidy(tag)),
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


def fill_blanks(
    batch: Batch, people: Sequence[tuple[Contact, Person]], companies: dict[str, UUID]
) -> set[UUID]:
    """Fill the empty columns of known contacts with what their drafts know; the contacts that got something."""
    filled = {contact.pk: blanks(contact, person) for contact, person in people}
    changed = [contact for contact, _ in people if filled[contact.pk]]
    with logged_changes(batch, Contact, [contact.pk for contact in changed], FILLABLE):
        for contact in changed:
            for column, value in filled[contact.pk].items():
                setattr(contact, column, companies[key_of(value)] if column == "company_id" else value)
        bulk_save(changed, FILLABLE, size=CHUNK)
    return {contact.pk for contact in changed}
