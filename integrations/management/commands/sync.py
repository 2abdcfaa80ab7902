"""Plan the import of a connected Google account, carry it out, or look now for what is new."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management import CommandError
from django.db.models import Q
from django.utils import timezone

from integrations.approval import Stale, approve
from integrations.headline import headline
from integrations.models import SyncStream, SyncWork
from integrations.plan import Refused
from integrations.streams import calendar_plan, ticking
from integrations.streams.approving import lock
from integrations.streams.beginning import discard_waiting
from integrations.streams.calendar_list import WITHDRAWN
from integrations.streams.previewing import start_preview
from integrations.streams.retrying import retry_parked
from integrations.streams.steps import FOLLOWED
from integrations.summary import plan_summary, result_summary
from jobs.foreground import IDLE_SECONDS, work_until_settled
from jobs.models import Batch, Job
from jobs.runner import run_one
from jobs.sweep import reap
from omnicrm.acting import acting_as
from omnicrm.commands import JsonCommand, Result, asks_google, refuse, user_by_email
from omnicrm.models import User

GMAIL, CALENDAR, CALENDAR_LIST = (
    SyncStream.Kind.GMAIL,
    SyncStream.Kind.CALENDAR,
    SyncStream.Kind.CALENDAR_LIST,
)
KINDS = {"gmail": (GMAIL,), "calendar": (CALENDAR,), "all": (GMAIL, CALENDAR)}
PLANS = {GMAIL: start_preview, CALENDAR: calendar_plan.start_plan}


class Command(JsonCommand):
    help = (
        "Show what importing a connected account would bring; with --yes bring it. What is followed already is looked "
        "at for what is new, unless --full plans all of it again."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", required=True, metavar="EMAIL", help="Whose account it is.")
        parser.add_argument("--service", choices=sorted(KINDS), default="all")
        parser.add_argument(
            "--full", action="store_true", help="Plan everything again, not only what is new."
        )
        go = parser.add_mutually_exclusive_group()
        go.add_argument(
            "--plan-only", action="store_true", help="Only plan (the default where nothing is followed)."
        )
        go.add_argument("--yes", action="store_true", help="Approve the plan and carry it out.")
        go.add_argument(
            "--retry-parked",
            dest="try_again",
            action="store_true",
            help="Fetch once more what was put aside because it could not be read, of all that is followed.",
        )

    def run(self, *, user: str, service: str, **options: Any) -> Result:
        owner = user_by_email(user)
        if service != "gmail":
            self.look_for_calendars(owner)
        streams = streams_of(owner, KINDS[service])
        if options["try_again"]:
            streams = [stream for stream in streams if stream.phase in FOLLOWED]
            if not streams:
                refuse(f"Nothing of {owner} is followed yet, so nothing was put aside.")
        if not streams:
            refuse(f"{owner} has connected no account with {service}. Connect one on /connections/.")
        if len(streams) == 1:
            return self.one(owner, streams[0], **options)
        return {"streams": [self.one_of_several(owner, stream, **options) for stream in streams]}

    def one_of_several(self, owner: User, stream: SyncStream, **options: Any) -> Result:
        """What is refused for one says so, and keeps nobody from the others."""
        try:
            return self.one(owner, stream, **options)
        except CommandError as refused:
            return {"stream": str(stream), "state": "refused", "headline": str(refused)}

    def one(
        self,
        owner: User,
        stream: SyncStream,
        *,
        full: bool,
        plan_only: bool,
        yes: bool,
        try_again: bool,
        **_: Any,
    ) -> Result:
        if try_again:
            return self.retry(owner, stream)
        is_followed = stream.phase in FOLLOWED
        if is_followed and not full and not plan_only:
            return {"stream": str(stream), **self.look(owner, stream)}
        batch = self.plan(owner, stream)
        if not yes:
            return {"stream": str(stream), **self.planned(batch)}
        self.say(headline(batch))
        with acting_as(owner.pk):
            try:
                approve(batch, batch.plan_hash)
            except Stale as stale:
                refuse(str(stale))
        batch = work_until_settled(batch, tell=self.tell)
        self.say("")
        with acting_as(owner.pk):
            return {
                "stream": str(stream),
                **result_summary(batch),
                "headline": headline(batch),
                "next": f"To take it back, run: manage.py undo_batch {batch.pk}",
            }

    def plan(self, owner: User, stream: SyncStream) -> Batch:
        try:
            with acting_as(owner.pk):
                asks_google(stream, "sync")
                discard_waiting(stream)
                batch = PLANS[SyncStream.Kind(stream.kind)](owner, stream)
        except Refused as refused:
            refuse(str(refused))
        batch = work_until_settled(batch, tell=self.tell)
        if batch.state != Batch.State.PLANNED:
            refuse(f"{batch.title} could not be planned. {batch.error} See /batches/{batch.pk}/")
        return batch

    def planned(self, batch: Batch) -> Result:
        return {
            **plan_summary(batch),
            "estimates": batch.totals.get("estimates", {}),
            "headline": headline(batch),
            "next": f"Approve it on /batches/{batch.pk}/, or run this with --yes.",
        }

    def look(self, owner: User, stream: SyncStream) -> Result:
        """Look for what is new, and do all that follows from it."""
        with acting_as(owner.pk):
            if not ticking.sync_now(stream):
                refuse(f"{stream} waits: {stream.health_reason or stream.get_health_display()}")
            asks_google(stream, "sync")
        settle(stream)
        return followed(owner, stream)

    def retry(self, owner: User, stream: SyncStream) -> Result:
        with acting_as(owner.pk):
            number = retry_parked(lock(stream))
        return {"stream": str(stream), "tried_again": number, **self.look(owner, stream)}

    def look_for_calendars(self, owner: User) -> None:
        """Which calendars there are by now. Where Google cannot be asked, those that are known will do."""
        for stream in streams_of(owner, (CALENDAR_LIST,)):
            with acting_as(owner.pk):
                if is_asked := ticking.sync_now(stream):
                    asks_google(stream, "sync")
            if is_asked:
                settle(stream)

    def tell(self, batch: Batch) -> None:
        """How far it is, on a terminal."""
        self.say(f"{batch.get_state_display()} {batch.percent:3d} %")

    def words(self, result: Result) -> str:
        return "\n\n".join(in_words(one) for one in result.get("streams", [result]))

    def succeeded(self, result: Result) -> bool:
        each = result.get("streams", [result])
        return all(one.get("state", "planned") in ("planned", "done", "ok") for one in each)


def streams_of(owner: User, kinds: tuple[str, ...]) -> list[SyncStream]:
    """Those of connected accounts that can be read: mail first, then the main calendar."""
    with acting_as(owner.pk):
        rows = SyncStream.objects.for_user(owner).filter(kind__in=kinds).exclude(health_reason=WITHDRAWN)
        found = [one for one in rows.select_related("account", "user") if one.account.is_connected]
    return sorted(
        found, key=lambda one: (one.kind != GMAIL, not one.listing.get("primary"), one.title, one.pk)
    )


def settle(stream: SyncStream) -> None:
    while busy(stream):
        if run_one(None, "sync", user=stream.user) is None:
            reap()
            time.sleep(IDLE_SECONDS)


def busy(stream: SyncStream) -> bool:
    """Whether jobs of this stream, or what they asked for, are still to be done."""
    with acting_as(stream.user_id):
        looks = Q(kind__in=ticking.JOBS.values(), payload__stream_id=str(stream.pk))
        jobs = Job.objects.for_user(stream.user_id).filter(state__in=("queued", "running"))
        return bool(jobs.filter(looks | Q(kind="normalize")).exists())


def followed(owner: User, stream: SyncStream) -> Result:
    """How the stream stands after a look."""
    with acting_as(owner.pk):
        stream = SyncStream.objects.for_user(owner).get(pk=stream.pk)
        work = SyncWork.objects.for_user(owner).filter(stream=stream)
        waiting = work.filter(state="todo").count()
        return {
            "state": stream.health,
            "phase": stream.phase,
            "waiting": waiting,
            "put_aside": work.filter(state="parked").count(),
            "last_ok_at": stream.last_ok_at,
            "headline": stream.health_reason or standing(stream, waiting),
        }


def standing(stream: SyncStream, waiting: int) -> str:
    if waiting:
        return f"{waiting:,} messages are still to be fetched; that goes on by itself."
    return f"Nothing is left to be fetched, as of {timezone.localtime(stream.last_ok_at):%H:%M}."


def in_words(result: Result) -> str:
    said = [f"{result['stream']}:"] if "stream" in result else []
    said.append(result["headline"])
    if "tried_again" in result:
        said.append(f"Tried again: {result['tried_again']:,}. Put aside: {result['put_aside']:,}.")
    if told := result.get("estimates"):
        said.append(
            f"Estimated from {told['sampled']} of them: about {told['people']} people, {told['senders']} senders;"
            f" about {result['estimate_seconds']} s at {settings.GOOGLE_QUOTA_SHARE} % of Google's quota."
        )
    elif "estimate_seconds" in result:
        said.append(f"Takes about {result['estimate_seconds']} s.")
    said += [f"  {n:>7,}  {reason}" for reason, n in result.get("reasons", {}).items()]
    return "\n".join([*said, *result.get("warnings", []), *filter(None, [result.get("next")])])
