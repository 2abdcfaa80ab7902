"""One marked row of everything a user can have, and a digest that changes when any of it does."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator
from itertools import count
from typing import Any

from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import connection, models

from contacts.models import Suppression
from integrations.models import GoogleAccount, OutboxMessage
from jobs.models import Batch, Job
from omnicrm.acting import acting_as
from omnicrm.models import User
from omnicrm.owned import OwnedModel
from omnicrm.personal import PersonalDate
from omnicrm.sealed import SealedField
from tests.factories import FACTORIES
from tests.isolation.census import OWNED

Rows = dict[type[models.Model], Any]

STEERING = {"kind", "verdict", "object_type", "action", "source"}
"""Text that decides what our code does: these columns stay as the factory fills them."""

STATES: dict[type[OwnedModel], dict[str, Any]] = {
    Batch: {"kind": "file_import", "state": "done"},
    GoogleAccount: {"preferences": {}},
    Job: {"kind": "noop", "state": "dead"},
    OutboxMessage: {"approved_hash": ""},
    Suppression: {"scope": "address"},
}
"""So that every page of the row has something to show."""

CANARY = re.compile(rb"canary-(\w)(\d+)", re.IGNORECASE)


def plant(user: User, mark: str, at: Rows | None = None) -> tuple[Rows, dict[int, str]]:
    """A row of each owned model, pointing at one another (or `at` those rows), with a canary in every column of text.

    Returns the rows, and which column each canary of this `mark` sits in, by its number.
    """
    rows: Rows = {}
    columns: dict[int, str] = {}
    numbers = count(1)
    for model in by_reference():
        fields: dict[str, Any] = {}
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.name != "user":
                fields[field.name] = (at or rows)[field.remote_field.model]
            elif is_text(field):
                n = next(numbers)
                columns[n] = f"{model._meta.label}.{field.name}"
                fields[field.name] = filling(field, f"canary-{mark}{n:03}")
        rows[model] = FACTORIES[model](user, **fields | STATES.get(model, {}))
    return rows, columns


def by_reference() -> list[type[OwnedModel]]:
    """The owned models, each after those it points at."""
    ordered: list[type[OwnedModel]] = []

    def visit(model: Any) -> None:
        if model in ordered or model not in OWNED:
            return
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey):
                visit(field.remote_field.model)
        ordered.append(model)

    for model in OWNED:
        visit(model)
    return ordered


def is_text(field: models.Field[Any, Any]) -> bool:
    free = (models.CharField, models.TextField, models.JSONField, models.BinaryField, ArrayField)
    long_enough = (field.max_length or 100) >= 12
    if isinstance(field, PersonalDate):  # text in the database, and a date to everybody else
        return False
    return isinstance(field, free) and not field.choices and field.name not in STEERING and long_enough


def filling(field: models.Field[Any, Any], canary: str) -> Any:
    if isinstance(field, ArrayField):
        return [canary]
    if isinstance(field, models.JSONField):
        return [canary] if field.default is list else {"canary": canary}
    if field.name == "draft":
        return json.dumps({"full_name": canary}).encode()
    if isinstance(field, SealedField):
        return zlib.compress(f"Subject: {canary}\r\n\r\n{canary}\r\n".encode())  # a letter, as it is kept
    return canary.encode() if isinstance(field, models.BinaryField) else canary


def canaries(body: bytes, mark: str) -> set[int]:
    """The numbers of this mark's canaries in an answer."""
    return {int(number) for found, number in CANARY.findall(body) if found.decode().lower() == mark}


OF_USERS = [
    (model._meta.db_table, field.column)
    for model in apps.get_models(include_auto_created=True)
    for field in model._meta.concrete_fields
    if isinstance(field, models.ForeignKey) and field.remote_field.model is User
]
"""Every table with rows of users, and the column that says whose."""


def digest(user: User) -> dict[str, str]:
    """Of every table that holds something of this user: how many rows, and what they hold, in one number."""
    with acting_as(user.pk), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(digests(user)))
        return dict(cursor.fetchall())


def digest_of_everything(user: User) -> dict[str, str]:
    """The same of every table, as far as this user sees it."""
    tables = [model._meta.db_table for model in apps.get_models(include_auto_created=True)]
    whole = (
        f"SELECT '{table}', count(*) || md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {table} t"
        for table in tables
    )
    with acting_as(user.pk), connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(whole))
        return dict(cursor.fetchall())


def digests(user: User) -> Iterator[str]:
    yield f"SELECT 'omnicrm_user', md5(t::text) FROM omnicrm_user t WHERE id = '{user.pk}'"
    for table, column in OF_USERS:
        yield (
            f"SELECT '{table}', count(*) || md5(coalesce(string_agg(t::text, '' ORDER BY id), ''))"
            f" FROM {table} t WHERE {column} = '{user.pk}'"
        )
