"""Write people into a table."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from contacts.listing import PeopleList
from contacts.table import table
from omnicrm.acting import acting_as
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse, user_by_email
from omnicrm.events import note


class Command(JsonCommand):
    help = "Write a user's people into a CSV file, which spreadsheets open and import_file reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", type=Path, metavar="PATH", help="A new file; nothing is overwritten.")
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--search", default="", metavar="WORDS", help="Only those that this finds.")

    def run(self, *, path: Path, user: str, search: str, **options: Any) -> Result:
        owner = user_by_email(user)
        with acting_as(owner.pk):
            people = PeopleList(owner, words=search)
            count = people.matching.count()
            note(owner.pk, "export.made", what="people", filtered=people.is_filtered)
        try:
            with open(path, "xb", opener=private) as file:
                file.writelines(table(people))
        except FileExistsError:
            refuse(f"There is a file {path} already. Name another one.", BAD_ARGUMENTS)
        except OSError as error:
            refuse(f"{path} cannot be written: {error.strerror}. Check the folder and its room.")
        return {"path": str(path), "people": count}


def private(path: str, flags: int) -> int:
    """Whoever else has an account on this machine is not to read it."""
    return os.open(path, flags, 0o600)
