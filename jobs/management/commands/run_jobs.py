from __future__ import annotations

import signal
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from jobs import shutdown
from jobs.models import Job
from jobs.queue import handlers
from jobs.runner import run_one
from jobs.status import seconds_to_next
from jobs.sweep import reap
from jobs.tasks import hard_limit, worker_name
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse, user_by_email

SOON = 5.0  # seconds; --until-empty waits for what is due by then, such as a first retry
PAUSE = 0.3  # seconds between two looks at an empty queue


class Command(JsonCommand):
    help = (
        "Run jobs in this process, without Celery: until SIGTERM, or with --until-empty until nothing is due. "
        "Any number may run."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", metavar="EMAIL", help="Only this user's jobs.")
        parser.add_argument("--kind", metavar="KIND", help="Only jobs of this kind.")
        parser.add_argument("--until-empty", action="store_true", help="End when no job is due.")

    def run(self, *, user: str | None, kind: str | None, until_empty: bool, **options: Any) -> Result:
        if kind is not None and kind not in handlers:
            refuse(f"There are no jobs of kind {kind}. Kinds: {', '.join(sorted(handlers))}.", BAD_ARGUMENTS)
        user_id = user_by_email(user).pk if user else None
        shutdown.ask(False)
        before = signal.signal(signal.SIGTERM, lambda *_: shutdown.ask())
        try:
            return tally(serve(user_id, kind, until_empty))
        finally:
            signal.signal(signal.SIGTERM, before)

    def succeeded(self, result: Result) -> bool:
        return not result["failed"]


def serve(user_id: UUID | None, kind: str | None, until_empty: bool) -> dict[UUID, Job]:
    """Run jobs until asked to stop; the last that is known of each. Only counts are kept for those that went well."""
    seen: dict[UUID, Job] = {}
    swept, is_last_look = 0.0, False
    while not shutdown.asked():
        try:
            if time.monotonic() - swept > settings.JOB_SWEEP_SECONDS:
                reap()
                swept = time.monotonic()
            with hard_limit():
                job = run_one(None, worker_name(), user=user_id, kind=kind)
            if job is not None:
                seen[job.pk] = job
                is_last_look = False
            elif until_empty and not is_soon(user_id, kind):
                if is_last_look:
                    break
                is_last_look = True  # something may have fallen due since we asked for it
            else:
                time.sleep(PAUSE)
        except (DatabaseError, InterfaceError):
            connection.close()
            if until_empty:
                raise
            time.sleep(1)
    return seen


def is_soon(user_id: UUID | None, kind: str | None) -> bool:
    seconds = seconds_to_next(user_id, kind)
    return seconds is not None and 0 < seconds <= SOON


def tally(seen: dict[UUID, Job]) -> Result:
    dead = [job for job in seen.values() if job.state == Job.State.DEAD]
    return {
        "processed": len(seen),
        "succeeded": sum(job.state == Job.State.SUCCEEDED for job in seen.values()),
        "failed": len(dead),
        "errors": [
            {"job_id": job.pk, "kind": job.kind, "code": job.error_code, "error": job.error} for job in dead
        ],
    }
