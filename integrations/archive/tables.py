"""Which tables an archive holds, and how a row of them is written as one line of JSON and read again."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connection, models

from integrations.archive.portable import Ids
from integrations.archive.private import open_row, seal_row
from omnicrm import crypto
from omnicrm.owned import OwnedModel
from omnicrm.sealed import SealedField, keyring

HELD: dict[str, tuple[str, ...]] = {
    "jobs.Batch": ("totals",),
    "integrations.SourceFile": (),
    "contacts.Company": (),
    "contacts.Tag": (),
    "contacts.OwnAddress": (),
    "contacts.Contact": (),
    "contacts.ContactSlug": (),
    "contacts.ContactIdentity": (),
    "contacts.ContactTag": (),
    "contacts.Interaction": (),
    "contacts.Participant": (),
    "contacts.CalendarEvent": (),
    "contacts.EventAttendee": (),
    "contacts.Note": (),
    "contacts.Task": (),
    "contacts.Suggestion": ("evidence",),
    "contacts.SuppressionKey": (),
    "contacts.Suppression": (),
    "integrations.RawEvent": (),
    "integrations.Provenance": (),
    "integrations.OutboxMessage": (),
    "jobs.PlanItem": (),
    "jobs.BatchItem": ("before", "after"),
    "omnicrm.Event": ("data",),
}
"""The models of an archive, parents first, and their columns of JSON that name rows by their ids."""

LEFT_OUT = {
    "contacts.SearchText": "What a search looks at follows from the people, and is made anew.",
    "integrations.Export": "A copy of what an archive holds anyway.",
    "integrations.GoogleAccount": "A connection of this installation, with its keys; another one is connected anew.",
    "integrations.SyncStream": "How far this installation has come with an account; what it brought is held.",
    "integrations.SyncWork": "What this installation has still to fetch.",
    "jobs.Job": "Work of this installation, which another one neither has nor needs.",
    "jobs.JobEvent": "How work of this installation went.",
    "omnicrm.EventCheck": "When the record of this installation was last read, and what was found.",
    "omnicrm.EventLink": "Proves that the record of this installation is whole; another one proves its own.",
    "omnicrm.EventAnchor": "Signs the record of this installation with a key that stays with it.",
}
"""Owned models that an archive does not hold, and why."""

RECORD = "omnicrm.Event"
"""What was done, archives included: it grows by making one, so it is not part of the content that is compared."""

LOCAL: dict[str, dict[str, Any]] = {
    "integrations.SourceFile": {"stored_as": "", "path": ""},
    "integrations.OutboxMessage": {"account_id": None},
}
"""Columns that mean something in one installation only, and what stands there instead. An archive that names a file
would have it read; a letter finds an account that it can go from when somebody goes on writing it."""

PACKED: dict[str, tuple[Callable[[bytes], bytes], Callable[[bytes], bytes]]] = {
    "integrations.RawEvent.payload": (zlib.decompress, lambda plain: zlib.compress(plain, 1))
}
"""Sealed columns that are compressed before they are sealed: how to unpack them, and to pack them again."""

Row = dict[str, Any]


class BadRow(ValueError):
    """A line of an archive is not a row of its table; the message says why."""


@dataclass(frozen=True)
class Table:
    """One model's part of an archive."""

    model: type[OwnedModel]
    referring: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        return self.model._meta.label

    @property
    def name(self) -> str:
        return f"data/{self.label}.jsonl"

    @cached_property
    def fields(self) -> list[models.Field[Any, Any]]:
        return [field for field in self.model._meta.concrete_fields if field.name != "user"]

    @cached_property
    def columns(self) -> list[str]:
        return [str(field.column) for field in self.fields]

    @cached_property
    def sealed(self) -> list[SealedField]:
        return [field for field in self.fields if isinstance(field, SealedField)]

    @cached_property
    def ids(self) -> list[str]:
        kinds = (models.UUIDField, models.ForeignKey)
        return [str(field.column) for field in self.fields if isinstance(field, kinds)]

    @cached_property
    def choices(self) -> dict[str, list[Any]]:
        """What columns with a fixed choice may hold; nothing else would be understood."""
        blank: dict[str, list[Any]] = {field.name: [""] if field.blank else [] for field in self.fields}
        return {
            str(field.column): [value for value, _ in field.flatchoices] + blank[field.name]
            for field in self.fields
            if field.choices
        }

    @property
    def local(self) -> Row:
        return LOCAL.get(self.label, {})

    def count(self, user_id: UUID) -> int:
        return self.model._default_manager.filter(user_id=user_id).count()

    # --- out

    def lines(self, user_id: UUID) -> Iterator[bytes]:
        """Each row as a line, oldest id first. In the caller's transaction, in the name of the user."""
        ids, quote = Ids(user_id), connection.ops.quote_name
        pairs = ", ".join(
            f"'{field.column}', to_jsonb({quote(str(field.column))})"
            for field in self.fields
            if field not in self.sealed
        )
        sealed = "".join(f", {quote(str(field.column))}" for field in self.sealed)
        table = quote(self.model._meta.db_table)
        with connection.chunked_cursor() as cursor:
            cursor.execute(
                f"SELECT jsonb_build_object({pairs})::text{sealed} FROM {table} WHERE user_id = %s ORDER BY id",
                [user_id],
            )
            while rows := cursor.fetchmany(200):
                for text, *closed in rows:
                    yield self.line(ids, json.loads(text), closed)

    def line(self, ids: Ids, row: Row, closed: list[Any]) -> bytes:
        for field, value in zip(self.sealed, closed, strict=True):
            row[str(field.column)] = None if value is None else self.opened(ids, row["id"], field, value)
        open_row(self.model, UUID(ids.owner), row)
        for column in self.ids:
            row[column] = row[column] and ids.named(row[column])
        for column in self.referring:
            row[column] = row[column] and json.loads(ids.named_in(json.dumps(row[column])))
        return written(row | self.local)

    def place(self, ids: Ids, row_id: str, field: SealedField) -> bytes:
        return crypto.place(self.model._meta.db_table, str(field.column), row_id, ids.owner)

    def opened(self, ids: Ids, row_id: str, field: SealedField, value: Any) -> Any:
        """What was sealed, in the clear: text, or base64 where it is none."""
        plain = keyring().open(bytes(value), self.place(ids, row_id, field))
        unpack, _ = PACKED.get(f"{self.label}.{field.name}", (bytes, bytes))
        return readable(unpack(plain))

    # --- in

    def row(self, ids: Ids, line: bytes) -> Row:
        """The columns of a line as Postgres takes them, now the owner's of `ids`. Raises BadRow."""
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise BadRow("a line is not JSON") from error
        if not isinstance(row, dict) or sorted(row) != sorted(self.columns):
            raise BadRow("its columns are not those of this version")
        if any(row[column] not in known for column, known in self.choices.items()):
            raise BadRow("a value is none of those that its column may have")
        try:
            for column in self.ids:
                row[column] = row[column] and ids.known(row[column])
            for column in self.referring:
                row[column] = row[column] and json.loads(ids.known_in(json.dumps(row[column])))
            seal_row(self.model, UUID(ids.owner), row)
            for field in self.sealed:
                row[str(field.column)] = self.closed(ids, row["id"], field, row[str(field.column)])
        except (AttributeError, TypeError, ValueError, KeyError) as error:
            raise BadRow("a value is not what its column holds") from error
        return row | self.local | {"user_id": ids.owner}

    def closed(self, ids: Ids, row_id: str, field: SealedField, value: Any) -> str | None:
        """Sealed again, for its new place, as Postgres writes bytes."""
        if value is None:
            return None
        _, pack = PACKED.get(f"{self.label}.{field.name}", (bytes, bytes))
        return f"\\x{keyring().seal(pack(unreadable(value)), self.place(ids, row_id, field)).hex()}"

    def insert(self, rows: list[Row]) -> None:
        """Add these rows, in the caller's transaction and in the name of their owner."""
        quote = connection.ops.quote_name
        table = quote(self.model._meta.db_table)
        columns = ", ".join(quote(column) for column in [*self.columns, "user_id"])
        with connection.cursor() as cursor:
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {columns} FROM jsonb_populate_recordset(NULL::{table}, %s::jsonb)",
                [json.dumps(rows)],
            )


def tables() -> list[Table]:
    """The parts of an archive, in an order in which they can be brought in."""
    return [
        Table(model, referring)
        for label, referring in HELD.items()
        if issubclass(model := apps.get_model(label), OwnedModel)
    ]


def written(row: Row) -> bytes:
    """One line: the same row always reads the same."""
    return json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def readable(plain: bytes) -> Any:
    try:
        return plain.decode()
    except UnicodeDecodeError:
        return {"base64": base64.b64encode(plain).decode()}


def unreadable(value: Any) -> bytes:
    """The bytes that `readable` wrote. Raises ValueError, TypeError or KeyError for anything else."""
    return value.encode() if isinstance(value, str) else base64.b64decode(value["base64"], validate=True)


def schema() -> dict[str, Any]:
    """What each file of rows holds, for whoever reads an archive without OmniCRM."""
    return {table.name: [described(field) for field in table.fields] for table in tables()}


def described(field: models.Field[Any, Any]) -> dict[str, Any]:
    said: dict[str, Any] = {"name": str(field.column), "type": str(field.db_type(connection))}
    if isinstance(field, models.ForeignKey):
        said["refers_to"] = field.related_model._meta.label
    if field.null:
        said["may_be_null"] = True
    if field.choices:
        said["one_of"] = [str(value) for value, _ in field.flatchoices]
    return said | ({"means": str(field.help_text)} if field.help_text else {})
