"""What happens by the clock. A slot is a row that one process can insert, so two schedulers never do it twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog
from django.db import connection, transaction

from jobs.models import PeriodicRun

Task = Callable[[], object]
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Periodic:
    name: str
    every: timedelta
    task: Task


schedule: dict[str, Periodic] = {}


def every(interval: timedelta, name: str) -> Callable[[Task], Task]:
    """Registers the function below to run once in each interval, in whichever sweeper comes first.

    It runs in the sweeper, in the name of nobody: it should be short, and enqueue what is long.
    """

    def register(task: Task) -> Task:
        schedule[name] = Periodic(name, interval, task)
        return task

    return register


def run_due() -> list[str]:
    """Run what is due and not taken; the names of what was run. One that fails does not stop the others."""
    done = []
    for item in list(schedule.values()):
        if _take(item):
            done.append(item.name)
            try:
                item.task()
            except Exception:  # the next slot tries again
                log.exception("periodic.failed", name=item.name)
    return done


def _take(item: Periodic) -> bool:
    """Whether this slot is ours, by the clock of Postgres."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT floor(extract(epoch FROM statement_timestamp()) / %s)", [item.every.total_seconds()]
        )
        slot = datetime.fromtimestamp(int(cursor.fetchone()[0]) * item.every.total_seconds(), UTC)
        if PeriodicRun.objects.filter(name=item.name, slot=slot).exists():
            return False
        cursor.execute(
            "INSERT INTO jobs_periodicrun (id, name, slot, created_at)"
            " VALUES (gen_random_uuid(), %s, %s, statement_timestamp()) ON CONFLICT DO NOTHING",
            [item.name, slot],
        )
        return bool(cursor.rowcount)
