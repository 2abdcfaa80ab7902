"""Where everything that a source held has gone."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError

from integrations.ledger import ledger, why
from jobs.models import Batch
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, reading, refuse, user_by_email
from omnicrm.models import User


class Command(JsonCommand):
    help = (
        "Count what was imported, skipped and failed; with --why say what became of one message or address."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL")
        parser.add_argument("--batch", metavar="ID")
        parser.add_argument("--why", metavar="MESSAGE_ID_OR_ADDRESS")

    def run(self, *, user: str, batch: str | None, why: str | None, **options: Any) -> Result:
        owner = user_by_email(user)
        with reading(owner, "ledger"):
            result = ledger(owner.pk, batch_id(owner, batch) if batch else None)
            return result if why is None else {**result, "why": explain(owner.pk, why)}

    def succeeded(self, result: Result) -> bool:
        return bool(result["balanced"] or result["pending"])


def explain(user_id: UUID, wanted: str) -> list[dict[str, Any]]:
    return why(user_id, wanted) or [{"reason": f"No import has seen {wanted}."}]


def batch_id(owner: User, text: str) -> UUID:
    """The id of one of the owner's batches, or a refusal."""
    try:
        return Batch.objects.for_user(owner).get(pk=text).pk
    except (Batch.DoesNotExist, ValidationError):
        refuse(f"{owner} has no batch {text}. List them on /batches/.", BAD_ARGUMENTS)
