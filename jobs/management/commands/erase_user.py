"""Erase an account with everything in it."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from jobs.erasing import erase
from omnicrm.commands import JsonCommand, Result, asked, refuse, user_by_email
from omnicrm.models import User


class Command(JsonCommand):
    help = "Erase a user and everything of theirs for good: rows, files, sessions. Asks for the address once more."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL", help="Or the number of the account.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def run(self, *, email: str, yes: bool, **options: Any) -> Result:
        user = numbered(email) or user_by_email(email)
        if not yes and asked(f"Type {user.email} to erase everything of theirs for good: ") != user.email:
            refuse("That was another address, so nothing was erased.")
        account = str(user.pk)
        erase(user)
        return {"erased": True, "account": account}

    def words(self, result: Result) -> str:
        return (
            "Everything of theirs is erased. Backups that were made before still hold it until they expire; restore "
            f"erases it again. After restoring by other means, run: manage.py erase_user {result['account']}"
        )


def numbered(text: str) -> User | None:
    """The user with this id, as an earlier erasure named the account; None where it is no id."""
    try:
        return User.objects.filter(pk=UUID(text)).first()
    except ValueError:
        return None
