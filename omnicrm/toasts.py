"""A short sentence about what was just done: in a corner now for htmx, on the next page otherwise."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django_htmx.http import HttpResponseClientRedirect, trigger_client_event

from omnicrm.http import wants_fragment


def with_toast(request: HttpRequest, response: HttpResponse, text: str, *, undo: str = "") -> HttpResponse:
    """`response`, and the reader told. `undo` is an address that takes it back when it is posted to."""
    if wants_fragment(request):
        trigger_client_event(response, "toast", {"text": text, "undo": undo})
    else:
        messages.success(request, text, extra_tags=undo)
    return response


def go_to(request: HttpRequest, url: str, text: str = "", *, undo: str = "") -> HttpResponse:
    """To another page, with or without htmx; `text` is told there."""
    if text:
        messages.success(request, text, extra_tags=undo)
    return HttpResponseClientRedirect(url) if wants_fragment(request) else redirect(url)
