"""The list of an account's calendars, kept in step: which there are, what they are called, and which can be read.

It brings nothing but the names of calendars, so it needs no plan: each calendar is asked about before it is followed.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone

from integrations.google import calendar
from integrations.google.calendar import Calendar, CalendarPage
from integrations.google.client import Google
from integrations.google.errors import Failed, Kind
from integrations.models import GoogleAccount, SyncStream
from integrations.streams import health
from integrations.streams.steps import FOLLOWED, Follower, Position, Step, follow
from omnicrm.events import note

EVERY = dt.timedelta(hours=1)
READABLE = frozenset({"owner", "writer", "reader"})
"""Others say when somebody is busy, and nothing else."""
WITHDRAWN = "This calendar is no longer shared with you, or was deleted. What came from it stays."
REMOTE_ID = "me"


@dataclass(frozen=True)
class Expired:
    """The list begins anew."""


def begin_calendar_list(account: GoogleAccount) -> SyncStream:
    """Follow which calendars this account has, from now on; where that is followed already, nothing changes."""
    stream, _ = SyncStream.objects.for_user(account.user_id).get_or_create(
        account=account,
        kind=SyncStream.Kind.CALENDAR_LIST,
        remote_id=REMOTE_ID,
        defaults={
            "user_id": account.user_id,
            "title": "Calendars",
            "phase": SyncStream.Phase.LIST,
            "next_sync_at": timezone.now(),
        },
    )
    return stream


def next_step(stream: SyncStream, now: dt.datetime) -> Step | None:
    is_due = stream.next_sync_at is None or stream.next_sync_at <= now
    if stream.phase == SyncStream.Phase.LIVE and not (is_due or stream.page_token):
        return None
    token = stream.cursor if stream.phase == SyncStream.Phase.LIVE else ""
    return Step("calendars", Position.of(stream), {"token": token, "page": stream.page_token})


def ask(step: Step, google: Google) -> CalendarPage | Expired:
    try:
        return calendar.list_calendars(google, sync_token=step.asks["token"], page=step.asks["page"])
    except Failed as failed:
        if failed.failure.kind == Kind.RESYNC and (step.asks["token"] or step.asks["page"]):
            return Expired()
        raise


def apply(stream: SyncStream, step: Step, answer: CalendarPage | Expired, now: dt.datetime) -> None:
    if isinstance(answer, Expired):
        list_again(stream)
        return
    for one in answer.calendars:
        hear(stream, one, now)
    stream.page_token, stream.last_progress_at = answer.next_page, now
    if not answer.next_page and answer.sync_token:
        if stream.phase == SyncStream.Phase.LIST:
            withdraw_unseen(stream)
        stream.phase, stream.cursor = SyncStream.Phase.LIVE, answer.sync_token
        health.looked(stream, now)
    elif not answer.next_page:
        list_again(stream)
    stream.save()


def list_again(stream: SyncStream) -> None:
    stream.phase, stream.generation = SyncStream.Phase.LIST, stream.generation + 1
    stream.cursor = stream.page_token = ""
    stream.save()


def calendars_of(stream: SyncStream) -> dict[str, SyncStream]:
    rows = SyncStream.objects.for_user(stream.user_id).filter(
        account=stream.account, kind=SyncStream.Kind.CALENDAR
    )
    return {one.remote_id: one for one in rows.select_for_update(no_key=True)}


def hear(stream: SyncStream, said: Calendar, now: dt.datetime) -> None:
    """One calendar: new, called something else, no longer there, or there again."""
    known = calendars_of(stream).get(said.id[:255])
    if said.is_deleted or said.role not in READABLE:
        if known is not None:
            withdraw(known)
        return
    if known is None:
        known = SyncStream(user_id=stream.user_id, account=stream.account, kind=SyncStream.Kind.CALENDAR)
        known.remote_id = said.id[:255]
    known.title = said.name[:255]
    known.listing = {
        **known.listing,
        "zone": said.zone,
        "primary": said.is_primary,
        "shown": said.is_shown,
        "seen": stream.generation,
    }
    if known.health == SyncStream.Health.FAILED and known.health_reason == WITHDRAWN:
        known.health, known.health_reason, known.not_before = SyncStream.Health.OK, "", None
        known.next_sync_at = now if known.phase in FOLLOWED else None
    known.save()


def withdraw(known: SyncStream) -> None:
    """It is asked about no more. What it brought stays: only its owner, or an event's own end, takes that away."""
    if known.health_reason == WITHDRAWN:
        return
    known.health, known.health_reason, known.next_sync_at = SyncStream.Health.FAILED, WITHDRAWN, None
    known.save()
    note(known.user_id, "sync.stopped", on=known, code="calendar_gone")


def withdraw_unseen(stream: SyncStream) -> None:
    """A whole list shows every calendar there is."""
    for known in calendars_of(stream).values():
        if known.listing.get("seen", 0) < stream.generation:
            withdraw(known)


follow(SyncStream.Kind.CALENDAR_LIST, Follower(EVERY, next_step, ask, apply))
