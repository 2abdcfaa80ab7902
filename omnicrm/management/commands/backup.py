from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings

from omnicrm import erasures, rotation
from omnicrm.backup import expire, make_backup
from omnicrm.commands import JsonCommand, Result, refuse
from omnicrm.keys import where_keys_are


def held(result: Result) -> str:
    """What is in a backup, counted: "1 user, 20 rows and no files"."""
    counts = {name: result[name] for name in ("users", "rows", "files")}
    users, rows, files = (
        f"{count or 'no':{',' if count else ''}} {name[:-1] if count == 1 else name}"
        for name, count in counts.items()
    )
    return f"{users}, {rows} and {files}"


class Command(JsonCommand):
    help = (
        "Write a backup of everything, sealed, into a folder, while everybody works; and delete the backups there that "
        "are older than BACKUP_KEEP_DAYS. The keys are not in it."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("path", type=Path, metavar="PATH", help="A folder.")
        parser.add_argument(
            "--keep", type=int, metavar="DAYS", help="Instead of BACKUP_KEEP_DAYS; 0 deletes none."
        )

    def run(self, *, path: Path, keep: int | None, **options: Any) -> Result:
        try:
            path.mkdir(parents=True, exist_ok=True)
            done, manifest = make_backup(path)
            erasures.write_list(path)
        except OSError as error:
            refuse(f"The backup could not be written to {path} ({error.strerror}). Nothing of it was kept.")
        rotation.note_for_everybody("backup.made")
        return {
            "path": str(done),
            "bytes": done.stat().st_size,
            "users": manifest.users,
            "rows": sum(manifest.rows.values()),
            "files": sum(name.startswith("media/") for name in manifest.parts),
            "keys": manifest.keys,
            "expired": expire(path, settings.BACKUP_KEEP_DAYS if keep is None else keep),
        }

    def words(self, result: Result) -> str:
        said = [
            f"{result['path']} holds {held(result)} ({result['bytes'] / 1e6:,.1f} MB).",
            f"The keys ({', '.join(result['keys'])}) are not in it: they are in {where_keys_are()}. Keep a copy of them "
            "elsewhere; without them no backup opens.",
        ]
        if result["expired"]:
            said.append(f"Deleted because of their age: {', '.join(result['expired'])}.")
        return "\n".join(said)
