"""Who was erased: a restored backup knows them still, and must not bring them back.

`remember` leaves a mark among the stored files, which nothing but an id and a day is in. A backup writes the marks of
all who were erased into `erased.json` beside it, so that an older backup in that folder is told of them too.
"""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

from django.core.files.base import ContentFile
from django.utils import timezone

from omnicrm.models import User
from omnicrm.rotation import storage

FOLDER, LIST = "erased", "erased.json"


def remember(user_id: UUID) -> None:
    """Call it before the account of this user is deleted; again does no harm."""
    name = f"{FOLDER}/{user_id}"
    if not storage().exists(name):
        storage().save(name, ContentFile(timezone.now().date().isoformat().encode()))


def remembered() -> set[UUID]:
    return {UUID(name) for name in storage().listdir(FOLDER)[1]}


def listed(folder: Path) -> set[UUID]:
    """Those whom the backups in this folder must not bring back."""
    file = folder / LIST
    return {UUID(name) for name in json.loads(file.read_text())} if file.exists() else set()


def write_list(folder: Path) -> None:
    names = sorted(map(str, listed(folder) | remembered()))
    (folder / LIST).write_text(json.dumps(names, indent=1))


def erase_again(folder: Path) -> int:
    """Delete the accounts that a restored backup has brought back; how many."""
    gone = listed(folder) | remembered()
    for user_id in sorted(gone):
        remember(user_id)
    back = User.objects.filter(pk__in=gone)
    count = back.count()
    back.delete()
    return count
