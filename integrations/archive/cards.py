"""The people as cards that every address book reads: vCard 4.0 (RFC 6350)."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from contacts.models import Contact
from integrations.archive.pages import paged
from integrations.archive.properties import escaped, folded


def cards(user_id: UUID) -> Iterator[bytes]:
    """A card for each person, with their addresses, notes, tags and own fields."""
    people = Contact.objects.for_user(user_id).select_related("company")
    for contact in paged(people.prefetch_related("identities", "notes", "contact_tags__tag")):
        yield folded([*card(contact), ""])


def card(contact: Contact) -> Iterator[str]:
    yield from ("BEGIN:VCARD", "VERSION:4.0", f"UID:urn:uuid:{contact.pk}")
    yield f"FN:{escaped(contact.display_name)}"
    yield f"N:{escaped(contact.family_name)};{escaped(contact.given_name)};;;"
    for identity in sorted(contact.identities.all(), key=lambda row: row.pk):
        name = {"email": "EMAIL", "phone": "TEL"}.get(identity.kind, "IMPP")
        yield f"{name}:{escaped(identity.readable)}"
    if contact.company:
        yield f"ORG:{escaped(contact.company.name)}"
    if contact.job_title:
        yield f"TITLE:{escaped(contact.job_title)}"
    if contact.birthday:
        yield f"BDAY:{contact.birthday:%Y%m%d}"
    if tags := sorted(link.tag.name for link in contact.contact_tags.all()):
        yield f"CATEGORIES:{','.join(map(escaped, tags))}"
    for note in sorted(contact.notes.all(), key=lambda row: row.pk):
        yield f"NOTE:{escaped(note.text)}"
    for number, (name, value) in enumerate(sorted(contact.custom.items()), start=1):
        yield f"field{number}.X-OMNICRM-FIELD:{escaped(str(value))}"
        yield f"field{number}.X-ABLABEL:{escaped(name)}"
    yield "END:VCARD"
