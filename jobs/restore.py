"""Put back what a batch changed or deleted, from its log (jobs.changes), and take the hash of a user's state."""

from __future__ import annotations

import hashlib
from typing import Any
from uuid import UUID

from django.db import connection, models

from jobs.models import Batch
from jobs.tracking import Tracked, tracked

NOT_STATE = ("user_id", "batch_id", "created_at", "updated_at")


def reinsert(batch: Batch, kind: Tracked) -> tuple[int, list[dict[str, str]]]:
    """Bring deleted rows back. A row whose place is taken stays away and is listed."""
    columns = [quoted(field) for field in kind.model._meta.concrete_fields]
    values = ", ".join(value_of(kind, field) for field in kind.model._meta.concrete_fields)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH gone AS (
                SELECT DISTINCT ON (object_id) object_id, before
                FROM jobs_batchitem
                WHERE user_id = %(user)s AND batch_id = %(batch)s AND object_type = %(type)s AND after IS NULL
                ORDER BY object_id, seq
            ), back AS (
                INSERT INTO {kind.table} ({", ".join(columns)})
                SELECT {values} FROM gone, jsonb_populate_record(NULL::{kind.table}, gone.before) r
                WHERE {" AND ".join(["true", *parents_exist(kind)])}
                ON CONFLICT DO NOTHING RETURNING id
            )
            SELECT gone.object_id::text, back.id IS NOT NULL FROM gone LEFT JOIN back ON back.id = gone.object_id
            """,
            scope(batch, kind),
        )
        rows = cursor.fetchall()
    lost = [
        {"what": kind.label, "id": row_id, "label": row_id, "why": "its place has been taken since"}
        for row_id, came_back in rows
        if not came_back
    ]
    return len(rows) - len(lost), lost


def quoted(field: models.Field[Any, Any]) -> str:
    return connection.ops.quote_name(str(field.column))


def value_of(kind: Tracked, field: models.Field[Any, Any]) -> str:
    """The column as it was; an optional reference to a row that is no more comes back empty."""
    column = f"r.{quoted(field)}"
    if isinstance(field, models.ForeignKey) and field.null:
        return f"CASE WHEN {exists(field, column)} THEN {column} END"
    return column


def parents_exist(kind: Tracked) -> list[str]:
    return [
        exists(field, f"r.{quoted(field)}")
        for field in kind.model._meta.concrete_fields
        if isinstance(field, models.ForeignKey) and not field.null and field.name != "user"
    ]


def exists(field: models.ForeignKey[Any, Any], column: str) -> str:
    return f"EXISTS (SELECT 1 FROM {field.related_model._meta.db_table} p WHERE p.id = {column})"


def restore_columns(batch: Batch, kind: Tracked) -> tuple[int, list[dict[str, str]]]:
    """Set changed columns back where they still hold what the batch wrote; the others are kept and listed."""
    restored: set[str] = set()
    kept: dict[str, dict[str, str]] = {}
    for column in changed_columns(batch, kind):
        for row_id, name, was_set_back in restore_column(batch, kind, column):
            if was_set_back:
                restored.add(row_id)
            else:
                why = f"{column.removesuffix('_id').replace('_', ' ')} has been changed since"
                kept[f"{row_id} {column}"] = {"what": kind.label, "id": row_id, "label": name, "why": why}
    return len(restored), list(kept.values())


def changed_columns(batch: Batch, kind: Tracked) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT jsonb_object_keys(before) FROM jobs_batchitem WHERE user_id = %(user)s"
            " AND batch_id = %(batch)s AND object_type = %(type)s AND after IS NOT NULL",
            scope(batch, kind),
        )
        known = {field.column for field in kind.model._meta.concrete_fields}
        return sorted(column for (column,) in cursor.fetchall() if column in known)


def restore_column(batch: Batch, kind: Tracked, column: str) -> list[tuple[str, str, bool]]:
    """(id, name, whether it was set back) of each row whose column the batch changed and that is still there."""
    name = connection.ops.quote_name(column)
    current = f"coalesce(to_jsonb(t.{name}), 'null')"
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
            ), held AS (
                SELECT t.id, {kind.name} AS name, log.was, {current} = log.became AS ours, {current} = log.was AS same
                FROM {kind.table} t JOIN log ON log.object_id = t.id WHERE t.user_id = %(user)s
            ), back AS (
                UPDATE {kind.table} t
                SET {name} = (jsonb_populate_record(NULL::{kind.table}, jsonb_build_object(%(column)s::text, held.was))).{name}
                FROM held WHERE t.id = held.id AND held.ours AND t.user_id = %(user)s
            )
            SELECT id::text, name, ours FROM held WHERE ours OR NOT same
            """,
            {**scope(batch, kind), "column": column},
        )
        rows: list[tuple[str, str, bool]] = cursor.fetchall()
        return rows


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
