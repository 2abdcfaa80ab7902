"""Our part of an undo: the batch no longer vouches for anything, and what it brought stays away from then on."""

from __future__ import annotations

from typing import Any

from django.db import connection

from contacts.models import Suppression
from contacts.tracking import THEIR_ADDRESS
from jobs.models import Batch
from jobs.tracking import Use, after_undo, before_undo, keep_while

# Another import whose raw event has the identifier of the calendar entry `t`: in a file's words, or in a stream's.
ENTRY = """
FROM (
    SELECT * FROM integrations_rawevent f WHERE f.user_id = t.user_id AND f.kind = 'event'
        AND f.external_id = t.ical_uid || '|' || t.recurrence_id
    UNION ALL
    SELECT * FROM integrations_rawevent s WHERE s.user_id = t.user_id AND s.kind = 'event' AND s.item_key <> ''
        AND s.item_key = t.ical_uid || '|' || t.recurrence_id
) r JOIN integrations_provenance v ON v.user_id = r.user_id AND v.raw_event_id = r.id WHERE true
"""
# The entry of the meeting `t`, which a file brought and a connected calendar still has.
FOLLOWED = """
FROM contacts_calendarevent e WHERE t.kind = 'meeting' AND e.user_id = t.user_id AND e.google_id <> ''
AND e.ical_uid = substr(t.thread_key, 6) AND e.batch_id IS DISTINCT FROM t.batch_id
AND EXISTS (SELECT 1 FROM jobs_batch b WHERE b.user_id = t.user_id AND b.id = t.batch_id AND b.kind = 'file_import')
"""
# Another import that brought something, and took the address `t` to be the user's.
OWNED = """
FROM jobs_batch b WHERE b.user_id = t.user_id AND b.id <> t.batch_id AND jsonb_exists(b.options->'own', t.value)
AND EXISTS (SELECT 1 FROM integrations_provenance v WHERE v.user_id = b.user_id AND v.batch_id = b.id)
"""

# A later import held the same mail with the contact `t`, found them here, and so did not make them.
LATER = f"""
FROM contacts_contactidentity y JOIN contacts_participant p ON p.user_id = y.user_id AND p.identity_id = y.id
JOIN integrations_provenance v ON v.user_id = p.user_id AND v.interaction_id = p.interaction_id
WHERE {THEIR_ADDRESS} AND v.created_at > t.created_at
"""
MET_LATER = f"""
(SELECT b.kind NOT IN ('accept', 'file_import') FROM jobs_batch b WHERE b.user_id = t.user_id AND b.id = t.batch_id)
AND EXISTS (SELECT 1 {LATER})
"""


def register() -> None:
    keep_while(
        "contacts.Interaction",
        Use("another import also holds it", vouched("interaction_id"), heir=heir("interaction_id")),
    )
    keep_while(
        "contacts.Interaction",
        Use(
            "a connected calendar also holds it",
            f"EXISTS (SELECT 1 {FOLLOWED})",
            heir=f"(SELECT e.batch_id {FOLLOWED} ORDER BY e.batch_id LIMIT 1)",
        ),
    )
    keep_while(
        "contacts.Contact",
        Use("another import also names them", vouched("contact_id"), heir=heir("contact_id")),
        Use("another import also names them", MET_LATER, heir=first_batch("v", LATER)),
    )
    keep_while(
        "contacts.CalendarEvent",
        Use("another import also holds it", f"EXISTS (SELECT 1 {ENTRY})", heir=first_batch("v", ENTRY)),
    )
    keep_while(
        "contacts.OwnAddress",
        Use("", f"EXISTS (SELECT 1 {OWNED})", heir=first_batch("b", OWNED)),
    )
    before_undo["integrations"] = withdraw
    after_undo["integrations"] = keep_away
    after_undo["ignored"] = vouch_again


def vouched(column: str) -> str:
    return (
        f"EXISTS (SELECT 1 FROM integrations_provenance v WHERE v.user_id = t.user_id AND v.{column} = t.id)"
    )


def heir(column: str) -> str:
    return (
        "(SELECT v.batch_id FROM integrations_provenance v"
        f" WHERE v.user_id = t.user_id AND v.{column} = t.id ORDER BY v.batch_id LIMIT 1)"
    )


def first_batch(alias: str, rows: str) -> str:
    column = "id" if alias == "b" else "batch_id"
    return f"(SELECT {alias}.{column} {rows} ORDER BY 1 LIMIT 1)"


def withdraw(batch: Batch, memory: dict[str, Any]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM integrations_provenance WHERE user_id = %s AND batch_id = %s",
            [batch.user_id, batch.pk],
        )


def keep_away(batch: Batch, memory: dict[str, Any]) -> None:
    """Raw events that nothing vouches for any more become stubs, suppressed for their source alone."""
    values = {"user": batch.user_id, "batch": batch.pk}
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE integrations_rawevent r SET batch_id = v.batch_id
            FROM integrations_provenance v
            WHERE r.user_id = %(user)s AND r.batch_id = %(batch)s AND v.user_id = r.user_id AND v.raw_event_id = r.id
            """,
            values,
        )
        cursor.execute(
            """
            WITH gone AS (
                UPDATE integrations_rawevent SET verdict = 'skipped:undone', payload = NULL, updated_at = now()
                WHERE user_id = %(user)s AND batch_id = %(batch)s AND verdict IN ('kept', 'pending')
                RETURNING source, external_id, kind
            )
            INSERT INTO contacts_suppression (id, user_id, scope, key, source, reason, created_at, updated_at)
            SELECT gen_random_uuid(), %(user)s, 'item', external_id, source, 'undone', now(), now()
            FROM gone WHERE kind <> 'file'
            ON CONFLICT DO NOTHING
            """,
            values,
        )


def vouch_again(batch: Batch, memory: dict[str, Any]) -> None:
    """What ignoring somebody took away is back; what its sources said vouches for it, as before."""
    if batch.kind != "ignore":
        return
    for reason, made_by in batch.options.get("before", []):
        ignored = {"user_id": batch.user_id, "scope": batch.options["scope"], "key": batch.options["key"]}
        Suppression(**ignored, reason=reason, batch_id=made_by).save()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH back AS (
                UPDATE integrations_provenance v SET interaction_id = i.id
                FROM jobs_batchitem b, contacts_interaction i, integrations_rawevent r
                WHERE b.user_id = %(user)s AND b.batch_id = %(batch)s AND b.object_type = 'contacts.interaction'
                  AND i.user_id = b.user_id AND i.id = b.object_id AND r.user_id = i.user_id
                  AND (r.external_id = i.source_key OR r.item_key = i.source_key)
                  AND v.user_id = r.user_id AND v.raw_event_id = r.id AND v.interaction_id IS NULL
                RETURNING v.raw_event_id
            )
            UPDATE integrations_rawevent r SET verdict = 'kept', updated_at = now()
            WHERE r.user_id = %(user)s AND r.verdict = 'skipped:ignored' AND r.id IN (SELECT raw_event_id FROM back)
            """,
            {"user": batch.user_id, "batch": batch.pk},
        )
