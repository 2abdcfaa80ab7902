"""The batch that a stream writes into by itself: one for each day, complete at any time, and undoable as a whole."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

from integrations.models import SyncStream
from integrations.origins import stream_options
from integrations.plan import plan_options
from jobs.models import Batch
from omnicrm.acting import current_actor
from omnicrm.models import User

LIVE = "google_live"
TITLES = {"gmail": "Gmail", "calendar": "Google Calendar", "calendars": "Google Calendar"}


def live_batch(stream: SyncStream) -> Batch:
    """Today's batch of this stream, made when there is something to write. One that was undone is followed by another."""
    today = timezone.now().date()
    rows = Batch.objects.for_user(stream.user_id).filter(
        kind=LIVE,
        state=Batch.State.DONE,
        options__stream=str(stream.pk),
        options__day=today.isoformat(),
    )
    return rows.order_by("-created_at").first() or begin(stream, today)


def begin(stream: SyncStream, day: dt.date) -> Batch:
    owner = User.objects.get(pk=stream.user_id)
    batch = Batch(
        user=owner,
        kind=LIVE,
        title=f"{TITLES[stream.kind]}, {day:%-d %B %Y}",
        state=Batch.State.DONE,
        options={
            **plan_options(owner, {}),
            **stream_options(stream),
            "own": own_addresses(stream, owner),
            "day": day.isoformat(),
        },
        totals={"kind": stream.kind},
        approved_by=current_actor(),
        approved_at=timezone.now(),
        finished_at=timezone.now(),
    )
    batch.save(force_insert=True)
    return batch


def own_addresses(stream: SyncStream, owner: User) -> list[str]:
    """The user's own as we know them, and those that Google says are theirs."""
    account = stream.account
    known = plan_options(owner, {})["own"]
    return sorted({*known, account.email.lower(), *(alias.lower() for alias in account.aliases)})
