"""Bring what `export_user` wrote into an empty account."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from integrations.archive.bringing import bring_in
from integrations.archive.reading import BadArchive
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse, user_by_email


class Command(JsonCommand):
    help = "Bring an archive, as export_user writes it, into an empty account: all of it, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("email", metavar="EMAIL", help="Whose data it becomes.")
        parser.add_argument("path", type=Path, metavar="PATH")

    def run(self, *, email: str, path: Path, **options: Any) -> Result:
        user = user_by_email(email)
        try:
            with path.open("rb") as stream:
                brought = bring_in(user, stream)
        except OSError as error:
            refuse(f"{path} cannot be read: {error.strerror}. Check the name and the rights.", BAD_ARGUMENTS)
        except BadArchive as bad:
            refuse(str(bad))
        return {"user": user.email, "content_hash": brought.content_hash, "rows": brought.rows}
