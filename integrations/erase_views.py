"""Erasing one person, asked twice; and what stays away, offered back."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from contacts.keeping_away import blocked_in_words
from contacts.models import Contact, Suppression
from integrations.erasing import Busy, erase_person, reach
from integrations.traces import trace
from omnicrm.events import note
from omnicrm.http import AuthedRequest, page_number
from omnicrm.owned import OwnedQuerySet, owned_or_404
from omnicrm.toasts import go_to

PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
def erase_contact(request: AuthedRequest, slug: str) -> HttpResponse:
    """Says what goes and what stays; posting does it, and there is no way back."""
    contact = owned_or_404(Contact.objects.for_user(request.user), slug=slug)
    refusal = ""
    if request.method == "POST":
        try:
            erase_person(request.user, contact)
        except Busy as busy:
            refusal = str(busy)
        else:
            return go_to(request, reverse("contacts:list"), f"{contact} is erased.")
    context = {"contact": contact, "reach": reach(trace(request.user, contact)), "refusal": refusal}
    return render(request, "contacts/erase.html", context, status=409 if refusal else 200)


def ignored_of(request: AuthedRequest) -> OwnedQuerySet[Suppression]:
    """Addresses and domains that stay away from every import."""
    rows = Suppression.objects.for_user(request.user)
    return rows.filter(scope__in=[Suppression.Scope.ADDRESS, Suppression.Scope.DOMAIN])


@require_safe
def ignored(request: AuthedRequest) -> HttpResponse:
    number = page_number(request)
    rows = list(ignored_of(request).order_by("-created_at", "pk")[(number - 1) * PAGE : number * PAGE + 1])
    context = {"rows": rows[:PAGE], "number": number, "has_next": len(rows) > PAGE}
    return render(request, "settings/ignored.html", context | {"blocked": blocked_in_words()})


@require_POST
def let_in(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """From now on imports may bring it again; what is gone stays gone until one does."""
    row = owned_or_404(ignored_of(request), pk=pk)
    note(request.user.pk, "suppression.lifted", on=row, reason=row.reason)
    row.delete()
    return go_to(request, reverse("settings:ignored"), "The next import may bring it in again.")
