"""Finished jobs are kept for a while, then deleted in small batches, so that nobody waits for the deletion."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.db import connection

from jobs.models import Job
from jobs.periodic import every
from omnicrm.acting import as_role

BATCH = 1000
SLOTS_KEPT = 7  # days

DELETE = """
DELETE FROM jobs_job WHERE id IN (
    SELECT id FROM jobs_job WHERE state = %s AND finished_at < statement_timestamp() - make_interval(days => %s)
    LIMIT %s FOR UPDATE SKIP LOCKED)
"""


@every(timedelta(hours=1), "purge jobs")
def purge() -> int:
    """Delete finished jobs past their time, with their history. Returns how many."""
    kept = {
        Job.State.SUCCEEDED: settings.JOB_KEEP_SUCCEEDED_DAYS,
        Job.State.CANCELLED: settings.JOB_KEEP_SUCCEEDED_DAYS,
        Job.State.DEAD: settings.JOB_KEEP_DEAD_DAYS,
    }
    deleted = 0
    for state, days in kept.items():
        while count := _delete(state, days):
            deleted += count
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM jobs_periodicrun WHERE slot < statement_timestamp() - make_interval(days => %s)",
            [SLOTS_KEPT],
        )
    return deleted


def _delete(state: str, days: int) -> int:
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(DELETE, [state, days, BATCH])
        return int(cursor.rowcount)
