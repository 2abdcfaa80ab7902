"""Files that are kept sealed, in any Django storage: read anywhere in them, written as a stream.

A file is `OCRM | 0x01 | id of the key (2) | salt (16)`, then chunks of 64 KiB, each sealed with a key that HKDF
derives from salt and name. A chunk's nonce is its number and whether it is the last, so that chunks can be neither
exchanged nor cut off (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.core.files import File
from django.core.files.storage import Storage
from django.utils.deconstruct import deconstructible
from django.utils.module_loading import import_string

from omnicrm.crypto import TAG_BYTES, CannotOpen, Keyring
from omnicrm.pieces import PieceReader
from omnicrm.sealed import keyring

MAGIC = b"OCRM\x01"
DRAFT = ".resealing"
SALT_BYTES = 16
HEAD_BYTES = len(MAGIC) + 2 + SALT_BYTES
CHUNK = 64 * 1024
SEALED_CHUNK = CHUNK + TAG_BYTES


def cipher(ring: Keyring, key_id: str, salt: bytes, name: str) -> AESGCM:
    return AESGCM(ring.derive(key_id, salt=salt, info=b"omnicrm file " + name.encode()))


def nonce(number: int, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\x01" if last else b"\x00")


def sealing(plain: BinaryIO, name: str) -> Iterator[bytes]:
    """The sealed file in pieces. An empty file has one empty chunk, so that it cannot be a cut one."""
    ring, salt = keyring(), secrets.token_bytes(SALT_BYTES)
    aead = cipher(ring, ring.current, salt, name)
    yield MAGIC + ring.current.encode() + salt
    number, chunk = 0, plain.read(CHUNK)
    while True:
        following = plain.read(CHUNK) if chunk else b""
        yield aead.encrypt(nonce(number, not following), chunk, None)
        if not following:
            return
        number, chunk = number + 1, following


def head_of(sealed: BinaryIO | File[bytes]) -> tuple[str, bytes]:
    """The key's id and the salt. Raises CannotOpen."""
    head = sealed.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or not head.startswith(MAGIC):
        raise CannotOpen("This file is not sealed, or cut off.")
    return head[len(MAGIC) : len(MAGIC) + 2].decode("ascii", "replace"), head[-SALT_BYTES:]


class SealingReader(PieceReader):
    """The sealed form of a plain file, to be read once from its beginning."""

    def __init__(self, plain: BinaryIO, name: str) -> None:
        super().__init__(sealing(plain, name))


class SealedReader(io.RawIOBase):
    """The plain bytes of a sealed file, seekable. Raises CannotOpen for what was changed, cut or moved."""

    def __init__(self, sealed: BinaryIO, name: str, size: int) -> None:
        super().__init__()
        self._sealed, self._at, self._chunk = sealed, 0, (-1, b"")
        self._aead = cipher(keyring(), *head_of(sealed), name)
        self.size, self._last = plain_size(size)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def readinto(self, buffer: Any) -> int:
        number, inside = divmod(self._at, CHUNK)
        piece = self._plain(number)[inside : inside + len(buffer)] if number <= self._last else b""
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def close(self) -> None:
        self._sealed.close()
        super().close()

    def _plain(self, number: int) -> bytes:
        if self._chunk[0] != number:
            self._sealed.seek(HEAD_BYTES + number * SEALED_CHUNK)
            sealed = self._sealed.read(SEALED_CHUNK)
            try:
                plain = self._aead.decrypt(nonce(number, number == self._last), sealed, None)
            except InvalidTag:
                raise CannotOpen("This file was sealed with another key, or changed, cut or moved.") from None
            self._chunk = (number, plain)
        return self._chunk[1]


def plain_size(sealed_size: int) -> tuple[int, int]:
    """Bytes inside a sealed file of this size, and the number of its last chunk. Raises CannotOpen."""
    body = sealed_size - HEAD_BYTES
    last, rest = divmod(body - 1, SEALED_CHUNK)
    if body < TAG_BYTES or rest + 1 < TAG_BYTES:
        raise CannotOpen("This file is cut off.")
    return body - (last + 1) * TAG_BYTES, last


@deconstructible
class SealedStorage(Storage):
    """A storage whose files are sealed before another one (`inner`, by default a local folder) keeps them."""

    def __init__(self, inner: str = "django.core.files.storage.FileSystemStorage", **options: Any) -> None:
        self.inner: Storage = import_string(inner)(**options)

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        if mode != "rb":
            raise ValueError("Sealed files are read as a whole; save a new one instead of writing into it.")
        sealed = self.inner.open(name, "rb")
        return File(io.BufferedReader(SealedReader(sealed, name, self.inner.size(name)), CHUNK), name)  # type: ignore[arg-type]

    def _save(self, name: str, content: File[Any]) -> str:
        content.seek(0)
        saved = self.inner.save(name, File(SealingReader(content, name), name))  # type: ignore[arg-type]
        if saved != name:
            self.inner.delete(saved)
            raise FileExistsError(name)
        return saved

    def key_id(self, name: str) -> str:
        """Which key a stored file was sealed with. Raises CannotOpen."""
        with self.inner.open(name, "rb") as sealed:
            return head_of(sealed)[0]

    def reseal(self, name: str) -> None:
        """Seal a stored file anew with the first key, under its name, at once. Raises CannotOpen; then it is as it
        was. Raises FileNotFoundError for one that is, or was meanwhile, deleted: it does not come back."""
        with self.open(name) as plain:
            draft = self.inner.save(name + DRAFT, File(SealingReader(plain, name)))  # type: ignore[arg-type]
        if not self.inner.exists(name):
            self.inner.delete(draft)
            raise FileNotFoundError(name)
        self._replace(name, draft)

    def _replace(self, name: str, draft: str) -> None:
        """The draft takes the place of the file: at once in a folder; elsewhere one of the two is there at any time."""
        try:
            Path(self.inner.path(draft)).replace(self.inner.path(name))
        except NotImplementedError:
            self.inner.delete(name)
            with self.inner.open(draft, "rb") as content:
                self.inner.save(name, content)
            self.inner.delete(draft)

    def tidy_up(self, names: Iterable[str]) -> None:
        """See to the drafts of a `reseal` that did not reach its end: one whose file is there still is superfluous."""
        for draft in [name for name in names if name.endswith(DRAFT)]:
            name = draft.partition(DRAFT)[0]
            if self.inner.exists(name):
                self.inner.delete(draft)
            else:
                self._replace(name, draft)

    def delete(self, name: str) -> None:
        self.inner.delete(name)

    def exists(self, name: str) -> bool:
        return self.inner.exists(name)

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        try:
            return self.inner.listdir(path)
        except FileNotFoundError:  # a local folder is made by its first file
            return [], []

    def size(self, name: str) -> int:
        return plain_size(self.inner.size(name))[0]
