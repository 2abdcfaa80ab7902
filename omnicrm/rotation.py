"""From one key to the next: everything that an older key sealed is sealed anew with the first one.

In small transactions, so that it may be stopped and begun again at any time, while everybody works: a row that
somebody holds waits for the next round, and one that was saved meanwhile carries the new key already.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.files.storage import default_storage
from django.db import connection, transaction

from omnicrm import audit
from omnicrm.accounts import MFAAdapter
from omnicrm.acting import acting_as
from omnicrm.crypto import CannotOpen, from_text, key_id_of
from omnicrm.events import note
from omnicrm.models import KeyCheck, User
from omnicrm.owned import OwnedModel
from omnicrm.personal import PersonalField, PersonalObject, older_text, place
from omnicrm.sealed import SealedField, keyring
from omnicrm.sealedfiles import DRAFT, SealedStorage

BATCH = 500
FIRST = UUID(int=0)
IN_JSON = ("secret", "seed")
"""What is sealed in an authenticator's data: the secret of an app, and what recovery codes are made from."""

log = structlog.get_logger(__name__)


@dataclass
class Rotation:
    """How many values and files were sealed anew, how many still have an older key, and how many do not open."""

    resealed: int = 0
    left: int = 0
    damaged: int = 0
    dropped_keys: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class More:
    """Sealed values that stand in no sealed column: how they are sealed anew, and how many are left."""

    reseal: Callable[[Rotation], None]
    count: Callable[[], int]


elsewhere: list[More] = []
"""Told by the apps that keep such values."""


@dataclass(frozen=True)
class Column:
    """A column that may be sealed, and whose rows of it: row-level security shows one owner's at a time."""

    table: str
    field: SealedField | PersonalField
    owner: UUID | None

    def open(self) -> AbstractContextManager[None]:
        return acting_as(self.owner) if self.owner else transaction.atomic()

    @property
    def name(self) -> str:
        return str(self.field.column)

    @property
    def older(self) -> str:
        """SQL for the rows in which another key than the first one sealed something."""
        owned = "user_id = %(owner)s AND " if self.owner else ""
        return f"FROM {self.table} WHERE {owned}{self.sealed_by_another}"

    @property
    def sealed_by_another(self) -> str:
        match self.field:
            case SealedField():
                return f"convert_from(substring({self.name} from 2 for 2), 'LATIN1') <> %(current)s"
            case PersonalObject():
                return f"""{self.name}::text ~ (': "' || %(older)s)"""
            case _:
                return f"{self.name} ~ ('^' || %(older)s)"

    @property
    def values(self) -> dict[str, Any]:
        return {"owner": self.owner, "current": keyring().current, "older": older_text()}

    def again(self, row: UUID, stored: Any) -> Any:
        """The same under the first key. Raises CannotOpen."""
        where = place(self.table, self.name, row, self.owner or "")
        match self.field:
            case SealedField():
                return keyring().seal(keyring().open(bytes(stored), where("")), where(""))
            case PersonalObject():
                return json.dumps(self.field.anew(json.loads(stored), where, None))
            case _:
                return self.field.anew(stored, where, None)


def rotate(*, batch: int = BATCH) -> Rotation:
    """Seal everything with the first key. Once nothing is left, the older keys are forgotten and may be taken away."""
    done = Rotation()
    for each in columns():
        after = FIRST
        while (last := reseal_rows(each, after, batch, done)) is not None:
            after = last
    storage().tidy_up(list(all_files()))
    for name in stored_files():
        reseal_file(name, done)
    reseal_second_factors(done)
    for more in elsewhere:
        more.reseal(done)
    done.resealed += audit.sign_anew()
    if done.resealed:
        note_for_everybody("keys.changed")
    done.left = count_left()
    if not done.left:
        done.dropped_keys = forget_older_keys()
    return done


def count_left() -> int:
    """Values and files that another key than the first one sealed."""
    left = 0
    for each in columns():
        with each.open(), connection.cursor() as cursor:
            cursor.execute(f"SELECT count(*) {each.older}", each.values)
            left += cursor.fetchone()[0]
    left += sum(more.count() for more in elsewhere)
    left += sum(is_older(row, name) for row in Authenticator.objects.all() for name in IN_JSON)
    return left + sum(older_file(name) for name in stored_files())


def columns() -> Iterator[Column]:
    """Every column of the project that may be sealed, for each owner: a new one is among them by being one."""
    owners = list(User.objects.order_by("pk").values_list("pk", flat=True))
    for model in apps.get_models():
        for found in model._meta.concrete_fields:
            if isinstance(found, SealedField | PersonalField):
                for owner in owners if issubclass(model, OwnedModel) else [None]:
                    yield Column(model._meta.db_table, found, owner)


def reseal_rows(each: Column, after: UUID, batch: int, done: Rotation) -> UUID | None:
    """The next rows by id, in one transaction; the last id that was seen, or None at the end."""
    with each.open(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {each.name} {each.older} AND id > %(after)s ORDER BY id LIMIT %(batch)s"
            " FOR UPDATE SKIP LOCKED",
            each.values | {"after": after, "batch": batch},
        )
        rows = cursor.fetchall()
        fresh = []
        for row, stored in rows:
            with counted(done, each.name, row):
                fresh.append((each.again(row, stored), row))
        cursor.executemany(f"UPDATE {each.table} SET {each.name} = %s WHERE id = %s", fresh)
    return rows[-1][0] if rows else None


@contextmanager
def counted(done: Rotation, what: str, which: object) -> Iterator[None]:
    """One value that is sealed anew; or one that does not open, which is counted and left as it is."""
    try:
        yield
    except CannotOpen as error:
        done.damaged += 1
        log.error("rotation.cannot_open", what=what, which=str(which), why=str(error))
    else:
        done.resealed += 1


def reseal_second_factors(done: Rotation) -> None:
    """The secrets that allauth keeps in JSON. One that was used meanwhile has its turn in the next round."""
    adapter = MFAAdapter()
    for row in Authenticator.objects.all():
        for name in filter(partial(is_older, row), IN_JSON):
            with counted(done, "second factor", row.pk):
                fresh = {**row.data, name: adapter.encrypt(adapter.decrypt(row.data[name]))}
                Authenticator.objects.filter(pk=row.pk, data=row.data).update(data=fresh)
                row.data = fresh


def is_older(row: Authenticator, name: str) -> bool:
    """Whether another key than the first one sealed it, or none."""
    try:
        return name in row.data and key_id_of(from_text(row.data[name])) != keyring().current
    except CannotOpen:
        return True


def storage() -> SealedStorage:
    assert isinstance(default_storage, SealedStorage)
    return default_storage


def stored_files() -> Iterator[str]:
    """Every file that somebody has stored, by name."""
    return (name for name in all_files() if not name.endswith(DRAFT))


def all_files(folder: str = "") -> Iterator[str]:
    folders, names = storage().listdir(folder)
    yield from (f"{folder}/{name}".lstrip("/") for name in sorted(names))
    for inside in sorted(folders):
        yield from all_files(f"{folder}/{inside}".lstrip("/"))


def older_file(name: str) -> bool:
    """Whether another key than the first one sealed it, or none; not if it is gone by now, as uploads go."""
    try:
        return storage().key_id(name) != keyring().current
    except FileNotFoundError:
        return False
    except CannotOpen:
        return True


def reseal_file(name: str, done: Rotation) -> None:
    if not older_file(name):
        return
    with suppress(FileNotFoundError), counted(done, "file", name):
        storage().reseal(name)


def note_for_everybody(action: str) -> None:
    """An entry in the record of each user: whoever has the keys and runs this opens all that is sealed."""
    for user_id in User.objects.values_list("pk", flat=True):
        with acting_as(user_id):
            note(user_id, action)


def forget_older_keys() -> list[str]:
    """From now on a start without them is no mistake."""
    older = KeyCheck.objects.exclude(key_id=keyring().current)
    names = list(older.order_by("key_id").values_list("key_id", flat=True))
    older.delete()
    return names
