"""Sealed values in the logs of batches: what a batch changed or deleted was sealed then, and stays so.

They stay comparable with the rows that they are about, because the same value in the same place is sealed alike.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, models

from omnicrm.acting import acting_as
from omnicrm.models import User
from omnicrm.personal import older_text, personal_fields, personal_models, place
from omnicrm.rotation import More, Rotation, counted, elsewhere

CHUNK = 500
NEXT = """
SELECT id, object_type, object_id, before, after FROM jobs_batchitem
WHERE user_id = %(user)s AND id > %(after)s AND object_type = ANY(%(types)s)
  AND (before::text ~ %(like)s OR after::text ~ %(like)s)
ORDER BY id LIMIT %(limit)s
"""


@dataclass(frozen=True)
class Logged:
    """An entry of a log about a row that has personal columns."""

    id: UUID
    model: type[models.Model]
    row: UUID
    sides: list[Any]
    """The columns before and after."""

    def anew(self, user_id: UUID, change: Change) -> list[Any]:
        """Both sides with each personal column changed. Raises CannotOpen."""
        return [self.side(user_id, side, change) for side in self.sides]

    def side(self, user_id: UUID, columns: dict[str, Any] | None, change: Change) -> dict[str, Any] | None:
        if columns is None:
            return None
        fresh = dict(columns)
        for field in personal_fields(self.model):
            name = str(field.column)
            if name in columns:
                where = place(self.model._meta.db_table, name, self.row, user_id)
                fresh[name] = change(field, columns, where)
        return fresh


Change = Callable[[Any, dict[str, Any], Any], Any]
"""(field, all columns of that side, place) → the field's column as it is to be kept."""


def logged(user_id: UUID, like: str = "") -> Iterator[Logged]:
    """Every entry about a row with personal columns, as far as its text is like that. In the owner's name."""
    types = {model._meta.label_lower: model for model in personal_models()}
    values: dict[str, Any] = {
        "user": user_id,
        "after": UUID(int=0),
        "types": list(types),
        "like": like,
        "limit": CHUNK,
    }
    while True:
        with connection.cursor() as cursor:
            cursor.execute(NEXT, values)
            rows = cursor.fetchall()
        for pk, label, row, *sides in rows:
            yield Logged(pk, types[label], row, [json.loads(side) if side else None for side in sides])
        if len(rows) < CHUNK:
            return
        values["after"] = rows[-1][0]


def rewrite(entry: Logged, sides: list[Any]) -> None:
    """Write both sides; Postgres refuses whatever is more than an exchange of sealed values."""
    with connection.cursor() as cursor:
        before, after = (json.dumps(side) if side is not None else None for side in sides)
        cursor.execute("SELECT jobs_reseal_log(%s, %s, %s)", [entry.id, before, after])
        if not cursor.fetchone()[0]:
            raise RuntimeError(f"The log entry {entry.id} was not changed.")


def as_it_is(field: Any, columns: dict[str, Any], where: Any) -> Any:
    """Sealed with the first key where it is sealed."""
    return field.anew(columns[field.column], where, None)


def older_logs(user_id: UUID) -> Iterator[Logged]:
    """Entries in which another key than the first one sealed something."""
    return logged(user_id, f': "{older_text()}')


def reseal_logs(done: Rotation) -> None:
    for user_id in User.objects.values_list("pk", flat=True):
        with acting_as(user_id):
            for entry in filter(holds_older, older_logs(user_id)):
                with counted(done, "log", entry.id):
                    rewrite(entry, entry.anew(user_id, as_it_is))


def count_logs() -> int:
    left = 0
    for user_id in User.objects.values_list("pk", flat=True):
        with acting_as(user_id):
            left += sum(holds_older(entry) for entry in older_logs(user_id))
    return left


def holds_older(entry: Logged) -> bool:
    """Whether that is in a personal column; elsewhere it is somebody's own words."""
    names = [str(field.column) for field in personal_fields(entry.model)]
    said = [json.dumps(side[name]) for side in entry.sides if side for name in names if name in side]
    return any(re.search(f'"{older_text()}', text) for text in said)


elsewhere.append(More(reseal_logs, count_logs))
