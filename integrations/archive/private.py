"""What is sealed in the database stands in the clear in an archive, and is sealed again where that is brought in."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import models

from contacts.creating import compared
from contacts.matching import normalize_phone
from contacts.models import ContactIdentity
from jobs.models import BatchItem, PlanItem
from jobs.resealing import Change, Logged
from omnicrm.blind import blind, is_blind
from omnicrm.personal import PersonalField, personal_fields, personal_models, place

Row = dict[str, Any]


def open_row(model: type[models.Model], owner: UUID, row: Row) -> None:
    """Open what is sealed in a row of ours, and leave out what only this account could have made."""
    change_row(model, owner, row, in_the_clear)
    if model is ContactIdentity and is_blind(row["value"]):
        row["value"] = normalize_phone(row["display"])
    if model is PlanItem:
        row["data"].pop("draft", None)  # the blind index of what the line says


def seal_row(model: type[models.Model], owner: UUID, row: Row) -> None:
    """Keep a row of an archive as this installation keeps one. Nothing in it is taken to be sealed already."""
    if model is ContactIdentity and row["kind"] == ContactIdentity.Kind.PHONE:
        if normalize_phone(row["display"]) != row["value"]:
            row["display"] = row["value"]
        row["value"] = compared(owner, row["kind"], row["value"])
    if model is PlanItem and row["draft"] is not None:
        row["data"]["draft"] = blind(owner, "draft", row["draft"])
    change_row(model, owner, row, as_we_keep_it)


def change_row(model: type[models.Model], owner: UUID, row: Row, change: Change) -> None:
    columns = dict(row)
    for field in personal_fields(model):
        name = str(field.column)
        row[name] = change(field, columns, place(model._meta.db_table, name, row["id"], owner))
    about = {kind._meta.label_lower: kind for kind in personal_models()}.get(row.get("object_type", ""))
    if model is BatchItem and about:
        entry = Logged(row["id"], about, UUID(row["object_id"]), [row["before"], row["after"]])
        row["before"], row["after"] = entry.anew(owner, change)


def in_the_clear(field: PersonalField, columns: Row, where: Any) -> Any:
    return field.anew(columns[str(field.column)], where, False)


def as_we_keep_it(field: PersonalField, columns: Row, where: Any) -> Any:
    known = {f.attname: columns[f.column] for f in field.model._meta.concrete_fields if f.column in columns}
    return field.kept(columns[str(field.column)], where, field.when(field.model(**known)))
