"""Asking Google to tell of changes, and asking it to stop. Off unless the settings say so; looking goes on all the same.

A watch lasts a week and is renewed when less than two days of it are left. What fails here says nothing of the stream.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from integrations.google import calendar, gmail
from integrations.google.client import Google
from integrations.google.errors import SLOWER, Failed, Failure, Kind
from integrations.models import GoogleAccount, PushAddress, SyncStream
from integrations.quota import Lane, Wait
from integrations.streams import pushed, steps
from integrations.streams.opening import Account
from integrations.streams.steps import STOPPED
from integrations.streams.ticking import stream_of
from jobs.models import Job
from jobs.periodic import every
from jobs.queue import enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as, as_role

LEFT = timedelta(hours=48)
"""A watch of which less is left is renewed."""
SOON, LATER = timedelta(hours=1), timedelta(days=1)
"""When it is tried again after what passes by itself, and after what does not."""
SILENT = (*STOPPED, SyncStream.Health.FAILED)
COLUMNS = ["watch_expires_at", "watch_again_at", "watch_channel", "watch_resource", "updated_at"]

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Watch:
    """What Google has promised; none of it where it was asked to stop. `address` and `token` are hidden already."""

    expires_at: dt.datetime | None = None
    address: str = ""
    token: str = ""
    channel: str = ""
    resource: str = ""


def kinds() -> list[SyncStream.Kind]:
    """What Google is asked to tell of."""
    asked = {
        SyncStream.Kind.GMAIL: bool(settings.GOOGLE_PUBSUB_TOPIC),
        SyncStream.Kind.CALENDAR: settings.GOOGLE_CALENDAR_PUSH,
    }
    return [kind for kind, is_on in asked.items() if is_on]


# --- when


@every(timedelta(minutes=5), "renew watches")
def renew_watches() -> int:
    """Ask for a job for each stream whose watch is to begin, to go on, or to end. Returns how many."""
    due = due_streams(timezone.now())
    for stream in due:
        enqueue("renew_watch", stream.user_id, dedupe_key=f"watch:{stream.pk}", stream_id=str(stream.pk))
    return len(due)


def due_streams(now: dt.datetime) -> list[SyncStream]:
    """Those without a watch first, then those whose watch ends first."""
    wanted = Q(kind__in=kinds(), phase=SyncStream.Phase.LIVE) & ~Q(health__in=SILENT)
    is_time = Q(watch_again_at=None) | Q(watch_again_at__lte=now)
    may_ask = Q(not_before=None) | Q(not_before__lte=now)
    with as_role("dispatch"):
        rows = SyncStream.unscoped.filter((wanted & is_time) | (~wanted & Q(watch_expires_at__isnull=False)))
        return list(rows.filter(may_ask).order_by(F("watch_expires_at").asc(nulls_first=True))[:1000])


def is_wanted(stream: SyncStream) -> bool:
    return stream.kind in kinds() and stream.phase == SyncStream.Phase.LIVE and stream.health not in SILENT


# --- the job


def ask(context: JobContext) -> Watch | Failure | None:
    """What came of asking, outside any transaction; None where there was nothing to ask."""
    with acting_as(context.user_id):
        stream, now = stream_of(context), timezone.now()
    if stream.not_before is not None and stream.not_before > now:
        return None
    if not is_wanted(stream):
        return ended(stream) if stream.watch_expires_at else None
    if not steps.may_ask(stream, now) or (stream.watch_again_at or now) > now:
        return None
    try:
        with Account.of(stream.account, Lane.BACKFILL).opened() as google:
            return BEGIN[SyncStream.Kind(stream.kind)](google, stream)
    except Failed as failed:
        return failed.failure


@handles("renew_watch", queue=Job.Queue.SYNC, concurrency=1, prepare=ask)
def renew_watch(context: JobContext) -> None:
    """Keep what Google has promised, or when to ask again."""
    heard: Watch | Failure | None = context.prepared
    if heard is None:
        return
    stream, now = stream_of(context, lock=True), timezone.now()
    if isinstance(heard, Watch):
        keep(stream, heard)
        return
    passes = heard.kind in SLOWER or heard.kind == Kind.TRANSIENT
    stream.watch_again_at = now + (SOON if passes else LATER)
    stream.save(update_fields=COLUMNS)
    log.warning("watch.failed", stream=str(stream.pk), kind=stream.kind, code=heard.code)


def keep(stream: SyncStream, watch: Watch) -> None:
    """Pushes for another address than this lead nowhere from now on."""
    rows = PushAddress.objects.filter(user_id=stream.user_id, stream=stream)
    rows.exclude(address=watch.address, token=watch.token).delete()
    if watch.address:
        row = PushAddress(user_id=stream.user_id, stream=stream, address=watch.address, token=watch.token)
        PushAddress.objects.bulk_create([row], ignore_conflicts=True)
    stream.watch_expires_at, stream.watch_channel, stream.watch_resource = (
        watch.expires_at, watch.channel, watch.resource,
    )  # fmt: skip
    stream.watch_again_at = watch.expires_at - LEFT if watch.expires_at else None
    stream.save(update_fields=COLUMNS)


# --- what is asked


def watch_mail(google: Google, stream: SyncStream) -> Watch:
    """Google knows one watch for each mailbox; with one for another topic it makes no new one, so that is ended first."""
    gmail.stop(google)
    found = gmail.watch(google, settings.GOOGLE_PUBSUB_TOPIC)
    return Watch(found.expires_at, pushed.mailbox(stream.account.email))


def watch_calendar(google: Google, stream: SyncStream) -> Watch:
    """A new channel with a new token; then that of before is closed."""
    id, token = str(uuid4()), secrets.token_urlsafe(32)
    place = settings.SITE_URL.rstrip("/") + reverse("push:calendar")
    made = calendar.watch_events(google, stream.remote_id, channel=id, token=token, address=place)
    if stream.watch_channel:
        quietly(lambda: calendar.stop_channel(google, stream.watch_channel, stream.watch_resource))
    return Watch(made.expires_at, pushed.channel(id), pushed.token(token), id, made.resource_id)


BEGIN: dict[SyncStream.Kind, Callable[[Google, SyncStream], Watch]] = {
    SyncStream.Kind.GMAIL: watch_mail,
    SyncStream.Kind.CALENDAR: watch_calendar,
}


def ended(stream: SyncStream) -> Watch:
    """Google is asked to tell no more, where it still lets us in. Whatever it answers, its word leads nowhere."""
    if stream.account.health in pushed.ANSWERS:
        with Account.of(stream.account, Lane.BACKFILL).opened() as google:
            quietly(lambda: end(google, stream))
    return Watch()


def end(google: Google, stream: SyncStream) -> None:
    if stream.kind == SyncStream.Kind.CALENDAR:
        calendar.stop_channel(google, stream.watch_channel, stream.watch_resource)
    elif not is_shared(stream):
        gmail.stop(google)


def is_shared(stream: SyncStream) -> bool:
    """Whether somebody else here has connected the same mailbox: at Google they have one watch."""
    address = pushed.mailbox(stream.account.email)
    return PushAddress.objects.filter(address=address).exclude(stream=stream).exists()


def quietly(asking: Callable[[], None]) -> None:
    """What has gone, or fails, ends by itself within a week."""
    try:
        asking()
    except (Failed, Wait) as error:
        log.info("watch.not_ended", error=str(error))


# --- letting an account go


def end_all(account: GoogleAccount) -> None:
    """Before its keys are given back. Outside transactions."""
    with acting_as(account.user_id):
        rows = SyncStream.objects.for_user(account.user_id).select_related("account")
        streams = list(rows.filter(account=account, watch_expires_at__gt=timezone.now()))
    for stream in streams:
        ended(stream)


def forget_all(account: GoogleAccount) -> None:
    """Pushes for this account lead nowhere from now on."""
    streams = SyncStream.objects.for_user(account.user_id).filter(account=account)
    for stream in streams.filter(watch_expires_at__isnull=False).select_for_update(no_key=True):
        keep(stream, Watch())
