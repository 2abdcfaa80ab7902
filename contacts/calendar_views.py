"""The calendar: what comes up and what was, by day."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from contacts.agenda import read_agenda
from omnicrm.http import AuthedRequest


@require_safe
def agenda(request: AuthedRequest) -> HttpResponse:
    """The days that the address asks for."""
    return render(request, "contacts/calendar.html", {"agenda": read_agenda(request, request.user)})
