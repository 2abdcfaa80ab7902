"""Columns that are kept sealed: plain bytes in Python, ciphertext in Postgres."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models.query_utils import DeferredAttribute

from omnicrm import crypto
from omnicrm.crypto import Keyring


@cache
def keyring() -> Keyring:
    """The keys of this installation."""
    return Keyring.parse(settings.OMNICRM_KEYS)


class Sealed(bytes):
    """Bytes as Postgres keeps them. Whatever else is put into a sealed column is sealed when it is saved."""

    @property
    def key_id(self) -> str:
        return crypto.key_id_of(self)


class SealedAttribute(DeferredAttribute):
    """Opens on reading, so that rows which nobody reads cost nothing."""

    def __get__(self, instance: Any, cls: Any = None) -> Any:
        value = super().__get__(instance, cls)
        return keyring().open(value, place_of(instance, self.field)) if isinstance(value, Sealed) else value

    def __set__(self, instance: Any, value: Any) -> None:
        # Only an attribute that can be set is asked before the instance's own dictionary.
        instance.__dict__[self.field.attname] = value


class SealedField(models.BinaryField):  # type: ignore[type-arg]
    """Bytes, sealed for this table, column, row and owner. Reading raises CannotOpen when they were tampered with.

    Write through `save` or `bulk_create`, which know the row; `update` takes None alone, and says so.
    """

    descriptor_class = SealedAttribute

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Sealed):
            return value
        return Sealed(keyring().seal(bytes(value), place_of(model_instance, self)))

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is not None and not isinstance(value, Sealed):
            raise TypeError(
                f"{self.name} is sealed for its row: save the row instead of updating the column."
            )
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, *_: Any) -> Sealed | None:
        return None if value is None else Sealed(value)


def place_of(row: models.Model, field: models.Field[Any, Any]) -> bytes:
    """Where a value of this row belongs."""
    return crypto.place(row._meta.db_table, str(field.column), str(row.pk), owner_of(row))


def owner_of(row: models.Model) -> str:
    """Rows without an owner belong to the installation."""
    return str(getattr(row, "user_id", None) or "")
