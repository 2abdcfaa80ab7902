"""What somebody does with a connected account besides connecting it: look now, pause, go on, and see what it did."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from integrations import accounts
from integrations.batch_page import PAGE
from integrations.models import GoogleAccount, RawEvent, SyncStream
from integrations.plan import Refused
from integrations.status import clock
from integrations.streams import health
from integrations.streams.calendar_plan import start_plan
from integrations.streams.picking import can_be_picked, start_picked, stream_of_raw
from integrations.streams.reconciling import reconcile_soon
from integrations.streams.retrying import retry_parked
from integrations.streams.steps import FOLLOWED, STOPPED, may_ask
from integrations.streams.ticking import come_back, sync_now
from integrations.streams.truth import TRUTHS
from omnicrm.http import AuthedRequest, page_number
from omnicrm.models import Event, User
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited
from omnicrm.toasts import go_to

COMPARISONS, UNREADABLE = 14, 50


def account_of(request: AuthedRequest, pk: UUID) -> GoogleAccount:
    return owned_or_404(GoogleAccount.objects.for_user(request.user), pk=pk)


def followed(account: GoogleAccount) -> list[SyncStream]:
    """Its streams that are under way, locked, so that what we decide of them holds."""
    rows = SyncStream.objects.for_user(account.user_id).filter(account=account, phase__in=FOLLOWED)
    locked = rows.select_related("account").select_for_update(no_key=True, of=("self",))
    return list(locked.order_by("pk"))


@require_POST
@limited("import")
def sync(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Look for what is new at once, unless Google wants a pause."""
    streams = [stream for stream in followed(account_of(request, pk)) if stream.health not in STOPPED]
    said = (
        look(streams)
        if streams
        else "There is nothing to look at before the account is connected and followed."
    )
    return go_to(request, reverse("connections:list"), said)


def look(streams: Iterable[SyncStream]) -> str:
    """What to tell whoever asked."""
    waiting = [stream for stream in streams if not sync_now(stream)]
    times = [stream.not_before for stream in waiting if stream.not_before]
    if times:
        return f"Google asks for a pause until {clock(max(times))}. It goes on by itself then."
    return "Stopped: the card says why." if waiting else "Looking for what is new."


@require_POST
@limited("import")
def compare(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Hold what is here to what Google has, now instead of within the day."""
    now = timezone.now()
    streams = [stream for stream in followed(account_of(request, pk)) if stream.kind in TRUTHS]
    ready = [stream for stream in streams if may_ask(stream, now)]
    for stream in ready:
        reconcile_soon(stream)
    said = "Comparing with Google, id by id." if ready else "It cannot be compared now: the card says why."
    return go_to(request, reverse("connections:list"), said)


@require_POST
@limited("import")
def pause(request: AuthedRequest, pk: UUID) -> HttpResponse:
    account = account_of(request, pk)
    for stream in followed(account):
        if stream.health != SyncStream.Health.PAUSED:
            health.pause_stream(stream)
    return go_to(request, reverse("connections:list"), f"{account.email} is paused. Resume when you like.")


@require_POST
@limited("import")
def resume(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Go on where it stopped. What needs another cure than patience still does."""
    account, now = account_of(request, pk), timezone.now()
    for stream in followed(account):
        if stream.health == SyncStream.Health.PAUSED:
            health.go_on(stream, now)
            if account.health == GoogleAccount.Health.REAUTH:
                stream.health, stream.next_sync_at = SyncStream.Health.REAUTH, None
                stream.save(update_fields=["health", "next_sync_at", "updated_at"])
            elif may_ask(stream, now):
                come_back(stream)
    return go_to(request, reverse("connections:list"), f"{account.email} goes on where it stopped.")


@require_POST
@limited("import")
def plan_calendar(request: AuthedRequest, pk: UUID, stream_id: UUID) -> HttpResponse:
    """Plans what following a calendar would bring, and leads to the plan."""
    rows = SyncStream.objects.for_user(request.user).filter(account=account_of(request, pk))
    stream = owned_or_404(rows.select_related("account"), pk=stream_id)
    if stream.kind != SyncStream.Kind.CALENDAR:
        return go_to(request, reverse("connections:list"), "This is no calendar. Choose one on the card.")
    try:
        batch = start_plan(request.user, stream)
    except Refused as refused:
        return go_to(request, reverse("connections:list"), str(refused))
    return go_to(request, reverse("batches:detail", args=[batch.pk]))


@require_POST
@limited("import")
def bring_in(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Plans the import of one message that a rule had left out, and leads to the plan."""
    raw = owned_or_404(RawEvent.objects.for_user(request.user).defer("payload"), pk=pk)
    stream = stream_of_raw(raw)
    home = reverse("integrations:why")
    if stream is None or not can_be_picked(raw):
        return go_to(
            request, home, "This can no longer be brought in by itself. Ask again what became of it."
        )
    try:
        batch = start_picked(request.user, stream, {raw.external_id: raw.thread})
    except Refused as refused:
        return go_to(request, home, str(refused))
    return go_to(request, reverse("batches:detail", args=[batch.pk]))


@require_POST
@limited("import")
def try_again(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Fetch once more what was put aside because it could not be read."""
    tried = sum(retry_parked(stream) for stream in followed(account_of(request, pk)))
    said = "Trying again." if tried else "There is nothing to try again here any more."
    return go_to(request, reverse("connections:history", args=[pk]), said)


@require_safe
def history(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """What came through an account, change by change, and how it stood whenever it was compared with Google."""
    account, number = account_of(request, pk), page_number(request)
    rows = accounts.batches_of(account).order_by("-created_at")
    found = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    rows_of = SyncStream.objects.for_user(request.user).filter(account=account)
    streams = {str(row.pk): str(row) for row in rows_of}
    looks = Event.objects.for_user(request.user).filter(action="sync.reconciled", object_id__in=list(streams))
    context = {
        "account": account,
        "batches": found[:PAGE],
        "number": number,
        "has_next": len(found) > PAGE,
        "unread": list(unreadable(request.user, account)[:UNREADABLE]),
        "comparisons": [
            {"stream": streams[str(look.object_id)], "at": look.created_at, "tally": look.data}
            for look in looks.order_by("-created_at")[:COMPARISONS]
        ],
    }
    return render(request, "connections/history.html", context)


def unreadable(user: User, account: GoogleAccount) -> QuerySet[RawEvent]:
    """What came from it and could not be read, the newest first."""
    rows = RawEvent.objects.for_user(user).filter(
        source__in=accounts.sources_of(account), verdict__startswith="failed:"
    )
    return rows.defer("payload").order_by("-created_at")
