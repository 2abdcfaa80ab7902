"""What following a calendar would bring: every entry of it, from one reading of its list. Nothing but the plan is written.

Approving binds the ids. Then the list is read once more, to its end and its token: what the plan names comes in with the
import, what is newer with the stream.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from contacts.derived import refresh_after_batch
from contacts.drafts import EventDraft
from contacts.erased import Erased
from contacts.events import organizer_of
from contacts.models import OwnAddress, Suppression
from integrations.approval import KEPT_AWAY, Stale, begins, refuse_lines
from integrations.deciding import BLOCKED, LEFT_OUT, MINE
from integrations.google import calendar, oauth
from integrations.google.calendar import EventPage
from integrations.google.errors import STOPS, Failed, Kind, pause
from integrations.google.events import event_draft
from integrations.models import RawEvent, SyncStream
from integrations.origins import stream_of
from integrations.plan import Refused, batch_of, forget_plan, me_of
from integrations.quota import Lane
from integrations.sifting import Sifted, sift
from integrations.streams import health
from integrations.streams.beginning import begin_plan
from integrations.streams.calendar import ASKS
from integrations.streams.entries import item_key
from integrations.streams.opening import Account
from integrations.streams.steps import FOLLOWED
from integrations.streams.ticking import come_back
from integrations.summary import counted
from jobs.batches import open_while, when_finished
from jobs.models import Batch, Job, PlanItem
from jobs.queue import GONE, Again, GiveUp, RetryLater, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.models import User

IMPORT = "google_calendar_import"
"""Among those that begin as a plan: integrations.origins.PLANNED."""
UNBOUND = ("as_of",)

HERE = """EXISTS (SELECT 1 FROM contacts_calendarevent e WHERE e.user_id = t.user_id
    AND e.ical_uid = t.data->>'uid' AND e.recurrence_id = t.data->>'original')"""
ALREADY_HERE = f"""
UPDATE jobs_planitem t SET outcome = 'skip', reason = 'already_here'
WHERE {MINE} AND t.outcome = 'create' AND {HERE}
"""
CHANGED = f"""
SELECT count(*) FROM jobs_planitem t WHERE {MINE} AND CASE
    WHEN t.outcome = 'create' THEN {HERE} OR {KEPT_AWAY}
    WHEN t.reason = 'already_here' THEN NOT {HERE}
    WHEN t.reason = 'undone' THEN NOT {KEPT_AWAY}
END
"""


# --- planning


def start_plan(user: User, stream: SyncStream, *, include_suppressed: bool = False) -> Batch:
    """Plan to import a calendar and to follow it, by a job. Raises Refused. In the caller's transaction."""
    account = stream.account
    if not account.is_connected or oauth.EVENTS not in account.scopes:
        raise Refused(f"{account.email} does not let OmniCRM read its calendars. Connect it, and allow that.")
    return begin_plan(
        Batch(user=user, kind=IMPORT, title=f"Calendar “{stream}” of {account.email}"),
        stream,
        "google_calendar_plan",
        include_suppressed=include_suppressed,
        asks=ASKS,
    )


def look(context: JobContext) -> EventPage | None:
    """The next page, asked for outside of any transaction."""
    with acting_as(context.user_id):
        batch = batch_of(context)
        if batch.state != Batch.State.PLANNING:
            return None
        stream = stream_of(batch)
        if stream is None:
            raise GiveUp("not_found", GONE)
        account = Account.of(stream.account, Lane.PREVIEW)
    context.check()
    try:
        with account.opened() as google:
            return calendar.list_events(google, stream.remote_id, page=context.checkpoint.get("page", ""))
    except Failed as failed:
        failure = failed.failure
        if failure.kind in STOPS:
            with acting_as(context.user_id):
                health.fails(stream, failure, timezone.now())
        if failure.kind in STOPS | {Kind.POISON, Kind.GONE}:
            raise GiveUp(failure.code, failure.sentence) from failed
        raise RetryLater(pause(failure, context.job.attempt), failure.sentence) from failed


@handles("google_calendar_plan", queue="interactive", prepare=look)
def google_calendar_plan(context: JobContext) -> Again | None:
    """Write down one page; at the end, decide what each line means."""
    batch, page = batch_of(context), context.prepared
    if page is None:
        return None
    seq = write_lines(batch, page, context.checkpoint.get("seq", 0))
    context.progress(f"Read {seq:,} entries")
    if page.next_page:
        return Again({"page": page.next_page, "seq": seq})
    finish_plan(batch)
    return None


def write_lines(batch: Batch, page: EventPage, seq: int) -> int:
    """A line for each entry; what is cancelled has none. How many lines there are now."""
    erased, me = Erased(batch.user_id), me_of(batch)
    lines = []
    for event in page.events:
        if event.get("status") == "cancelled":
            continue
        seq += 1
        item = PlanItem(user_id=batch.user_id, batch=batch, seq=seq, kind="event", outcome="create")
        item.external_id = event["id"][:300]
        try:
            draft = event_draft(event, page.zone)
        except ValueError as error:
            item.outcome, item.reason = "fail", "unreadable"
            item.data = {"problem": str(error)[:300]}
        else:
            said = sift(draft, erased, me.own)
            item.data = {} if said == Sifted.WHOLE else line_data(draft)
            item.reason = Suppression.ERASED if said == Sifted.WHOLE else draft.leave_out
            item.outcome = "skip" if item.reason else "create"
        lines.append(item)
    PlanItem.unscoped.bulk_create(lines, ignore_conflicts=True, batch_size=500)
    return seq


def line_data(draft: EventDraft) -> dict[str, Any]:
    uid, _, original = item_key(draft).rpartition("|")
    author = organizer_of(draft)
    date = draft.start.isoformat() if draft.start else ""
    return {"subject": draft.title[:200], "date": date, "from": author, "uid": uid, "original": original}


def finish_plan(batch: Batch) -> None:
    stream = stream_of(batch)
    assert stream is not None
    with connection.cursor() as cursor:
        for statement in (ALREADY_HERE, LEFT_OUT.format(mine=MINE), BLOCKED.format(mine=MINE)):
            cursor.execute(statement, values(batch))
    batch.totals = totals(batch, stream)
    if stream.phase not in FOLLOWED:
        batch.warnings = ["From then on changes come in by themselves. You can pause that at any time."]
    batch.plan_hash, batch.state = plan_hash(batch), Batch.State.PLANNED
    batch.save()
    if stream.phase == SyncStream.Phase.PREVIEW:
        stream.phase = SyncStream.Phase.AWAIT_APPROVAL
        stream.save(update_fields=["phase", "updated_at"])


def totals(batch: Batch, stream: SyncStream) -> dict[str, Any]:
    lines = list(
        PlanItem.objects.for_user(batch.user_id).filter(batch=batch).values_list("outcome", "reason")
    )
    reasons: dict[str, int] = {}
    for outcome, reason in lines:
        if outcome != "create":
            reasons[reason] = reasons.get(reason, 0) + 1
    count = [outcome for outcome, _ in lines].count
    numbers = {"events": count("create"), "skip": count("skip"), "fail": count("fail"), "entries": len(lines)}
    return {
        "kind": stream.kind,
        **numbers,
        **{"create": 0, "update": 0, "interactions": 0},
        "reasons": dict(sorted(reasons.items())),
        "requests": math.ceil(len(lines) / calendar.EVENTS) or 1,
        "estimate_seconds": max(1, len(lines) // 200),
    }


def values(batch: Batch) -> dict[str, Any]:
    return {
        "user": batch.user_id,
        "batch": batch.pk,
        "source": batch.options["source"],
        "include": batch.options["include_suppressed"],
        "blocked": sorted(settings.BLOCKED_SENDERS),
    }


def plan_hash(batch: Batch) -> str:
    """sha256 of canonical JSON: the account, the question, the versions, and every id with what becomes of it."""
    rows = PlanItem.objects.for_user(batch.user_id).filter(batch=batch).order_by("external_id")
    lines = list(rows.values_list("external_id", "outcome", "reason"))
    options = {key: value for key, value in batch.options.items() if key not in UNBOUND}
    bound = json.dumps({"options": options, "items": lines}, sort_keys=True)
    return hashlib.sha256(bound.encode()).hexdigest()


# --- approving


@begins(IMPORT)
def begin(batch: Batch) -> Job:
    stream = locked_stream(batch)
    refuse_changed(batch, stream)
    bring_back(batch)
    if stream.phase in FOLLOWED:
        stream.generation += 1
    stream.phase, stream.cursor, stream.page_token = SyncStream.Phase.LIST, "", ""
    stream.listing = {**stream.listing, "asks": ASKS, "batch": str(batch.pk)}
    stream.next_sync_at = timezone.now()
    stream.save()
    batch.state = Batch.State.RUNNING
    batch.total_steps = PlanItem.objects.for_user(batch.user_id).filter(batch=batch).count()
    batch.save()
    own = [OwnAddress(user_id=batch.user_id, batch=batch, value=value) for value in batch.options["own"]]
    OwnAddress.unscoped.bulk_create(own, ignore_conflicts=True)
    note(batch.user_id, "sync.began", on=stream, batch_id=batch.pk)
    return come_back(stream)


def locked_stream(batch: Batch) -> SyncStream:
    rows = SyncStream.objects.for_user(batch.user_id).filter(pk=batch.options["stream"])
    stream = rows.select_related("account").select_for_update(no_key=True, of=("self",)).first()
    if stream is None:
        raise Stale("The account that this plan is about is no longer connected here.")
    return stream


def refuse_changed(batch: Batch, stream: SyncStream) -> None:
    """Raises Stale where the account, what it lets us do, or the data is not that of the plan."""
    account = stream.account
    if not account.is_connected or account.google_sub != batch.options["account"]:
        raise Stale("This account is no longer connected. Connect it, then plan again.")
    if oauth.EVENTS not in account.scopes:
        raise Stale(
            "This account no longer lets OmniCRM read its calendars. Connect it again, then plan again."
        )
    if batch.options["asks"] != ASKS:
        raise Stale("OmniCRM has been updated since this was planned. Plan again.")
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, values(batch))
        refuse_lines(int(cursor.fetchone()[0]))


def bring_back(batch: Batch) -> None:
    """What was taken back and is wanted again comes as if it had never been here."""
    if not batch.options["include_suppressed"]:
        return
    source = batch.options["source"]
    wanted = PlanItem.objects.for_user(batch.user_id).filter(batch=batch, outcome="create")
    ids = list(wanted.values_list("external_id", flat=True))
    undone = Suppression.objects.for_user(batch.user_id).filter(scope="item", reason=Suppression.UNDONE)
    undone.filter(source=source, key__in=ids).delete()
    raws = RawEvent.objects.for_user(batch.user_id).filter(source=source, external_id__in=ids)
    raws.filter(verdict="skipped:undone").delete()


def streams_at(batch: Batch) -> Any:
    rows = SyncStream.objects.for_user(batch.user_id).filter(pk=batch.options["stream"])
    return rows.filter(listing__batch=str(batch.pk))


@open_while(IMPORT)
def is_listed(batch: Batch) -> bool:
    return bool(streams_at(batch).exists())


@when_finished(IMPORT)
def finish(batch: Batch) -> None:
    """The end of an import. One that was stopped leaves the calendar as it was before: not followed."""
    if batch.approved_at is None:
        forget_plan(batch)
        return
    for stream in streams_at(batch).select_for_update(no_key=True):
        stream.listing.pop("batch")
        stream.phase, stream.page_token, stream.next_sync_at = SyncStream.Phase.NEW, "", None
        stream.save()
    refresh_after_batch(batch.user_id, batch.pk)
    batch.totals = {**batch.totals, "result": counted(batch)}
    batch.save(update_fields=["totals"])
