"""How the queue stands, in numbers."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from jobs.models import Job
from omnicrm.acting import as_role


def counts(user_id: UUID | None = None) -> dict[str, Any]:
    """Jobs by state, how long the oldest due one has waited (seconds), and {kind: {state: number}}."""
    statement = """
        SELECT kind, state, count(*),
               max(extract(epoch FROM statement_timestamp() - run_at)) FILTER (WHERE state = 'queued')
        FROM jobs_job WHERE %s::uuid IS NULL OR user_id = %s::uuid GROUP BY kind, state
    """
    by_kind: dict[str, dict[str, int]] = {}
    totals, oldest = dict.fromkeys(Job.State.values, 0), 0.0
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(statement, [user_id, user_id])
        for kind, state, jobs, waited in cursor.fetchall():
            by_kind.setdefault(kind, {})[state] = jobs
            totals[state] += jobs
            oldest = max(oldest, float(waited or 0))
    return {**totals, "oldest_queued_seconds": round(oldest, 1), "by_kind": by_kind}


def seconds_to_next(user_id: UUID | None = None, kind: str | None = None) -> float | None:
    """Seconds until the next waiting job is due, 0 when one is; None when nothing waits."""
    statement = """
        SELECT greatest(0, extract(epoch FROM min(run_at) - statement_timestamp())) FROM jobs_job
        WHERE state = 'queued' AND (%s::uuid IS NULL OR user_id = %s::uuid)
        AND (%s::text IS NULL OR kind = %s::text)
    """
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(statement, [user_id, user_id, kind, kind])
        (seconds,) = cursor.fetchone()
    return None if seconds is None else float(seconds)
