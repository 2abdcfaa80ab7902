"""What happens around every request: it gets an id, is counted, and the database is told who is asking."""

from __future__ import annotations

import ipaddress
import re
import time
from collections.abc import Callable
from functools import cache
from uuid import uuid4
from zoneinfo import ZoneInfo, available_timezones

import structlog
from allauth.core.exceptions import ImmediateHttpResponse, ReauthenticationRequired
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import Resolver404, resolve
from django.utils import timezone

from omnicrm import acting, problems
from omnicrm.logs import view_of
from omnicrm.ratelimits import seconds_to_wait

log = structlog.get_logger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]
GOOD_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
QUIET = {"", "livez", "readyz"}


class RequestIdMiddleware:
    """`X-Request-ID`: taken from the proxy when it is well-formed, else made here; in every log line and answer."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given, began = request.headers.get("X-Request-ID", ""), time.monotonic()
        request_id = given if GOOD_ID.fullmatch(given) else uuid4().hex
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request_id), acting.actor("web"):
            response = self.get_response(request)
            tell(request, response, time.monotonic() - began)
        response["X-Request-ID"] = request_id
        return response


def tell(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    """A line for every request; a quiet one for static files, and for machines that ask whether we are well."""
    view, status = view_of(request), response.status_code
    line = log.debug if status < 400 and view in QUIET else log.info
    line("request", method=request.method, view=view, status=status, ms=round(seconds * 1000))


class ClientAddressMiddleware:
    """`REMOTE_ADDR` is the address of whoever asked, as our own proxies saw it.

    Each proxy appends whom it heard from to X-Forwarded-For, so with TRUSTED_PROXIES of them the address is that
    many places from the right; what stands before it is anybody's invention. The header goes no further.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        said = request.META.pop("HTTP_X_FORWARDED_FOR", "")
        request.META["REMOTE_ADDR"] = client_address(request.META.get("REMOTE_ADDR", ""), said)
        return self.get_response(request)


def client_address(peer: str, forwarded_for: str) -> str:
    """Who asked, given who is connected to us and what X-Forwarded-For says; the peer where that makes no sense."""
    hops = [hop.strip() for hop in forwarded_for.split(",")]
    if not 0 < settings.TRUSTED_PROXIES <= len(hops):
        return peer
    try:
        return str(ipaddress.ip_address(hops[-settings.TRUSTED_PROXIES].strip("[]")))
    except ValueError:
        return peer


class ZoneMiddleware:
    """Days begin where the reader is: in the zone that their browser says (static/js/app.js), else in UTC."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = request.COOKIES.get("zone", "")
        with timezone.override(ZoneInfo(name) if name in zones() else None):
            return self.get_response(request)


@cache
def zones() -> frozenset[str]:
    return frozenset(available_timezones())


class RateLimitMiddleware:
    """Answers 429 with Retry-After to whoever asks for one page too often; see omnicrm.ratelimits."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: object
    ) -> HttpResponse | None:
        seconds = seconds_to_wait(request, view)
        return problems.too_often(request, retry_after=seconds) if seconds else None


class SizeMiddleware:
    """Answers 413 to a body that is larger than a form can be, before any of it is read. Files have a door of theirs."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *_: object
    ) -> HttpResponse | None:
        size = request.META.get("CONTENT_LENGTH", "")
        is_large = size.isdecimal() and int(size) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        if not is_large or getattr(view, "takes_files", False):
            return None
        return problems.too_large(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        # JSON in a form, nested deeper than anybody means it.
        is_nested = isinstance(exception, RecursionError) and request.method == "POST"
        return problems.damaged(request) if is_nested else None


class SecondFactorMiddleware:
    """Operators, whose password alone would open the admin, see only the way to a second factor until they have one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        user = request.user
        if not user.is_authenticated or not user.is_staff or request.path_info.startswith(ACCOUNTS):
            return self.get_response(request)
        if is_mfa_enabled(user):
            return self.get_response(request)
        messages.warning(request, "You look after this server, so your account needs a second factor first.")
        return redirect("mfa_index")


ACCOUNTS = "/accounts/"


ANSWERS = (Http404, ReauthenticationRequired, ImmediateHttpResponse)
"""Exceptions that are an answer, given before anything was done; allauth still asks the database about it."""


class ActingMiddleware:
    """Runs the view, and the rendering of its template, in one transaction in the name of the signed-in user.

    Views marked `own_units` open their own. A failed view leaves nothing behind.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated or has_own_units(request.path_info):
            return self.get_response(request)
        with acting.acting_as(request.user.pk):
            return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        # Django turns the exception into a page below us, so the transaction must be told that it failed.
        if acting.current_user_id() and not isinstance(exception, ANSWERS):
            transaction.set_rollback(True)
        return None


def has_own_units(path: str) -> bool:
    try:
        return getattr(resolve(path).func, "own_units", False)
    except Resolver404:
        return False
