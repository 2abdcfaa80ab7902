"""One search of everything that is here and, when somebody asks for it, of Gmail itself."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from contacts.finding import KINDS, find
from integrations.google import oauth
from integrations.models import SyncStream
from integrations.plan import Refused
from integrations.quota import Lane, batch_size
from integrations.streams import lookup
from integrations.streams.opening import Account
from integrations.streams.picking import read_choice, start_picked
from integrations.streams.steps import FOLLOWED
from omnicrm.acting import acting_as, own_units
from omnicrm.http import AuthedRequest, clean_text, page_number, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited, searching
from omnicrm.toasts import go_to

NO_WORDS = "Type what to look for first."
NOT_FOLLOWED = "This mailbox is not followed. Plan its import under Connections, then look into it from here."
NONE_CHOSEN = "Tick the messages that you want to import."


@require_safe
@vary_on_headers("HX-Request")
@limited(searching)
def everything(request: AuthedRequest) -> HttpResponse:
    """What the address asks for, among all that this user has; htmx gets what was found alone."""
    context = page(request, clean_text(request.GET.get("q", "")), request.GET.get("kind", ""))
    name = "search/page.html#found" if wants_fragment(request) else "search/page.html"
    return render(request, name, context)


def page(request: AuthedRequest, words: str, kind: str = "") -> dict[str, Any]:
    found = find(request.user, words, kind=kind if kind in KINDS else "", number=page_number(request))
    return {"found": found, "mailboxes": list(lookup.mailboxes(request.user))}


@require_POST
@own_units
@limited("lookup")
def gmail(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """What Gmail itself finds, imported or not. Opens its own transactions, because it asks Google. Nothing is kept."""
    words = clean_text(request.POST.get("q", ""))
    with acting_as(request.user.pk):
        stream = mailbox(request, pk)
        if refusal := refused(stream, words):
            return go_to(request, place(words), refusal)
        account, size = Account.of(stream.account, Lane.PREVIEW), batch_size(stream.account)
    looked, problem = None, None
    try:
        lookup.refuse_stopped(stream, timezone.now())
        looked = lookup.look(account, words, size=min(lookup.MOST, size))
    except lookup.CannotLook as error:
        problem = error
    with acting_as(request.user.pk):
        return answer(request, words, stream, looked, problem)


def answer(
    request: AuthedRequest,
    words: str,
    stream: SyncStream,
    looked: lookup.Looked | None,
    problem: lookup.CannotLook | None,
) -> HttpResponse:
    seen = lookup.tell(request.user, stream, looked.messages) if looked else []
    context = {"stream": stream, "words": words, "seen": seen, "looked": looked, "problem": problem}
    context["may_import"] = any(one.may_be_imported for one in seen)
    if wants_fragment(request):
        return render(
            request, "search/gmail.html", context | {"mailboxes": list(lookup.mailboxes(request.user))}
        )
    return render(request, "search/page.html", page(request, words) | context)


@require_POST
@limited("import")
def bring(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Plans the import of the ticked messages, and leads to the plan."""
    stream, words = mailbox(request, pk), clean_text(request.POST.get("q", ""))
    one = request.POST.get("one")
    chosen = read_choice([one] if one else request.POST.getlist("message"))
    if not chosen:
        return go_to(request, place(words), NONE_CHOSEN)
    try:
        batch = start_picked(request.user, stream, chosen)
    except Refused as refusal:
        return go_to(request, place(words), str(refusal))
    return go_to(request, reverse("batches:detail", args=[batch.pk]))


def mailbox(request: AuthedRequest, pk: UUID) -> SyncStream:
    return owned_or_404(SyncStream.objects.for_user(request.user).select_related("account"), pk=pk)


def refused(stream: SyncStream, words: str) -> str:
    """Why one cannot look into it, in a sentence."""
    is_mail = stream.kind == SyncStream.Kind.GMAIL and oauth.MAIL in stream.account.scopes
    if not (is_mail and stream.phase in FOLLOWED and stream.account.is_connected):
        return NOT_FOLLOWED
    return "" if words else NO_WORDS


def place(words: str) -> str:
    return f"{reverse('search:everything')}?{urlencode({'q': words})}"
