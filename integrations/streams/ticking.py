"""The jobs of streams: one step a chunk, until there is nothing left to ask or Google wants us to wait.

The job's token is the fence: a worker that lost its lease commits nothing. Where the stream stands is compared on
top of that, so that an answer is only ever applied to what it was asked for.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import Q
from django.utils import timezone

from integrations.google.client import Google
from integrations.google.errors import Failed, Failure
from integrations.models import SyncStream
from integrations.quota import Wait
from integrations.streams import health, steps, work
from integrations.streams.opening import Account
from integrations.streams.steps import FOLLOWED, STOPPED, Step
from jobs.models import Job
from jobs.periodic import every
from jobs.queue import GONE, Again, GiveUp, enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as, as_role

GMAIL, CALENDAR = "google_gmail_sync", "google_calendar_sync"
JOBS = {
    SyncStream.Kind.GMAIL: GMAIL,
    SyncStream.Kind.CALENDAR: CALENDAR,
    SyncStream.Kind.CALENDAR_LIST: CALENDAR,
}


@dataclass
class Heard:
    """What came of one step: an answer, a failure of the whole call, or that it had to wait."""

    step: Step | None
    answer: Any = None
    failure: Failure | None = None
    wait: float = 0.0


def listen(context: JobContext) -> Heard:
    """Decide the next step, then ask."""
    with acting_as(context.user_id):
        stream = stream_of(context)
        step = steps.next_step(stream, timezone.now())
    if step is None:
        return Heard(None)
    context.check()
    return hear(stream, step, steps.follower_of(stream).ask)


def hear(stream: SyncStream, step: Step, ask: Callable[[Step, Google], Any]) -> Heard:
    """What comes of asking, outside any transaction."""
    try:
        with Account.of(stream.account, step.lane).opened() as google:
            return Heard(step, ask(step, google))
    except Failed as failed:
        return Heard(step, failure=failed.failure)
    except Wait as wait:
        return Heard(step, wait=wait.after)


def sync(context: JobContext) -> Again | None:
    """Write down what was heard. The next chunk decides anew."""
    heard: Heard = context.prepared
    stream, now = stream_of(context, lock=True), timezone.now()
    if heard.step is None:
        return None
    if heard.wait or heard.failure:
        work.count_no_try(heard.step.work)
    if heard.wait:
        come_back(stream, now + timedelta(seconds=heard.wait))
        return None
    failure = heard.failure or steps.apply(stream, heard.step, heard.answer, now)
    if failure:
        health.fails(stream, failure, now)
        return None
    health.fares_well(stream, now)
    return Again({})


def stream_of(context: JobContext, *, lock: bool = False) -> SyncStream:
    rows = SyncStream.objects.for_user(context.user_id).select_related("account")
    rows = rows.select_for_update(no_key=True, of=("self",)) if lock else rows
    stream = rows.filter(pk=context.payload["stream_id"]).first()
    if stream is None:
        raise GiveUp("not_found", GONE)
    return stream


for kind in (GMAIL, CALENDAR):
    handles(kind, queue=Job.Queue.SYNC, concurrency=2, prepare=listen)(sync)


def come_back(stream: SyncStream, at: dt.datetime | None = None) -> Job:
    """A job for this stream, at once or at that moment. However often it is asked for, one waits and one runs."""
    key = f"stream:{stream.pk}"
    return enqueue(
        JOBS[SyncStream.Kind(stream.kind)],
        stream.user_id,
        dedupe_key=key,
        mutex_key=key,
        run_at=at,
        stream_id=str(stream.pk),
    )


def sync_now(stream: SyncStream) -> bool:
    """What a person asks for. False while Google wants us to wait; then it goes on by itself."""
    health.go_on(stream, timezone.now())
    if not steps.may_ask(stream, timezone.now()):
        return False
    come_back(stream)
    return True


@every(timedelta(seconds=30), "follow streams")
def follow_streams() -> int:
    """Ask for a job for each stream whose time has come. Returns how many."""
    due = due_streams(timezone.now())
    for stream in due:
        with acting_as(stream.user_id):
            come_back(stream)
    return len(due)


def due_streams(now: dt.datetime) -> list[SyncStream]:
    with as_role("dispatch"):
        rows = SyncStream.unscoped.filter(next_sync_at__lte=now, phase__in=FOLLOWED)
        rows = rows.exclude(health__in=STOPPED).filter(Q(not_before=None) | Q(not_before__lte=now))
        return list(rows.order_by("next_sync_at")[:1000])
