"""Hold what is here to what Google has, id by id, now instead of within the day."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from integrations.models import SyncStream
from integrations.status import difference
from integrations.streams.reconciling import reconcile_soon
from integrations.streams.truth import TRUTHS
from jobs.foreground import IDLE_SECONDS
from jobs.models import Job
from jobs.runner import run_one
from jobs.sweep import reap
from omnicrm.acting import acting_as
from omnicrm.commands import JsonCommand, Result, asks_google, refuse, user_by_email
from omnicrm.models import User


class Command(JsonCommand):
    help = "Compare the ids that Google has of the last 7 days with what is here, and fetch what is missing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL", help="Whose accounts they are.")

    def run(self, *, user: str, **options: Any) -> Result:
        owner = user_by_email(user)
        with acting_as(owner.pk):
            rows = SyncStream.objects.for_user(owner).filter(kind__in=list(TRUTHS), phase="live")
            streams = list(rows.order_by("created_at", "id"))
        if not streams:
            refuse(f"{owner} follows no mailbox or calendar. Connect one on /connections/.")
        told = [compared(owner, stream) for stream in streams]
        return {"balanced": not any(one["difference"] for one in told), "streams": told}

    def words(self, result: Result) -> str:
        return "\n".join(map(in_words, result["streams"]))

    def succeeded(self, result: Result) -> bool:
        return bool(result["balanced"])


def compared(owner: User, stream: SyncStream) -> dict[str, Any]:
    """What the comparison of one stream found. Refuses where Google cannot be asked now."""
    with acting_as(owner.pk):
        asks_google(stream, "reconcile")
        job = reconcile_soon(stream)
    while not reload(owner, Job, job.pk).is_finished:
        if run_one(None, "reconcile", user=owner) is None:
            reap()
            time.sleep(IDLE_SECONDS)
    after = reload(owner, SyncStream, stream.pk)
    if after.reconciled_at == stream.reconciled_at:
        refuse(f"{stream} cannot be compared now: {after.health_reason or after.get_health_display()}")
    return {"stream": str(stream), **after.tally, "difference": difference(after.tally)}


def reload(owner: User, model: Any, pk: Any) -> Any:
    with acting_as(owner.pk):
        return model.objects.for_user(owner).get(pk=pk)


def in_words(told: dict[str, Any]) -> str:
    return (
        f"{told['stream']}: {told['google']:,} at Google - {told['held']:,} here - {told['left_out']:,} left out"
        f" = {told['difference']:,}" + (f"; {told['missing']:,} are being fetched" if told["missing"] else "")
    )
