from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from jobs import status
from omnicrm.commands import JsonCommand, Result, user_by_email


class Command(JsonCommand):
    help = "How the queue stands: jobs by state and by kind, and how long the oldest due one has waited."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", metavar="EMAIL", help="Only this user's jobs.")

    def run(self, *, user: str | None, **options: Any) -> Result:
        return status.counts(user_by_email(user).pk if user else None)
