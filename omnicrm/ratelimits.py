"""How often one address, and one session, may ask for each page. Counted in Valkey, exactly, across all processes.

While Valkey is away each process counts for itself: the limits are looser then, and nobody is locked out.
"""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable
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

REST = 3.0
"""Seconds without asking Valkey, after a failure."""
PATIENCE = 0.25
"""Seconds that a request waits for Valkey."""
BY_NAME = {
    "account_login": "login",
    "account_signup": "login",
    "account_reset_password": "login",
    "account_reset_password_from_key": "login",
    "account_reauthenticate": "login",
    "mfa_authenticate": "login",
    "mfa_login_webauthn": "login",
    "mfa_reauthenticate": "login",
    "mfa_reauthenticate_webauthn": "login",
    "livez": "unlimited",
    "readyz": "unlimited",
}
"""Pages that are not ours to mark. Machines that ask whether we are alive must not be told to come back later."""

log = structlog.get_logger(__name__)


def limited(kind: str) -> Callable[[View], View]:
    """Marks a view as one of a kind that settings.RATE_LIMITS names: login, search, import, export, ai, sync."""

    def mark(view: View) -> View:
        view.rate_limit = kind  # type: ignore[attr-defined]
        return view

    return mark


def seconds_to_wait(request: HttpRequest, view: Callable[..., Any]) -> int:
    """Counts this request; 0 when it may go on, else the seconds until one like it may."""
    match = request.resolver_match
    name = match.view_name if match else ""
    item = limit_of(getattr(view, "rate_limit", BY_NAME.get(name, "default")))
    if item is None:
        return 0
    waits = [counters.wait(item, name, who) for who in askers(request)]
    return max(waits)


@cache
def limit_of(kind: str) -> RateLimitItem | None:
    """None for what is not limited."""
    return None if kind == "unlimited" else parse(settings.RATE_LIMITS[kind])


def askers(request: HttpRequest) -> list[str]:
    """The address (of IPv6 the network that one household has), and the session if there is one."""
    session = request.session.session_key
    return [network(request.META.get("REMOTE_ADDR", "")), *([f"session {session}"] if session else [])]


def network(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return "nowhere"
    return str(ipaddress.ip_network(f"{parsed}/64", strict=False)) if parsed.version == 6 else str(parsed)


class Counters:
    """The shared counter, and this process's own while the shared one is away."""

    def __init__(self) -> None:
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._shared: MovingWindowRateLimiter | None = None
        self._resting_until = 0.0

    def wait(self, item: RateLimitItem, *who: str) -> int:
        if time.monotonic() >= self._resting_until:
            try:
                return ask(self.shared(), item, who)
            except RedisError as error:
                self._resting_until = time.monotonic() + REST
                log.warning(
                    "limits.unreachable", error=type(error).__name__, hint="Each process counts alone."
                )
        return ask(self._own, item, who)

    def shared(self) -> MovingWindowRateLimiter:
        if self._shared is None:
            uri = settings.REDIS_URL.replace("unix://", "redis+unix://", 1)
            storage = RedisStorage(
                uri, key_prefix="omnicrm:limits", socket_timeout=PATIENCE, socket_connect_timeout=PATIENCE
            )
            self._shared = MovingWindowRateLimiter(storage)
        return self._shared


def ask(limiter: MovingWindowRateLimiter, item: RateLimitItem, who: tuple[str, ...]) -> int:
    if limiter.hit(item, *who):
        return 0
    return max(1, math.ceil(limiter.get_window_stats(item, *who).reset_time - time.time()))


counters = Counters()
