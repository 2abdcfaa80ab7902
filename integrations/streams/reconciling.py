"""Once a day each stream is held to the truth: the ids that Google has of the last week, against ours, one by one.

First they are listed, then the stream catches up with what changed meanwhile, and then each id must be accounted for.
What is not is asked for at once, and stands on the page of the account until a later look finds nothing missing.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from datetime import timedelta
from typing import Any

from django.db.models import F, Q
from django.utils import timezone

from integrations.google.errors import Kind
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.quota import Lane
from integrations.streams import health, steps, ticking
from integrations.streams.steps import STOPPED, Position, Step
from integrations.streams.ticking import Heard, come_back, hear, stream_of
from integrations.streams.truth import TRUTHS, Fate
from jobs.models import Job
from jobs.periodic import every
from jobs.queue import Again, RetryLater, enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as, as_role
from omnicrm.events import note

RECONCILE = "reconcile"
DAYS = timedelta(days=7)
DAILY = timedelta(hours=23)
SOON = timedelta(minutes=15)
"""After something was missing, it is looked again whether it has come."""
LIVE = SyncStream.Phase.LIVE


# --- the job


def listen(context: JobContext) -> Heard:
    """The next page of Google's list; after the last one, what changed since, as in any tick."""
    if context.checkpoint.get("is_listed"):
        return ticking.listen(context)
    with acting_as(context.user_id):
        stream = stream_of(context)
    if stream.kind not in TRUTHS or stream.phase != LIVE or not steps.may_ask(stream, timezone.now()):
        return Heard(None)
    context.check()
    at = context.checkpoint or {"began": timezone.now().timestamp(), "page": ""}
    since = int(since_when(stream, dt.datetime.fromtimestamp(at["began"], dt.UTC)).timestamp())
    asks = {"since": since, "page": at["page"], "calendar": stream.remote_id, "began": at["began"]}
    return hear(
        stream, Step(RECONCILE, Position.of(stream), asks, lane=Lane.BACKFILL), TRUTHS[kind_of(stream)].ask
    )


def kind_of(stream: SyncStream) -> SyncStream.Kind:
    return SyncStream.Kind(stream.kind)


def since_when(stream: SyncStream, now: dt.datetime) -> dt.datetime:
    """A week, unless the stream itself goes back less."""
    first = stream.listing.get("after") or ""
    begins = dt.datetime.fromisoformat(first).replace(tzinfo=dt.UTC) if first else now - DAYS
    return max(now - DAYS, begins)


@handles(RECONCILE, queue=Job.Queue.SYNC, concurrency=1, prepare=listen)
def reconcile(context: JobContext) -> Again | None:
    """One page of the list, one step of catching up, or the comparison. What Google does not let us ask is left to the
    next time; a list that was begun is not worth much by then."""
    heard: Heard = context.prepared
    if heard.step is None:
        return None
    if heard.wait:
        raise RetryLater(heard.wait)
    if context.checkpoint.get("is_listed"):
        return catch_up(context)
    stream, now = stream_of(context, lock=True), timezone.now()
    if heard.failure:
        if heard.failure.kind != Kind.RESYNC:  # its list had become too old, which says nothing of the stream
            health.fails(stream, heard.failure, now)
        return None
    health.fares_well(stream, now)
    return turn_page(context, stream, heard)


def turn_page(context: JobContext, stream: SyncStream, heard: Heard) -> Again:
    assert heard.step is not None
    ids = {**context.checkpoint.get("ids", {}), **heard.answer.ids}
    at = {"began": heard.step.asks["began"], "ids": ids, "page": heard.answer.next_page}
    context.progress(f"Comparing {len(ids):,} ids with Google")
    if not heard.answer.next_page:
        stream.next_sync_at = timezone.now()
        stream.save(update_fields=["next_sync_at", "updated_at"])
        at["is_listed"] = True
    return Again(at)


def catch_up(context: JobContext) -> Again | None:
    """Until the stream knows all that happened while we listed; then nothing can be missing but what was lost."""
    if ticking.sync(context) is None:
        return None
    stream, now = stream_of(context, lock=True), timezone.now()
    if stream.phase != LIVE:
        return None  # everything is listed again: that is a better look than ours
    is_due = stream.next_sync_at is None or stream.next_sync_at <= now
    if is_due or stream.page_token:
        return Again(context.checkpoint)
    began = dt.datetime.fromtimestamp(context.checkpoint["began"], dt.UTC)
    compare(stream, context.checkpoint["ids"], began, now)
    return None


def compare(stream: SyncStream, ids: dict[str, str], began: dt.datetime, now: dt.datetime) -> None:
    """What became of each id, in numbers that are kept; what is missing is asked for."""
    truth, raws, work = TRUTHS[kind_of(stream)], known(stream, ids), work_on(stream, ids)
    fates = {id: truth.fate(raws.get(id), work.get(id), said, began) for id, said in ids.items()}
    counts = Counter(fates.values())
    missing = {id: ids[id] for id, fate in fates.items() if fate == Fate.MISSING}
    strays = dict.fromkeys(truth.strays(stream, since_when(stream, began), began) - ids.keys(), "")
    stream.tally = {"google": len(ids), **{fate.value: counts[fate] for fate in Fate}, "strays": len(strays)}
    stream.missing, stream.reconciled_at = len(missing), now
    stream.save()
    if missing or strays:
        truth.heal(stream, missing | strays, now)
    come_back(stream)
    note(stream.user_id, "sync.reconciled", on=stream, **stream.tally)


def known(stream: SyncStream, ids: dict[str, str]) -> dict[str, Any]:
    rows = RawEvent.objects.for_user(stream.user_id).filter(source=stream.source, external_id__in=list(ids))
    rows = rows if stream.kind == SyncStream.Kind.CALENDAR else rows.defer("payload")
    return {raw.external_id: raw for raw in rows.iterator()}


def work_on(stream: SyncStream, ids: dict[str, str]) -> dict[str, SyncWork]:
    rows = SyncWork.objects.for_user(stream.user_id).filter(stream=stream, external_id__in=list(ids))
    return {work.external_id: work for work in rows}


# --- when


def reconcile_soon(stream: SyncStream) -> Job:
    """Compare as soon as no tick of this stream is under way. However often it is asked for, one waits."""
    return enqueue(
        RECONCILE,
        stream.user_id,
        priority=Job.Priority.LOW,
        dedupe_key=f"reconcile:{stream.pk}",
        mutex_key=f"stream:{stream.pk}",
        stream_id=str(stream.pk),
    )


@every(timedelta(minutes=10), "reconcile streams")
def reconcile_streams() -> int:
    """Ask for a comparison of each stream that has had none for a day. Returns how many."""
    due = due_streams(timezone.now())
    for stream in due:
        with acting_as(stream.user_id):
            reconcile_soon(stream)
    return len(due)


def due_streams(now: dt.datetime) -> list[SyncStream]:
    """At once where there has been none, soon where something was missing or had not come, else once a day."""
    with as_role("dispatch"):
        rows = SyncStream.unscoped.filter(kind__in=list(TRUTHS), phase=LIVE).exclude(health__in=STOPPED)
        rows = rows.filter(Q(not_before=None) | Q(not_before__lte=now))
        is_late = Q(reconciled_at=None) | Q(reconciled_at__lte=now - DAILY)
        is_open = Q(missing__gt=0) | Q(tally__waiting__gt=0)
        rows = rows.filter(is_late | is_open & Q(reconciled_at__lte=now - SOON))
        return list(rows.order_by(F("reconciled_at").asc(nulls_first=True))[:1000])
