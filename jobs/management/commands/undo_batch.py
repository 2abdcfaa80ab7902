"""Take a batch back."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobs.batches import find_batch
from jobs.foreground import work_until_settled
from jobs.models import Batch
from jobs.undo import NotUndoable, start_undo, why_not
from omnicrm.acting import acting_as
from omnicrm.commands import JsonCommand, Result, refuse

NEXT = {
    Batch.State.UNDONE: "It is taken back already; there is nothing left to do.",
    Batch.State.PLANNED: "A plan has written nothing; to throw it away, run: manage.py cancel_batch {}",
    Batch.State.PLANNING: "To stop it, run: manage.py cancel_batch {}",
    Batch.State.APPROVED: "To stop it first, run: manage.py cancel_batch {}",
    Batch.State.RUNNING: "To stop it first, run: manage.py cancel_batch {}",
}


class Command(JsonCommand):
    help = "Take back all that a batch did: remove what it made, restore what it changed, list what stays and why."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("batch", metavar="ID")

    def run(self, *, batch: str, **options: Any) -> Result:
        found = find_batch(batch)
        if found.state != Batch.State.UNDOING:  # else somebody was interrupted, and we go on
            self.start(found)
        done = work_until_settled(found)
        if done.state != Batch.State.UNDONE:
            with acting_as(done.user_id):
                why = why_not(done)
            refuse(f"It could not be taken back, and nothing was changed. {why}")
        undone = done.totals.get("undo", {})
        return {
            "batch_id": str(done.pk),
            "state": done.state,
            "removed": undone.get("removed", 0),
            "removed_by_kind": undone.get("removed_by_kind", {}),
            "restored": undone.get("restored", 0),
            "kept": undone.get("kept", []),
        }

    def start(self, batch: Batch) -> None:
        with acting_as(batch.user_id):
            try:
                start_undo(batch)
            except NotUndoable as refusal:
                refuse(f"{refusal} {NEXT.get(Batch.State(batch.state), '').format(batch.pk)}".strip())
