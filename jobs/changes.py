"""What a batch changed or deleted, column by column, so that it can be taken back.

Rows that a batch creates carry its id and need no entry; where rows cannot, what was added to something older is logged
without a before. Values are written by Postgres (`to_jsonb`) before
and after, so that undo compares like with like.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.db import connection, models

from jobs.models import Batch, BatchItem

CHUNK = 1000


@contextmanager
def logged_changes(
    batch: Batch, model: type[models.Model], ids: Collection[UUID], columns: Collection[str]
) -> Iterator[None]:
    """Whatever happens inside to these columns of these rows is logged; rows that stay equal are not."""
    before = column_values(model, ids, columns)
    yield
    after = column_values(model, ids, columns)
    BatchItem.unscoped.bulk_create(
        [
            item(batch, model, row_id, *differing(was, after[row_id]))
            for row_id, was in before.items()
            if row_id in after and after[row_id] != was
        ],
        batch_size=CHUNK,
    )


def log_deleted(batch: Batch, model: type[models.Model], ids: Collection[UUID]) -> None:
    """Log whole rows that the caller is about to delete, in the same transaction."""
    rows = column_values(model, ids, [str(field.column) for field in model._meta.concrete_fields])
    BatchItem.unscoped.bulk_create(
        [item(batch, model, row_id, was, None) for row_id, was in rows.items()], batch_size=CHUNK
    )


def log_added(
    batch: Batch, model: type[models.Model], ids: Collection[UUID], columns: Collection[str]
) -> None:
    """Log rows that this batch has added to something that was here before, where rows do not say whose they are."""
    rows = column_values(model, ids, columns)
    BatchItem.unscoped.bulk_create(
        [item(batch, model, row_id, {}, now) for row_id, now in rows.items()], batch_size=CHUNK
    )


def column_values(
    model: type[models.Model], ids: Iterable[UUID], columns: Collection[str]
) -> dict[UUID, dict[str, Any]]:
    """The named database columns of these rows, as Postgres writes them in JSON."""
    quote = connection.ops.quote_name
    pairs = ", ".join(f"'{column}', to_jsonb({quote(column)})" for column in columns)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, jsonb_build_object({pairs}) FROM {quote(model._meta.db_table)} WHERE id = ANY(%s)",
            [list(ids)],
        )
        return {row_id: as_dict(values) for row_id, values in cursor.fetchall()}


def differing(was: dict[str, Any], now: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    names = [name for name in was if was[name] != now[name]]
    return {name: was[name] for name in names}, {name: now[name] for name in names}


def item(
    batch: Batch,
    model: type[models.Model],
    row_id: UUID,
    before: dict[str, Any],
    after: dict[str, Any] | None,
) -> BatchItem:
    return BatchItem(
        user_id=batch.user_id,
        batch=batch,
        object_type=model._meta.label_lower,
        object_id=row_id,
        before=before,
        after=after,
    )


def as_dict(value: Any) -> dict[str, Any]:
    # Django's cursors hand jsonb over as text.
    return value if isinstance(value, dict) else json.loads(value)
