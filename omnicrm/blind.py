"""Blind indexes: what is sealed can be looked up by its exact value, by whoever has the installation's secret.

A value's index is an HMAC over whose it is, what it is, and the value. It tells that two values of one user are the
same, and nothing about values of two users. Its letters are capital ones alone: no number and no folded word is one.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from functools import cache
from uuid import UUID

from django.conf import settings

from omnicrm.crypto import KEY_BYTES, derived
from omnicrm.models import IndexKey, User

ONLY = UUID(int=1)
LETTERS = str.maketrans("0123456789abcdef", "ABCDEFGHIJKLMNOP")
INDEX = re.compile(r"[A-P]{64}")


def blind(user_id: UUID, field: str, value: str) -> str:
    """64 letters from A to P, the same for the same value of the same user."""
    said = "|".join((str(user_id), field, value)).encode()
    return hmac.new(index_key(), said, hashlib.sha256).hexdigest().translate(LETTERS)


def is_blind(value: str) -> bool:
    return INDEX.fullmatch(value) is not None


@cache
def index_key() -> bytes:
    """Made at the first start, when nothing is left to be rolled back (omnicrm.keys)."""
    make_key()
    secret = bytes(IndexKey.objects.get(pk=ONLY).secret)
    return derived(secret, info=b"omnicrm blind index")


def make_key() -> None:
    """Once for each installation. One without users holds nothing that is kept otherwise than PII_STRICT says."""
    if not IndexKey.objects.filter(pk=ONLY).exists():
        strict = settings.PII_STRICT and not User.objects.exists()
        fresh = IndexKey(pk=ONLY, secret=secrets.token_bytes(KEY_BYTES), strict=strict)
        IndexKey.objects.bulk_create([fresh], ignore_conflicts=True)


def remember_strictness(strict: bool) -> None:
    """All that is there is kept so."""
    IndexKey.objects.filter(pk=ONLY).update(strict=strict)


def kept_otherwise() -> str:
    """A sentence where the data is not kept as PII_STRICT says, and what to type; empty where it is."""
    if IndexKey.objects.filter(pk=ONLY, strict=not settings.PII_STRICT).exists():
        now, sealed = ("on", "not all sealed yet") if settings.PII_STRICT else ("off", "still sealed")
        return f"PII_STRICT is {now}, and what is personal is {sealed}. Run: manage.py seal_personal_data"
    return ""
