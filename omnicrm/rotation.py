"""From one key to the next: everything that an older key sealed is sealed anew with the first one.

In small transactions, so that it may be stopped and begun again at any time, while everybody works: a row that
somebody holds waits for the next round, and one that was saved meanwhile carries the new key already.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from allauth.mfa.models import Authenticator
from django.core.files.storage import default_storage
from django.db import connection, transaction

from omnicrm import audit
from omnicrm.accounts import MFAAdapter
from omnicrm.acting import acting_as
from omnicrm.crypto import CannotOpen, key_id_of, place
from omnicrm.models import KeyCheck, User
from omnicrm.owned import OwnedModel
from omnicrm.sealed import keyring, sealed_columns
from omnicrm.sealedfiles import SealedStorage

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
class Place:
    """A sealed column, and whose rows of it: row-level security shows one owner's at a time."""

    table: str
    column: str
    owner: UUID | None

    def open(self) -> AbstractContextManager[None]:
        return acting_as(self.owner) if self.owner else transaction.atomic()

    def of(self, row: UUID) -> bytes:
        return place(self.table, self.column, row, self.owner or "")

    @property
    def older(self) -> str:
        """SQL for the rows that another key than `%(current)s` sealed."""
        owned = "user_id = %(owner)s AND " if self.owner else ""
        return f"FROM {self.table} WHERE {owned}convert_from(substring({self.column} from 2 for 2), 'LATIN1') <> %(current)s"


def rotate(*, batch: int = BATCH) -> Rotation:
    """Seal everything with the first key. Once nothing is left, the older keys are forgotten and may be taken away."""
    done = Rotation()
    for each in places():
        after = FIRST
        while (last := reseal_rows(each, after, batch, done)) is not None:
            after = last
    for name in stored_files():
        reseal_file(name, done)
    reseal_second_factors(done)
    done.resealed += audit.sign_anew()
    done.left = count_left()
    if not done.left:
        done.dropped_keys = forget_older_keys()
    return done


def count_left() -> int:
    """Values and files that another key than the first one sealed."""
    left = 0
    for each in places():
        with each.open(), connection.cursor() as cursor:
            cursor.execute(
                f"SELECT count(*) {each.older}", {"owner": each.owner, "current": keyring().current}
            )
            left += cursor.fetchone()[0]
    left += sum(is_older(row, name) for row in Authenticator.objects.all() for name in IN_JSON)
    return left + sum(storage().key_id(name) != keyring().current for name in stored_files())


def places() -> Iterator[Place]:
    owners = list(User.objects.order_by("pk").values_list("pk", flat=True))
    for model, column in sealed_columns():
        for owner in owners if issubclass(model, OwnedModel) else [None]:
            yield Place(model._meta.db_table, str(column.column), owner)


def reseal_rows(each: Place, after: UUID, batch: int, done: Rotation) -> UUID | None:
    """The next rows by id, in one transaction; the last id that was seen, or None at the end."""
    values = {"owner": each.owner, "current": keyring().current, "after": after, "batch": batch}
    with each.open(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {each.column} {each.older} AND id > %(after)s ORDER BY id LIMIT %(batch)s"
            " FOR UPDATE SKIP LOCKED",
            values,
        )
        rows = cursor.fetchall()
        fresh = [(sealed, row) for row, old in rows if (sealed := reseal(bytes(old), each.of(row), done))]
        cursor.executemany(f"UPDATE {each.table} SET {each.column} = %s WHERE id = %s", fresh)
    return rows[-1][0] if rows else None


def reseal(old: bytes, where: bytes, done: Rotation) -> bytes | None:
    """The same under the first key; None for what does not open, which is counted and left as it is."""
    try:
        plain = keyring().open(old, where)
    except CannotOpen as error:
        done.damaged += 1
        log.error("rotation.cannot_open", why=str(error))
        return None
    done.resealed += 1
    return keyring().seal(plain, where)


def reseal_second_factors(done: Rotation) -> None:
    """The secrets that allauth keeps in JSON. One that was used meanwhile has its turn in the next round."""
    adapter = MFAAdapter()
    for row in Authenticator.objects.all():
        fresh = {
            name: adapter.encrypt(adapter.decrypt(row.data[name])) for name in IN_JSON if is_older(row, name)
        }
        if fresh:
            unchanged = Authenticator.objects.filter(pk=row.pk, data=row.data)
            done.resealed += unchanged.update(data={**row.data, **fresh}) * len(fresh)


def is_older(row: Authenticator, name: str) -> bool:
    return name in row.data and key_id_of(base64.b64decode(row.data[name])) != keyring().current


def storage() -> SealedStorage:
    assert isinstance(default_storage, SealedStorage)
    return default_storage


def stored_files(folder: str = "") -> Iterator[str]:
    """Every file of the storage, by name."""
    folders, names = storage().listdir(folder)
    yield from (f"{folder}/{name}".lstrip("/") for name in sorted(names))
    for inside in sorted(folders):
        yield from stored_files(f"{folder}/{inside}".lstrip("/"))


def reseal_file(name: str, done: Rotation) -> None:
    try:
        if storage().key_id(name) != keyring().current:
            storage().reseal(name)
            done.resealed += 1
    except CannotOpen as error:
        done.damaged += 1
        log.error("rotation.cannot_open", why=str(error))


def forget_older_keys() -> list[str]:
    """From now on a start without them is no mistake."""
    older = KeyCheck.objects.exclude(key_id=keyring().current)
    names = list(older.order_by("key_id").values_list("key_id", flat=True))
    older.delete()
    return names
