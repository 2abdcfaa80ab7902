from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from omnicrm import audit
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse, user_by_email
from omnicrm.models import EventAnchor, User


def read_log(path: str) -> dict[UUID, list[EventAnchor]]:
    try:
        with Path(path).open(errors="replace") as lines:
            return audit.anchors_in(lines)
    except OSError as error:
        refuse(f"{path} cannot be read: {error.strerror}.", BAD_ARGUMENTS)


class Command(JsonCommand):
    help = "Check that no event of the record was changed, removed or exchanged. Exit code 1 if any was."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", metavar="EMAIL", help="Only this user's events.")
        parser.add_argument(
            "--log", metavar="FILE", help="A log of ours: the signed heads in it must be in the chains too."
        )

    def run(self, *, user: str | None, log: str | None, **options: Any) -> Result:
        users = [user_by_email(user)] if user else list(User.objects.order_by("email"))
        signed = read_log(log) if log else {}
        verdicts = {one.email: audit.verify(one.pk, signed.get(one.pk, ())) for one in users}
        return {
            "users": len(verdicts),
            "events": sum(verdict.events for verdict in verdicts.values()),
            "whole": all(verdict.is_whole for verdict in verdicts.values()),
            "faults": {email: verdict.faults for email, verdict in verdicts.items() if verdict.faults},
        }

    def words(self, result: Result) -> str:
        if result["whole"]:
            return f"All {result['events']:,} events of {result['users']:,} users are in their places and unchanged."
        return "\n".join(f"{email}: {'; '.join(faults)}." for email, faults in result["faults"].items())

    def succeeded(self, result: Result) -> bool:
        return bool(result["whole"])
