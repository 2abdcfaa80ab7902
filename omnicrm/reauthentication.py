"""Doors that ask once more who it is: `@sensitive` above a view, and those of allauth that SENSITIVE names.

Who signed in, or confirmed it, within settings.ACCOUNT_REAUTHENTICATION_TIMEOUT seconds passes. With a second
factor the password alone confirms nothing. A click goes on where it was held up; what somebody wrote is not kept
meanwhile, since it may be a password.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar
from urllib.parse import urlsplit

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import suspend_request
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.models import Authenticator
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode

View = TypeVar("View", bound=Callable[..., Any])

SENSITIVE = {
    "account_change_password",
    "account_email",
    "account_set_password",
    "mfa_activate_totp",
    "mfa_add_webauthn",
    "mfa_deactivate_totp",
    "mfa_download_recovery_codes",
    "mfa_edit_webauthn",
    "mfa_generate_recovery_codes",
    "mfa_remove_webauthn",
    "mfa_view_recovery_codes",
    "socialaccount_connections",
    "usersessions_list",
}
"""Pages that are not ours to mark."""


def sensitive(view: View) -> View:
    """Marks a view that only somebody opens who has just shown that it is them."""
    view.is_sensitive = True  # type: ignore[attr-defined]
    return view


def is_sure(request: HttpRequest) -> bool:
    """Whether somebody signed in or confirmed it lately, with the second factor if there was one to ask for."""
    records = get_authentication_records(request, request.user)
    since = time.time() - settings.ACCOUNT_REAUTHENTICATION_TIMEOUT
    first = Authenticator.objects.filter(user_id=request.user.pk).order_by("created_at").first()
    enrolled = first.created_at.timestamp() if first else float("inf")
    return any(
        record["at"] >= since and (record["method"] == "mfa" or record["at"] <= enrolled)
        for record in records
    )


class ReauthenticationMiddleware:
    """Sends whoever comes to a sensitive door to confirm that it is them, and from there back."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: object
    ) -> HttpResponse | None:
        match = request.resolver_match
        asks = getattr(view, "is_sensitive", False) or (match is not None and match.view_name in SENSITIVE)
        if not asks or not request.user.is_authenticated or is_sure(request):
            return None
        return ask_again(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        return ask_again(request) if isinstance(exception, ReauthenticationRequired) else None


def ask_again(request: HttpRequest) -> HttpResponse:
    """To the page that asks; htmx is told to leave the whole page, so that none is put into a part of it."""
    if request.method == "POST" and not set(request.POST) - {"csrfmiddlewaretoken"}:
        place = suspend_request(request, where_to_confirm(request)).url
    else:
        place = f"{where_to_confirm(request)}?{urlencode({'next': where_to_return(request)})}"
    if request.headers.get("HX-Request"):
        return HttpResponse(status=204, headers={"HX-Redirect": place})
    return redirect(place)


def where_to_confirm(request: HttpRequest) -> str:
    """The strongest way that this account has; without a password or second factor it is to sign in anew."""
    ways = get_adapter().get_reauthentication_methods(request.user)
    factors = [way for way in ways if way["id"].startswith("mfa_")]
    anew = reverse("openid_connect_login" if settings.OIDC_ISSUER else "account_logout")
    return str((factors or ways or [{"url": anew}])[0]["url"])


def where_to_return(request: HttpRequest) -> str:
    """The door itself or, after something was sent, the page with the button: nothing is sent again unasked."""
    if request.method in ("GET", "HEAD"):
        return request.get_full_path()
    page = request.headers.get("Referer", "")
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    parts = urlsplit(page)
    return f"{parts.path}?{parts.query}".rstrip("?") if ours and parts.path else "/"
