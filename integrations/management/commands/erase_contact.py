"""Erase one person from a user's data, for good."""

from __future__ import annotations

import dataclasses
from argparse import ArgumentParser
from typing import Any

from contacts.creating import compared
from contacts.editing import NotAnAddress, read_address
from contacts.models import ContactIdentity
from integrations.erasing import Busy, erase_person
from omnicrm.acting import acting_as
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, asked, refuse, user_by_email


class Command(JsonCommand):
    help = (
        "Erase a person, or what is left of somebody who was deleted, and keep them away from every import. "
        "Asks for the address once more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL", help="Whose data it is.")
        parser.add_argument(
            "--contact", required=True, metavar="ADDRESS", help="An address or number of theirs."
        )
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def run(self, *, user: str, contact: str, yes: bool, **options: Any) -> Result:
        owner = user_by_email(user)
        try:
            kind, value = read_address(contact)
        except NotAnAddress as error:
            refuse(str(error), BAD_ARGUMENTS)
        if not yes and asked(f"Type {value} to erase this person for good: ") != value:
            refuse("That was something else, so nobody was erased.")
        with acting_as(owner.pk):
            rows = ContactIdentity.objects.for_user(owner).filter(
                kind=kind, value=compared(owner.pk, kind, value)
            )
            identity = rows.select_related("contact").first()
            if identity is None:
                refuse(f"Nobody here is known by {value}.", BAD_ARGUMENTS)
            try:
                done = erase_person(owner, identity.contact, [value])
            except Busy as busy:
                refuse(str(busy))
        return {"erased": True, **dataclasses.asdict(done)}
