"""Sealing values: what opens, what does not, and what is said about keys that cannot be used."""

from __future__ import annotations

import base64
from uuid import UUID

import pytest

from omnicrm.crypto import BadKeyring, CannotOpen, Keyring, key_id_of, new_key, place

ONE, TWO = bytes(range(32)), bytes(range(32, 64))
RING = Keyring({"k1": ONE})
ROTATED = Keyring({"k2": TWO, "k1": ONE})
HERE = place("a_table", "a_column", UUID(int=1), UUID(int=2))


def test_what_is_sealed_opens_in_its_place_only() -> None:
    sealed = RING.seal(b"a token", HERE)
    assert RING.open(sealed, HERE) == b"a token"
    for elsewhere in (
        place("a_table", "a_column", UUID(int=3), UUID(int=2)),
        place("a_table", "a_column", UUID(int=1), UUID(int=4)),
        place("a_table", "b_column", UUID(int=1), UUID(int=2)),
        place("b_table", "a_column", UUID(int=1), UUID(int=2)),
    ):
        with pytest.raises(CannotOpen, match="changed or moved"):
            RING.open(sealed, elsewhere)


def test_a_known_value() -> None:
    """What is in a backup must open for ever. Key and nonce are zeros, as in NIST's test case 14 for AES-256-GCM,
    whose ciphertext begins with cea7403d4d: here that is the stream that "hello" was added to."""
    sealed = bytes.fromhex("016b31000000000000000000000000a6c22c51228b908f7f62ffcea6a92fabef39bf4d93")
    assert bytes(a ^ b for a, b in zip(sealed[15:20], b"hello", strict=True)).hex() == "cea7403d4d"
    assert Keyring({"k1": bytes(32)}).open(sealed, b"") == b"hello"


def test_no_two_are_alike() -> None:
    assert RING.seal(b"same", HERE) != RING.seal(b"same", HERE)
    assert RING.seal(b"", HERE) != RING.seal(b"", HERE)
    assert RING.open(RING.seal(b"", HERE), HERE) == b""


def test_what_must_be_comparable_is_alike_in_its_place_only() -> None:
    sealed = RING.seal(b"same", HERE, repeatable=True)
    there = place("a_table", "a_column", UUID(int=3), UUID(int=2))
    assert sealed == RING.seal(b"same", HERE, repeatable=True)
    assert RING.open(sealed, HERE) == b"same"
    others = [
        RING.seal(b"other", HERE, repeatable=True),
        RING.seal(b"same", there, repeatable=True),
        Keyring({"k1": TWO}).seal(b"same", HERE, repeatable=True),
    ]
    assert len({sealed[3:15], *(other[3:15] for other in others)}) == 4  # never one nonce for two


def test_a_keyring_says_nothing_of_its_keys() -> None:
    assert repr(RING) == str(RING) == "Keyring()"


def test_every_changed_byte_and_every_cut_is_noticed() -> None:
    sealed = RING.seal(b"a token", HERE)
    for at in range(len(sealed)):
        changed = bytearray(sealed)
        changed[at] ^= 1
        with pytest.raises(CannotOpen):
            RING.open(bytes(changed), HERE)
        with pytest.raises(CannotOpen):
            RING.open(sealed[:at], HERE)


def test_the_first_key_seals_and_all_of_them_open() -> None:
    old = RING.seal(b"a token", HERE)
    assert ROTATED.open(old, HERE) == b"a token"
    assert (key_id_of(old), key_id_of(ROTATED.seal(b"x", HERE))) == ("k1", "k2")
    with pytest.raises(CannotOpen, match="the key k2, which is not among ours"):
        RING.open(ROTATED.seal(b"x", HERE), HERE)
    with pytest.raises(CannotOpen, match="another key"):
        Keyring({"k1": TWO}).open(old, HERE)


def test_keys_are_read_as_they_are_written() -> None:
    text = f"{new_key('k2')}, {new_key('k1')}"
    ring = Keyring.parse(text)
    assert (list(ring.keys), ring.current) == (["k2", "k1"], "k2")
    assert {len(key) for key in ring.keys.values()} == {32}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "There is no key"),
        ("nonsense", "begins with an id of two small letters or digits, not 'nonsense'"),
        ("k1:***", "The key k1 is not base64"),
        (f"k1:{base64.b64encode(b'short').decode()}", "The key k1 has 5 bytes; it must have 32"),
        (
            f"k1:{base64.b64encode(ONE).decode()},k1:{base64.b64encode(TWO).decode()}",
            "Two keys are called k1",
        ),
    ],
)
def test_keys_that_cannot_be_used_are_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(BadKeyring, match=words):
        Keyring.parse(text)
