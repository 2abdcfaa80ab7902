"""Reading an archive that somebody hands over, of whom we believe nothing: all of it is checked before a row is written.

Nothing is unpacked to disk and no name in it is a path to us, so there is nowhere that an entry could escape to. How
much may come out of it is bounded by what its directory says, and that by the size of the file.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

from integrations.archive import tables
from integrations.archive.writing import FORMAT, MANIFEST, VERSION, Content, content_hash

MOST_ENTRIES = 100_000
MOST_TIMES = 200
"""How many times its own size an archive may unpack to; letters and JSON come to ten times, zeros to a thousand."""
SMALL = 10_000_000
"""Bytes that a manifest may have, and that any archive may unpack to."""
LONGEST_LINE = 200_000_000
CHUNK = 256 * 1024
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError)
_FIELDS: dict[str, type] = {"files": dict, "content_hash": str, "version": int}

Tell = Callable[[str], None]


class BadArchive(Exception):
    """This file is not brought in; the message says why, and what to do."""


class Reading:
    """An archive that holds together: the rows of each table, checked. Raises BadArchive, also while it is read."""

    def __init__(self, stream: IO[bytes], tell: Tell = lambda words: None) -> None:
        try:
            self._zip = zipfile.ZipFile(stream)
        except _DAMAGED as error:
            raise BadArchive(
                "This is no whole zip file: it may be cut off. Copy or download it again."
            ) from error
        self.tell = tell
        self._sizes = self._sizes_of(self._zip.infolist())
        self.manifest = self._manifest()
        self.files: dict[str, dict[str, Any]] = self.manifest["files"]
        self._check_names()

    @property
    def content_hash(self) -> str:
        return str(self.manifest["content_hash"])

    @property
    def rows(self) -> int:
        return sum(self.files[table.name]["rows"] for table in tables.tables())

    def check(self) -> None:
        """Read all of it once, and compare it with what the manifest says."""
        contents = {}
        for name in self.files:
            self.tell(f"Checking {name}")
            contents[name] = self._checked(name)
        found = {table.label: contents[table.name] for table in tables.tables()}
        if content_hash(found) != self.content_hash:
            raise BadArchive(_CHANGED.format("data/"))

    def lines(self, table: tables.Table) -> Iterator[bytes]:
        """The lines of a table's file."""
        with self._opened(table.name) as entry:
            while line := self._read(table.name, lambda: entry.readline(LONGEST_LINE + 1)):
                if len(line) > LONGEST_LINE:
                    raise BadArchive(_CHANGED.format(table.name))
                yield line

    # --- what it is made of

    def _sizes_of(self, entries: list[zipfile.ZipInfo]) -> dict[str, int]:
        sizes = {entry.filename: entry.file_size for entry in entries}
        packed = sum(entry.compress_size for entry in entries)
        if len(entries) > MOST_ENTRIES or len(sizes) < len(entries):
            raise BadArchive(
                "This zip file has too many entries, or two of one name. Make the archive again."
            )
        if sum(sizes.values()) > SMALL + MOST_TIMES * packed:
            raise BadArchive("This zip file would unpack to far more than it is. OmniCRM makes none like it.")
        return sizes

    def _manifest(self) -> dict[str, Any]:
        if self._sizes.get(MANIFEST, SMALL + 1) > SMALL:
            raise BadArchive("This zip file is no archive of OmniCRM: it has no manifest.json that says so.")
        with self._opened(MANIFEST) as entry:
            said = self._read(MANIFEST, entry.read)
        try:
            manifest = json.loads(said)
        except (ValueError, RecursionError):
            manifest = None
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            raise BadArchive("This zip file is no archive of OmniCRM: its manifest.json does not say so.")
        if manifest.get("version") != VERSION:
            raise BadArchive(
                f"This archive has version {str(manifest.get('version'))[:20]} of the format, and this OmniCRM reads version {VERSION}."
                " Bring it in with the OmniCRM that made it."
            )
        if any(not isinstance(manifest.get(name), kind) for name, kind in _FIELDS.items()):
            raise BadArchive(_CHANGED.format(MANIFEST))
        return manifest

    def _check_names(self) -> None:
        """It holds what its manifest lists and nothing else, and a file for each of our tables."""
        for name, said in self.files.items():
            is_row_file = name.startswith("data/")
            if not (
                isinstance(said, dict) and is_number(said.get("bytes")) and is_digest(said.get("sha256"))
            ):
                raise BadArchive(_CHANGED.format(MANIFEST))
            if is_row_file and not is_number(said.get("rows")):
                raise BadArchive(_CHANGED.format(MANIFEST))
        if self._sizes.keys() != self.files.keys() | {MANIFEST}:
            raise BadArchive(
                "Files are missing in this archive, or were added to it. Copy or download it again."
            )
        ours = {table.name for table in tables.tables()}
        if {name for name in self.files if name.startswith("data/")} != ours:
            raise BadArchive(
                "This archive was made by another version of OmniCRM, which had other tables."
                " Bring it in with the OmniCRM that made it."
            )

    def _checked(self, name: str) -> Content:
        """What an entry holds, found to be what the manifest says."""
        said, digest, content, size, rest = self.files[name], hashlib.sha256(), Content(), 0, b""
        with self._opened(name) as entry:
            while chunk := self._read(name, lambda: entry.read(CHUNK)):
                digest.update(chunk)
                size += len(chunk)
                if "rows" in said:
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        content.add(line + b"\n")
        if (size, digest.hexdigest(), content.rows) != (said["bytes"], said["sha256"], said.get("rows", 0)):
            raise BadArchive(_CHANGED.format(name))
        return content

    def _opened(self, name: str) -> zipfile.ZipExtFile:
        opened: zipfile.ZipExtFile = self._read(name, lambda: self._zip.open(name))
        return opened

    def _read(self, name: str, read: Callable[[], Any]) -> Any:
        try:
            return read()
        except _DAMAGED as error:
            raise BadArchive(_CHANGED.format(name)) from error


_CHANGED = "{} in this archive is damaged, or not what was put into it. Copy or download the archive again."


def is_number(value: object) -> bool:
    return type(value) is int and value >= 0


def is_digest(value: object) -> bool:
    return isinstance(value, str) and bool(re.fullmatch(r"[0-9a-f]{64}", value))
