"""Sealing: what is worth stealing is kept encrypted, and opens only in the place that it was sealed for.

AES-256-GCM. A sealed value is `0x01 | id of the key (2 bytes) | nonce (12) | ciphertext and tag (16)`; the place,
that is table, column, row and owner, is authenticated with it, so that a value moved to another row does not open.
Django-free, so that a backup can be opened without an installation.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

VERSION = b"\x01"
KEY_ID = re.compile(r"[a-z0-9]{2}")
KEY_BYTES, NONCE_BYTES, TAG_BYTES = 32, 12, 16
HEAD_BYTES = len(VERSION) + 2 + NONCE_BYTES


class BadKeyring(ValueError):
    """The keys as they were given cannot be used; the message says what is wrong with them."""


class CannotOpen(Exception):
    """A sealed value does not open: its key is missing or another, or it was changed, cut or moved."""


@dataclass(frozen=True)
class Keyring:
    """Keys by their two-character ids. The first one seals; all of them open."""

    keys: Mapping[str, bytes] = field(repr=False)  # not in a traceback, and not in an error report

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """From `k2:<base64>,k1:<base64>`, each of 32 bytes. Raises BadKeyring."""
        keys: dict[str, bytes] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            key_id, _, encoded = part.partition(":")
            if not KEY_ID.fullmatch(key_id):
                raise BadKeyring(
                    f"A key begins with an id of two small letters or digits, not {key_id[:8]!r}."
                )
            if key_id in keys:
                raise BadKeyring(f"Two keys are called {key_id}.")
            keys[key_id] = decoded(key_id, encoded)
        if not keys:
            raise BadKeyring("There is no key.")
        return cls(keys)

    @property
    def current(self) -> str:
        """The id of the key that seals."""
        return next(iter(self.keys))

    def seal(self, plain: bytes, place: bytes, *, repeatable: bool = False) -> bytes:
        """Sealed with the current key. `repeatable`: the same value in the same place gives the same bytes, so that
        whether it has changed can be told without opening it, and nothing else can."""
        nonce = self.own_nonce(plain, place) if repeatable else secrets.token_bytes(NONCE_BYTES)
        head = VERSION + self.current.encode() + nonce
        return head + AESGCM(self.keys[self.current]).encrypt(nonce, plain, place)

    def own_nonce(self, plain: bytes, place: bytes) -> bytes:
        """A nonce that follows from value and place: two different ones share it as rarely as two random ones do."""
        said = len(place).to_bytes(8, "big") + place + plain
        return hmac.digest(nonce_key(self.keys[self.current]), said, hashlib.sha256)[:NONCE_BYTES]

    def open(self, sealed: bytes, place: bytes) -> bytes:
        """The plain bytes. Raises CannotOpen."""
        aead = AESGCM(self.key_named(key_id_of(sealed)))  # no key in a variable, which a traceback would show
        nonce, ciphertext = sealed[3:HEAD_BYTES], sealed[HEAD_BYTES:]
        try:
            return aead.decrypt(nonce, ciphertext, place)
        except InvalidTag:
            raise CannotOpen("It was sealed with another key, or changed or moved since.") from None

    def key_named(self, key_id: str) -> bytes:
        """Raises CannotOpen when there is none of this name."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise CannotOpen(f"It was sealed with the key {key_id}, which is not among ours.") from None

    def derive(self, key_id: str, *, salt: bytes, info: bytes) -> bytes:
        """A key of its own for one file or one purpose (HKDF-SHA256, RFC 5869). Raises CannotOpen."""
        return derived(self.key_named(key_id), salt=salt, info=info)


def derived(key: bytes, *, salt: bytes = b"", info: bytes) -> bytes:
    """A key of its own for one purpose (HKDF-SHA256, RFC 5869)."""
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(key)


@cache
def nonce_key(key: bytes) -> bytes:
    return derived(key, info=b"omnicrm nonces")


def decoded(key_id: str, encoded: str) -> bytes:
    try:
        key = base64.b64decode(encoded.strip(), validate=True)
    except binascii.Error:
        raise BadKeyring(f"The key {key_id} is not base64.") from None
    if len(key) != KEY_BYTES:
        raise BadKeyring(f"The key {key_id} has {len(key)} bytes; it must have {KEY_BYTES}.")
    return key


def from_text(text: str) -> bytes:
    """The sealed bytes of a value that is kept as base64. Raises CannotOpen."""
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise CannotOpen("It is not sealed, or cut off.") from None


def key_id_of(sealed: bytes) -> str:
    """Which key a value was sealed with. Raises CannotOpen for what was never sealed."""
    if len(sealed) < HEAD_BYTES + TAG_BYTES or sealed[:1] != VERSION:
        raise CannotOpen("It is not sealed, or cut off.")
    return sealed[1:3].decode("ascii", "replace")


def place(table: str, column: str, row: UUID | str, owner: UUID | str) -> bytes:
    """What a value is bound to."""
    return json.dumps(["omnicrm.v1", table, column, str(row), str(owner)]).encode()


def new_key(key_id: str = "k1") -> str:
    """A fresh key, as `Keyring.parse` reads it."""
    return f"{key_id}:{base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()}"
