"""Addresses of which no person is to be made: one's own, what was deleted, passed over, ignored or erased; and those of
whom nothing comes in at all."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.conf import settings

from contacts.erased import Erased
from contacts.matching import mailbox_of
from contacts.models import Suppression

IS_BLOCKED = """
ARRAY[{0}, split_part({0}, '@', 1) || '@*', split_part({0}, '@', 2)] && %(blocked)s::text[]
"""
"""`is_blocked` in SQL, of an address that is an SQL expression; `blocked` are the patterns of the settings."""


class KeptAway:
    """What one user keeps away, and whoever runs the server keeps away from everybody. Asked for once, for many."""

    def __init__(self, user_id: UUID, own: Collection[str]) -> None:
        rows = Suppression.objects.for_user(user_id).filter(scope__in=["address", "domain"], source="")
        said = rows.exclude(reason=Suppression.ERASED).values_list("scope", "key")
        addresses = {key for scope, key in said if scope == Suppression.Scope.ADDRESS}
        self._domains = {key for scope, key in said if scope == Suppression.Scope.DOMAIN}
        self._mailboxes = set(map(mailbox_of, addresses | set(own)))
        self._erased = Erased(user_id)

    def holds(self, email: str) -> bool:
        """Whether this normalized address is kept away, with or without a +tag, and at Gmail dots."""
        return (
            mailbox_of(email) in self._mailboxes
            or email.rpartition("@")[2] in self._domains
            or is_blocked(email)
            or self._erased.holds("email", email)
        )


class Unwanted:
    """Whose letters and invitations do not come in: whom one user ignores, and whom whoever runs the server blocks.

    Asked of the author alone, whichever source something comes from. What one writes to them oneself does come in.
    """

    def __init__(self, user_id: UUID) -> None:
        rows = Suppression.objects.for_user(user_id).filter(
            reason=Suppression.IGNORED, scope__in=["address", "domain"], source=""
        )
        self._ignored = set(rows.values_list("key", flat=True))

    def __bool__(self) -> bool:
        return bool(self._ignored or settings.BLOCKED_SENDERS)

    def why(self, email: str) -> str:
        """The reason, as verdicts name it, for which what this normalized address sends stays out; empty: it does not."""
        if is_blocked(email):
            return "blocked"
        return "" if self._ignored.isdisjoint({email, email.rpartition("@")[2]}) else "ignored"


def patterns_of(email: str) -> list[str]:
    """The ways in which whoever runs the server may name a normalized address: all of it, either half of it."""
    local, _, domain = email.rpartition("@")
    return [email, f"{local}@*", domain]


def is_blocked(email: str) -> bool:
    """Whether whoever runs this server keeps this address away from everybody."""
    return not settings.BLOCKED_SENDERS.isdisjoint(patterns_of(email))


def blocked_in_words() -> list[str]:
    """What whoever runs this server keeps away, for users to read."""
    return [pattern_in_words(pattern) for pattern in sorted(settings.BLOCKED_SENDERS)]


def pattern_in_words(pattern: str) -> str:
    if pattern.endswith("@*"):
        return f"{pattern[:-1]} at any domain"
    return pattern if "@" in pattern else f"everybody at {pattern}"
