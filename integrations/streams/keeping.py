"""What one answer of Google's says of messages, and what follows for what we hold: in one transaction.

A message is held as a raw event, or is still to be fetched as a row of work; only Google's own word takes it away.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, Q

from contacts.erased import Erased
from contacts.keeping_away import Unwanted
from integrations.google.errors import Failure
from integrations.google.gmail import Change, Message
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.normalize import normalize_raws
from integrations.preferences import Keep, Preferences
from integrations.readers import NORMALIZER
from integrations.streams import heads, withdrawing
from integrations.streams.policy import AWAY, PLACES, Policy, is_policy, place_of
from integrations.streams.standing import live_batch
from jobs import batches
from jobs.models import Batch
from omnicrm.events import note

MOST_TRIES = 3
LAST = 2**63 - 1
STUBS = 90
"""The priority of what is only to be explained: after all that is wanted."""
LIVE, TRASH, DELETED = RawEvent.Remote.LIVE, RawEvent.Remote.TRASH, RawEvent.Remote.DELETED
HELD = (RawEvent.KEPT, RawEvent.PENDING)
KEPT_OUT = ("skipped:blocked", "skipped:ignored")
"""From somebody who was unwanted when it came. What has a payload was here before, and comes back by an undo alone."""
TOLD = ["verdict", "reason", "version", "labels", "remote", "remote_at", "seen_generation"]
FETCH, STUB, VERIFY = SyncWork.Op.FETCH, SyncWork.Op.STUB, SyncWork.Op.VERIFY


class Keeping:
    """Gathers what is said of some messages of a stream, which the caller has locked, and writes it with `finish`."""

    def __init__(self, stream: SyncStream, ids: Iterable[str], now: dt.datetime) -> None:
        self.stream, self.source, self.now = stream, stream.source, now
        self.policy, self.preferences = Policy.read(stream.listing), Preferences.of(stream.account)
        self.erased, self.unwanted = Erased(stream.user_id), Unwanted(stream.user_id)
        named = list(ids)
        bare = ExpressionWrapper(Q(payload__isnull=True), output_field=BooleanField())
        rows = RawEvent.objects.for_user(stream.user_id).filter(source=self.source, external_id__in=named)
        known = rows.defer("payload").annotate(bare=bare).select_for_update(no_key=True)
        self.raws: dict[str, Any] = {raw.external_id: raw for raw in known.order_by("external_id")}
        work = SyncWork.objects.for_user(stream.user_id).filter(stream=stream, external_id__in=named)
        self.work = {one.external_id: one for one in work.select_for_update(no_key=True)}
        self.told: dict[str, RawEvent] = {}
        self.filled: dict[UUID | None, list[RawEvent]] = defaultdict(list)
        self.made: list[RawEvent] = []
        self.away: list[RawEvent] = []
        self.back: list[RawEvent] = []
        self.ended: list[SyncWork] = []
        self.asked: list[SyncWork] = []

    @cached_property
    def picked(self) -> set[UUID]:
        """Imports whose messages somebody chose one by one: of the rules, only those of places hold for them."""
        batches = {work.batch_id for work in self.work.values() if work.batch_id}
        rows = Batch.objects.for_user(self.stream.user_id).filter(pk__in=batches, options__picked=True)
        return set(rows.values_list("pk", flat=True))

    # --- what history and lists say

    def heard(self, change: Change) -> None:
        if change.what == "deleted":
            self.deleted(change.id, change.thread_id)
        elif change.what == "added" and change.id not in self.raws and change.id not in self.work:
            self.added(change)
        else:
            self.labelled(change)

    def added(self, change: Change) -> None:
        """A message that is new to the mailbox. Labels that are not named are looked up first."""
        if rule := self.policy.rule(change.labels):
            self.leave_out(change.id, change.thread_id, rule, change.labels, change.at)
        else:
            self.want(change.id, change.thread_id, FETCH if change.labels else STUB, change.at)

    def labelled(self, change: Change) -> None:
        """Under other labels now. What we neither hold nor want is none of our business, unless it comes out of the
        bin or of spam: what was in there was not listed."""
        raw, work = self.raws.get(change.id), self.work.get(change.id)
        if raw is not None:
            if raw.version is not None and Decimal(change.at) <= raw.version:
                return
            if (labels := labels_after(raw, change)) is None:
                self.want(change.id, raw.thread, VERIFY, change.at)
            else:
                self.judge(raw, labels, change.at)
        elif work is not None and change.labels and work.op != VERIFY:
            work.op = STUB if self.policy.rule(change.labels) else self.how()
        elif work is None and {"TRASH", "SPAM"} & {*change.lost}:
            self.want(change.id, change.thread_id, STUB, change.at)

    def deleted(self, id: str, thread: str = "", batch: UUID | None = None) -> None:
        raw = self.raws.get(id)
        if raw is None:
            raw = self.stub(id, thread, "gone", batch=batch)
        self.goes(raw, DELETED)
        self.end(id)

    def judge(self, raw: Any, labels: list[str], at: str) -> None:
        """What follows from the labels of a message that we know."""
        raw.labels, raw.version = labels, Decimal(at)
        self.see(raw)
        rule = self.policy.rule(labels)
        if raw.verdict in HELD or raw.verdict.startswith("failed"):
            self.goes(raw, TRASH) if rule in AWAY else self.returns(raw)
        elif is_policy(raw.verdict) and raw.remote != DELETED:
            raw.remote = TRASH if rule in AWAY else LIVE
            if rule:
                raw.verdict = f"skipped:{rule}"
            else:
                self.want(raw.external_id, raw.thread, self.how(), at)

    def goes(self, raw: RawEvent, remote: str) -> None:
        """Thrown away, or deleted, at Google. What is deleted does not come back."""
        if raw.remote in (DELETED, remote):
            return
        if raw.remote == LIVE and raw.verdict in HELD:
            self.away.append(raw)
        raw.remote, raw.remote_at = remote, self.now
        self.see(raw)

    def returns(self, raw: RawEvent) -> None:
        if raw.remote == TRASH:
            raw.remote, raw.remote_at = LIVE, None
            self.back.append(raw)

    def see(self, raw: RawEvent) -> None:
        raw.seen_generation = self.stream.generation
        self.told[raw.external_id] = raw

    # --- work

    def how(self) -> str:
        """How a wanted message is fetched: as a whole, or its head first, where that may be all that is kept of it, or
        tell that it is from somebody who is kept away."""
        return FETCH if self.preferences.keep == Keep.FULL and not self.unwanted else STUB

    def want(
        self, id: str, thread: str, op: str, at: str, priority: int = SyncWork.DELTA, place: int | None = None
    ) -> None:
        if known := self.work.get(id):
            if known.op == STUB and op == FETCH:
                known.op, known.priority = FETCH, min(known.priority, priority)
            return
        self.work[id] = SyncWork(
            user_id=self.stream.user_id,
            stream=self.stream,
            external_id=id,
            op=STUB if op == FETCH and self.how() == STUB else op,
            thread=thread,
            generation=self.stream.generation,
            priority=priority,
            place=LAST - min(int(at or 0), LAST) if place is None else place,
        )
        self.asked.append(self.work[id])

    def end(self, id: str) -> None:
        """There is nothing left to do for it."""
        if work := self.work.pop(id, None):
            self.ended.append(work)

    # --- what was fetched

    def fetched(self, work: SyncWork, message: Message) -> None:
        raw, rule = self.raws.get(work.external_id), self.policy.rule(message.labels)
        if work.op == VERIFY or (raw is not None and not fillable(raw)):
            self.end(work.external_id)
            if raw is not None:
                self.judge(raw, list(message.labels), message.history_id)
        elif rule and (work.batch_id not in self.picked or place_of(message.labels)):
            self.end(work.external_id)
            self.explain(work, message, rule)
        elif why := self.unwanted.why(heads.author(message)):
            self.end(work.external_id)
            self.explain(work, message, why)
        elif self.is_all_we_keep(message):
            self.end(work.external_id)
            self.keep(work, message, heads.head(message))
        elif work.op == STUB:
            work.op, work.attempts = FETCH, 0
        else:
            self.end(work.external_id)
            self.keep(work, message, message.raw)

    def is_all_we_keep(self, message: Message) -> bool:
        """Whether the head of a message is all that is to be kept of it."""
        return self.preferences.kept_of(heads.thread_key(message)) != Keep.FULL

    def keep(self, work: SyncWork, message: Message, payload: bytes) -> None:
        raw = self.raws.get(work.external_id) or self.new(work.external_id, message.thread_id)
        raw.payload, raw.verdict, raw.reason = zlib.compress(payload, 1), RawEvent.PENDING, ""
        raw.batch_id, raw.normalizer = work.batch_id, NORMALIZER
        self.say(raw, message)
        self.filled[work.batch_id].append(raw)

    def explain(self, work: SyncWork, message: Message, rule: str) -> None:
        """Why a message stays out, with what one asks by: its author and its Message-ID."""
        raw = self.raws.get(work.external_id) or self.stub(
            work.external_id, message.thread_id, rule, batch=work.batch_id
        )
        raw.verdict = f"skipped:{rule}"
        self.say(raw, message)
        raw.remote = TRASH if rule in AWAY else LIVE
        author = heads.author(message)
        if not self.erased.holds("email", author):
            raw.author, raw.item_key = author, heads.message_id(message)

    def say(self, raw: RawEvent, message: Message) -> None:
        raw.occurred_at, raw.thread = message.internal_at, message.thread_id
        raw.labels, raw.version = list(message.labels), Decimal(message.history_id or 0)
        raw.remote, raw.remote_at = LIVE, None
        self.see(raw)

    def leave_out(self, id: str, thread: str, rule: str, labels: Iterable[str], at: str) -> None:
        raw = self.stub(id, thread, rule)
        raw.labels, raw.version = list(labels), Decimal(at) if at else None
        raw.remote = TRASH if rule in AWAY else LIVE
        if rule not in PLACES.values():
            self.want(id, thread, STUB, at, priority=STUBS)

    def stub(self, id: str, thread: str, rule: str, batch: UUID | None = None) -> RawEvent:
        raw = self.new(id, thread)
        raw.verdict, raw.batch_id = f"skipped:{rule}", batch
        self.see(raw)
        return raw

    def new(self, id: str, thread: str) -> RawEvent:
        raw = RawEvent(
            user_id=self.stream.user_id,
            source=self.source,
            external_id=id,
            kind="email",
            thread=thread,
            remote=LIVE,
        )
        self.raws[id] = raw
        self.made.append(raw)
        return raw

    def failed(self, work: SyncWork, failure: Failure) -> None:
        """It could not be read. Each try was counted before it was made; after the last it is put aside, visibly."""
        work.last_error = failure.code
        if work.attempts < MOST_TRIES:
            return
        work.state = SyncWork.State.PARKED
        raw = self.raws.get(work.external_id)
        if raw is None:
            raw = self.new(work.external_id, work.thread)
            raw.batch_id = work.batch_id
            raw.verdict, raw.reason = f"failed:{failure.code}", failure.sentence
        note(self.stream.user_id, "sync.parked", on=self.stream, batch_id=work.batch_id, code=failure.code)

    # --- all of it

    def finish(self) -> None:
        self.write_raws(self.live_filled())
        self.write_work()
        if self.away:
            withdrawing.withdraw(live_batch(self.stream), self.away)
        if self.back:
            self.bring_back()
        for batch_id, raws in self.filled.items():
            assert batch_id is not None
            normalize_raws(batch_id, self.stream.user_id, [raw.pk for raw in raws])
        self.count_steps()

    def live_filled(self) -> set[UUID]:
        """What was fetched for no batch belongs to today's; the ids of all that was fetched."""
        if fresh := self.filled.pop(None, []):
            batch_id = live_batch(self.stream).pk
            for raw in fresh:
                raw.batch_id = batch_id
            self.filled[batch_id] += fresh
        return {raw.pk for raws in self.filled.values() for raw in raws}

    def write_raws(self, filled: set[UUID]) -> None:
        made = {raw.pk for raw in self.made}
        RawEvent.unscoped.bulk_create(self.made, batch_size=100)
        others = [raw for raw in self.told.values() if raw.pk not in made]
        for raw in others:
            if raw.pk in filled:
                raw.save()
        rest = [raw for raw in others if raw.pk not in filled]
        RawEvent.unscoped.bulk_update(rest, [*TOLD, "author", "item_key", "occurred_at"], batch_size=500)

    def write_work(self) -> None:
        rows = SyncWork.objects.for_user(self.stream.user_id)
        rows.filter(pk__in=[work.pk for work in self.ended]).delete()
        new = {work.pk for work in self.asked}
        SyncWork.unscoped.bulk_create(
            [work for work in self.asked if self.work.get(work.external_id) is work], batch_size=500
        )
        changed = [work for work in self.work.values() if work.pk not in new]
        SyncWork.unscoped.bulk_update(
            changed, ["op", "priority", "attempts", "state", "last_error", "not_before"], batch_size=500
        )

    def bring_back(self) -> None:
        """What is no longer in the bin. What the log cannot bring back is read, or fetched, again."""
        batch = live_batch(self.stream)
        lost = withdrawing.bring_back(batch, self.back)
        rows = RawEvent.objects.for_user(self.stream.user_id).filter(pk__in=[raw.pk for raw in lost])
        rows.update(verdict=RawEvent.PENDING)
        readable = list(rows.exclude(payload=None).values_list("pk", flat=True))
        normalize_raws(batch.pk, batch.user_id, readable)
        for raw in rows.filter(payload=None):
            work = SyncWork(user_id=self.stream.user_id, stream=self.stream, external_id=raw.external_id)
            work.priority, work.thread = SyncWork.DELTA, raw.thread
            SyncWork.unscoped.bulk_create([work], ignore_conflicts=True)

    def count_steps(self) -> None:
        """What is left of a batch, besides what is still to be read. Its last step may have been one of these."""
        read = {raw.external_id for raws in self.filled.values() for raw in raws}
        parked = [work for work in self.work.values() if work.state == SyncWork.State.PARKED]
        steps: dict[UUID, int] = defaultdict(int)
        for work in [*self.ended, *parked]:
            if work.batch_id:
                steps[work.batch_id] += work.external_id not in read
        # One that is done already has had all its steps, also those of what is tried again.
        rows = Batch.objects.for_user(self.stream.user_id).filter(pk__in=steps, state__in=Batch.UNFINISHED)
        for batch_id in rows.order_by("pk").values_list("pk", flat=True):
            batches.step(batch_id, steps[batch_id])
            batches.advance(batch_id)


def labels_after(raw: RawEvent, change: Change) -> list[str] | None:
    """The labels of a message after a change of them; None where that cannot be told."""
    if raw.version is not None and (change.gained or change.lost):
        return sorted({*raw.labels, *change.gained}.difference(change.lost))
    return list(change.labels) or None


def fillable(raw: Any) -> bool:
    """Whether what was fetched is still to be kept: it was left out by a rule that no longer holds, or never came."""
    may_come = raw.verdict in (RawEvent.PENDING, *KEPT_OUT) or raw.verdict.startswith("failed")
    return is_policy(raw.verdict) or (raw.bare and may_come)
