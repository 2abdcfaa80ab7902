"""Contacts who may be the same person."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from contacts.drafts import PersonDraft
from contacts.matching import duplicates
from contacts.models import Contact
from omnicrm.commands import JsonCommand, Result, reading, user_by_email


class Command(JsonCommand):
    help = "Pairs of contacts who may be the same person, likeliest first, and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL")

    def run(self, *, user: str, **options: Any) -> Result:
        owner = user_by_email(user)
        with reading(owner, "duplicates"):
            rows = Contact.objects.for_user(owner).select_related("company").prefetch_related("identities")
            contacts = list(rows.order_by("sort_name", "id"))
            pairs = duplicates([as_draft(contact) for contact in contacts])
        return {
            "pairs": [
                {
                    "a": told(contacts[p.a]),
                    "b": told(contacts[p.b]),
                    "score": round(p.score, 3),
                    "reasons": p.reasons,
                }
                for p in sorted(pairs, key=lambda pair: -pair.score)
            ]
        }


def as_draft(contact: Contact) -> PersonDraft:
    identities = list(contact.identities.all())
    return PersonDraft(
        full_name=contact.display_name,
        given_name=contact.given_name,
        family_name=contact.family_name,
        emails=[row.value for row in identities if row.kind == "email"],
        phones=[row.readable for row in identities if row.kind == "phone"],
        organization=contact.company.name if contact.company else "",
        title=contact.job_title,
    )


def told(contact: Contact) -> dict[str, str]:
    return {"id": str(contact.pk), "name": contact.display_name, "email": contact.primary_email}
