"""Turn raw events into interactions: a pure draft from the bytes, then one idempotent record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import structlog

from contacts.derived import refresh_after_batch
from contacts.drafts import EventDraft, InteractionDraft
from contacts.erased import Erased
from contacts.events import Whose, record_events
from contacts.recording import record
from integrations import naming, outbox
from integrations.extracting import ask_for_people
from integrations.models import Provenance, RawEvent
from integrations.origins import is_still_wanted, origin, stream_of
from integrations.plan import batch_of, me_of
from integrations.preferences import Preferences, reduce
from integrations.sifting import Sifted, sift
from integrations.sources import Draft, Me, draft_of
from jobs.models import Batch
from jobs.queue import enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.events import note

log = structlog.get_logger(__name__)

KILLED = "reader_stopped"
AWAY = (RawEvent.Remote.TRASH, RawEvent.Remote.DELETED)
"""What is no longer at its source makes no interaction."""


@dataclass
class Reading:
    """The raw events of one page, read: drafts by raw event, reasons for those that failed, and those done before."""

    drafts: dict[UUID, Draft] = field(default_factory=dict)
    failed: dict[UUID, tuple[str, str]] = field(default_factory=dict)
    """raw event → (code, sentence)."""
    known: list[UUID] = field(default_factory=list)
    bare: list[UUID] = field(default_factory=list)
    """Those that name somebody who was erased: what is left of them is kept, and not how they came."""
    erased: list[UUID] = field(default_factory=list)
    """Those of somebody who was erased."""
    apart: list[str] = field(default_factory=list)
    """Raw events to be read one by one, because reading them together stopped a worker."""


def read_raw_events(context: JobContext) -> Reading:
    """Parse outside of any transaction."""
    reading = Reading()
    if context.job.crashes and len(context.payload.get("raws", ())) > 1:
        reading.apart = list(context.payload["raws"])
        return reading
    with acting_as(context.user_id):
        batch = batch_of(context)
        came = origin(batch)
        rows = list(raw_events(batch, came.source, context.payload))
        erased = Erased(context.user_id)
        stream = stream_of(batch)
        preferences = Preferences.of(stream.account) if stream else None
    read = Reader(draft_of(came.kind), me_of(batch), erased, preferences)
    for raw in rows:
        if raw.verdict == RawEvent.PENDING:
            read.one(reading, raw)
        else:
            reading.known.append(raw.pk)
    return reading


def raw_events(batch: Batch, source: str, asked: Any) -> Iterable[RawEvent]:
    """Those that a job names, or what its source holds at these positions, whichever batch brought it."""
    rows = RawEvent.objects.for_user(batch.user_id).filter(source=source)
    if "raws" in asked:
        rows = rows.filter(pk__in=asked["raws"])
    else:
        rows = rows.filter(position__range=(asked["first"], asked["last"]))
    rows = rows.exclude(kind__in=["person", "file"]).exclude(verdict__startswith="skipped")
    return rows.exclude(remote__in=AWAY).order_by("position")


@dataclass(frozen=True)
class Reader:
    """Reads what one origin brought. `preferences` are those of its account, if it has one."""

    draft: Any
    me: Me
    erased: Erased
    preferences: Preferences | None = None

    def one(self, reading: Reading, raw: RawEvent) -> None:
        try:
            draft = self.draft(raw.content, raw.kind, self.me)
        except ValueError as error:
            reading.failed[raw.pk] = ("unreadable", str(error)[:300])
        except Exception as error:
            log.exception("normalize.entry_failed", raw_event=str(raw.pk))
            reading.failed[raw.pk] = ("reader_error", f"Our reader failed on it ({type(error).__name__}).")
        else:
            self.keep(reading, raw, draft)

    def keep(self, reading: Reading, raw: RawEvent, draft: Draft) -> None:
        if isinstance(draft, InteractionDraft):
            self.say_what_the_source_knows(raw, draft)
        sifted = sift(draft, self.erased, self.me.own)
        if sifted == Sifted.WHOLE:
            reading.erased.append(raw.pk)
            return
        if sifted == Sifted.PART:
            reading.bare.append(raw.pk)
        reading.drafts[raw.pk] = draft

    def say_what_the_source_knows(self, raw: RawEvent, draft: InteractionDraft) -> None:
        if self.preferences is None:
            # The plan decides which message this is: an identifier may have been used for two.
            draft.source_key = raw.external_id
            return
        if "SENT" in raw.labels:
            draft.direction = "sent"
        reduce(draft, self.preferences.kept_of(draft.thread_key))


def stopped(context: JobContext, code: str, reason: str) -> None:
    """What stops a worker each time it is read stays as it came, and says so."""
    raws = context.payload.get("raws", [])
    if code == "poison" and len(raws) == 1:
        rows = RawEvent.objects.for_user(context.user_id).filter(pk__in=raws, verdict=RawEvent.PENDING)
        rows.update(verdict=f"failed:{KILLED}", reason="Reading it stopped our worker three times.")


@handles("normalize", queue="bulk", prepare=read_raw_events, unfinished=stopped)
def normalize(context: JobContext) -> None:
    """Record one page; running it again changes nothing."""
    reading: Reading = context.prepared
    batch = batch_of(context)
    stands_open = batch.is_finished
    if stands_open and not is_still_wanted(batch):
        return
    for raw in reading.apart:
        normalize_raws(batch.pk, batch.user_id, [raw])
    if stream_of(batch) is not None:
        leave_out_what_went(batch, reading)
        naming.keep_away(batch, reading.drafts)
    interactions = {pk: d for pk, d in reading.drafts.items() if isinstance(d, InteractionDraft)}
    events = {pk: d for pk, d in reading.drafts.items() if isinstance(d, EventDraft)}
    if stream_of(batch) is not None:
        naming.name(batch, interactions)
    recorded = record(batch, list(interactions.values()))
    if events:
        me = me_of(batch)
        record_events(batch, list(events.values()), Whose.of(batch.user, me.own, me.as_of))
    interaction_of = {pk: done.interaction_id for pk, done in zip(interactions, recorded, strict=True)}
    vouch(batch, interaction_of, [*events, *reading.known])
    settle(batch, reading)
    ask_for_people(batch, list(interaction_of.values()))
    outbox.confirm_seen(
        batch.user_id, {draft.source_key for draft in interactions.values() if draft.direction == "sent"}
    )
    created = sum(done.created for done in recorded)
    if created:
        note(batch.user_id, "interaction.added", on=batch, batch_id=batch.pk, count=created)
    if stands_open:
        refresh_after_batch(batch.user_id, batch.pk)
    else:
        context.step(steps(reading, context.payload))


def steps(reading: Reading, asked: Any) -> int:
    """How many of its batch's steps a job has done. What went away before it was read is done with, too."""
    if "raws" in asked:
        return 0 if reading.apart else len(asked["raws"])
    return len(reading.drafts) + len(reading.failed) + len(reading.known) + len(reading.erased)


def normalize_raws(batch_id: UUID, user_id: UUID, raws: Sequence[UUID | str]) -> None:
    """Ask for these raw events of a stream to be turned into interactions of a batch, in the caller's transaction."""
    if raws:
        enqueue("normalize", user_id, batch=batch_id, raws=[str(raw) for raw in raws])


def leave_out_what_went(batch: Batch, reading: Reading) -> None:
    """What went away at its source while it was read. The lock makes whoever hears of it later find what we wrote."""
    rows = RawEvent.objects.for_user(batch.user_id).filter(pk__in=list(reading.drafts)).order_by("pk")
    for pk, remote in rows.select_for_update(no_key=True).values_list("pk", "remote"):
        if remote in AWAY:
            del reading.drafts[pk]


def vouch(batch: Batch, interaction_of: dict[UUID, UUID], others: Sequence[UUID]) -> None:
    """This batch's raw events vouch for what they are recorded as; those known before, for what they always were."""
    earlier = Provenance.objects.for_user(batch.user_id).filter(raw_event__in=others)
    known = dict(earlier.values_list("raw_event_id", "interaction_id"))
    links = [
        Provenance(user_id=batch.user_id, batch=batch, raw_event_id=raw_id, interaction_id=interaction_id)
        for raw_id, interaction_id in {**dict.fromkeys(others), **known, **interaction_of}.items()
    ]
    Provenance.unscoped.bulk_create(links, ignore_conflicts=True, batch_size=500)


def settle(batch: Batch, reading: Reading) -> None:
    rows = RawEvent.objects.for_user(batch.user_id)
    rows.filter(pk__in=list(reading.drafts)).update(verdict=RawEvent.KEPT)
    rows.filter(pk__in=reading.bare).update(payload=None)
    rows.filter(pk__in=reading.erased).update(payload=None, verdict="skipped:erased")
    for raw_id, (code, sentence) in reading.failed.items():
        rows.filter(pk=raw_id).update(verdict=f"failed:{code}", reason=sentence)
