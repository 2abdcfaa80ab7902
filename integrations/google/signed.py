"""What Google signs when it sends something by itself: whether it did, and for whom.

Its keys are asked for and kept for an hour. A token that names another key has them asked for again, but not more than
once a minute, whatever strangers send.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

import jwt
from django.conf import settings
from requests import RequestException  # noqa: TID251 - a name for what omnicrm.outgoing raises

from integrations.google.transport import session

ISSUERS = ["https://accounts.google.com", "accounts.google.com"]
REQUIRED = ["exp", "iat", "iss", "aud"]
LEEWAY = 60
"""Seconds by which clocks may differ."""
LONGEST = 4096
KEPT, REST = 3600.0, 60.0
"""Seconds for which keys are kept, and between two times that they are asked for."""


class NotSigned(Exception):
    """Google has not signed this, or no longer stands by it."""


class NotForUs(Exception):
    """Google has signed this for others, or for somebody else's sake."""


class NoKeys(Exception):
    """Google's keys are not to be had, so nobody knows."""


@dataclass
class Keys:
    """Google's public keys, for all threads of this process."""

    known: dict[str, jwt.PyJWK] = field(default_factory=dict)
    asked_at: float = -KEPT
    place: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    def get(self, id: str) -> jwt.PyJWK | None:
        """Raises NoKeys."""
        with self.lock:
            age = time.monotonic() - self.asked_at
            is_moved = self.place != settings.GOOGLE_CERTS_URI
            if is_moved or age >= KEPT or (id not in self.known and age >= REST):
                self.place, self.asked_at = settings.GOOGLE_CERTS_URI, time.monotonic()
                self.known = self.known if not is_moved else {}
                self.ask()
            if not self.known:
                raise NoKeys
            return self.known.get(id)

    def ask(self) -> None:
        """Where they are not to be had, those of before are good for a while longer."""
        try:
            with session() as ours:
                answer = ours.get(self.place)
                answer.raise_for_status()
                found = jwt.PyJWKSet.from_dict(answer.json())
        except (RequestException, jwt.PyJWTError, ValueError, TypeError, AttributeError):
            return
        self.known = {key.key_id: key for key in found.keys if key.key_id}


keys = Keys()


def verify(token: str, *, audience: str, email: str) -> None:
    """That Google signed this token, for that audience, in the name of that service account, and not too long ago.
    Raises NotSigned, NotForUs or NoKeys."""
    try:
        if len(token) > LONGEST:
            raise NotSigned
        key = keys.get(str(jwt.get_unverified_header(token).get("kid")))
        if key is None:
            raise NotSigned
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            issuer=ISSUERS,
            audience=audience,
            leeway=LEEWAY,
            options={"require": REQUIRED},
        )
    except jwt.InvalidAudienceError as error:
        raise NotForUs from error
    except (jwt.PyJWTError, ValueError, TypeError) as error:
        raise NotSigned from error
    if not email or claims.get("email_verified") is not True or claims.get("email") != email:
        raise NotForUs
