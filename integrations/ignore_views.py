"""Ignoring an address or a domain by hand: what that means is shown first."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from contacts.views import undo_address
from integrations.ignoring import NotASender, ignore_sender, read_sender
from omnicrm.http import AuthedRequest, clean_text
from omnicrm.toasts import go_to


@require_http_methods(["GET", "HEAD", "POST"])
def ignore_add(request: AuthedRequest) -> HttpResponse:
    """How much is here of whom one wants to ignore; posting ignores them, and takes that away if it is wanted."""
    asked = request.POST if request.method == "POST" else request.GET
    typed = clean_text(asked.get("sender", ""), 254)
    try:
        sender = read_sender(request.user, typed)
    except NotASender as refused:
        context = {"typed": typed, "refused": str(refused)}
        return render(request, "settings/ignore_add.html", context, status=422 if typed else 200)
    if request.method == "POST":
        batch = ignore_sender(sender, retroactive=request.POST.get("retroactive") == "1")
        return go_to(request, reverse("settings:ignored"), f"{batch.title}.", undo=undo_address(batch))
    reach = {"interactions": len(sender.interactions()), "people": len(sender.people())}
    return render(request, "settings/ignore_add.html", {"typed": typed, "sender": sender, "reach": reach})
