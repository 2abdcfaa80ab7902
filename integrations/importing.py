"""Carry out an approved import: the people first, then page by page what the file holds, kept word for word.

Each page is one transaction with its checkpoint; another job turns it into interactions (normalize.py).
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection
from django.db.models import Q

from contacts.creating import write_people
from contacts.derived import refresh_after_batch
from contacts.erased import Erased
from contacts.models import Contact, OwnAddress, Suppression
from integrations.models import Provenance, RawEvent, SourceFile
from integrations.origins import source_file
from integrations.people import FIRST_SEQ
from integrations.plan import Refused, batch_of, forget_file, look, me_of, open_file
from integrations.readers import NORMALIZER
from integrations.said import person_in
from integrations.sources import Entry, sources
from integrations.summary import counted
from jobs.batches import when_finished
from jobs.models import Batch, PlanItem
from jobs.queue import Again, GiveUp, enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as

PEOPLE_CHUNK = 500
PAGE_ENTRIES = 200
PAGE_BYTES = 4_000_000
MANY = 1000
TABLES = [
    "contacts_contact", "contacts_contactidentity", "contacts_interaction", "contacts_participant",
    "integrations_provenance", "integrations_rawevent",
]  # fmt: skip
"""Postgres plans with what it knows of a table; after many new rows that is wrong, until somebody looks again."""
WHOLE_FILE = "file"
CARRIED_OUT = Q(outcome__in=["create", "update"]) | Q(reason="already_here")


@dataclass
class Page:
    entries: list[Entry] = field(default_factory=list)
    resume: int = 0
    position: int = 0
    at_end: bool = False


def read_page(context: JobContext) -> Page:
    """The next stretch of the file, outside of any transaction. While people are being made: nothing."""
    page = Page(resume=context.checkpoint.get("resume", 0), position=context.checkpoint.get("position", 0))
    if not context.checkpoint.get("people_done"):
        return page
    with acting_as(context.user_id):
        batch = batch_of(context)
        file = source_file(batch)
    try:
        stream = open_file(file)
    except Refused as refusal:
        raise GiveUp("file_gone", str(refusal)) from refusal
    size = 0
    with stream:
        page.at_end = True
        for entry in sources[file.kind].read(stream, page.resume, page.position, me_of(batch)):
            page.entries.append(entry)
            page.resume, page.position = entry.resume, entry.position
            size += len(entry.payload)
            if len(page.entries) >= PAGE_ENTRIES or size >= PAGE_BYTES:
                page.at_end = False
                break
    if look(file) != batch.options["seen"]:
        # Another file's messages must not be kept under the planned ones' names.
        raise GiveUp(
            "file_changed",
            "The file has changed since it was approved. What was read until then stays, and can be undone.",
        )
    return page


@handles("file_import", queue="bulk", prepare=read_page)
def file_import(context: JobContext) -> Again | None:
    """One chunk of people, or one page of the file."""
    batch = batch_of(context)
    file = source_file(batch)
    if not context.checkpoint.get("people_done"):
        return import_people(context, batch, file)
    page: Page = context.prepared
    if page.entries:
        keep_page(batch, file, page.entries)
        context.progress(f"Read {page.position:,} entries")
    if page.at_end:
        return None
    return Again({**context.checkpoint, "resume": page.resume, "position": page.position})


def import_people(context: JobContext, batch: Batch, file: SourceFile) -> Again:
    after = context.checkpoint.get("person", -1)
    if after < 0:
        begin(batch)
    rows = PlanItem.objects.for_user(batch.user_id).filter(
        CARRIED_OUT, batch=batch, kind="person", seq__gt=after
    )
    items = list(rows.order_by("seq")[:PEOPLE_CHUNK])
    if not items:
        return Again({"people_done": True})
    contacts = make_people(batch, items)
    vouch_for_people(batch, file, items, contacts)
    context.step(len(items))
    context.progress("Adding people")
    return Again({"person": items[-1].seq})


def begin(batch: Batch) -> None:
    """From now on it runs, and the addresses that the plan took to be the user's are theirs."""
    Batch.objects.for_user(batch.user_id).filter(pk=batch.pk).update(state=Batch.State.RUNNING)
    own = [OwnAddress(user_id=batch.user_id, batch=batch, value=value) for value in batch.options["own"]]
    OwnAddress.unscoped.bulk_create(own, ignore_conflicts=True)


def make_people(batch: Batch, items: Sequence[PlanItem]) -> dict[UUID, Contact]:
    """The contact of each line, made or added to."""
    known = Contact.objects.for_user(batch.user_id).in_bulk([item.target for item in items if item.target])
    there = {item.pk: known[item.target] for item in items if item.target in known and item.target}
    lines = [
        item for item in items if item.outcome == "create" or (item.outcome == "update" and item.pk in there)
    ]
    drafts = [(there.get(item.pk), person_in(item)) for item in lines]
    contacts = write_people(batch, drafts, source="import")
    return there | {item.pk: contact for item, contact in zip(lines, contacts, strict=True)}


def vouch_for_people(
    batch: Batch, file: SourceFile, items: Sequence[PlanItem], contacts: dict[UUID, Contact]
) -> None:
    """Rows of the file itself are kept as raw events; people found in messages are vouched for by those."""
    own = {item.external_id: item for item in items if item.seq < FIRST_SEQ and item.pk in contacts}
    raws = keep_raw(batch, file, [(item, bytes(item.draft)) for item in own.values()], RawEvent.KEPT)
    links = [
        Provenance(user_id=batch.user_id, raw_event_id=raws[key], batch=batch, contact=contacts[item.pk])
        for key, item in own.items()
    ]
    Provenance.unscoped.bulk_create(links, ignore_conflicts=True)


def keep_page(batch: Batch, file: SourceFile, entries: Sequence[Entry]) -> None:
    """Keep what the plan wants of this page, and ask for it to be turned into interactions."""
    lines = planned(batch, entries)
    wanted = [(lines[e.position], e.payload) for e in entries if e.payload and e.position in lines]
    if not wanted:
        return
    keep_raw(batch, file, wanted, RawEvent.PENDING)
    first, last = entries[0].position, entries[-1].position
    enqueue(
        "normalize",
        batch.user_id,
        batch=batch,
        first=first,
        last=last,
        idempotency_key=f"normalize:{batch.pk}:{first}",
    )


def planned(batch: Batch, entries: Sequence[Entry]) -> dict[int, PlanItem]:
    rows = PlanItem.objects.for_user(batch.user_id).filter(CARRIED_OUT, batch=batch).exclude(kind="person")
    in_page = rows.filter(seq__range=(entries[0].position, entries[-1].position))
    return {item.seq: item for item in in_page.defer("data", "draft")}


def keep_raw(
    batch: Batch, file: SourceFile, wanted: Sequence[tuple[PlanItem, bytes]], verdict: str
) -> dict[str, UUID]:
    """The raw event of each line by its external id; one that this source brought before is used again."""
    keys = [item.external_id for item, _ in wanted]
    lift_suppressions(batch, file, keys)
    rows = RawEvent.objects.for_user(batch.user_id).filter(source=file.source, external_id__in=keys)
    rows.filter(verdict__startswith="skipped").delete()
    fresh = [raw_event(batch, file, item, payload, verdict) for item, payload in wanted]
    RawEvent.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=100)
    return dict(rows.all().values_list("external_id", "id"))


def raw_event(batch: Batch, file: SourceFile, item: PlanItem, payload: bytes, verdict: str) -> RawEvent:
    return RawEvent(
        user_id=batch.user_id,
        batch=batch,
        source=file.source,
        external_id=item.external_id,
        position=item.seq,
        kind=item.kind,
        payload=zlib.compress(payload, 1),
        verdict=verdict,
        normalizer=NORMALIZER,
    )


def lift_suppressions(batch: Batch, file: SourceFile, keys: Sequence[str]) -> None:
    """What the person asked back is no longer kept away."""
    if batch.options["include_suppressed"]:
        rows = Suppression.objects.for_user(batch.user_id).filter(scope=Suppression.Scope.ITEM, key__in=keys)
        rows.filter(source__in=["", file.source], reason=Suppression.UNDONE).delete()


@when_finished("file_import")
def finish(batch: Batch) -> None:
    """The end of an import: what follows from the new rows, the result in numbers, and no second copy of the file."""
    if batch.done_steps > MANY:
        with connection.cursor() as cursor:
            cursor.execute("SELECT omnicrm_fresh_statistics(name) FROM unnest(%s::text[]) name", [TABLES])
    refresh_after_batch(batch.user_id, batch.pk)
    if batch.approved_at:
        batch.totals = {**batch.totals, "result": counted(batch)}
        batch.save(update_fields=["totals"])
    file = source_file(batch)
    if batch.state == Batch.State.DONE and sources[file.kind].whole and not names_erased(batch, file):
        keep_word_for_word(batch, file)
    if batch.state != Batch.State.FAILED:
        forget_file(file)


def names_erased(batch: Batch, file: SourceFile) -> bool:
    """Whether the file is also about somebody who was erased, and so must not be kept as it was."""
    if not Erased(batch.user_id):
        return False
    left_out = PlanItem.objects.for_user(batch.user_id).filter(batch=batch, reason=Suppression.ERASED)
    bare = RawEvent.objects.for_user(batch.user_id).filter(
        source=file.source, verdict=RawEvent.KEPT, payload=None
    )
    return left_out.exists() or bare.exists()


def keep_word_for_word(batch: Batch, file: SourceFile) -> None:
    """A file that was parsed as a whole is kept as it was: its entries alone are only what we understood."""
    try:
        with open_file(file) as stream:
            payload = zlib.compress(stream.read(), 1)
    except Refused:
        return  # read in place, and moved away since; what we understood of it is kept all the same
    kept = {
        "kind": "file",
        "payload": payload,
        "verdict": RawEvent.KEPT,
        "batch": batch,
        "normalizer": NORMALIZER,
    }
    RawEvent.objects.for_user(batch.user_id).update_or_create(
        source=file.source,
        external_id=WHOLE_FILE,
        defaults=kept,
        create_defaults={**kept, "user_id": batch.user_id},
    )
