"""What is shown when something goes wrong: what happened, what to do, and the number to tell whoever runs the server."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string


@dataclass(frozen=True)
class Problem:
    """A view whose page needs neither the database nor anything else that may be what is broken."""

    status: int
    title: str
    text: str
    retry_after: int = 0
    """Seconds until it is worth trying again, if that is known."""

    def __call__(self, request: HttpRequest, *args: Any, retry_after: int = 0, **kwargs: Any) -> HttpResponse:
        """Whatever Django tells of the reason stays in the log."""
        request_id = getattr(request, "request_id", "")
        response = self.as_asked(request, request_id)
        if seconds := retry_after or self.retry_after:
            response["Retry-After"] = str(seconds)
        return response

    def as_asked(self, request: HttpRequest, request_id: str) -> HttpResponse:
        """A sentence for htmx, which shows it in a corner of the page; JSON for a program; else a page."""
        if request.headers.get("HX-Request"):
            return HttpResponse(f"{self.title}. {self.text}", status=self.status, content_type=PLAIN)
        if not request.accepts("text/html") and request.accepts("application/json"):
            said = {"status": self.status, "title": self.title, "detail": self.text, "request_id": request_id}
            return JsonResponse(said, status=self.status)
        context = {"title": self.title, "text": self.text, "request_id": request_id}
        return HttpResponse(render_to_string("error.html", context), status=self.status)


PLAIN = "text/plain; charset=utf-8"

damaged = Problem(
    400,
    "We could not read that",
    "The address or the form was damaged on its way. Go back and try again.",
)
forbidden = Problem(
    403,
    "This is not open to you",
    "Your account may not do this. Whoever runs this server can change that.",
)
csrf_failed = Problem(
    403,
    "This page was too old",
    "It was open for a long time, or cookies are switched off, so we could not be sure that it was you. "
    "Go back, copy what you typed, reload the page, and send it again.",
)
not_found = Problem(
    404,
    "There is nothing here",
    "The link may be old, or what it led to has been deleted. Deletions can be undone under Changes.",
)
wrong_method = Problem(
    405,
    "This address is not for that",
    "It only takes what a button or form of ours sends. Go back to the page you came from and use it from there.",
)
too_large = Problem(
    413,
    "That was too much at once",
    "Nothing of it was kept. Send less at a time; files go through Import, which takes large ones.",
)
too_often = Problem(
    429,
    "That was too often",
    "Wait a minute, then try again. Nothing was lost; what you sent last was not carried out.",
)
broken = Problem(
    500,
    "Something broke on our side",
    "Nothing of what you just did was saved. Try again; if it stays, tell whoever runs this server the number below.",
)
database_away = Problem(
    503,
    "The database does not answer",
    "It may be starting again. Nothing of what you just did was saved. Wait a few seconds and try again; "
    "if it stays, tell whoever runs this server the number below.",
    retry_after=5,
)


def bad_request(request: HttpRequest, exception: object = None, **_: Any) -> HttpResponse:
    """For what Django refuses to read."""
    return (too_large if isinstance(exception, RequestDataTooBig) else damaged)(request)


def server_error(request: HttpRequest) -> HttpResponse:
    """For whatever a view did not expect, which is still being handled when Django asks for this page."""
    is_away = isinstance(sys.exception(), OperationalError | InterfaceError)
    return (database_away if is_away else broken)(request)
