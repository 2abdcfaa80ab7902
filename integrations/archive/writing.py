"""Making an archive: a zip that is handed on piece by piece while it is written, so that its size costs no memory.

The manifest is its last entry, because it says what became of the others. Everything is as of one moment.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from integrations.archive import tables
from integrations.archive.calendar import calendar
from integrations.archive.cards import cards
from integrations.archive.mailbox import mailbox
from integrations.archive.originals import originals
from omnicrm.acting import acting_as
from omnicrm.models import User

FORMAT, VERSION = "omnicrm-archive", 1
README, MANIFEST = "README.txt", "manifest.json"
TITLE = "This is an archive of OmniCRM"
PIECE = 256 * 1024
LEVEL = 4
"""Of compression: three times as quick as the usual one, for a few percent more."""

Tell = Callable[[str], None]


@dataclass
class Content:
    """What rows say, whatever their order: two accounts that hold the same have the same hash."""

    rows: int = 0
    total: int = 0

    def add(self, line: bytes) -> None:
        self.rows += 1
        self.total = (self.total + int.from_bytes(hashlib.sha256(line).digest())) % (1 << 256)

    def __str__(self) -> str:
        return f"{self.rows}:{self.total:064x}"


def content_hash(contents: dict[str, Content]) -> str:
    """One hash over the rows of all tables but the record of what was done."""
    said = [
        f"{name} {content}"
        for name, content in sorted(contents.items())
        if name != tables.RECORD and content.rows
    ]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()


class Pipe(io.RawIOBase):
    """Written to at one end, emptied at the other."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self.waiting = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._pieces.append(bytes(data))
        self.waiting += len(self._pieces[-1])
        return len(self._pieces[-1])

    def take(self) -> bytes:
        taken, self._pieces, self.waiting = b"".join(self._pieces), [], 0
        return taken


@dataclass
class Archive:
    """One archive of one user, made while `pieces` is gone through; then its numbers are known."""

    user: User
    tell: Tell = lambda words: None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    contents: dict[str, Content] = field(default_factory=dict)
    size: int = 0
    _all: int = 0

    @property
    def content_hash(self) -> str:
        return content_hash(self.contents)

    @property
    def rows(self) -> dict[str, int]:
        return {label: content.rows for label, content in self.contents.items()}

    def pieces(self) -> Iterator[bytes]:
        """The bytes of the zip."""
        pipe = Pipe()
        with (
            snapshot(self.user.pk),
            zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED, compresslevel=LEVEL) as zipped,
        ):
            self._all = sum(table.count(self.user.pk) for table in tables.tables())
            for name, chunks in self.entries():
                with zipped.open(entry_of(name), "w", force_zip64=name != README) as entry:
                    for _ in self.fill(name, entry.write, chunks):
                        if pipe.waiting > PIECE:
                            yield self.sized(pipe.take())
        yield self.sized(pipe.take())

    def sized(self, piece: bytes) -> bytes:
        self.size += len(piece)
        return piece

    def fill(self, name: str, write: Callable[[bytes], object], chunks: Iterable[bytes]) -> Iterator[None]:
        """Write an entry, and note its size and hash."""
        digest, size = hashlib.sha256(), 0
        for chunk in chunks:
            write(chunk)
            digest.update(chunk)
            size += len(chunk)
            yield
        self.files[name] = {"bytes": size, "sha256": digest.hexdigest()}

    def entries(self) -> Iterator[tuple[str, Iterable[bytes]]]:
        user_id = self.user.pk
        yield README, [READ_ME.encode()]
        yield "schema.json", [indented(tables.schema())]
        for table in tables.tables():
            yield table.name, self.counted(table)
            self.files[table.name]["rows"] = self.contents[table.label].rows
        self.tell("Writing letters, cards and the calendar")
        yield "mail.mbox", mailbox(user_id)
        yield "contacts.vcf", cards(user_id)
        yield "calendar.ics", calendar(user_id)
        yield from originals(user_id)
        yield MANIFEST, [indented(self.manifest())]

    def counted(self, table: tables.Table) -> Iterator[bytes]:
        content = self.contents[table.label] = Content()
        before = sum(other.rows for other in self.contents.values())
        for line in table.lines(self.user.pk):
            content.add(line)
            if not content.rows % 500:
                self.tell(f"Wrote {before + content.rows:,} of {self._all:,} rows")
            yield line

    def manifest(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "version": VERSION,
            "made_at": timezone.now().isoformat(timespec="seconds"),
            "content_hash": self.content_hash,
            "files": self.files,
            "left_out": tables.LEFT_OUT,
        }


@contextmanager
def snapshot(user_id: UUID) -> Iterator[None]:
    """A transaction in the name of this user that sees one moment and changes nothing; inside another one, that one."""
    is_nested = connection.in_atomic_block
    with transaction.atomic():
        if not is_nested:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        with acting_as(user_id):
            yield


def entry_of(name: str) -> zipfile.ZipInfo:
    """An entry dated now. What it is can be read from the first bytes of the archive, as the first one is not packed."""
    entry = zipfile.ZipInfo(name, timezone.localtime().timetuple()[:6])
    entry.compress_type = zipfile.ZIP_STORED if name == README else zipfile.ZIP_DEFLATED
    entry._compresslevel = LEVEL  # type: ignore[attr-defined]  # its public name differs between Pythons
    entry.external_attr = 0o600 << 16
    return entry


def is_archive(head: bytes) -> bool:
    """Whether a file that begins so is an archive of ours, made by this version or another."""
    return head.startswith(b"PK\x03\x04") and README.encode() in head[:60] and TITLE.encode() in head[:200]


def indented(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode() + b"\n"


READ_ME = f"""\
{TITLE}: everything that one person had there, in files that other programs read.
Nothing in it is encrypted. Keep it where you keep your letters.

mail.mbox       Every e-mail, word for word as it came, attachments included. Mail programs open it.
contacts.vcf    Every person with addresses, numbers, notes and tags. Address books open it.
calendar.ics    Every calendar entry. Calendars open it.
originals/      Calendars, address books and tables as you handed them over, word for word.
data/           All rows, a file for each table, a row in each line, as JSON. Rows name one another by their id.
                Letters that were written in OmniCRM, drafts too, are in integrations.OutboxMessage.jsonl. Nothing of
                them is sent by bringing them in elsewhere.
schema.json     What the columns of each table are.
manifest.json   How many rows there are, the SHA-256 of each file, and one hash over all rows (content_hash).
                It is the same for every archive of the same data, whenever and wherever it is made.

Not in it: passwords, second factors, sessions; and what manifest.json lists under left_out, with the reasons.

To bring it into an empty account of OmniCRM, choose this zip under “Import”, or run
    manage.py import_user you@example.org THIS.zip
"""
