"""Whom a user had erased. Nobody can read who that was; whoever comes back is known again, and stays away."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from uuid import UUID

from contacts.models import Suppression, SuppressionKey

MARK = "[erased]"
_DIGITS = re.compile(r"\d")


class Erased:
    """Tells addresses, numbers and ids of items by their keyed digests. Cheap where nobody was erased."""

    def __init__(self, user_id: UUID) -> None:
        rows = Suppression.objects.for_user(user_id).filter(reason=Suppression.ERASED)
        self._user_id = user_id
        self._digests = frozenset(rows.values_list("key", flat=True))
        self._secret = secret_of(user_id) if self._digests else b""

    def __bool__(self) -> bool:
        return bool(self._digests)

    def holds(self, kind: str, value: str) -> bool:
        """Whether this address (`email`) or number (`phone`) is of somebody who was erased."""
        return bool(self._digests) and self.digest(kind, value) in self._digests

    def digest(self, kind: str, value: str) -> str:
        return digest(self._secret, kind, value)


def digest(secret: bytes, kind: str, value: str) -> str:
    return f"{kind}:{hmac.digest(secret, f'{kind}:{value}'.encode(), hashlib.sha256).hex()}"


def secret_of(user_id: UUID) -> bytes:
    """The secret of this user's digests, made when it is first needed."""
    fresh = SuppressionKey(user_id=user_id, secret=secrets.token_bytes(32))
    SuppressionKey.unscoped.bulk_create([fresh], ignore_conflicts=True)
    return bytes(SuppressionKey.objects.for_user(user_id).get().secret)


def remember(user_id: UUID, identities: Iterable[tuple[str, str]]) -> bytes:
    """From now on these (kind, value) stay away; the secret that their digests are made with."""
    secret = secret_of(user_id)
    Suppression.unscoped.bulk_create(
        [
            Suppression(
                user_id=user_id,
                scope=Suppression.Scope.ADDRESS,
                key=digest(secret, kind, value),
                reason=Suppression.ERASED,
            )
            for kind, value in sorted(set(identities))
        ],
        ignore_conflicts=True,
    )
    return secret


def telling(values: Iterable[str]) -> list[str]:
    """Those of the values that name one person wherever they stand: addresses, numbers, names of two words or more."""
    tidied = {" ".join(value.split()) for value in values}
    return sorted((value for value in tidied if tells(value)), key=lambda value: (-len(value), value))


def tells(value: str) -> bool:
    return "@" in value or " " in value or len(_DIGITS.findall(value)) >= 6


def without(text: str, values: Sequence[str]) -> str:
    """The text with each of these values, in any case, taken out."""
    if not values or not text:
        return text
    found = "|".join(re.escape(value).replace(r"\ ", r"\s+") for value in values)
    return re.sub(rf"(?<!\w)(?:{found})(?!\w)", MARK, text, flags=re.IGNORECASE)
