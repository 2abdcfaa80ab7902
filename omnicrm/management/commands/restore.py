from __future__ import annotations

from argparse import ArgumentParser
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omnicrm import audit, erasures, restoring, rotation
from omnicrm.commands import JsonCommand, Result, refuse
from omnicrm.management.commands.backup import held


class Command(JsonCommand):
    help = (
        "Put a backup back into an empty installation of the same version, with the keys that it was made with. Whoever "
        "was erased since, as far as `erased.json` beside it or the stored files say, is erased again."
    )

    needs_its_keys = False  # what an empty database was made with makes way

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", type=Path, metavar="PATH", help="A file that `backup` wrote.")

    def run(self, *, path: Path, **options: Any) -> Result:
        try:
            done = restoring.restore(path)
        except restoring.Refused as refusal:
            refuse(str(refusal))
        erased = erasures.erase_again(path.parent)
        broken = audit.check_all()
        rotation.note_for_everybody("backup.restored")
        return {**asdict(done), "erased_again": erased, "records_not_whole": broken}

    def words(self, result: Result) -> str:
        said = f"Restored {held(result)}."
        if result["erased_again"]:
            said += f" {result['erased_again']:,} of these users had been erased since, and are gone again."
        if result["records_not_whole"]:
            said += " The record of what was done is not whole: see `manage.py audit_verify`."
        return f"{said} Start web and workers now; jobs go on where they were."

    def succeeded(self, result: Result) -> bool:
        return not result["records_not_whole"]
