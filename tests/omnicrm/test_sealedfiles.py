"""Files as they are kept: nothing readable on the disk, everything readable through the storage, nothing exchangeable."""

from __future__ import annotations

import io
import random
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from hypothesis import given
from hypothesis import strategies as st

from omnicrm import sealed
from omnicrm.crypto import CannotOpen, Keyring
from omnicrm.sealedfiles import CHUNK, HEAD_BYTES, SEALED_CHUNK, SealedReader, SealedStorage, SealingReader

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 7]


@pytest.fixture
def storage(tmp_path: Path) -> SealedStorage:
    return SealedStorage(location=tmp_path)


def some(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def reader(kept: bytes, name: str = "a") -> io.BufferedReader:
    return io.BufferedReader(SealedReader(io.BytesIO(kept), name, len(kept)), CHUNK)


def kept(plain: bytes, name: str = "a") -> bytes:
    return SealingReader(io.BytesIO(plain), name).read()


@pytest.mark.parametrize("size", SIZES)
def test_what_is_stored_comes_back(storage: SealedStorage, tmp_path: Path, size: int) -> None:
    assert storage.save("deep/er/a.mbox", ContentFile(some(size))) == "deep/er/a.mbox"
    assert storage.size("deep/er/a.mbox") == size
    with storage.open("deep/er/a.mbox") as file:
        assert file.read() == some(size)
    on_disk = (tmp_path / "deep/er/a.mbox").read_bytes()
    assert len(on_disk) == HEAD_BYTES + size + 16 * max(1, -(-size // CHUNK))
    assert size < 20 or some(size)[:16] not in on_disk
    storage.delete("deep/er/a.mbox")
    assert not storage.exists("deep/er/a.mbox")


@given(st.lists(st.tuples(st.integers(0, 3 * CHUNK + 50), st.integers(0, 2 * CHUNK)), max_size=8))
def test_reading_from_anywhere(places: list[tuple[int, int]]) -> None:
    plain = some(3 * CHUNK + 7)
    with reader(kept(plain)) as file:
        for at, length in places:
            file.seek(at)
            assert file.read(length) == plain[at : at + length]


def test_lines_of_a_mailbox_can_be_walked() -> None:
    lines = [b"From x\n", b"y" * CHUNK + b"\n", b"\n", b"last"]
    assert list(reader(kept(b"".join(lines)))) == lines


def changed(whole: bytes, at: int) -> bytes:
    return whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]


WHOLE = kept(some(2 * CHUNK + 9))
FIRST, SECOND = HEAD_BYTES, HEAD_BYTES + SEALED_CHUNK


HURT = {
    "empty": b"",
    "never sealed": b"From nobody\n",
    "noise": some(5000),
    "half a head": WHOLE[: HEAD_BYTES - 1],
    "only a head": WHOLE[:HEAD_BYTES],
    "one chunk of three": WHOLE[:SECOND],
    "two chunks of three": WHOLE[: SECOND + SEALED_CHUNK],
    "a byte less": WHOLE[:-1],
    "a byte more": WHOLE + b"x",
    "chunks exchanged": WHOLE[:FIRST]
    + WHOLE[SECOND : SECOND + SEALED_CHUNK]
    + WHOLE[FIRST:SECOND]
    + WHOLE[SECOND + SEALED_CHUNK :],
    **{f"byte {at} changed": changed(WHOLE, at) for at in (0, 5, 10, FIRST, SECOND + 100, len(WHOLE) - 1)},
}


@pytest.mark.parametrize("how", HURT)
def test_what_was_cut_changed_or_exchanged_does_not_open(how: str) -> None:
    with pytest.raises(CannotOpen):
        reader(HURT[how]).read()


def test_a_file_in_the_place_of_another_does_not_open(storage: SealedStorage, tmp_path: Path) -> None:
    storage.save("hers", ContentFile(b"Dear Alice"))
    storage.save("his", ContentFile(b"Dear Charlie"))
    (tmp_path / "hers").replace(tmp_path / "his")
    with pytest.raises(CannotOpen, match="moved"), storage.open("his") as file:
        file.read()


def test_sealing_anew_under_the_same_name(storage: SealedStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.save("a", ContentFile(some(CHUNK + 1)))
    old = sealed.keyring()
    use(monkeypatch, Keyring({"z9": bytes(32), **old.keys}))
    assert storage.key_id("a") == old.current
    storage.reseal("a")
    assert (storage.key_id("a"), storage.listdir("")) == ("z9", ([], ["a"]))
    use(monkeypatch, Keyring({"z9": bytes(32)}))
    with storage.open("a") as file:
        assert file.read() == some(CHUNK + 1)


def use(monkeypatch: pytest.MonkeyPatch, ring: Keyring) -> None:
    def keyring() -> Any:
        return ring

    for module in ("sealed", "sealedfiles"):
        monkeypatch.setattr(f"omnicrm.{module}.keyring", keyring)
