"""Bytes that come in pieces, read as a file."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any


class PieceReader(io.RawIOBase):
    """Pieces as a file to be read once, from its beginning to its end."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        super().__init__()
        self._pieces, self._left, self._at = pieces, b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        """So that a buffer in front of it lets storages go to the beginning, where it is anyway."""
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if (offset, whence, self._at) != (0, io.SEEK_SET, 0):
            raise io.UnsupportedOperation("It is read once, from its beginning.")
        return 0

    def readinto(self, buffer: Any) -> int:
        while not self._left and (piece := next(self._pieces, None)) is not None:
            self._left = piece
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        self._at += len(taken)
        return len(taken)
