"""Which models belong to the state that undo restores, told by their apps when they are loaded.

`jobs` knows no other app: contacts and integrations say here what their rows are, what columns are derived,
what still needs a row, and what to do around an undo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from django.apps import apps
from django.db import models

from jobs.models import Batch

Hook = Callable[[Batch, dict[str, Any]], None]
"""Gets the batch that is undone, and a memory shared by the hooks of this one undo."""


@dataclass(frozen=True)
class Use:
    """Why a row `t` that a batch made must stay: an SQL condition, and the reason in a person's words.

    `heir` is an SQL expression for the batch that the row belongs to from then on; NULL: the person's own.
    Both may name the batch that is undone: %(batch)s. Without a `why` it goes without saying, and is not listed.
    """

    why: str
    condition: str
    heir: str = "NULL"


@dataclass
class Tracked:
    label: str
    derived: tuple[str, ...] = ()
    name: str = "id::text"
    """An SQL expression for what people call the row `t`."""
    plural: str = ""
    counted: str = ""
    """An SQL condition for rows `t` that anybody would count among those that an undo removes; empty for all."""
    part_of: str = ""
    """The field that leads to what this row is a part of: where that stays, it stays whole."""
    renewed: dict[str, str] = field(default_factory=dict)
    """For columns that must be unique: an SQL expression for another value, when the old one is taken by now."""
    uses: list[Use] = field(default_factory=list)

    @property
    def model(self) -> type[models.Model]:
        return apps.get_model(self.label)

    @property
    def table(self) -> str:
        return self.model._meta.db_table

    @property
    def has_batch(self) -> bool:
        """Whether rows say which batch made them; others go and come with the row they hang on, unless they are
        logged as added to it (jobs.changes)."""
        return any(f.name == "batch" for f in self.model._meta.concrete_fields)

    @property
    def whole(self) -> str:
        """The label of the model that this one is a part of; empty if of none."""
        if not self.part_of:
            return ""
        field = self.model._meta.get_field(self.part_of)
        return str(field.related_model._meta.label_lower)  # type: ignore[union-attr]


tracked: dict[str, Tracked] = {}
"""Parents first: the order in which rows can be inserted; they are deleted in reverse."""
before_undo: dict[str, Hook] = {}
after_undo: dict[str, Hook] = {}
"""Called in the transaction of an undo, before rows are removed and after, by name."""


def track(
    label: str,
    *,
    name: str,
    plural: str,
    derived: tuple[str, ...] = (),
    counted: str = "",
    part_of: str = "",
    renewed: dict[str, str] | None = None,
) -> None:
    """Rows of this model are part of the state. `derived` columns are recomputed, neither logged nor hashed."""
    tracked[label.lower()] = Tracked(label.lower(), derived, name, plural, counted, part_of, renewed or {})


def keep_while(label: str, *uses: Use) -> None:
    """More reasons for which rows of a tracked model outlive the batch that made them."""
    tracked[label.lower()].uses.extend(uses)
