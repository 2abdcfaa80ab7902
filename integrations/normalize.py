"""Turn raw events into interactions: a pure draft from the bytes, then one idempotent record."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from contacts.drafts import EventDraft, InteractionDraft
from contacts.erased import Erased
from contacts.recording import record, record_events
from integrations.models import Provenance, RawEvent
from integrations.plan import batch_of, me_of, source_file
from integrations.sifting import Sifted, sift
from integrations.sources import Draft, Me, Source, sources
from jobs.models import Batch
from jobs.queue import handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.events import note

log = structlog.get_logger(__name__)


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


def read_raw_events(context: JobContext) -> Reading:
    """Parse outside of any transaction."""
    with acting_as(context.user_id):
        batch = batch_of(context)
        file = source_file(batch)
        rows = list(raw_events(batch, file.source, context.payload["first"], context.payload["last"]))
        erased = Erased(context.user_id)
    reading, me = Reading(), me_of(batch)
    for raw in rows:
        if raw.verdict == RawEvent.PENDING:
            read_one(reading, raw, sources[file.kind], me, erased)
        else:
            reading.known.append(raw.pk)
    return reading


def raw_events(batch: Batch, source: str, first: int, last: int) -> Iterable[RawEvent]:
    """What this source holds at these positions, whichever batch brought it."""
    rows = RawEvent.objects.for_user(batch.user_id).filter(source=source, position__range=(first, last))
    return (
        rows.exclude(kind__in=["person", "file"]).exclude(verdict__startswith="skipped").order_by("position")
    )


def read_one(reading: Reading, raw: RawEvent, source: Source, me: Me, erased: Erased) -> None:
    try:
        draft = source.draft(raw.content, raw.kind, me)
    except ValueError as error:
        reading.failed[raw.pk] = ("unreadable", str(error)[:300])
    except Exception as error:
        log.exception("normalize.entry_failed", raw_event=str(raw.pk))
        reading.failed[raw.pk] = ("reader_error", f"Our reader failed on it ({type(error).__name__}).")
    else:
        if isinstance(draft, InteractionDraft):
            # The plan decides which message this is: an identifier may have been used for two.
            draft.source_key = raw.external_id
        sifted = sift(draft, erased, me.own)
        if sifted == Sifted.WHOLE:
            reading.erased.append(raw.pk)
            return
        if sifted == Sifted.PART:
            reading.bare.append(raw.pk)
        reading.drafts[raw.pk] = draft


@handles("normalize", queue="bulk", prepare=read_raw_events)
def normalize(context: JobContext) -> None:
    """Record one page; running it again changes nothing."""
    reading: Reading = context.prepared
    batch = batch_of(context)
    interactions = {pk: d for pk, d in reading.drafts.items() if isinstance(d, InteractionDraft)}
    events = {pk: d for pk, d in reading.drafts.items() if isinstance(d, EventDraft)}
    recorded = record(batch, list(interactions.values()))
    record_events(batch, list(events.values()))
    interaction_of = {pk: done.interaction_id for pk, done in zip(interactions, recorded, strict=True)}
    vouch(batch, interaction_of, [*events, *reading.known])
    settle(batch, reading)
    created = sum(done.created for done in recorded)
    if created:
        note(batch.user_id, "interaction.added", on=batch, batch_id=batch.pk, count=created)
    done = len(reading.drafts) + len(reading.failed) + len(reading.known) + len(reading.erased)
    context.step(done)


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
