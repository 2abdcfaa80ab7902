"""Put a backup back into an empty installation: all of it in one transaction, or nothing."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO, cast

from django.core.files import File
from django.db import connection, transaction
from psycopg import sql

from omnicrm import blind, rotation
from omnicrm.acting import as_owner
from omnicrm.backup import BLOCK, DATABASE, FORMAT, MANIFEST, MEDIA, SESSIONS, Manifest, migrations, place
from omnicrm.crypto import CannotOpen
from omnicrm.keys import where_keys_are
from omnicrm.models import User
from omnicrm.sealed import keyring
from omnicrm.sealedfiles import SealedReader

REFERENCES = """
SELECT conrelid::regclass::text, confrelid::regclass::text FROM pg_constraint
WHERE contype = 'f' AND connamespace = 'public'::regnamespace AND conrelid <> confrelid
"""
TRIGGERS = """
SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'O'
"""
BOUND = "SELECT relname FROM pg_class WHERE relforcerowsecurity AND relnamespace = 'public'::regnamespace"

afterwards: list[str] = []
"""Statements of the apps, for rows that must not go on where the backup had them: the world has gone on without it."""


class Refused(Exception):
    """Nothing was restored; the message says why and what to do."""


@dataclass
class Restored:
    users: int
    rows: int
    files: int


def restore(path: Path) -> Restored:
    """Everything that the backup holds. Raises Refused, and then nothing has changed."""
    try:
        with zipfile.ZipFile(path) as file:
            manifest = read_manifest(file)
            refuse_other_keys(manifest)
            refuse_other_version(manifest)
            refuse_used()
            refuse_tampered(file, manifest)
            with as_owner():
                write_tables(file, manifest)
            files = write_files(file, manifest)
    except (OSError, zipfile.BadZipFile) as error:
        raise Refused(f"{path} cannot be read as a backup: {error}.") from error
    blind.index_key.cache_clear()
    return Restored(manifest.users, sum(manifest.rows.values()), files)


def read_manifest(file: zipfile.ZipFile) -> Manifest:
    try:
        said = json.loads(file.read(MANIFEST))
        signature = said.pop("signature")
        manifest = Manifest(**said)
        ours = manifest.signature(keyring())
    except CannotOpen:
        raise Refused(missing_key(manifest.keys[0])) from None
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"This is no backup of ours, or it is damaged ({error}).") from error
    if manifest.format != FORMAT:
        raise Refused(
            f"This backup has the format {manifest.format}, and we read {FORMAT}. Use the version that made it."
        )
    if not hmac.compare_digest(ours, signature):
        raise Refused(
            f"The signature of this backup does not fit: its list of contents was changed, or the key {manifest.keys[0]}"
            f" in {where_keys_are()} is another than the one it was made with. Use another backup, or the right key."
        )
    return manifest


def missing_key(key_id: str) -> str:
    return (
        f"This backup was sealed with the key {key_id}, which is not in {where_keys_are()}. "
        "Put the keys back from your copy, then restore again; without them it stays closed."
    )


def refuse_other_keys(manifest: Manifest) -> None:
    if missing := [key_id for key_id in manifest.keys if key_id not in keyring().keys]:
        raise Refused(missing_key(missing[0]))


def refuse_other_version(manifest: Manifest) -> None:
    if manifest.migrations != migrations():
        raise Refused(
            "This backup was made by another version of OmniCRM. Install the version that made it, run `manage.py "
            "migrate`, restore, then upgrade."
        )


def refuse_used() -> None:
    if count := User.objects.count():
        users = "a user" if count == 1 else f"{count:,} users"
        raise Refused(
            f"This installation has {users} already, and a backup is restored into an empty one: set OMNICRM_DATA to a "
            "new folder, or make a new database with `manage.py setup_database` and `manage.py migrate`."
        )


def refuse_tampered(file: zipfile.ZipFile, manifest: Manifest) -> None:
    """Every part is there, once, as it was, and nothing else is."""
    names = sorted(name for name in file.namelist() if name != MANIFEST)
    if names != sorted(manifest.parts):
        raise Refused("Parts of this backup are missing, or were added. Use another one.")
    for name, expected in manifest.parts.items():
        with file.open(name) as part:
            if hashlib.file_digest(cast("Any", part), "sha256").hexdigest() != expected:
                raise Refused(f"{name} in this backup was changed or damaged. Use another one.")


def write_tables(file: zipfile.ZipFile, manifest: Manifest) -> None:
    """As the owner of the tables, whom row-level security and our triggers bind again when this ends."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BOUND)
        bound = [name for (name,) in cursor.fetchall()]
        cursor.execute(TRIGGERS)
        triggers = cursor.fetchall()
        names = list(in_order(manifest))
        run(cursor, "TRUNCATE {}", sql.SQL(", ").join(map(sql.Identifier, [*names, *sorted(SESSIONS)])))
        for table in bound:
            run(cursor, "ALTER TABLE {} NO FORCE ROW LEVEL SECURITY", sql.Identifier(table))
        for table, trigger in triggers:
            run(cursor, "ALTER TABLE {} DISABLE TRIGGER {}", sql.Identifier(table), sql.Identifier(trigger))
        for table in names:
            write_table(cursor, file, manifest, table)
        for sequence, value in manifest.sequences.items():
            cursor.execute("SELECT setval(%s::regclass, %s)", [sequence, value])
        for statement in afterwards:
            cursor.execute(statement)
        for table, trigger in triggers:
            run(cursor, "ALTER TABLE {} ENABLE TRIGGER {}", sql.Identifier(table), sql.Identifier(trigger))
        for table in bound:
            run(cursor, "ALTER TABLE {} FORCE ROW LEVEL SECURITY", sql.Identifier(table))


def run(cursor: Any, statement: Any, *names: sql.Composable) -> None:
    cursor.execute(sql.SQL(statement).format(*names))


def in_order(manifest: Manifest) -> Iterator[str]:
    """The tables of the backup, each after those that its rows point at."""
    with connection.cursor() as cursor:
        cursor.execute(REFERENCES)
        needs: dict[str, set[str]] = {table: set() for table in manifest.columns}
        for table, other in cursor.fetchall():
            if table in needs:
                needs[table].add(other)
    while needs:
        free = sorted(table for table, others in needs.items() if not others & needs.keys())
        yield from free
        for table in free:
            del needs[table]


def write_table(cursor: Any, file: zipfile.ZipFile, manifest: Manifest, table: str) -> None:
    columns = sql.SQL(", ").join(map(sql.Identifier, manifest.columns[table]))
    name = f"{DATABASE}{table}"
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), columns)
    with file.open(name) as part, cursor.copy(statement) as copy:
        for piece in inflated(opened(part, file.getinfo(name).file_size, place(manifest, name))):
            copy.write(piece)


def opened(part: IO[bytes], size: int, where: str) -> BinaryIO:
    reader = SealedReader(cast("BinaryIO", part), where, size)
    return cast("BinaryIO", io.BufferedReader(reader, BLOCK))


def inflated(plain: BinaryIO) -> Iterator[bytes]:
    expanded = zlib.decompressobj()
    while block := plain.read(BLOCK):
        yield expanded.decompress(block)
    yield expanded.flush()


def write_files(file: zipfile.ZipFile, manifest: Manifest) -> int:
    """The stored files, sealed as they are. One that is there already is the same: the database was empty."""
    inner, count = rotation.storage().inner, 0
    for part in manifest.parts:
        if not part.startswith(MEDIA):
            continue
        name = part.removeprefix(MEDIA)
        inner.delete(name)
        with file.open(part) as stored:
            inner.save(name, File(cast("Any", stored), name))
        count += 1
    return count
