"""A backup of everything in one file: the database as it was at one moment, and the stored files.

It is taken as the role that serves requests, one user after the other in one snapshot: row-level security binds the
owner of the tables as well, and so no administrator is needed. A backup is a zip file. Tables are compressed and
sealed, as the stored files are already; the keys are not in it. `manifest.json` lists every part with its hash, and
is signed.
"""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, BinaryIO, cast
from uuid import UUID

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from psycopg import sql

from omnicrm import rotation
from omnicrm.acting import acting_as
from omnicrm.crypto import Keyring
from omnicrm.models import User
from omnicrm.sealed import keyring
from omnicrm.sealedfiles import SealingReader

FORMAT = 1
MANIFEST, DATABASE, MEDIA = "manifest.json", "database/", "media/"
NAME, STAMP = re.compile(r"omnicrm-(\d{8}T\d{6}Z)\.backup"), "%Y%m%dT%H%M%SZ"
BLOCK = 1 << 20
SESSIONS = {"django_session", "usersessions_usersession"}
"""Who was signed in: nobody should become that again by an old backup."""
NOT_KEPT = {"django_migrations", *SESSIONS}

TABLES = """
SELECT c.relname, c.relrowsecurity, array_agg(a.attname::text ORDER BY a.attnum)
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace GROUP BY 1, 2 ORDER BY 1
"""
SEQUENCES = """
SELECT sequencename, last_value FROM pg_sequences WHERE schemaname = 'public' AND last_value IS NOT NULL
"""


@dataclass
class Manifest:
    """What is in a backup. `parts`: the SHA-256 of each member of the file."""

    made_at: str
    migrations: list[str]
    keys: list[str]
    """The ids of the keys that open it. The first one sealed its tables, and signed this."""
    format: int = FORMAT
    users: int = 0
    columns: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)

    def signature(self, ring: Keyring) -> str:
        """By the first key. Raises CannotOpen when it is not among ours."""
        key = ring.derive(self.keys[0], salt=b"", info=b"omnicrm backup")
        said = json.dumps(asdict(self), sort_keys=True).encode()
        return hmac.digest(key, said, hashlib.sha256).hex()


@dataclass(frozen=True)
class Table:
    name: str
    is_owned: bool
    columns: list[str]

    @property
    def out(self) -> sql.Composed:
        return sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(
            sql.SQL(", ").join(map(sql.Identifier, self.columns)), sql.Identifier(self.name)
        )


def make_backup(folder: Path) -> tuple[Path, Manifest]:
    """Write a backup into this folder under the name of the moment; it is there when it is complete."""
    now = datetime.now(UTC)
    done = folder / f"omnicrm-{now.strftime(STAMP)}.backup"
    draft = done.with_suffix(".unfinished")
    manifest = Manifest(now.isoformat(timespec="seconds"), migrations(), list(keyring().keys))
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_STORED) as file:
            draft.chmod(0o600)
            write_tables(file, manifest)
            write_files(file, manifest)
            signed = {**asdict(manifest), "signature": manifest.signature(keyring())}
            file.writestr(MANIFEST, json.dumps(signed, indent=1, sort_keys=True))
        done.hardlink_to(draft)  # unlike a renaming, this never replaces another of the same second
    finally:
        draft.unlink(missing_ok=True)
    return done, manifest


def migrations() -> list[str]:
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in applied)


def write_tables(file: zipfile.ZipFile, manifest: Manifest) -> None:
    """Every table, as one moment saw all of them."""
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        users = list(User.objects.order_by("pk").values_list("pk", flat=True))
        manifest.users = len(users)
        cursor.execute(SEQUENCES)
        manifest.sequences = dict(cursor.fetchall())
        for table in tables():
            plain = rows_of(table, users if table.is_owned else [None], manifest)
            name = f"{DATABASE}{table.name}"
            sealed = SealingReader(
                cast("BinaryIO", io.BufferedReader(Pieces(deflated(plain)))), place(manifest, name)
            )
            write_part(file, manifest, name, sealed)


def tables() -> list[Table]:
    with connection.cursor() as cursor:
        cursor.execute(TABLES)
        return [Table(*row) for row in cursor.fetchall() if row[0] not in NOT_KEPT]


def rows_of(table: Table, owners: Iterable[UUID | None], manifest: Manifest) -> Iterator[bytes]:
    """The rows as COPY writes them, a line each."""
    manifest.columns[table.name], manifest.rows[table.name] = table.columns, 0
    for owner in owners:
        mine = acting_as(owner) if owner else transaction.atomic()
        with mine, connection.cursor() as cursor, cursor.copy(table.out) as lines:
            for line in lines:
                manifest.rows[table.name] += 1
                yield bytes(line)


def deflated(pieces: Iterable[bytes]) -> Iterator[bytes]:
    pressed = zlib.compressobj(6)
    yield from filter(None, map(pressed.compress, pieces))
    yield pressed.flush()


def write_files(file: zipfile.ZipFile, manifest: Manifest) -> None:
    """The stored files, sealed as they are. One that is gone by now is not needed."""
    inner = rotation.storage().inner
    for name in rotation.stored_files():
        try:
            with inner.open(name, "rb") as stored:
                write_part(file, manifest, f"{MEDIA}{name}", stored)
        except FileNotFoundError:
            continue


def write_part(file: zipfile.ZipFile, manifest: Manifest, name: str, content: IO[bytes] | Any) -> None:
    digest = hashlib.sha256()
    with file.open(name, "w", force_zip64=True) as part:
        while block := content.read(BLOCK):
            digest.update(block)
            part.write(block)
    manifest.parts[name] = digest.hexdigest()


def place(manifest: Manifest, part: str) -> str:
    """What a sealed part is bound to: its backup, and its name there."""
    return f"backup {manifest.made_at} {part}"


class Pieces(io.RawIOBase):
    """An iterator of bytes, to be read once."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._left = pieces, b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        piece, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


def expire(folder: Path, days: int) -> list[str]:
    """Delete the backups in this folder whose names say that they are older; their names. 0 keeps all."""
    oldest = datetime.now(UTC) - timedelta(days=days)
    old = [file for file in sorted(folder.iterdir()) if days and (at := moment(file.name)) and at < oldest]
    for file in old:
        file.unlink()
    return [file.name for file in old]


def moment(name: str) -> datetime | None:
    """When a backup of this name was made; None for any other file."""
    found = NAME.fullmatch(name)
    return datetime.strptime(found[1], STAMP).replace(tzinfo=UTC) if found else None
