"""The request as our views know it, and the two questions they ask of it."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from omnicrm.models import User


class AuthedRequest(HttpRequest):
    """A request behind the login: somebody has signed in, and htmx details are there."""

    user: User
    htmx: HtmxDetails
    request_id: str


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asked for a part of the page, rather than the page itself (boosted, or from history)."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page_number(request: HttpRequest, name: str = "page") -> int:
    """The page asked for, 1 when it is missing or nonsense."""
    value = request.GET.get(name, "1")
    return max(1, min(int(value), 1_000_000)) if value.isascii() and value.isdigit() and len(value) < 8 else 1


def clean_text(value: str, limit: int = 200) -> str:
    """A query parameter made safe to search with: no NUL (Postgres refuses it), trimmed, bounded."""
    return value.replace("\x00", "").strip()[:limit]
