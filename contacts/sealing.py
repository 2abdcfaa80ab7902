"""Seal what is personal, or open it again, in an installation that has data already: after PII_STRICT has changed.

Row by row it is kept as a save keeps it now. In small transactions, so that it may be stopped and begun again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction

from contacts.creating import compared
from contacts.derived import refresh_search
from contacts.matching import normalize_phone
from contacts.models import Contact, ContactIdentity
from jobs import resealing
from omnicrm import blind
from omnicrm.acting import acting_as
from omnicrm.models import User
from omnicrm.personal import bulk_save, is_strict, personal_fields, personal_models

CHUNK = 500
FIRST = UUID(int=0)


@dataclass
class Sealing:
    """How many rows and log entries are kept in another way now, how many numbers lead to two people, and how many
    people go by a number, which stays readable as their name."""

    changed: int = 0
    logs: int = 0
    doubled: int = 0
    named: int = 0


def seal_personal_data() -> Sealing:
    """Keep everybody's data as the setting says."""
    done = Sealing()
    for user_id in User.objects.order_by("pk").values_list("pk", flat=True):
        for model in personal_models():
            for rows in chunks(user_id, model):
                save_changed(rows, done)
        with acting_as(user_id):
            convert_logs(user_id, done)
        refresh_all(user_id)
        done.named += named_by_number(user_id) if is_strict() else 0
    if not done.doubled:
        blind.remember_strictness(is_strict())
    return done


def chunks(user_id: UUID, model: type[models.Model]) -> Iterator[list[Any]]:
    """The rows of one user by id, locked, a transaction for each chunk."""
    after = FIRST
    while True:
        with acting_as(user_id):
            locked = model._default_manager.filter(user=user_id, pk__gt=after).select_for_update(no_key=True)
            rows = list(locked.order_by("pk")[:CHUNK])
            yield rows
        if len(rows) < CHUNK:
            return
        after = rows[-1].pk


def save_changed(rows: list[Any], done: Sealing) -> None:
    """Save the rows that a save would write in another way, and nothing but those columns of them."""
    changed = [row for row in rows if is_kept_otherwise(row)]
    for row in changed:
        names = [field.name for field in personal_fields(type(row))]
        try:
            with transaction.atomic():
                index_number(row)
                bulk_save([row], [*names, "value"] if isinstance(row, ContactIdentity) else names)
        except IntegrityError:
            done.doubled += 1
        else:
            done.changed += 1


def is_kept_otherwise(row: Any) -> bool:
    columns = [(field, row.__dict__[field.attname]) for field in personal_fields(type(row))]
    return any(field.pre_save(row, add=False) != stored for field, stored in columns)


def index_number(row: Any) -> None:
    if isinstance(row, ContactIdentity):
        row.value = compared(row.user_id, row.kind, row.readable)


def convert_logs(user_id: UUID, done: Sealing) -> None:
    for entry in resealing.logged(user_id):
        fresh = entry.anew(user_id, as_the_row_wants)
        if fresh != entry.sides:
            resealing.rewrite(entry, fresh)
            done.logs += 1


def as_the_row_wants(field: Any, columns: dict[str, Any], where: Any) -> Any:
    """Sealed where a row with these columns would be."""
    known = {f.attname: columns[f.column] for f in field.model._meta.concrete_fields if f.column in columns}
    return field.anew(columns[field.column], where, field.when(field.model(**known)))


def named_by_number(user_id: UUID) -> int:
    """People who came without a name, and got their number for one."""
    with acting_as(user_id):
        phones = ContactIdentity.objects.for_user(user_id).filter(kind="phone", contact__isnull=False)
        rows = phones.select_related("contact").iterator(CHUNK)
        return len({row.contact_id for row in rows if normalize_phone(str(row.contact)) == row.readable})


def refresh_all(user_id: UUID) -> None:
    """What a search looks at, as it is made now."""
    for rows in chunks(user_id, Contact):
        refresh_search(user_id, [row.pk for row in rows])
