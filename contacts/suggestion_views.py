"""People whom OmniCRM suggests, and what one says to each: add, or leave out for good."""

from __future__ import annotations

from collections.abc import Sequence

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from contacts import suggested, suggesting
from contacts.listing import COUNTED, ids
from contacts.models import Suggestion
from contacts.shared_addresses import is_free_mail
from contacts.views import undo_address
from omnicrm.http import AuthedRequest, clean_text, wants_fragment
from omnicrm.ratelimits import limited, searching
from omnicrm.toasts import go_to


@require_safe
@vary_on_headers("HX-Request")
@limited(searching)
def suggestion_list(request: AuthedRequest) -> HttpResponse:
    """Who is suggested, those one is most in touch with first; htmx gets the rows alone."""
    people = suggested.read_suggested(request, request.user)
    context = {"people": people, "sorts": suggested.SORTS, "withs": suggested.WITH, "counted": COUNTED}
    template = "suggestions/list.html#rows" if wants_fragment(request) else "suggestions/list.html"
    return render(request, template, context)


def back(request: AuthedRequest) -> str:
    return reverse("suggestions:list") + suggested.read_suggested(request, request.user).here


def chosen(request: AuthedRequest) -> Sequence[Suggestion]:
    """The one whose button was pressed, else those that are ticked. Ids that are nobody's are passed over."""
    one = request.POST.get("one", "")
    wanted = ids([one] if one else request.POST.getlist("suggestion"))[: suggested.PAGE]
    return list(suggesting.open_suggestions(request.user).filter(pk__in=wanted))


NOBODY = "Nobody was ticked, or they were decided about before."


@require_POST
def accept(request: AuthedRequest) -> HttpResponse:
    batch, _ = suggesting.accept(request.user, chosen(request))
    if batch is None:
        return go_to(request, back(request), NOBODY)
    return go_to(request, back(request), f"{batch.title}.", undo=undo_address(batch))


@require_POST
def ignore(request: AuthedRequest) -> HttpResponse:
    rows = chosen(request)
    if not rows:
        return go_to(request, back(request), NOBODY)
    batch = suggesting.ignore(request.user, rows)
    return go_to(request, back(request), f"{batch.title}.", undo=undo_address(batch))


@require_POST
def ignore_domain(request: AuthedRequest) -> HttpResponse:
    """Nobody of a domain is suggested any more. One at which anybody can be is refused."""
    domain = clean_text(request.POST.get("domain", "")).lower()
    if "." not in domain or "@" in domain or is_free_mail(domain):
        return go_to(
            request, back(request), "Anybody can have an address there, so ignore people one by one."
        )
    batch = suggesting.ignore_domain(request.user, domain)
    words = f"Nobody at {domain} is suggested any more."
    return go_to(request, back(request), words, undo=undo_address(batch))
