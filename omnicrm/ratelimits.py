"""How often one address, and one session, may ask for each page. Counted in Valkey, exactly, across all processes.

While Valkey is away each process counts for itself: the limits are looser then, and nobody is locked out.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import time
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any, TypeVar

import structlog
from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, parse
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter
from redis.exceptions import RedisError

View = TypeVar("View", bound=Callable[..., Any])
Kind = str | Callable[[HttpRequest], str]

REST = 3.0
"""Seconds without asking Valkey, after a failure."""
PATIENCE = 0.25
"""Seconds that a request waits for Valkey."""
BY_NAME = {
    "account_login": "login",
    "account_signup": "login",
    "account_email": "login",
    "account_change_password": "login",
    "account_reset_password": "login",
    "account_reset_password_from_key": "login",
    "account_reauthenticate": "login",
    "account_email_verification_sent": "login",
    "mfa_activate_totp": "login",
    "mfa_authenticate": "login",
    "mfa_login_webauthn": "login",
    "mfa_reauthenticate": "login",
    "mfa_reauthenticate_webauthn": "login",
    "openid_connect_login": "login",
    "openid_connect_callback": "login",
    "livez": "unlimited",
    "readyz": "unlimited",
}
"""Pages that are not ours to mark. Machines that ask whether we are alive must not be told to come back later."""

log = structlog.get_logger(__name__)


def limited(kind: Kind) -> Callable[[View], View]:
    """Marks a view as one of a kind that settings.RATE_LIMITS names, or that a function finds in the request."""

    def mark(view: View) -> View:
        view.rate_limit = kind  # type: ignore[attr-defined]
        return view

    return mark


def searching(request: HttpRequest) -> str:
    """For a page that also searches: only what it looks for costs more."""
    return "search" if request.GET.get("q") else "default"


def seconds_to_wait(request: HttpRequest, view: Callable[..., Any]) -> int:
    """Counts this request; 0 when it may go on, else the seconds until one like it may."""
    match = request.resolver_match
    name = match.view_name if match else ""
    kind: Kind = getattr(view, "rate_limit", BY_NAME.get(name, "default"))
    item = limit_of(kind if isinstance(kind, str) else kind(request))
    if item is None:
        return 0
    waits = [counters.wait(item, name, who) for who in askers(request)]
    return max(waits)


def guess(request: HttpRequest, *whose: str) -> int:
    """Counts an attempt to get into an account from this address; 0, or the seconds until it may be tried again.

    The address is part of the count, so a stranger who guesses keeps nobody out but those who share his address.
    """
    return counters.wait(guesses(), *whose, network(request.META.get("REMOTE_ADDR", "")))


def guessed_right(request: HttpRequest, *whose: str) -> None:
    counters.forget(guesses(), *whose, network(request.META.get("REMOTE_ADDR", "")))


def guesses() -> RateLimitItem:
    return parse(settings.RATE_LIMITS["guess"])


@cache
def limit_of(kind: str) -> RateLimitItem | None:
    """None for what is not limited."""
    return None if kind == "unlimited" else parse(settings.RATE_LIMITS[kind])


def askers(request: HttpRequest) -> list[str]:
    """The address (of IPv6 the network that one household has), and the session if there is one."""
    session = request.session.session_key
    return [network(request.META.get("REMOTE_ADDR", "")), *([f"session {session}"] if session else [])]


def network(address: str) -> str:
    """An address as it is counted: a /64 of IPv6 is one household, and IPv4 is the same however it is written."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "nowhere"
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((parsed, 64), strict=False))


class Counters:
    """The shared counter, and this process's own while the shared one is away."""

    def __init__(self) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared: MovingWindowRateLimiter | None = None
        self._resting_until = 0.0

    def wait(self, item: RateLimitItem, *who: str) -> int:
        who = tuple(hidden(word) for word in who)
        if time.monotonic() >= self._resting_until:
            try:
                return ask(self.shared(), item, who)
            except RedisError as error:
                self._resting_until = time.monotonic() + REST
                log.warning(
                    "limits.unreachable", error=type(error).__name__, hint="Each process counts alone."
                )
        return ask(self._own, item, who)

    def forget(self, item: RateLimitItem, *who: str) -> None:
        who = tuple(hidden(word) for word in who)
        self._own.clear(item, *who)
        with suppress(RedisError):
            self.shared().clear(item, *who)

    def shared(self) -> MovingWindowRateLimiter:
        if self._shared is None:
            uri = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
            storage = RedisStorage(
                uri, key_prefix="omnicrm:limits", socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
            )
            self._shared = MovingWindowRateLimiter(storage)
        return self._shared


def hidden(word: str) -> str:
    """What is counted stands in Valkey for a while, where nobody shall read an address or the key of a session."""
    key = settings.SECRET_KEY.encode()[:64]
    return hashlib.blake2b(word.encode(), digest_size=16, key=key).hexdigest()


def ask(limiter: MovingWindowRateLimiter, item: RateLimitItem, who: tuple[str, ...]) -> int:
    if limiter.hit(item, *who):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(item, *who).reset_time - time.time()))


counters = Counters()
