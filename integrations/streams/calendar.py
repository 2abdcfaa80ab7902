"""Google Calendar, kept in step: the list of calendars, and each calendar that was approved.

A list is read to its end before its token counts, because only the last page has one. A token that Google no longer
knows begins a new list; what that does not show is asked about by itself, and only Google's word takes it away.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import Q

from integrations.google import calendar
from integrations.google.calendar import EventPage
from integrations.google.client import Google
from integrations.google.errors import Failed, Kind
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.streams import health
from integrations.streams.calendar_batches import batch_of, finish_import, planned
from integrations.streams.entries import LOST, Entries
from integrations.streams.steps import Follower, Position, Step, follow
from integrations.streams.work import verify

EVERY = dt.timedelta(minutes=5)
ASKS = "singleEvents=false showDeleted=true"
"""What a list of events is asked with (integrations.google.calendar). A token holds for the same question alone, so
where this changes, everything is listed once more."""
VERIFIED_AT_ONCE = 10
LIST, LIVE = SyncStream.Phase.LIST, SyncStream.Phase.LIVE


@dataclass(frozen=True)
class Expired:
    """Google no longer knows what changed since then, or how to continue the list: it begins anew."""


Verified = dict[str, dict[str, Any] | None]
"""What each id is now; None: it is gone."""


# --- what is next


def next_step(stream: SyncStream, now: dt.datetime) -> Step | None:
    at = Position.of(stream)
    asks = {"calendar": stream.remote_id, "token": stream.cursor, "page": stream.page_token}
    if stream.phase == LIST:
        return Step("events", at, asks | {"token": ""})
    if stream.listing.get("asks") != ASKS:
        return Step("again", at)
    missing = SyncWork.objects.for_user(stream.user_id).filter(stream=stream, state=SyncWork.State.TODO)
    if work := tuple(missing.order_by("external_id")[:VERIFIED_AT_ONCE]):
        return Step("verify", at, {"calendar": stream.remote_id}, work)
    is_due = stream.next_sync_at is None or stream.next_sync_at <= now
    return Step("events", at, asks) if is_due or stream.page_token else None


# --- what Google says


def ask(step: Step, google: Google) -> Any:
    return ASK[step.what](step, google)


def ask_events(step: Step, google: Google) -> EventPage | Expired:
    asks = step.asks
    try:
        return calendar.list_events(google, asks["calendar"], sync_token=asks["token"], page=asks["page"])
    except Failed as failed:
        if failed.failure.kind == Kind.RESYNC and (asks["token"] or asks["page"]):
            return Expired()
        raise


def ask_single(step: Step, google: Google) -> Verified:
    found: Verified = {}
    for one in step.work:
        try:
            found[one.external_id] = calendar.get_event(google, step.asks["calendar"], one.external_id)
        except Failed as failed:
            if failed.failure.kind != Kind.GONE:
                if found:
                    return found
                raise
            found[one.external_id] = None
    return found


ASK: dict[str, Callable[[Step, Google], Any]] = {
    "events": ask_events,
    "verify": ask_single,
    "again": lambda step, google: Expired(),
}


# --- what follows from it


def apply(stream: SyncStream, step: Step, answer: Any, now: dt.datetime) -> None:
    if isinstance(answer, Expired):
        list_again(stream)
    elif step.what == "verify":
        apply_single(stream, answer, now)
    else:
        apply_events(stream, answer, now)


def list_again(stream: SyncStream) -> None:
    stream.phase, stream.generation = LIST, stream.generation + 1
    stream.cursor = stream.page_token = ""
    stream.listing = {**stream.listing, "asks": ASKS}
    stream.save()


def apply_events(stream: SyncStream, page: EventPage, now: dt.datetime) -> None:
    stream.listing = {**stream.listing, "asks": ASKS, "zone": page.zone or stream.listing.get("zone", "")}
    keep(stream, page.events, now)
    stream.last_progress_at = now
    if page.next_page:
        stream.page_token = page.next_page
    elif page.sync_token:
        arrive(stream, page.sync_token, now)
    else:  # neither a next page nor a token: the list is begun anew, rather than followed from nowhere
        list_again(stream)
    stream.save()


def keep(stream: SyncStream, events: list[dict[str, Any]], now: dt.datetime) -> None:
    """Of a list that a plan asked for, what the plan names is in its batch; all else in that of the day."""
    ours = planned(stream, [name for event in events for name in names(event)])
    for is_planned in (True, False):
        part = [event for event in events if is_planned != ours.isdisjoint(names(event))]
        if part:
            Entries(stream, part, batch_of(stream, is_planned=is_planned), now).write()


def names(event: dict[str, Any]) -> list[str]:
    """By which a plan knows it: itself, or the series that it is an occurrence of."""
    return [str(event[name])[:300] for name in ("id", "recurringEventId") if event.get(name)]


def arrive(stream: SyncStream, token: str, now: dt.datetime) -> None:
    """The last page: from here on Google tells what changes."""
    was_list = stream.phase == LIST
    stream.phase, stream.cursor, stream.page_token = LIVE, token, ""
    health.looked(stream, now)
    if was_list:
        look_for_the_missing(stream)
        finish_import(stream)


def look_for_the_missing(stream: SyncStream) -> None:
    """A list alone takes nothing away: what it does not show is asked about by itself, what was cancelled as well."""
    rows = RawEvent.objects.for_user(stream.user_id).filter(
        Q(remote=RawEvent.Remote.LIVE) | ~Q(thread=""),
        Q(verdict__in=[RawEvent.KEPT, LOST]) | Q(verdict__startswith="failed"),
        source=stream.source,
        seen_generation__lt=stream.generation,
    )
    verify(stream, dict.fromkeys(rows.values_list("external_id", flat=True), ""))


def apply_single(stream: SyncStream, found: Verified, now: dt.datetime) -> None:
    events = [event or {"id": id, "status": "cancelled"} for id, event in found.items()]
    keep(stream, events, now)
    SyncWork.objects.for_user(stream.user_id).filter(stream=stream, external_id__in=list(found)).delete()
    stream.last_progress_at = now
    stream.save()


follow(SyncStream.Kind.CALENDAR, Follower(EVERY, next_step, ask, apply))
