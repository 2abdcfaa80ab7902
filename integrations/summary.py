"""A batch in numbers: what its plan says, and what became of it. One shape for commands and pages."""

from __future__ import annotations

from typing import Any

from django.db import connection

from contacts.tracking import IS_AN_ENTRY
from integrations.ledger import ledger
from jobs.models import Batch

MOST_ERRORS = 50


def plan_summary(batch: Batch) -> dict[str, Any]:
    """The plan as a script reads it."""
    totals = batch.totals
    return {
        "batch_id": str(batch.pk),
        "plan_hash": batch.plan_hash,
        "state": batch.state,
        "kind": totals.get("kind", ""),
        **{key: totals.get(key, 0) for key in ("create", "update", "skip", "interactions", "events", "fail")},
        "reasons": totals.get("reasons", {}),
        "warnings": batch.warnings,
        "estimate_seconds": totals.get("estimate_seconds", 0),
        "size": totals.get("size", 0),
    }


def result_summary(batch: Batch) -> dict[str, Any]:
    """What was done, counted from the rows themselves. In the owner's name."""
    result = dict(batch.totals.get("result") or counted(batch))
    if batch.error:
        result["errors"] = [{"position": None, "reason": batch.error}, *result["errors"]]
    return {"batch_id": str(batch.pk), "state": batch.state, **result}


def counted(batch: Batch) -> dict[str, Any]:
    """Rows that the batch made and changed, and lines it skipped or could not read, now."""
    with connection.cursor() as cursor:
        cursor.execute(MADE.format(counted=IS_AN_ENTRY), {"user": batch.user_id, "batch": batch.pk})
        contacts, interactions, events, updated, skipped = cursor.fetchone()
    book = ledger(batch.user_id, batch.pk)
    errors = [
        {"position": seq, "reason": data.get("problem", "")}
        for seq, data in batch.items.filter(outcome="fail")
        .order_by("seq")
        .values_list("seq", "data")[:MOST_ERRORS]
    ]
    return {
        "created": contacts,
        "updated": updated,
        "interactions": interactions,
        "events": events,
        "skipped": skipped,
        "failed": sum(book["failed"].values()),
        "errors": errors,
    }


MADE = """
SELECT (SELECT count(*) FROM contacts_contact WHERE user_id = %(user)s AND batch_id = %(batch)s),
       (SELECT count(*) FROM contacts_interaction WHERE user_id = %(user)s AND batch_id = %(batch)s),
       (SELECT count(*) FROM contacts_calendarevent t WHERE user_id = %(user)s AND batch_id = %(batch)s
            AND {counted}),
       (SELECT count(DISTINCT object_id) FROM omnicrm_event
            WHERE user_id = %(user)s AND batch_id = %(batch)s AND action = 'contact.updated'),
       (SELECT count(*) FROM jobs_planitem WHERE user_id = %(user)s AND batch_id = %(batch)s AND outcome = 'skip')
"""
