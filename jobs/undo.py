"""Take back a whole batch: all of it in one transaction, or nothing.

What the batch changed is restored where nobody has changed it since; what it deleted comes back; what it made
goes, unless a person has worked on it or something else still needs it. What stays is listed with the reason.
Everything is set-based SQL over the tracked models (jobs.tracking), so that 20,000 messages take a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Case, Value, When
from django.db.models.functions import Now
from django.utils import timezone

from jobs import restore
from jobs.models import Batch, Job
from jobs.queue import GONE, GiveUp, enqueue, handles
from jobs.runner import JobContext
from jobs.tracking import Tracked, Use, after_undo, before_undo, tracked
from omnicrm.events import note

MOST_LISTED = 500

BY_HAND = Use(
    "you have changed it since",
    "EXISTS (SELECT 1 FROM omnicrm_event e WHERE e.user_id = t.user_id AND e.object_id = t.id"
    " AND e.actor IN ('web', 'api') AND NOT EXISTS ("
    # A deletion that is taken back, now or before, is no change that stands.
    "SELECT 1 FROM jobs_batch b WHERE b.user_id = e.user_id AND b.id = e.batch_id"
    " AND (b.state = 'undone' OR b.id = %(batch)s)))",
)
LATER_CHANGE = (
    " FROM jobs_batchitem i JOIN jobs_batch b ON b.user_id = i.user_id AND b.id = i.batch_id"
    " WHERE i.user_id = t.user_id AND i.object_id = t.id AND i.batch_id <> t.batch_id"
    " AND i.batch_id <> %(batch)s AND b.state <> 'undone'"
)
CHANGED_LATER = Use(
    "a later change builds on it",
    f"EXISTS (SELECT 1 {LATER_CHANGE})",
    heir=f"(SELECT i.batch_id {LATER_CHANGE} ORDER BY i.seq LIMIT 1)",
)
ADDED = """
SELECT i.object_id FROM jobs_batchitem i WHERE i.user_id = %(user)s AND i.batch_id = ANY(%(of)s)
AND i.object_type = %(type)s AND i.before = '{}' AND i.after IS NOT NULL
"""
PART = "what it belongs to stays"
TAKEN_BACK = "the import that brought it has been taken back"


class NotUndoable(Exception):
    """The batch is not in a state that can be taken back; the message says why."""


@dataclass
class Undone:
    """What an undo removed and restored, by model, and what it kept and why."""

    removed: dict[str, int] = field(default_factory=dict)
    restored: int = 0
    kept: list[dict[str, str]] = field(default_factory=list)
    kept_more: int = 0

    def keep(self, rows: Sequence[dict[str, str]]) -> None:
        room = MOST_LISTED - len(self.kept)
        self.kept += rows[:room]
        self.kept_more += max(0, len(rows) - room)

    def as_json(self) -> dict[str, Any]:
        return {
            "removed": sum(self.removed.values()),
            "removed_by_kind": self.removed,
            "restored": self.restored,
            "kept": self.kept,
            "kept_more": self.kept_more,
        }


@transaction.atomic
def start_undo(batch: Batch) -> Job:
    """Ask for a batch to be taken back, by a job. Raises NotUndoable."""
    rows = Batch.objects.for_user(batch.user_id).filter(pk=batch.pk, state__in=Batch.UNDOABLE)
    if not rows.update(state=Batch.State.UNDOING, updated_at=timezone.now()):
        batch.refresh_from_db()
        raise NotUndoable(f"This batch is {batch.state}, and only a finished one can be undone.")
    batch.refresh_from_db()
    note(batch.user_id, "batch.undo_requested", on=batch, batch_id=batch.pk)
    return enqueue(
        "undo", batch.user_id, queue=Job.Queue.INTERACTIVE, priority=Job.Priority.HIGH, batch_id=str(batch.pk)
    )


def stays(context: JobContext, code: str, reason: str) -> None:
    """The undo did not happen: the batch is what it was before, and can be undone again."""
    batch = Batch.objects.for_user(context.user_id).filter(pk=context.payload["batch_id"])
    before = Case(
        When(cancel_requested_at__isnull=False, then=Value(Batch.State.CANCELLED)),
        When(error="", then=Value(Batch.State.DONE)),
        default=Value(Batch.State.FAILED),
    )
    if batch.filter(state=Batch.State.UNDOING).update(state=before, updated_at=Now()):
        found = batch.get()
        note(context.user_id, "batch.undo_failed", on=found, batch_id=found.pk, code=code)


@handles("undo", queue="interactive", unfinished=stays)
def undo_job(context: JobContext) -> None:
    """Also of a batch that an undo failed to take back, because a person may try that job again."""
    rows = Batch.objects.for_user(context.user_id).filter(pk=context.payload["batch_id"])
    batch = rows.select_for_update(no_key=True).first()
    if batch is None:
        raise GiveUp("not_found", GONE)
    if batch.state in (Batch.State.UNDOING, *Batch.UNDOABLE):
        undo(batch)


def why_not(batch: Batch) -> str:
    """Why the last undo of this batch did not happen."""
    jobs = Job.objects.for_user(batch.user_id).filter(kind="undo", payload__batch_id=str(batch.pk))
    job = jobs.order_by("-created_at").first()
    return job.error or "It was cancelled." if job else ""


@transaction.atomic
def undo(batch: Batch) -> Undone:
    """Take the batch back now, in the caller's transaction, and write down what became of it."""
    with connection.cursor() as cursor:
        # One undo or approval of a user at a time; imports go on, and foreign keys settle what they race for.
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(batch.user_id)])
    done = take_back(batch)
    batch.state, batch.undone_at = Batch.State.UNDONE, timezone.now()
    batch.totals = {**batch.totals, "undo": done.as_json()}
    batch.save(update_fields=["state", "undone_at", "totals", "updated_at"])
    note(
        batch.user_id,
        "batch.undone",
        on=batch,
        batch_id=batch.pk,
        removed=sum(done.removed.values()),
        restored=done.restored,
        kept=len(done.kept) + done.kept_more,
    )
    return done


def preview(batch: Batch) -> dict[str, Any]:
    """What `undo` would remove, restore and keep, without doing it."""
    with transaction.atomic():
        done = take_back(batch)
        transaction.set_rollback(True)
    return done.as_json()


def take_back(batch: Batch) -> Undone:
    done, memory = Undone(), dict[str, Any]()
    for hook in before_undo.values():
        hook(batch, memory)
    for kind in tracked.values():
        back, lost = restore.reinsert(batch, kind)
        done.restored += back
        done.keep(lost)
    for kind in tracked.values():
        back, kept = restore.restore_columns(batch, kind)
        done.restored += back
        done.keep(kept)
    Removal(batch, done).run()
    for hook in after_undo.values():
        hook(batch, memory)
    return done


class Removal:
    """Removes what a batch made. Rows that must stay pass to their heir and are listed.

    What the batch had deleted is back by now. Some of that may have come from an import that has been undone in
    the meantime: it goes like the rest of that import, unless a person has worked on it.
    """

    def __init__(self, batch: Batch, done: Undone) -> None:
        self.batch, self.done = batch, done
        self.earlier = undone_before(batch)
        self.values: dict[str, Any] = {
            "user": batch.user_id,
            "batch": batch.pk,
            "batches": [batch.pk, *self.earlier],
        }
        self.kinds = list(reversed(tracked.values()))

    def run(self) -> None:
        for kind in self.kinds:
            if not kind.has_batch:
                self.delete_added(kind)
                continue
            stay = [row for use in (BY_HAND, CHANGED_LATER, *kind.uses) for row in self.hand_over(kind, use)]
            self.done.keep(stay)
            if kind.part_of:
                continue  # until it is known whether the whole stays
            for part in (one for one in self.kinds if one.whole == kind.label):
                self.keep_parts(part, [row["id"] for row in stay])
                self.delete(part)
            self.delete(kind)

    def hand_over(self, kind: Tracked, use: Use) -> list[dict[str, str]]:
        """Rows for which `use` holds now belong to its heir; what they are called, and why they stay."""
        rows = self.execute(
            f"UPDATE {kind.table} t SET batch_id = {use.heir} WHERE user_id = %(user)s"
            f" AND batch_id = ANY(%(batches)s) AND {use.condition} RETURNING t.id::text, {kind.name}"
        )
        return [listed(kind, row_id, name, use.why) for row_id, name in rows if use.why]

    def keep_parts(self, part: Tracked, wholes: list[str]) -> None:
        """What the batch made or claimed for these rows, which stay, stays with them."""
        column = restore.quoted(part.model._meta.get_field(part.part_of))  # type: ignore[arg-type]
        whole = tracked[part.whole].table
        again = self.execute(
            f"""
            UPDATE {part.table} t SET {column} = w.id
            FROM jobs_batchitem i, {whole} w
            WHERE i.user_id = %(user)s AND i.batch_id = %(batch)s AND i.object_type = %(type)s AND i.object_id = t.id
              AND w.user_id = %(user)s AND w.id = ANY(%(wholes)s::uuid[]) AND i.after->>%(column)s = w.id::text
              AND t.user_id = %(user)s AND t.{column} IS NULL
            RETURNING t.id::text, {part.name}
            """,
            type=part.label, wholes=wholes, column=column.strip('"'),
        )  # fmt: skip
        self.done.restored -= len(again)
        made = self.execute(
            f"""
            UPDATE {part.table} t SET batch_id = w.batch_id FROM {whole} w
            WHERE w.user_id = %(user)s AND w.id = ANY(%(wholes)s::uuid[])
              AND t.user_id = %(user)s AND t.batch_id = ANY(%(batches)s) AND t.{column} = w.id
            RETURNING t.id::text, {part.name}
            """,
            wholes=wholes,
        )
        self.done.keep([listed(part, row_id, name, PART) for row_id, name in [*again, *made]])

    def delete_added(self, kind: Tracked) -> None:
        """What the batch added to older rows, but what is still in use."""
        mine = " AND ".join(["user_id = %(user)s", *(f"NOT ({use.condition})" for use in kind.uses)])
        statement = f"DELETE FROM {kind.table} t WHERE {mine} AND id IN ({ADDED})"
        self.count(kind, self.take(statement, type=kind.label, of=[self.batch.pk]))
        if self.earlier:
            self.done.restored -= self.take(statement, type=kind.label, of=self.earlier)

    def count(self, kind: Tracked, number: int) -> None:
        if number:
            self.done.removed[kind.plural] = self.done.removed.get(kind.plural, 0) + number

    def take(self, statement: str, counted: str = "", **values: Any) -> int:
        """Delete; how many of the rows `t` that are gone people would count."""
        statement += f" RETURNING {counted}" if counted else ""
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self.values, **values})
            return sum(counts for (counts,) in cursor.fetchall()) if counted else cursor.rowcount

    def delete(self, kind: Tracked) -> None:
        mine = f"DELETE FROM {kind.table} t WHERE user_id = %(user)s AND batch_id ="
        self.count(kind, self.take(f"{mine} %(batch)s", kind.counted))
        if self.earlier:
            gone = self.execute(
                f"{mine} ANY(%(earlier)s) RETURNING t.id::text, {kind.name}", earlier=self.earlier
            )
            self.done.keep([listed(kind, row_id, name, TAKEN_BACK) for row_id, name in gone])
            self.done.restored -= len(gone)

    def execute(self, statement: str, **values: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, {**self.values, **values})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
            return rows


def undone_before(batch: Batch) -> list[UUID]:
    """Batches that have been undone since this one deleted rows which they had made."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT b.id FROM jobs_batchitem i"
            " JOIN jobs_batch b ON b.user_id = i.user_id AND b.id::text = i.before->>'batch_id'"
            " WHERE i.user_id = %s AND i.batch_id = %s AND i.after IS NULL AND b.state = 'undone'",
            [batch.user_id, batch.pk],
        )
        return [batch_id for (batch_id,) in cursor.fetchall()]


def listed(kind: Tracked, row_id: str, name: str, why: str) -> dict[str, str]:
    return {"what": kind.label, "id": row_id, "label": name[:200], "why": why}
