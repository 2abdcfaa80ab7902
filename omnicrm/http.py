"""The request as our views know it, and the two questions they ask of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.middleware import HtmxDetails

from omnicrm.models import User

View = TypeVar("View", bound=Callable[..., Any])


class AuthedRequest(HttpRequest):
    """A request behind the login: somebody has signed in, and htmx details are there."""

    user: User
    htmx: HtmxDetails
    request_id: str


def takes_files(view: View) -> View:
    """Marks a view that reads large bodies and has limits of its own for them; others are sent no more than a form."""
    view.takes_files = True  # type: ignore[attr-defined]
    return view


def wants_fragment(request: HttpRequest) -> bool:
    """Whether htmx asked for a part of the page, rather than the page itself (boosted, or from history)."""
    htmx: HtmxDetails = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def leads_to_us(request: HttpRequest, place: str) -> bool:
    """Whether a `next` that somebody sent is a path of this site, so that nobody is sent to another one."""
    return place.startswith("/") and url_has_allowed_host_and_scheme(
        place, {request.get_host()}, require_https=request.is_secure()
    )


def page_number(request: HttpRequest, name: str = "page") -> int:
    """The page asked for, 1 when it is missing or nonsense."""
    value = request.GET.get(name, "1")
    return max(1, min(int(value), 1_000_000)) if value.isascii() and value.isdigit() and len(value) < 8 else 1


def clean_text(value: str, limit: int = 200) -> str:
    """A query parameter made safe to search with: no NUL (Postgres refuses it), trimmed, bounded."""
    return value.replace("\x00", "").strip()[:limit]
