"""Begin exactly the import of a mailbox that was approved: its ids become work, and what stays out says why.

Ids are bound, so nothing is listed again: the stream goes on from the history id that was asked for before the list.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.utils import timezone

from contacts.derived import refresh_after_batch
from contacts.models import OwnAddress
from integrations.approval import KEPT_AWAY, Stale, begins, refuse_lines
from integrations.google import oauth
from integrations.models import SyncStream, SyncWork
from integrations.origins import stream_of
from integrations.plan import forget_plan
from integrations.preferences import Keep, Preferences
from integrations.streams import lines
from integrations.streams.keeping import STUBS
from integrations.streams.policy import POLICY, Policy
from integrations.streams.previewing import IMPORT, NO_ACCOUNT, query
from integrations.streams.ticking import come_back
from integrations.summary import counted
from jobs import batches
from jobs.batches import open_while, when_finished
from jobs.models import Batch, Job
from omnicrm.events import note

HELD = """EXISTS (SELECT 1 FROM integrations_rawevent r WHERE r.user_id = t.user_id AND r.source = %(source)s
    AND r.external_id = t.external_id AND r.verdict IN ('kept', 'pending'))"""
# Lines that are not as the plan found them. New mail has no line, and makes none of these wrong.
CHANGED = f"""
SELECT count(*) FROM jobs_planitem t WHERE {lines.MINE} AND CASE
    WHEN t.outcome = 'create' THEN {KEPT_AWAY} OR {HELD}
    WHEN t.reason = 'already_here' THEN NOT {HELD}
    WHEN t.reason = 'undone' THEN NOT {KEPT_AWAY}
END
"""
# What was taken back and is wanted again comes as if it had never been here.
LIFT = f"""
DELETE FROM contacts_suppression s USING jobs_planitem t
WHERE {lines.MINE} AND t.outcome = 'create' AND s.user_id = t.user_id AND s.scope = 'item'
  AND s.key = t.external_id AND s.source = %(source)s AND s.reason = 'undone'
"""
FORGET = f"""
DELETE FROM integrations_rawevent r USING jobs_planitem t
WHERE {lines.MINE} AND t.outcome = 'create' AND r.user_id = t.user_id AND r.source = %(source)s
  AND r.external_id = t.external_id AND r.verdict IN ('skipped:undone', 'skipped:cancelled', 'skipped:failed')
"""
WORK = f"""
INSERT INTO integrations_syncwork (id, user_id, stream_id, external_id, op, batch_id, thread, generation, priority,
    place, attempts, last_error, state, created_at, updated_at)
SELECT gen_random_uuid(), t.user_id, %(stream)s, t.external_id, %(op)s, %(of)s::uuid, t.data->>'thread', %(generation)s,
    %(priority)s, t.seq, 0, '', 'todo', now(), now()
FROM jobs_planitem t WHERE {lines.MINE} AND {{condition}}
ON CONFLICT (user_id, stream_id, external_id) DO UPDATE SET batch_id = EXCLUDED.batch_id, op = EXCLUDED.op,
    state = 'todo', attempts = 0, last_error = '', not_before = NULL, priority = EXCLUDED.priority
WHERE integrations_syncwork.state = 'parked'
    OR (EXCLUDED.batch_id IS NOT NULL AND integrations_syncwork.op = 'stub' AND integrations_syncwork.priority = {STUBS})
"""
WANTED = "t.outcome = 'create'"
TO_EXPLAIN = "t.outcome = 'skip' AND (t.reason LIKE 'category:%%' OR t.reason LIKE 'label:%%')"
STUB_ROWS = f"""
INSERT INTO integrations_rawevent (id, user_id, source, external_id, position, kind, batch_id, verdict, reason,
    normalizer, item_key, author, thread, labels, remote, seen_generation, created_at, updated_at)
SELECT gen_random_uuid(), t.user_id, %(source)s, t.external_id, 0, 'email', t.batch_id, 'skipped:' || t.reason, '',
    0, '', '', t.data->>'thread', '{{}}', CASE WHEN t.reason IN ('trash', 'spam') THEN 'trash' ELSE 'live' END,
    %(generation)s, now(), now()
FROM jobs_planitem t WHERE {lines.MINE} AND t.outcome = 'skip' AND t.reason = ANY(%(rules)s)
ON CONFLICT (user_id, source, external_id) DO NOTHING
"""
# What was not fetched when the import was stopped answers whoever asks for it.
LEFT = """
INSERT INTO integrations_rawevent (id, user_id, source, external_id, position, kind, batch_id, verdict, reason,
    normalizer, item_key, author, thread, labels, remote, seen_generation, created_at, updated_at)
SELECT gen_random_uuid(), w.user_id, %(source)s, w.external_id, 0, 'email', w.batch_id, 'skipped:' || %(state)s, '',
    0, '', '', w.thread, '{}', 'live', w.generation, now(), now()
FROM integrations_syncwork w WHERE w.user_id = %(user)s AND w.batch_id = %(batch)s
ON CONFLICT (user_id, source, external_id) DO NOTHING
"""


@begins(IMPORT)
def begin(batch: Batch) -> Job:
    stream = stream_of(batch)
    if stream is None:
        raise Stale(NO_ACCOUNT)
    stream = lock(stream)
    refuse_changed(batch, stream)
    batch.state, batch.total_steps = Batch.State.RUNNING, make_work(batch, stream)
    batch.save()
    follow(batch, stream)
    own = [OwnAddress(user_id=batch.user_id, batch=batch, value=value) for value in batch.options["own"]]
    OwnAddress.unscoped.bulk_create(own, ignore_conflicts=True)
    batches.advance(batch.pk)
    return come_back(stream)


def lock(stream: SyncStream) -> SyncStream:
    rows = SyncStream.objects.for_user(stream.user_id).select_related("account")
    return rows.select_for_update(no_key=True, of=("self",)).get(pk=stream.pk)


def refuse_changed(batch: Batch, stream: SyncStream) -> None:
    """Raises Stale where the account, what it lets us do, the filter or the rules are not those of the plan."""
    account, bound = stream.account, batch.options
    if not account.is_connected or account.google_sub != bound["account"]:
        raise Stale("This account is no longer connected. Connect it, then plan again.")
    if oauth.MAIL not in account.scopes:
        raise Stale("This account no longer lets OmniCRM read its mail. Connect it again, then plan again.")
    if Preferences.of(account).digest != bound["preferences"] or bound["policy"] != POLICY:
        raise Stale("What is taken from this account has been changed since this was planned. Plan again.")
    with connection.cursor() as cursor:
        cursor.execute(CHANGED, lines.values(batch))
        refuse_lines(int(cursor.fetchone()[0]))


def make_work(batch: Batch, stream: SyncStream) -> int:
    """A row for each id that is wanted; how many there are. What stays out has its reason from now on."""
    values: dict[str, Any] = {
        **lines.values(batch),
        "stream": stream.pk,
        "generation": stream.generation,
        "rules": list(set(Policy.read(batch.options["policy_of"]).rules.values())),
    }
    how = SyncWork.Op.FETCH if Preferences.of(stream.account).keep == Keep.FULL else SyncWork.Op.STUB
    wanted = values | {"op": how, "priority": SyncWork.BACKFILL, "of": batch.pk}
    explained = values | {"op": SyncWork.Op.STUB, "priority": STUBS, "of": None}
    with connection.cursor() as cursor:
        for statement in (LIFT, FORGET, STUB_ROWS):
            cursor.execute(statement, values)
        cursor.execute(WORK.format(condition=TO_EXPLAIN), explained)
        cursor.execute(WORK.format(condition=WANTED), wanted)
        return int(cursor.rowcount)


def follow(batch: Batch, stream: SyncStream) -> None:
    """From now on the stream is followed: from the plan's baseline, if it was not before."""
    policy, before = Policy.read(batch.options["policy_of"]), stream.listing
    is_new = stream.phase not in (SyncStream.Phase.LIST, SyncStream.Phase.LIVE)
    stream.listing = {
        **policy.as_json(),
        "digest": batch.options["preferences"],
        "after": batch.options["filter"]["after"] if is_new else wider(before, batch.options["filter"]),
    }
    stream.listing["query"] = query({"filter": stream.listing})
    if is_new:
        stream.phase, stream.cursor, stream.page_token = (
            SyncStream.Phase.LIVE,
            batch.options["baseline"],
            "",
        )
        stream.next_sync_at = timezone.now()
    stream.save()
    note(batch.user_id, "sync.began", on=stream, batch_id=batch.pk)


def wider(before: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """The earlier of two days; none at all goes back furthest."""
    days = [before.get("after", ""), wanted["after"]]
    return "" if "" in days else min(days, key=dt.date.fromisoformat)


@open_while(IMPORT)
def has_work(batch: Batch) -> bool:
    rows = SyncWork.objects.for_user(batch.user_id).filter(batch=batch, state=SyncWork.State.TODO)
    return bool(rows.exists())


@when_finished(IMPORT)
def finish(batch: Batch) -> None:
    """The end of an import: what follows from the new rows, and the result in numbers."""
    if batch.approved_at is None:
        forget_plan(batch)
        return
    if batch.state != Batch.State.DONE:
        leave(batch)
    refresh_after_batch(batch.user_id, batch.pk)
    batch.totals = {**batch.totals, "result": counted(batch)}
    batch.save(update_fields=["totals"])


def leave(batch: Batch) -> None:
    """What is still to be fetched for it is not wanted any more."""
    with connection.cursor() as cursor:
        cursor.execute(LEFT, {**lines.values(batch), "state": batch.state})
    SyncWork.objects.for_user(batch.user_id).filter(batch=batch).delete()
