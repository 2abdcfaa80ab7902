"""The cards of connected accounts: how each of their streams stands, how far it is, and how fast it goes."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Count
from django.utils import timezone

from integrations.batch_page import EARLY
from integrations.models import GoogleAccount, QuotaBucket, RawEvent, SyncStream, SyncWork
from integrations.normalize import AWAY
from integrations.origins import PLANNED
from integrations.quota import APIS, price, rate
from integrations.status import BAD, CALM, SHORT, Facts, Point, difference, points, tone
from integrations.streams.keeping import STUBS
from integrations.streams.steps import FOLLOWED
from jobs.models import Batch
from omnicrm.models import User

OPEN = (Batch.State.PLANNING, Batch.State.PLANNED, Batch.State.APPROVED, Batch.State.RUNNING)
READ_IN_ONE = {"gmail": "messages.get"}
"""The call that fetches one thing of a kind."""


@dataclass(frozen=True)
class Progress:
    """How far an import is. `a_second` is measured where `is_measured`, else what Google's quota allows."""

    done: int
    total: int
    a_second: float
    is_measured: bool

    @property
    def percent(self) -> int:
        return self.done * 100 // self.total if self.total else 0

    @property
    def seconds_left(self) -> float | None:
        return (self.total - self.done) / self.a_second if self.a_second else None


def progress(batch: Batch, kind: str, now: dt.datetime) -> Progress | None:
    """Of an import that was approved; None where there is nothing to measure."""
    if not batch.total_steps or batch.approved_at is None:
        return None
    passed = (now - batch.approved_at).total_seconds()
    is_measured = bool(batch.done_steps) and passed >= EARLY.total_seconds()
    a_second = batch.done_steps / passed if is_measured else allowed(kind)
    return Progress(batch.done_steps, batch.total_steps, a_second, is_measured)


def allowed(kind: str) -> float:
    """How many things of a kind we may fetch in a second."""
    call = READ_IN_ONE.get(kind)
    return rate("gmail", project=False) / price(call) if call else 0.0


@dataclass(frozen=True)
class StreamCard:
    facts: Facts

    @property
    def stream(self) -> SyncStream:
        return self.facts.stream

    @cached_property
    def points(self) -> list[Point]:
        return points(self.facts)

    @property
    def tone(self) -> str:
        return tone(self.points)

    @property
    def state(self) -> str:
        return SHORT[self.tone]

    @property
    def batch(self) -> Batch | None:
        return self.facts.batch

    @property
    def progress(self) -> Progress | None:
        batch = self.facts.batch
        return progress(batch, self.stream.kind, self.facts.now) if batch else None

    @property
    def is_followed(self) -> bool:
        return self.stream.phase in FOLLOWED

    @property
    def difference(self) -> int:
        return difference(self.stream.tally)


@dataclass(frozen=True)
class AccountCard:
    account: GoogleAccount
    streams: Sequence[StreamCard]

    @property
    def is_followed(self) -> bool:
        """Whether its mail or a calendar is: which calendars there are is looked for from the first day."""
        kinds = (SyncStream.Kind.GMAIL, SyncStream.Kind.CALENDAR)
        return any(card.is_followed for card in self.streams if card.stream.kind in kinds)

    @property
    def has_failures(self) -> bool:
        """Whether something was put aside that can be tried again."""
        return any(card.facts.parked for card in self.streams if card.is_followed)

    @property
    def is_paused(self) -> bool:
        followed = [card for card in self.streams if card.is_followed]
        return bool(followed) and all(card.stream.health == SyncStream.Health.PAUSED for card in followed)

    @property
    def is_moving(self) -> bool:
        """Whether the page should look again soon."""
        return any(card.tone == CALM or card.progress for card in self.streams)

    @property
    def alert(self) -> Point | None:
        """What its owner should know wherever they are, the first of it."""
        found = [point for card in self.streams for point in card.points if point.matters]
        return min(found, key=lambda point: point.tone != BAD, default=None)


def cards_of(user: User, now: dt.datetime | None = None) -> list[AccountCard]:
    """All accounts of somebody, in as many queries for ten as for one."""
    now = now or timezone.now()
    accounts = list(GoogleAccount.objects.for_user(user).order_by("created_at", "pk"))
    connected = [account.pk for account in accounts if account.is_connected]
    streams = list(
        SyncStream.objects.for_user(user)
        .filter(account__in=connected)
        .select_related("account")
        .order_by("kind", "title", "created_at")
    )
    streams.sort(key=lambda stream: (stream.kind != SyncStream.Kind.GMAIL, not stream.listing.get("primary")))
    found = facts_of(user, streams, now) if streams else []
    by_account: dict[Any, list[StreamCard]] = defaultdict(list)
    for facts in found:
        by_account[facts.stream.account_id].append(StreamCard(facts))
    return [AccountCard(account, by_account[account.pk]) for account in accounts]


def facts_of(user: User, streams: Sequence[SyncStream], now: dt.datetime) -> list[Facts]:
    work, unread = work_counts(user, streams), unread_counts(user, streams)
    batches, pauses = open_batches(user, streams), pauses_of(streams)
    return [
        Facts(
            stream,
            now,
            todo=work[stream.pk, SyncWork.State.TODO],
            parked=work[stream.pk, SyncWork.State.PARKED],
            unread=unread.get(stream.source, 0),
            batch=batches.get(str(stream.pk)),
            pause_until=pauses.get(f"{api_of(stream)}:{stream.account_id}"),
        )
        for stream in streams
    ]


def api_of(stream: SyncStream) -> str:
    return "gmail" if stream.kind == SyncStream.Kind.GMAIL else "calendar"


def work_counts(user: User, streams: Iterable[SyncStream]) -> dict[tuple[Any, str], int]:
    """By stream and state. What is only to be explained, and stays out in any case, is not counted."""
    ids = [stream.pk for stream in streams]
    rows = SyncWork.objects.for_user(user).filter(stream__in=ids, priority__lt=STUBS)
    grouped = rows.order_by().values_list("stream", "state").annotate(Count("pk"))
    return defaultdict(int, {(stream, state): number for stream, state, number in grouped})


def unread_counts(user: User, streams: Iterable[SyncStream]) -> dict[str, int]:
    """By source: what was fetched, and did not become anything yet. What went before it was read never does."""
    rows = RawEvent.objects.for_user(user).filter(
        source__in=[stream.source for stream in streams], verdict=RawEvent.PENDING
    )
    rows = rows.exclude(remote="").exclude(remote__in=AWAY)  # the first names the index
    return dict(rows.order_by().values_list("source").annotate(Count("pk")))


def open_batches(user: User, streams: Iterable[SyncStream]) -> dict[str, Batch]:
    """The newest import of each stream that waits or runs."""
    rows = Batch.objects.for_user(user).filter(
        kind__in=PLANNED, state__in=OPEN, options__stream__in=[str(stream.pk) for stream in streams]
    )
    return {batch.options["stream"]: batch for batch in rows.order_by("created_at")}


def pauses_of(streams: Iterable[SyncStream]) -> dict[str, dt.datetime | None]:
    names = {f"{api}:{stream.account_id}" for stream in streams for api in APIS}
    return dict(QuotaBucket.objects.filter(name__in=names).values_list("name", "not_before"))
