"""What a stream has still to fetch, in the order in which it is fetched: what arrives first, then the newest."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db.models import F, Q

from integrations.models import SyncStream, SyncWork

MOST_TRIES = 3
"""After so many something is put aside, visibly; what stops a worker counts too, for a try is counted before."""
WHOLE = (SyncWork.Op.FETCH,)
HEADS = (SyncWork.Op.STUB, SyncWork.Op.VERIFY)


def pick(stream: SyncStream, now: dt.datetime, size: int, *, urgent: bool = False) -> tuple[SyncWork, ...]:
    """What to fetch in the next batch, all in one way; what failed before by itself, so that it is known for it.

    `urgent`: only what has just arrived, and does not wait behind old mail.
    """
    rows = SyncWork.objects.for_user(stream.user_id).filter(stream=stream, state=SyncWork.State.TODO)
    rows = rows.filter(Q(not_before=None) | Q(not_before__lte=now)).order_by("attempts", "priority", "place")
    found = list((rows.filter(priority__lt=SyncWork.BACKFILL) if urgent else rows)[:size])
    if not found or found[0].attempts:
        return tuple(found[:1])
    first = found[0]
    return tuple(
        one
        for one in found
        if not one.attempts and one.priority == first.priority and (one.op in WHOLE) == (first.op in WHOLE)
    )


def verify(stream: SyncStream, threads: Mapping[str, str]) -> None:
    """Ask what became of these ids, each with its thread, if it has one. What is asked for already stays as it is."""
    work = [
        SyncWork(
            user_id=stream.user_id,
            stream=stream,
            external_id=id,
            op=SyncWork.Op.VERIFY,
            thread=thread,
            generation=stream.generation,
            priority=SyncWork.DELTA,
        )
        for id, thread in threads.items()
    ]
    SyncWork.unscoped.bulk_create(work, ignore_conflicts=True, batch_size=500)


def is_worn_out(work: tuple[SyncWork, ...]) -> bool:
    """It stopped its worker each time it was tried, before anybody could say why."""
    return bool(work) and work[0].attempts >= MOST_TRIES


def count_no_try(work: tuple[SyncWork, ...]) -> None:
    """It was not made, or not answered: that says nothing about these."""
    if work:
        rows = SyncWork.objects.for_user(work[0].user_id).filter(pk__in=[one.pk for one in work])
        rows.filter(attempts__gt=0).update(attempts=F("attempts") - 1)


def count_try(work: tuple[SyncWork, ...]) -> None:
    """Before it is made: what stops the worker is known by it."""
    for one in work:
        one.attempts += 1
    if work:
        rows = SyncWork.objects.for_user(work[0].user_id).filter(pk__in=[one.pk for one in work])
        rows.update(attempts=F("attempts") + 1)
