"""Files that were parsed as a whole, word for word as they were handed over."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import UUID

from integrations.archive.pages import paged
from integrations.models import RawEvent, SourceFile

_STRANGE = re.compile(r"[^\w.\- ]+")


def originals(user_id: UUID) -> Iterator[tuple[str, list[bytes]]]:
    """The name of each in the archive, and what it holds."""
    kept = RawEvent.objects.for_user(user_id).filter(kind="file").exclude(payload=None)
    for number, raw in enumerate(paged(kept, 1), start=1):
        yield f"originals/{number:03}-{name_of(raw)}", [raw.content]


def name_of(raw: RawEvent) -> str:
    """What the file was called, without anything that leads somewhere."""
    sha256 = raw.source.removeprefix("file:")
    file = SourceFile.objects.for_user(raw.user_id).filter(sha256=sha256).order_by("pk").first()
    return (_STRANGE.sub("_", file.name).strip(". ") if file else "") or "file"
