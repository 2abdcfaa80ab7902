from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from omnicrm import rotation
from omnicrm.commands import JsonCommand, Result
from omnicrm.sealed import keyring


class Command(JsonCommand):
    help = (
        "Seal everything with the first key of OMNICRM_KEYS. Put a new key in front of the old ones, restart, run "
        "this, and take the old ones away when it says so. May be stopped and run again at any time."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--verify", action="store_true", help="Only say whether anything has an older key.")
        only.add_argument("--dry-run", action="store_true", help="Only count what would be sealed anew.")

    def run(self, *, verify: bool, dry_run: bool, **options: Any) -> Result:
        if verify or dry_run:
            return {"key": keyring().current, "left": rotation.count_left(), "dry_run": dry_run}
        done = rotation.rotate()
        return {
            "key": keyring().current,
            "resealed": done.resealed,
            "left": done.left,
            "damaged": done.damaged,
            "dropped_keys": done.dropped_keys,
        }

    def words(self, result: Result) -> str:
        if "resealed" not in result:
            return f"{result['left']:,} sealed values and files have an older key than {result['key']}."
        said = f"Sealed {result['resealed']:,} values and files with the key {result['key']}."
        if result["damaged"]:
            said += f" {result['damaged']:,} do not open with any of our keys and were left as they are."
        elif result["left"]:
            said += f" {result['left']:,} were in use; run this again."
        elif result["dropped_keys"]:
            said += (
                f" Nothing is left of {', '.join(result['dropped_keys'])}: take it out of OMNICRM_KEYS now."
            )
        return said

    def succeeded(self, result: Result) -> bool:
        return bool(result.get("dry_run")) or not result["left"]
