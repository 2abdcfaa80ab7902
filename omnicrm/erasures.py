"""Who was erased: a restored backup knows them still, and must not bring them back.

The database remembers that an account was erased (`Erasure`), and an older backup of it does not. So a backup writes
the ids of all who were erased into `erased.json` beside it, and whatever is restored from that folder is told of them.
"""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from jobs import erasing
from omnicrm.models import Erasure, User

LIST = "erased.json"


def listed(folder: Path) -> set[UUID]:
    """Those whom the backups in this folder must not bring back."""
    file = folder / LIST
    return {UUID(name) for name in json.loads(file.read_text())} if file.exists() else set()


def write_list(folder: Path) -> None:
    erased = set(Erasure.objects.values_list("account", flat=True))
    (folder / LIST).write_text(json.dumps(sorted(map(str, listed(folder) | erased)), indent=1))


def erase_again(folder: Path) -> int:
    """Erase the accounts that a restored backup has brought back; how many."""
    back = User.objects.filter(pk__in=listed(folder)).order_by("pk").values_list("pk", flat=True)
    for user_id in back:
        erasing.finish(user_id)
    return len(back)
