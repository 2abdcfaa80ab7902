"""Write all that one person has here into a zip."""

from __future__ import annotations

import os
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from integrations.archive.writing import Archive
from omnicrm.acting import acting_as
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse, user_by_email
from omnicrm.events import note


class Command(JsonCommand):
    help = "Write everything that a user has here into a zip: letters, people, calendar, all rows. It is not encrypted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL")
        parser.add_argument("path", type=Path, metavar="PATH", help="A new file; nothing is overwritten.")

    def run(self, *, email: str, path: Path, **options: Any) -> Result:
        user = user_by_email(email)
        archive = Archive(user)
        try:
            with open(path, "xb", opener=private) as file:
                for piece in archive.pieces():
                    file.write(piece)
        except FileExistsError:
            refuse(f"There is a file {path} already. Name another one.", BAD_ARGUMENTS)
        except OSError as error:
            refuse(f"{path} cannot be written: {error.strerror}. Check the folder and its room.")
        with acting_as(user.pk):
            note(user.pk, "export.made", rows=sum(archive.rows.values()), content_hash=archive.content_hash)
        return {
            "path": str(path),
            "size": archive.size,
            "content_hash": archive.content_hash,
            "rows": archive.rows,
        }


def private(path: str, flags: int) -> int:
    """Whoever else has an account on this machine is not to read it."""
    return os.open(path, flags, 0o600)
