"""Mailboxes as streams."""

from __future__ import annotations

import io
import mailbox
from pathlib import Path

import pytest

from integrations.files.mbox import CHUNK, Entry, messages

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpora"
LINE = b"From ada@x.example Mon Jul 10 09:30:00 2023\n"


def read(data: bytes, **options: int) -> list[Entry]:
    return list(messages(io.BytesIO(data), **options))


def raws(data: bytes) -> list[bytes]:
    return [entry.raw for entry in read(data)]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", []),
        (b"\n\n", []),
        (LINE + b"A: 1\n\nx\n", [b"A: 1\n\nx\n"]),
        (LINE + b"A: 1\n\nx\n\n", [b"A: 1\n\nx\n"]),
        (LINE + b"A: 1\n\nx", [b"A: 1\n\nx"]),
        (LINE, [b""]),
        (b"\xef\xbb\xbf" + LINE + b"A: 1\n\nx\n", [b"A: 1\n\nx\n"]),
        (LINE + b"A: 1\n\nx\n\n" + LINE + b"B: 2\n\ny\n", [b"A: 1\n\nx\n", b"B: 2\n\ny\n"]),
        ((LINE + b"A: 1\n\nx\n\n").replace(b"\n", b"\r\n") * 2, [b"A: 1\r\n\r\nx\r\n"] * 2),
        (LINE + b"A: 1\n\nx\n" + LINE + b"B: 2\n\ny\n", [b"A: 1\n\nx\n", b"B: 2\n\ny\n"]),
        (LINE + b"A: 1\n\nx\n\nFrom here on it rains\n", [b"A: 1\n\nx\n\nFrom here on it rains\n"]),
        (LINE + b"A: 1\n\nx\n" + LINE + b"is quoted\n", [b"A: 1\n\nx\n" + LINE + b"is quoted\n"]),
        (LINE + b"A: 1\n\n>From me\n>>From you\n> From\n", [b"A: 1\n\nFrom me\n>From you\n> From\n"]),
        (b"From 17@xxx Tue Sep 10 14:12:00 +0000 2019\nA: 1\n\nx\n", [b"A: 1\n\nx\n"]),
        (b"From - Tue Sep 10 14:12:00 2019\nA: 1\n\nx\n", [b"A: 1\n\nx\n"]),
        (
            b"From ada@x.example\nA: 1\n\nx\n\nFrom ada@x.example\nB: 2\n\ny\n",
            [b"A: 1\n\nx\n", b"B: 2\n\ny\n"],
        ),
    ],
)
def test_messages(data: bytes, expected: list[bytes]) -> None:
    assert raws(data) == expected


def test_entries_say_where_they_stand() -> None:
    one, two = LINE + b"A: 1\n\nx\n\n", LINE + b"B: 2\n\ny\n"
    entries = read(one + two)
    assert [(e.position, e.offset, e.length) for e in entries] == [(1, 0, len(one)), (2, len(one), len(two))]
    assert read(one + two, start=entries[0].offset + entries[0].length, position=1) == entries[1:]


def test_what_stands_before_the_first_message_is_mentioned() -> None:
    preamble, message = read(b"Exported by hand\n\n" + LINE + b"A: 1\n\nx\n")
    assert (preamble.raw, preamble.position, preamble.offset, preamble.length) == (b"", 0, 0, 18)
    assert "does not begin with a message" in preamble.problem
    assert (message.raw, message.position) == (b"A: 1\n\nx\n", 1)


@pytest.mark.parametrize("size", [CHUNK - 50, CHUNK - 3, CHUNK, CHUNK + 1, 3 * CHUNK])
def test_messages_longer_than_one_reading(size: int) -> None:
    long = b"A: 1\n\n" + b"x" * size + b"\n"
    assert raws((LINE + long + b"\n") * 2) == [long, long]


def test_a_message_over_the_limit_is_passed_over() -> None:
    big = LINE + b"A: 1\n\n" + b"y" * (4 * CHUNK) + b"\n\n"
    first, second = read(big + LINE + b"B: 2\n\nx\n", limit=CHUNK)
    assert (first.raw, first.length) == (b"", len(big))
    assert first.problem == "This message is larger than 1 MB and was left out."
    assert (second.raw, second.position, second.offset) == (b"B: 2\n\nx\n", 2, len(big))


class Nothing(io.RawIOBase):
    """A sparse file: `size` zero bytes."""

    def __init__(self, size: int) -> None:
        self.size, self.most = size, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        return offset

    def read(self, size: int = -1) -> bytes:
        self.most = max(self.most, size)
        size = min(size, self.size)
        self.size -= size
        return bytes(size)


def test_a_sparse_file_is_read_in_pieces() -> None:
    stream = Nothing(200 * CHUNK)
    entries = list(messages(stream))  # type: ignore[arg-type]
    assert [(e.length, e.raw) for e in entries] == [(200 * CHUNK, b"")]
    assert stream.most <= 2 * CHUNK


@pytest.mark.skipif(not CORPUS.is_dir(), reason="NOT RUN: the corpora are not beside this checkout")
def test_real_archives_have_the_messages_that_others_count() -> None:
    for path in sorted((CORPUS / "mbox").iterdir()):
        with path.open("rb") as stream:
            entries = list(messages(stream))
        box = mailbox.mbox(path, create=False)
        assert (path.name, len(entries)) == (path.name, len(box))
        box.close()
        assert sum(entry.length for entry in entries) == path.stat().st_size
        assert not [entry.problem for entry in entries if entry.problem]
