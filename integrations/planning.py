"""The job that reads a file and writes its plan, a chunk at a time: one line for each thing in it."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import structlog
from django.db import connection

from contacts.drafts import EventDraft, InteractionDraft, Mention, PersonDraft
from contacts.erased import Erased
from contacts.events import organizer_of
from contacts.matching import normalize_email
from contacts.models import Suppression
from integrations import deciding
from integrations.mail.bulk import is_role_address
from integrations.models import SourceFile
from integrations.origins import source_file
from integrations.plan import Refused, batch_of, me_of, open_file
from integrations.said import say
from integrations.sifting import Sifted, address_in, sift
from integrations.sources import Draft, Entry, Me, Source, draft_id, sources
from jobs.models import Batch, PlanItem
from jobs.queue import Again, GiveUp, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as

log = structlog.get_logger(__name__)

CHUNK_ENTRIES = 1000
CHUNK_SECONDS = 15.0
MOST_MENTIONS = 100


@dataclass
class Chunk:
    """What one stretch of the file holds, read outside of any transaction."""

    items: list[PlanItem] = field(default_factory=list)
    resume: int = 0
    position: int = 0
    seconds: float = 0.0
    at_end: bool = False


def read_chunk(context: JobContext) -> Chunk:
    """Read and parse on from the checkpoint, for a while."""
    with acting_as(context.user_id):
        batch = batch_of(context)
        file = source_file(batch)
        erased = Erased(context.user_id)
    chunk = Chunk(resume=context.checkpoint.get("resume", 0), position=context.checkpoint.get("position", 0))
    source, me, began = sources[file.kind], me_of(batch), time.monotonic()
    try:
        stream = open_file(file)
    except Refused as refusal:
        raise GiveUp("file_gone", str(refusal)) from refusal
    with stream:
        entries = source.read(stream, chunk.resume, chunk.position, me)
        for entry in islice(entries, CHUNK_ENTRIES):
            chunk.items.append(plan_item(batch, source, entry, me, erased))
            chunk.resume, chunk.position = entry.resume, entry.position
            if time.monotonic() - began > CHUNK_SECONDS:
                break
        else:
            chunk.at_end = len(chunk.items) < CHUNK_ENTRIES
    chunk.seconds = time.monotonic() - began
    return chunk


@handles("plan_import", queue="interactive", prepare=read_chunk)
def plan_import(context: JobContext) -> Again | None:
    """Write the lines of one chunk; after the last one, decide what each line means for this user's data."""
    chunk: Chunk = context.prepared
    batch = batch_of(context)
    if batch.state != Batch.State.PLANNING:
        return None
    PlanItem.unscoped.bulk_create(chunk.items, batch_size=500)
    seconds = context.checkpoint.get("seconds", 0.0) + chunk.seconds
    if not chunk.at_end:
        batch.done_steps = min(chunk.resume, batch.total_steps)
        batch.save(update_fields=["done_steps", "updated_at"])
        context.progress(f"Read {chunk.position:,} entries")
        return Again({"resume": chunk.resume, "position": chunk.position, "seconds": seconds})
    finish_plan(batch, seconds)
    return None


def finish_plan(batch: Batch, seconds: float) -> None:
    deciding.decide(batch)
    file = source_file(batch)
    batch.totals = {**deciding.totals(batch), "kind": file.kind, "size": file.size}
    batch.totals["estimate_seconds"] = estimate(batch.totals, seconds)
    batch.warnings = deciding.warnings(batch)
    batch.plan_hash = plan_hash(batch, file)
    batch.state = Batch.State.PLANNED
    batch.done_steps = batch.total_steps
    batch.save()


def estimate(totals: dict[str, int], seconds: float) -> int:
    """Seconds that the import should take, from how long this machine took to read the file. At least one."""
    share = totals["interactions"] / max(1, totals["entries"])
    return max(1, round(seconds * 2.5 * share + 0.002 * (totals["create"] + totals["update"]) + 0.5))


def plan_hash(batch: Batch, file: SourceFile) -> str:
    """sha256 of canonical JSON: the file, the options and versions, and every line; no clocks, no estimates."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(string_agg(encode(sha256(convert_to(concat_ws('|', seq, kind, external_id, outcome,"
            " reason, target, target_updated_at, data), 'UTF8')), 'hex'), '' ORDER BY seq), '')"
            " FROM jobs_planitem WHERE user_id = %s AND batch_id = %s",
            [batch.user_id, batch.pk],
        )
        items = hashlib.sha256(cursor.fetchone()[0].encode()).hexdigest()
    options = {key: value for key, value in batch.options.items() if key != "as_of"}
    bound = {"source": file.sha256, "options": options, "items": items}
    return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()


def plan_item(batch: Batch, source: Source, entry: Entry, me: Me, erased: Erased) -> PlanItem:
    """The line for one entry: to be created, until `deciding` knows better; or why it cannot be read."""
    item = PlanItem(user_id=batch.user_id, batch=batch, seq=entry.position, kind=entry.kind, outcome="create")
    if entry.problem:
        item.kind = "email" if entry.kind == "email" else "bad"
        return failed(item, f"bad:{entry.position}", "unreadable", entry.problem)
    try:
        draft = (source.brief or source.draft)(entry.payload, entry.kind, me)
    except ValueError as error:
        return failed(item, f"bad:{entry.position}", "unreadable", str(error)[:300])
    except Exception as error:
        log.exception("plan.entry_failed", batch=str(batch.pk), position=entry.position)
        return failed(
            item, f"bad:{entry.position}", "reader_error", f"Our reader failed ({type(error).__name__})."
        )
    item.external_id = draft_id(draft, entry.payload)
    theirs = erased and address_in(draft, erased)
    if sift(draft, erased, me.own) == Sifted.WHOLE and theirs:
        return silent(item, erased, theirs)
    item.data = line_data(draft)
    if isinstance(draft, PersonDraft):
        say(item, draft)
    if isinstance(draft, InteractionDraft) and draft.leave_out:
        item.outcome, item.reason = "skip", draft.leave_out
    return item


def silent(item: PlanItem, erased: Erased, theirs: tuple[str, str]) -> PlanItem:
    """A line about somebody who was erased: it answers whoever asks for its id or their address, and says nothing."""
    item.outcome, item.reason = "skip", Suppression.ERASED
    item.external_id = erased.digest("item", item.external_id)
    item.data = {"erased": erased.digest(*theirs)}
    return item


def failed(item: PlanItem, external_id: str, reason: str, sentence: str) -> PlanItem:
    item.external_id, item.outcome, item.reason, item.data = (
        external_id,
        "fail",
        reason,
        {"problem": sentence},
    )
    return item


def line_data(draft: Draft) -> dict[str, Any]:
    """What the plan keeps of a draft: enough to show it, and to decide about it."""
    if isinstance(draft, PersonDraft):
        emails = ", ".join(draft.emails[:3])
        return {"name": draft.full_name[:200], "email": emails}
    if isinstance(draft, EventDraft):
        return {"subject": draft.title[:200], "date": str(draft.start or ""), "from": organizer_of(draft)}
    people = [told(mention) for mention in draft.mentions[:MOST_MENTIONS]]
    author = next((m.email for m in draft.mentions if m.role in ("from", "organizer")), "")
    data = {
        "subject": draft.subject[:200],
        "from": author,
        "date": draft.occurred_at.isoformat(),
        "people": people,
    }
    return data | {key: value for key, value in (("bulk", draft.bulk), ("own", draft.own_address)) if value}


def told(mention: Mention) -> list[str]:
    """[address, name, role, "1" for a mailbox that a person may be behind]."""
    is_person = normalize_email(mention.email) and not is_role_address(mention.email)
    return [mention.email, mention.name[:200], mention.role, "1" if is_person else ""]
