"""The pages of Google accounts: connecting, coming back from Google, letting go, and what an operator sets up."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Count
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from integrations import accounts, quota
from integrations.cards import cards_of
from integrations.google import oauth
from integrations.google.errors import Garbled, TokenRefused, classify
from integrations.google.oauth import Grant, NoRefreshToken, Person
from integrations.models import GoogleAccount
from integrations.plan import Refused
from integrations.streams import watching
from integrations.streams.previewing import start_preview
from omnicrm.acting import acting_as, as_role, own_units
from omnicrm.http import AuthedRequest, clean_text, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited
from omnicrm.reauthentication import sensitive
from omnicrm.toasts import go_to

ATTEMPTS = "google_attempts"
MOST = 5
"""Pages that may stand open at once with a way to Google."""
LASTS = 900
"""Seconds for the whole of Google's page."""
NOT_GIVEN = (
    "Google's page was closed without a permission, so nothing is connected. Connect again when you like."
)
STALE = "This way back from Google was used or is too old. Connect again from here."
NO_RENEWAL = (
    "Google gave a permission that ends within the hour. Remove OmniCRM under myaccount.google.com/permissions, "
    "then connect again."
)
NOT_REVOKED = "Google did not answer, so remove OmniCRM under myaccount.google.com/permissions as well."


@require_safe
@vary_on_headers("HX-Request")
@limited("poll")
def connections(request: AuthedRequest) -> HttpResponse:
    """The accounts and how each stands. The page asks for its cards again: soon while something moves, else now and then."""
    cards = cards_of(request.user)
    context = {"cards": cards, "is_configured": oauth.is_configured()}
    context["is_moving"] = any(card.is_moving for card in cards)
    name = "connections/list.html#cards" if wants_fragment(request) else "connections/list.html"
    return render(request, name, context)


@require_safe
@sensitive
@limited("import")
def connect(request: AuthedRequest) -> HttpResponse:
    """What will be read, and the way to Google's page. A link, for the policy of our pages lets forms lead nowhere else."""
    return way_out(request, None, oauth.READING)


@require_safe
@sensitive
@limited("import")
def connect_again(request: AuthedRequest, pk: UUID) -> HttpResponse:
    return way_out(request, one_of(request, pk), oauth.READING)


@require_safe
@sensitive
@limited("import")
def allow_writing(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Asks for the one permission more, of the account that has the others."""
    return way_out(request, one_of(request, pk), (*oauth.READING, *oauth.WRITING))


@require_POST
@limited("import")
def plan_mail(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Plans the import of an account's mail, and leads to the plan."""
    account = one_of(request, pk)
    try:
        batch = start_preview(request.user, accounts.mail_of(account))
    except Refused as refused:
        return go_to(request, reverse("connections:list"), str(refused))
    return go_to(request, reverse("batches:detail", args=[batch.pk]))


def one_of(request: AuthedRequest, pk: UUID) -> GoogleAccount:
    return owned_or_404(GoogleAccount.objects.for_user(request.user), pk=pk)


def way_out(request: AuthedRequest, account: GoogleAccount | None, scopes: tuple[str, ...]) -> HttpResponse:
    context: dict[str, Any] = {"account": account, "is_configured": oauth.is_configured()}
    context["writes"] = set(oauth.WRITING) <= set(scopes)
    if context["is_configured"]:
        attempt = oauth.begin(callback_url(), scopes=scopes, login_hint=account.email if account else "")
        kept = {state: one for state, one in attempts(request).items() if one["at"] > time.time() - LASTS}
        known = {"verifier": attempt.verifier, "user": str(request.user.pk), "at": time.time()}
        kept[attempt.state] = {**known, "account": str(account.pk) if account else ""}
        request.session[ATTEMPTS] = dict(list(kept.items())[-MOST:])
        context["place"] = attempt.url
    return render(request, "connections/connect.html", context)


def attempts(request: AuthedRequest) -> dict[str, dict[str, Any]]:
    return dict(request.session.get(ATTEMPTS, {}))


def callback_url() -> str:
    return settings.SITE_URL.rstrip("/") + reverse("connections:callback")


@require_safe
@own_units
@limited("import")
def callback(request: AuthedRequest) -> HttpResponse:
    """Back from Google. Opens its own transactions, because it asks Google for the keys."""
    kept = attempts(request)
    attempt = kept.pop(request.GET.get("state", ""), None)
    request.session[ATTEMPTS] = kept
    request.session.save()  # whatever happens from here on, it was used
    home = reverse("connections:list")
    if attempt is None or attempt["user"] != str(request.user.pk) or attempt["at"] < time.time() - LASTS:
        return go_to(request, home, STALE)
    code = clean_text(request.GET.get("code", ""), 2000)
    if not code:
        return go_to(request, home, NOT_GIVEN)
    try:
        return go_to(request, home, connected(request, attempt, code))
    except accounts.Refused as refused:
        return go_to(request, home, str(refused))


def connected(request: AuthedRequest, attempt: dict[str, Any], code: str) -> str:
    """What to tell whoever has connected an account. Raises accounts.Refused."""
    with acting_as(request.user.pk):
        mine = GoogleAccount.objects.for_user(request.user)
        again = owned_or_404(mine, pk=attempt["account"]) if attempt["account"] else None
        kept = again.grant.refresh_token if again else ""
    grant, person = keys(code, attempt["verifier"], kept)
    aliases = accounts.aliases_of(grant)
    with acting_as(request.user.pk):
        account = accounts.connect(
            request.user, grant, person, now=timezone.now(), aliases=aliases, again=again
        )
    return f"{account.email} is connected.{left_out(grant)}"


def keys(code: str, verifier: str, kept: str) -> tuple[Grant, Person]:
    try:
        grant = oauth.exchange(code, verifier, callback_url(), now=timezone.now(), kept=kept)
        return grant, oauth.who_is_it(grant)
    except NoRefreshToken as error:
        raise accounts.Refused(NO_RENEWAL) from error
    except TokenRefused as error:
        if error.error == "invalid_grant":
            raise accounts.Refused(STALE) from error
        raise accounts.Refused(classify(error, now=timezone.now()).sentence) from error
    except (Garbled, OSError) as error:
        raise accounts.Refused("Google could not be reached. Nothing is connected; try again.") from error


def left_out(grant: Grant) -> str:
    """What was not ticked, and how it can be had."""
    if not grant.reads_mail:
        return " Its mail was not ticked, so only calendars are read; connect it again to add mail."
    if not grant.reads_calendars:
        return " Its calendars were not ticked, so only mail is read; connect it again to add them."
    return ""


@require_http_methods(["GET", "HEAD", "POST"])
@own_units
@sensitive
@limited("import")
def disconnect(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Asks whether what the account brought stays. Opens its own transactions, because it gives the keys back."""
    with acting_as(request.user.pk):
        account = one_of(request, pk)
        if request.method != "POST" or request.POST.get("what") not in ("keep", "remove"):
            context = {"account": account, "brought": accounts.brought(account)}
            return render(request, "connections/disconnect.html", context)
    watching.end_all(account)
    is_given_back = accounts.revoke(account)
    keep = request.POST["what"] == "keep"
    with acting_as(request.user.pk):
        accounts.disconnect(one_of(request, pk), keep=keep)
    said = f"{account.email} is disconnected. {'What it brought stays.' if keep else 'What it brought is being removed.'}"
    return go_to(request, reverse("connections:list"), said if is_given_back else f"{said} {NOT_REVOKED}")


@require_safe
def setup(request: AuthedRequest) -> HttpResponse:
    """What whoever runs this server does in the Google Cloud console, and what is missing there as last seen."""
    if not request.user.is_staff:
        raise Http404
    with as_role("ops"):
        states = GoogleAccount.unscoped.values_list("health").annotate(Count("pk")).order_by("health")
        counted = [(GoogleAccount.Health(health).label, count) for health, count in states]
    context = {
        "redirect_uri": callback_url(),
        "is_configured": oauth.is_configured(),
        "root": settings.GOOGLE_API_ROOT,
        "scopes": [*oauth.READING, *oauth.WRITING],
        "counted": counted,
        "troubles": quota.troubles(),
    }
    return render(request, "connections/setup.html", context)
