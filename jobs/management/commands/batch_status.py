from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobs import batches
from omnicrm.acting import acting_as
from omnicrm.commands import JsonCommand, Result


class Command(JsonCommand):
    help = "How far a batch has come."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("batch", metavar="ID")

    def run(self, *, batch: str, **options: Any) -> Result:
        found = batches.find_batch(batch)
        with acting_as(found.user_id):
            return batches.progress(found)
