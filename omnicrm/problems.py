"""What is shown when something goes wrong: what happened, what to do, and the number to tell whoever runs the server."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string


@dataclass(frozen=True)
class Problem:
    """A view whose page needs neither the database nor anything else that may be what is broken."""

    status: int
    title: str
    text: str

    def __call__(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Whatever Django tells of the reason stays in the log."""
        context = {"title": self.title, "text": self.text, "request_id": getattr(request, "request_id", "")}
        return HttpResponse(render_to_string("error.html", context), status=self.status)


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
server_error = Problem(
    500,
    "Something broke on our side",
    "Nothing of what you just did was saved. Try again; if it stays, tell whoever runs this server the number below.",
)
