"""Columns that hold something personal: kept sealed where the installation (PII_STRICT) or the row asks for it.

Sealed text stands in its column, or as a value of its JSON object, as `sealed:` and the sealed bytes in base64. The
same value in the same row is sealed to the same text, so that logs of changes, undo and hashes compare it as they
compare any other. What stands there is decided anew whenever a row is saved: after the setting has changed, saving
each row is all that there is to do (`manage.py seal_personal_data`).
"""

from __future__ import annotations

import base64
import datetime as dt
import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any
from uuid import UUID

from django.apps import apps
from django.conf import settings
from django.db import models
from django.db.models import Case, Value, When
from django.db.models.functions import Cast
from django.db.models.query_utils import DeferredAttribute

from omnicrm import crypto
from omnicrm.owned import OwnedModel
from omnicrm.sealed import keyring, owner_of

MARK = "sealed:"
Rule = Callable[[Any], bool]
Place = Callable[[str], bytes]
"""What a part of a column's value is bound to; a column that is one text has the part ""."""


def is_strict() -> bool:
    """Whether this installation seals what is personal, at the price of not finding it by its parts."""
    return bool(settings.PII_STRICT)


def when_strict(row: Any) -> bool:
    return is_strict()


class Stored(str):
    """Text as Postgres keeps it. Whatever else is put into a personal column is decided about when it is saved."""

    __slots__ = ()


def is_sealed(text: Any) -> bool:
    return isinstance(text, str) and text.startswith(MARK)


def seal(text: str, where: bytes) -> Stored:
    sealed = keyring().seal(text.encode(), where, repeatable=True)
    return Stored(MARK + base64.b64encode(sealed).decode())


def open_sealed(text: str, where: bytes) -> str:
    """Raises CannotOpen."""
    return keyring().open(crypto.from_text(text.removeprefix(MARK)), where).decode()


def anew(text: str, where: bytes, wanted: bool | None) -> Stored:
    """Stored text as it would be kept now: sealed with the first key, or readable; None: whichever it is.
    Raises CannotOpen."""
    sealed = is_sealed(text)
    return kept(open_sealed(text, where) if sealed else text, where, sealed if wanted is None else wanted)


def kept(text: str, where: bytes, wanted: bool) -> Stored:
    """As it goes into the database. What only looks sealed is sealed in any case, so that nobody can forge it."""
    return seal(text, where) if text and (wanted or is_sealed(text)) else Stored(text)


def place_of(row: models.Model, field: models.Field[Any, Any]) -> Place:
    return place(row._meta.db_table, str(field.column), row.pk, owner_of(row))


def place(table: str, column: str, row: UUID, owner: UUID | str) -> Place:
    return lambda part: crypto.place(table, f"{column}.{part}" if part else column, row, owner)


class PersonalAttribute(DeferredAttribute):
    """Opens on reading."""

    field: Any

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return value if instance is None else self.field.opened(instance, value)

    def __set__(self, instance: Any, value: Any) -> None:
        # Only an attribute that can be set is asked before the instance's own dictionary.
        instance.__dict__[self.field.attname] = value


class PersonalText(models.TextField):  # type: ignore[type-arg]
    """Text that is sealed in rows for which `when` holds. Write through `save`, `bulk_create` or `bulk_save`."""

    descriptor_class = PersonalAttribute

    def __init__(self, *args: Any, when: Rule = when_strict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.when = when

    def opened(self, row: models.Model, value: Any) -> Any:
        if isinstance(value, Stored):
            text = open_sealed(value, place_of(row, self)("")) if is_sealed(value) else str(value)
            return self.read(text)
        return value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value, wanted = model_instance.__dict__.get(self.attname), self.when(model_instance)
        if value is None or (isinstance(value, Stored) and wanted == is_sealed(value)):
            return value
        text = self.written(self.opened(model_instance, value))
        return kept(text, place_of(model_instance, self)(""), wanted)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        refuse_undecided(self, value)
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, *_: Any) -> Any:
        return None if value is None else Stored(value)

    def anew(self, stored: Any, where: Place, wanted: bool | None) -> Any:
        """A stored value as it would be kept now. Raises CannotOpen."""
        return anew(stored, where(""), wanted) if isinstance(stored, str) else stored

    def kept(self, plain: Any, where: Place, wanted: bool) -> Any:
        """Plain text as it goes into the database."""
        return kept(plain, where(""), wanted) if isinstance(plain, str) else plain

    def written(self, value: Any) -> str:
        return str(value)

    def read(self, text: str) -> Any:
        return text


class PersonalDate(PersonalText):
    """A date, kept as text (ISO 8601), so that it can be sealed."""

    _pyi_private_set_type: dt.date | None  # type: ignore[assignment]
    _pyi_private_get_type: dt.date | None  # type: ignore[assignment]

    def written(self, value: Any) -> str:
        return str(value.isoformat())

    def read(self, text: str) -> Any:
        return dt.date.fromisoformat(text)

    def get_prep_value(self, value: Any) -> Any:
        return value.isoformat() if isinstance(value, dt.date) else super().get_prep_value(value)


class StoredObject(dict[str, Any]):
    """A JSON object as Postgres keeps it."""


class PersonalObject(models.JSONField):
    """A JSON object of texts, each of which is sealed by itself, under its key."""

    descriptor_class = PersonalAttribute

    def __init__(self, *args: Any, when: Rule = when_strict, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.when = when

    def opened(self, row: models.Model, value: Any) -> Any:
        """Plain from then on, so that what is changed in it is kept."""
        if isinstance(value, StoredObject):
            value = row.__dict__[self.attname] = readable(value, place_of(row, self))
        return value

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        plain = self.opened(model_instance, model_instance.__dict__.get(self.attname))
        if plain is None:
            return None
        return self.kept(plain, place_of(model_instance, self), self.when(model_instance))

    def kept(self, plain: Any, where: Place, wanted: bool) -> Any:
        """A plain object as it goes into the database."""
        if not isinstance(plain, dict):
            return plain
        return StoredObject({key: kept_value(value, where(key), wanted) for key, value in plain.items()})

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        refuse_undecided(self, value)
        return super().get_db_prep_save(value, connection)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        loaded = super().from_db_value(value, expression, connection)
        return StoredObject(loaded) if isinstance(loaded, dict) else loaded

    def anew(self, stored: Any, where: Place, wanted: bool | None) -> Any:
        """A stored object as it would be kept now. Raises CannotOpen."""
        if not isinstance(stored, dict):
            return stored
        return {
            key: anew(value, where(key), wanted) if isinstance(value, str) else value
            for key, value in stored.items()
        }


def readable(stored: dict[str, Any], where: Place) -> dict[str, Any]:
    """Raises CannotOpen."""
    return {
        key: open_sealed(value, where(key)) if is_sealed(value) else value for key, value in stored.items()
    }


def kept_value(value: Any, where: bytes, wanted: bool) -> Any:
    return kept(value, where, wanted) if isinstance(value, str) else value


def refuse_undecided(field: models.Field[Any, Any], value: Any) -> None:
    """`update` cannot know the row, so it cannot know whether and how to seal."""
    if value is None or isinstance(value, Stored | StoredObject) or hasattr(value, "resolve_expression"):
        return
    raise TypeError(f"{field.name} may be sealed for its row: save the row instead of updating the column.")


PersonalField = PersonalText | PersonalObject


def personal_fields(model: type[models.Model]) -> list[PersonalField]:
    """The personal columns of a model."""
    return [field for field in model._meta.concrete_fields if isinstance(field, PersonalField)]


def older_text() -> str:
    """A pattern for stored text that another key than the first one sealed."""
    ours = base64.b64encode(crypto.VERSION + keyring().current.encode()).decode()
    return f"{MARK}(?!{re.escape(ours)})"


def personal_models() -> list[type[models.Model]]:
    """Every model of the project that has personal columns."""
    return [model for model in apps.get_models() if personal_fields(model)]


def bulk_save(rows: Sequence[OwnedModel], names: Iterable[str], *, size: int = 500) -> None:
    """`bulk_update` for rows of one owner with sealed columns: each value as `save` writes it, and `updated_at`."""
    waiting = iter(rows)
    while part := list(islice(waiting, size)):
        fields: list[Any] = [part[0]._meta.get_field(name) for name in {*names, "updated_at"}]
        model, owner = type(part[0]), part[0].user_id
        model._default_manager.filter(user=owner, pk__in=[row.pk for row in part]).update(
            **{field.attname: Cast(cases(part, field), output_field=field) for field in fields}
        )


def cases(rows: Sequence[models.Model], field: models.Field[Any, Any]) -> Case:
    values = ((row.pk, Value(field.pre_save(row, add=False), output_field=field)) for row in rows)
    return Case(*(When(pk=pk, then=value) for pk, value in values), output_field=field)
