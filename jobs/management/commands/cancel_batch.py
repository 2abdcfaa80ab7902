from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobs import batches
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.commands import JsonCommand, Result, refuse


class Command(JsonCommand):
    help = "Stop a batch: its waiting jobs are cancelled, running ones end at their next check."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("batch", metavar="ID")

    def run(self, *, batch: str, **options: Any) -> Result:
        found = batches.find_batch(batch)
        if found.state not in batches.CANCELLABLE and not found.cancel_requested_at:
            wish = f" To take it back, run: manage.py undo_batch {batch}" if found.is_undoable else ""
            refuse(f"This batch is {found.state} already, so there is nothing to stop.{wish}")
        stopped = batches.cancel(found)
        with acting_as(found.user_id):
            jobs = Job.objects.for_user(found.user_id).filter(batch=found)
            ended = jobs.filter(state__in=(Job.State.SUCCEEDED, Job.State.DEAD)).count()
        return {
            "cancelled": stopped.cancelled,
            "running": stopped.running,
            "finished": ended,
            "batch_id": found.pk,
            "state": found.state,
        }
