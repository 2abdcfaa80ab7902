"""What is kept of one conversation, and taking away what is held beyond what is to be kept."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from contacts.models import Interaction
from integrations.models import GoogleAccount, Provenance
from integrations.preferences import Keep, Preferences, keep_of_thread
from integrations.reducing import COUNTED, start_reducing, too_much
from omnicrm.http import AuthedRequest
from omnicrm.owned import owned_or_404
from omnicrm.toasts import go_to


@require_http_methods(["GET", "HEAD", "POST"])
def reduce(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Says of how many messages too much is held, and that there is no way back; posting takes it away."""
    account = owned_or_404(GoogleAccount.objects.for_user(request.user), pk=pk)
    if request.method == "POST":
        start_reducing(account)
        place = reverse("connections:preferences", args=[account.pk])
        return go_to(request, place, "It is being taken away. The Jobs page says how far it is.")
    context = {"account": account, "number": too_much(account), "counted": COUNTED}
    return render(request, "connections/reduce.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def thread(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """How much is kept of the conversation that this message is of."""
    message = owned_or_404(Interaction.objects.for_user(request.user), pk=pk)
    account = account_of(message)
    if account is None or not message.thread_key:
        return render(request, "connections/thread.html", {"message": message})
    keep = request.POST.get("keep", "")
    if request.method == "POST" and keep in ("", *Keep.values):
        keep_of_thread(account, message.thread_key, Keep(keep) if keep else None)
        if request.POST.get("reduce"):
            start_reducing(account, thread=message.thread_key)
        return go_to(request, reverse("connections:thread", args=[pk]), "Saved.")
    wanted = Preferences.of(account)
    context = {
        "message": message,
        "account": account,
        "choices": [("", f"As of the others: {wanted.keep.label.lower()}"), *Keep.choices],
        "chosen": wanted.threads.get(message.thread_key, ""),
        "number": too_much(account, thread=message.thread_key),
    }
    return render(request, "connections/thread.html", context)


def account_of(message: Interaction) -> GoogleAccount | None:
    """The account that brought this message, if one did."""
    rows = Provenance.objects.for_user(message.user_id).filter(interaction=message)
    sources = rows.filter(raw_event__source__startswith="gmail:").values_list("raw_event__source", flat=True)
    subs = [source.removeprefix("gmail:") for source in sources]
    return GoogleAccount.objects.for_user(message.user_id).filter(google_sub__in=subs).first()
