"""Put back what a batch changed or deleted, from its log (jobs.changes), and take the hash of a user's state."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection, models

from jobs.models import Batch
from jobs.tracking import Tracked, tracked

NOT_STATE = ("user_id", "batch_id", "created_at", "updated_at")
TAKEN, ORPHAN = "its place has been taken since", "what it was about is gone"


def reinsert(
    batch: Batch, kind: Tracked, ids: Sequence[UUID] | None = None
) -> tuple[int, list[dict[str, str]]]:
    """Bring deleted rows back, all or those with these ids. One whose place is taken, or that was about something
    gone, is listed instead; one that is back already is neither counted nor listed."""
    fields = kind.model._meta.concrete_fields
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH gone AS (
                SELECT t.*, {" AND ".join(["true", *parents_exist(kind)])} AS parents
                FROM (
                    SELECT DISTINCT ON (object_id) before FROM jobs_batchitem
                    WHERE user_id = %(user)s AND batch_id = %(batch)s AND object_type = %(type)s AND after IS NULL
                          AND (%(ids)s::uuid[] IS NULL OR object_id = ANY(%(ids)s::uuid[]))
                    ORDER BY object_id, seq
                ) log, jsonb_populate_record(NULL::{kind.table}, log.before) t
                WHERE NOT EXISTS (SELECT 1 FROM {kind.table} x WHERE x.user_id = %(user)s AND x.id = t.id)
            ), back AS (
                INSERT INTO {kind.table} ({", ".join(quoted(field) for field in fields)})
                SELECT {", ".join(value_of(kind, field) for field in fields)} FROM gone t WHERE t.parents
                ON CONFLICT DO NOTHING RETURNING id
            )
            SELECT t.id::text, {kind.name}, t.parents, back.id IS NOT NULL FROM gone t LEFT JOIN back ON back.id = t.id
            """,
            {**scope(batch, kind), "ids": None if ids is None else list(ids)},
        )
        rows = cursor.fetchall()
    lost = [
        {"what": kind.label, "id": row_id, "label": name, "why": TAKEN if parents else ORPHAN}
        for row_id, name, parents, came_back in rows
        if not came_back
    ]
    return len(rows) - len(lost), lost


def quoted(field: models.Field[Any, Any]) -> str:
    return connection.ops.quote_name(str(field.column))


def value_of(kind: Tracked, field: models.Field[Any, Any]) -> str:
    """The column as it was; an optional reference to a row that is no more comes back empty."""
    column = f"t.{quoted(field)}"
    if other := kind.renewed.get(field.name):
        taken = f"SELECT 1 FROM {kind.table} x WHERE x.user_id = t.user_id AND x.{quoted(field)} = {column}"
        return f"CASE WHEN EXISTS ({taken}) THEN {other} ELSE {column} END"
    if isinstance(field, models.ForeignKey) and field.null:
        return f"CASE WHEN {exists(field, column)} THEN {column} END"
    return column


def parents_exist(kind: Tracked) -> list[str]:
    return [
        exists(field, f"t.{quoted(field)}")
        for field in kind.model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and not field.null and field.name != "user"
    ]


def exists(field: models.ForeignKey[Any, Any], value: str) -> str:
    return f"EXISTS (SELECT 1 FROM {field.related_model._meta.db_table} p WHERE p.id = {value})"


def restore_columns(batch: Batch, kind: Tracked) -> tuple[int, list[dict[str, str]]]:
    """Set changed columns back where they still hold what the batch wrote; the others are kept and listed."""
    restored: set[str] = set()
    kept: list[dict[str, str]] = []
    for field in changed_fields(batch, kind):
        what = field.name.replace("_", " ")
        for row_id, name, was_set_back in restore_column(batch, kind, field):
            if was_set_back:
                restored.add(row_id)
            else:
                kept.append(
                    {"what": kind.label, "id": row_id, "label": name, "why": f"{what} has been changed since"}
                )
    return len(restored), kept


def changed_fields(batch: Batch, kind: Tracked) -> list[models.Field[Any, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT jsonb_object_keys(before) FROM jobs_batchitem WHERE user_id = %(user)s"
            " AND batch_id = %(batch)s AND object_type = %(type)s AND after IS NOT NULL",
            scope(batch, kind),
        )
        changed = {column for (column,) in cursor.fetchall()}
    return [field for field in kind.model._meta.concrete_fields if field.column in changed]


def restore_column(batch: Batch, kind: Tracked, field: models.Field[Any, Any]) -> list[tuple[str, str, bool]]:
    """(id, name, whether it was set back) of each row whose column the batch changed and that is still there.

    `held` compares what the column holds now with what the batch found and what it made of it. Of an object in
    JSON only the entries that the batch changed count: other batches and people write beside them.
    """
    column = quoted(field)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH log AS (
                SELECT object_id, (array_agg(before->%(column)s ORDER BY seq))[1] AS was,
                       (array_agg(after->%(column)s ORDER BY seq DESC))[1] AS became
                FROM jobs_batchitem
                WHERE user_id = %(user)s AND batch_id = %(batch)s AND object_type = %(type)s
                      AND after IS NOT NULL AND jsonb_exists(before, %(column)s)
                GROUP BY object_id
            ), now AS (
                SELECT t.*, was, became, coalesce(to_jsonb(t.{column}), 'null') AS holds
                FROM {kind.table} t JOIN log ON log.object_id = t.id WHERE t.user_id = %(user)s
            ), held AS (
                SELECT t.id, {kind.name} AS name, {OBJECT if isinstance(field, models.JSONField) else PLAIN} FROM now t
            ), back AS (
                UPDATE {kind.table} t
                SET {column} = (jsonb_populate_record(NULL::{kind.table}, jsonb_build_object(%(column)s::text, held.back))).{column}
                FROM held WHERE t.id = held.id AND held.ours AND t.user_id = %(user)s AND {possible(field)}
                RETURNING t.id
            )
            SELECT held.id::text, name, back.id IS NOT NULL FROM held LEFT JOIN back ON back.id = held.id
            WHERE back.id IS NOT NULL OR NOT same
            """,
            {**scope(batch, kind), "column": field.column},
        )
        rows: list[tuple[str, str, bool]] = cursor.fetchall()
        return rows


PLAIN = "t.was AS back, t.holds = t.became AS ours, t.holds = t.was AS same"
CHANGED = "jsonb_each(t.was || t.became) e WHERE t.was->e.key IS DISTINCT FROM t.became->e.key"
OBJECT = f"""
    (t.holds - ARRAY(SELECT e.key FROM {CHANGED}))
        || coalesce((SELECT jsonb_object_agg(e.key, t.was->e.key) FROM {CHANGED} AND jsonb_exists(t.was, e.key)), '{{}}')
        AS back,
    NOT EXISTS (SELECT 1 FROM {CHANGED} AND t.holds->e.key IS DISTINCT FROM t.became->e.key) AS ours,
    NOT EXISTS (SELECT 1 FROM {CHANGED} AND t.holds->e.key IS DISTINCT FROM t.was->e.key) AS same"""


def possible(field: models.Field[Any, Any]) -> str:
    """A reference is set back only if it leads somewhere."""
    if isinstance(field, models.ForeignKey):
        return f"(held.back = 'null' OR {exists(field, '(held.back #>> ARRAY[]::text[])::uuid')})"
    return "true"


def scope(batch: Batch, kind: Tracked) -> dict[str, Any]:
    return {"user": batch.user_id, "batch": batch.pk, "type": kind.label}


def state_hash(user_id: UUID) -> str:
    """One hash over everything that undo promises to restore; equal states have equal hashes."""
    parts = []
    with connection.cursor() as cursor:
        for kind in tracked.values():
            left_out = [*NOT_STATE, *kind.derived]
            cursor.execute(
                f"SELECT md5(coalesce(string_agg(md5((to_jsonb(t) - %s::text[])::text), '' ORDER BY id), ''))"
                f" FROM {kind.table} t WHERE user_id = %s",
                [left_out, user_id],
            )
            parts.append(cursor.fetchone()[0])
    return hashlib.sha256("".join(parts).encode()).hexdigest()
