"""Writing to somebody: the letter, exactly what would be sent, and what became of it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from contacts.models import Contact, Interaction
from integrations import outbox
from integrations.forms import LetterForm
from integrations.models import OutboxMessage
from integrations.outbox import CannotWrite, NotThisText
from omnicrm.http import AuthedRequest, page_number, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited
from omnicrm.toasts import go_to

PAGE = 50
SHOWN = {"open": ("draft", "queued", "attempting", "unknown", "failed"), "sent": ("confirmed",)}
"""Which letters a list shows, by its name in the address."""


@require_safe
def letter_list(request: AuthedRequest) -> HttpResponse:
    """Letters that are not done, or those that were sent; the latest first."""
    number, show = page_number(request), request.GET.get("show", "")
    show = show if show in SHOWN else "open"
    rows = OutboxMessage.objects.for_user(request.user).filter(state__in=SHOWN[show])
    found = list(
        rows.select_related("contact").order_by("-updated_at")[(number - 1) * PAGE : number * PAGE + 1]
    )
    context = {"letters": found[:PAGE], "number": number, "has_next": len(found) > PAGE, "show": show}
    return render(request, "letters/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def write(request: AuthedRequest, slug: str) -> HttpResponse:
    """A letter to this contact or, with `answers`, an answer to one of theirs; it is saved when it is posted."""
    contact = owned_or_404(Contact.objects.for_user(request.user), slug=slug)
    try:
        letter = outbox.begin(
            request.user, contact, answers=answered(request), everyone=request.GET.get("everyone") == "1"
        )
    except CannotWrite as refused:
        return go_to(request, contact.get_absolute_url(), str(refused))
    return compose(request, letter)


def answered(request: AuthedRequest) -> Interaction | None:
    """The letter that the address names, which must be in the history of this user."""
    asked = request.GET.get("answers", "")
    rows = Interaction.objects.for_user(request.user).filter(kind=Interaction.Kind.EMAIL)
    return owned_or_404(rows, pk=uuid_of(asked)) if asked else None


def uuid_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
@limited("poll")
def letter_detail(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """A draft to write on, or how far a letter has come. While it is on its way the page asks for its panel."""
    letter = one_of(request, pk)
    if letter.state == OutboxMessage.State.DRAFT or request.method == "POST":
        return compose(request, letter)
    return show(request, letter)


def one_of(request: AuthedRequest, pk: UUID) -> OutboxMessage:
    rows = OutboxMessage.objects.for_user(request.user).select_related("account", "contact")
    return owned_or_404(rows, pk=pk)


def show(request: AuthedRequest, letter: OutboxMessage, *, status: int = 200, **more: Any) -> HttpResponse:
    template = "letters/detail.html#panel" if wants_fragment(request) else "letters/detail.html"
    return render(request, template, {"letter": letter} | more, status=status)


def compose(request: AuthedRequest, letter: OutboxMessage) -> HttpResponse:
    outbox.find_account(letter)
    addresses = [] if letter.answers_id else outbox.addresses_of(letter)
    said = {"to": next(iter(letter.to), ""), "subject": letter.subject, "body": letter.body}
    form = LetterForm(request.POST or None, initial=said, addresses=addresses)
    if request.method == "POST" and form.is_valid():
        return kept(request, letter, form.cleaned_data)
    return render(request, "letters/write.html", {"letter": letter, "form": form})


def kept(request: AuthedRequest, letter: OutboxMessage, said: dict[str, str]) -> HttpResponse:
    to = [said["to"]] if said.get("to") else None
    try:
        letter = outbox.edit(letter, subject=said["subject"], body=said["body"], to=to)
    except NotThisText as refused:
        return go_to(request, address(letter), str(refused))
    if "look" in request.POST:
        return go_to(request, reverse("letters:look", args=[letter.pk]))
    return go_to(request, address(letter), "The draft is saved here. Nothing was sent.")


def address(letter: OutboxMessage) -> str:
    return reverse("letters:detail", args=[letter.pk])


@require_safe
def look(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Exactly what would be sent, from where and to whom, and the button that sends just that."""
    letter = one_of(request, pk)
    if letter.state != OutboxMessage.State.DRAFT:
        return go_to(request, address(letter))
    return render(request, "letters/look.html", {"letter": letter})


@require_POST
@limited("letter")
def send(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Approves the letter whose hash is posted; any other text is refused and nothing is sent."""
    letter = one_of(request, pk)
    try:
        outbox.approve(letter, request.POST.get("content_hash", ""))
    except (NotThisText, CannotWrite) as refused:
        letter.refresh_from_db()
        if letter.state != OutboxMessage.State.DRAFT:
            return go_to(request, address(letter), str(refused))
        return render(request, "letters/look.html", {"letter": letter, "refusal": str(refused)}, status=409)
    return go_to(request, address(letter))


@require_POST
def recall(request: AuthedRequest, pk: UUID) -> HttpResponse:
    letter = one_of(request, pk)
    if outbox.recall(letter):
        return go_to(request, address(letter), "Taken back. It is a draft again, and nothing was sent.")
    return go_to(request, address(letter), "This came too late: the letter cannot be taken back any more.")


@require_POST
def settle(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """What somebody found at Gmail: the letter under Sent (`was_sent=yes`), or that it was not sent (`no`)."""
    letter, said = one_of(request, pk), request.POST.get("was_sent")
    if said in ("yes", "no"):
        outbox.settle(letter, was_sent=said == "yes")
    return go_to(request, address(letter))


@require_POST
def reopen(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """A letter that was not sent becomes a draft again."""
    letter = one_of(request, pk)
    outbox.reopen(letter)
    return go_to(request, address(letter))


@require_POST
def discard(request: AuthedRequest, pk: UUID) -> HttpResponse:
    letter = one_of(request, pk)
    if outbox.discard(letter):
        return go_to(request, reverse("letters:list"), "The draft is gone. Nothing was sent.")
    return go_to(request, address(letter), "Only drafts can be thrown away.")
