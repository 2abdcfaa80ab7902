"""A contact's history."""

from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from contacts.matching import normalize_email
from contacts.models import Contact, ContactIdentity
from contacts.timeline import Moment, page
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, reading, refuse, user_by_email

SNIPPET, MOST = 300, 10_000


class Command(JsonCommand):
    help = "The newest interactions with a contact."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--contact", required=True, metavar="EMAIL")
        parser.add_argument("--limit", type=positive, default=50, metavar="N")

    def run(self, *, user: str, contact: str, limit: int, **options: Any) -> Result:
        owner = user_by_email(user)
        with reading(owner, "timeline"):
            rows = ContactIdentity.objects.for_user(owner).filter(
                kind="email", value=normalize_email(contact)
            )
            found = Contact.objects.for_user(owner).filter(pk__in=rows.values("contact_id")).first()
            if found is None:
                sentence = f"No contact of {user} has the address {contact}. Look for them on /contacts/."
                refuse(sentence, BAD_ARGUMENTS)
            shown = page(found, limit=limit)
            moments = [one for _, rows in shown.groups for head in rows for one in (head, *head.earlier)]
            moments.sort(key=lambda moment: moment.position, reverse=True)
            return {"contact": found.display_name, "items": [item(moment) for moment in moments]}


def positive(text: str) -> int:
    """How many to show, MOST where it is more."""
    if not text.isdecimal() or int(text) == 0:
        raise ArgumentTypeError("must be a whole number, 1 or more")
    return min(int(text), MOST)


def item(moment: Moment) -> Result:
    """One thing that happened, as a script reads it."""
    told: Result = {"id": moment.id, "kind": "note", "direction": "", "occurred_at": moment.at, "subject": ""}
    if moment.note:
        return told | {"snippet": moment.note.text[:SNIPPET], "thread": "", "source": "you"}
    row = moment.interaction
    assert row is not None
    return told | {
        "kind": row.kind,
        "direction": row.direction,
        "subject": row.subject,
        "snippet": moment.snippet[:SNIPPET],
        "thread": row.thread_key,
        "source": row.source,
    }
