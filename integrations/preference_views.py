"""What one wants of an account: the page that says it, with what each choice means for what is here."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from contacts.suggesting import open_suggestions
from integrations.models import GoogleAccount, RawEvent, SyncStream
from integrations.preference_forms import PreferencesForm
from integrations.preferences import Category, Preferences, save
from integrations.reducing import COUNTED, too_much
from jobs.models import Batch
from omnicrm.http import AuthedRequest
from omnicrm.owned import owned_or_404
from omnicrm.toasts import go_to


@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """The choices of one account. Saving others makes plans that wait for approval stale."""
    account = owned_or_404(GoogleAccount.objects.for_user(request.user), pk=pk)
    before = Preferences.of(account)
    form = PreferencesForm.about(before, request.POST or None)
    if form.is_bound and (wanted := form.read(before)):
        kept = save(account, wanted)
        return go_to(request, reverse("connections:preferences", args=[account.pk]), told(before, kept))
    context = {
        "account": account,
        "form": form,
        "preferences": before,
        "left_out": left_out(account),
        "suggested": open_suggestions(request.user)[:1001].count(),
        "waiting": waiting(account),
        "too_much": too_much(account),
        "counted": COUNTED,
    }
    return render(request, "connections/preferences.html", context, status=422 if form.is_bound else 200)


def told(before: Preferences, kept: Preferences) -> str:
    if before == kept:
        return "Nothing was changed."
    if before.version == kept.version:
        return "Saved."
    return "Saved. A plan that waits for approval has to be made again."


def left_out(account: GoogleAccount) -> list[tuple[str, int]]:
    """How many messages each category and label keeps out now, in words, the most first."""
    sources = {stream.source for stream in streams_of(account)}
    rows = RawEvent.objects.for_user(account.user_id).filter(source__in=sources)
    counted = rows.filter(verdict__regex="^skipped:(category|label):").values_list("verdict")
    counts = counted.annotate(number=Count("pk")).order_by("-number", "verdict")
    return [(in_words(verdict), number) for verdict, number in counts]


def in_words(verdict: str) -> str:
    """ "skipped:category:promotions" is "of Promotions"; "skipped:label:Private" is "under the label Private"."""
    _, kind, name = verdict.split(":", 2)
    if kind == "category":
        return f"of {Category(name).label}" if name in Category.values else f"of {name}"
    return f"under the label {name}"


def streams_of(account: GoogleAccount) -> list[SyncStream]:
    rows = SyncStream.objects.for_user(account.user_id).filter(account=account, kind=SyncStream.Kind.GMAIL)
    return list(rows.select_related("account"))


def waiting(account: GoogleAccount) -> Batch | None:
    """A plan of this account that waits for approval, and would have to be made again."""
    rows = Batch.objects.for_user(account.user_id).filter(state=Batch.State.PLANNED)
    return rows.filter(options__account=account.google_sub).order_by("-created_at").first()
