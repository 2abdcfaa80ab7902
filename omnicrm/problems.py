"""What is shown when something goes wrong: what happened, what to do, and the number to tell whoever runs the server."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


@dataclass(frozen=True)
class Problem:
    """A view whose page needs neither the database nor anything else that may be what is broken."""

    status: int
    title: str
    text: str
    retry_after: int = 0
    """Seconds until it is worth trying again, if that is known."""

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whatever Django tells of the reason stays in the log."""
        context = {"title": self.title, "text": self.text, "request_id": getattr(request, "request_id", "")}
        headers = {"Retry-After": str(self.retry_after)} if self.retry_after else {}
        return HttpResponse(render_to_string("error.html", context), status=self.status, headers=headers)


bad_request = Problem(
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
    "Go back, reload the page, and send it again.",
)
not_found = Problem(
    404,
    "There is nothing here",
    "The link may be old, or what it led to has been deleted. Deletions can be undone under Changes.",
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


def server_error(request: HttpRequest) -> HttpResponse:
    """For whatever a view did not expect, which is still being handled when Django asks for this page."""
    is_away = isinstance(sys.exception(), OperationalError | InterfaceError)
    return (database_away if is_away else broken)(request)
