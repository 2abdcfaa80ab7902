"""Reading many rows in pages, so that memory stays small also where a server keeps no cursors for us."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from omnicrm.owned import OwnedModel, OwnedQuerySet

Owned = TypeVar("Owned", bound=OwnedModel)


def paged(rows: OwnedQuerySet[Owned], size: int = 500) -> Iterator[Owned]:
    """All of these rows by id, each page found by the last id of the one before."""
    rows = rows.order_by("pk")
    page = list(rows[:size])
    while page:
        yield from page
        page = list(rows.filter(pk__gt=page[-1].pk)[:size])
