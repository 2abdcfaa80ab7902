"""An account with something in it, to click through."""

from __future__ import annotations

import datetime as dt
from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from contacts.models import Contact, Note, Task
from integrations import sample
from integrations.approval import approve
from integrations.plan import Refused
from integrations.summary import result_summary
from jobs.foreground import work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.checks_of_doors import DEMO_EMAIL, DEMO_PASSWORD
from omnicrm.commands import JsonCommand, Result, refuse, user_by_email
from omnicrm.models import User


class Command(JsonCommand):
    help = "Import the sample mailbox for a user (by default a demo account, which is made) and add notes and tasks."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--user", metavar="EMAIL")

    def run(self, *, user: str | None, **options: Any) -> Result:
        owner = user_by_email(user) if user else demo_user()
        try:
            batch = work_until_settled(sample.start(owner))
        except Refused as refusal:
            refuse(str(refusal))
        with acting_as(owner.pk):
            approve(batch, batch.plan_hash)
        batch = work_until_settled(batch)
        sign_in = {} if user else {"sign_in": DEMO_EMAIL, "password": DEMO_PASSWORD}
        with acting_as(owner.pk):
            add_notes_and_tasks(batch)
            return {**result_summary(batch), **sign_in}

    def succeeded(self, result: Result) -> bool:
        return bool(result["state"] == Batch.State.DONE)


def demo_user() -> User:
    user, made = User.objects.get_or_create(email=DEMO_EMAIL, defaults={"name": "Demo Account"})
    if made:
        user.set_password(DEMO_PASSWORD)
        user.save()
    return user


def add_notes_and_tasks(batch: Batch) -> None:
    """To people of the sample alone: an account may have real ones."""
    owner, today = batch.user, timezone.localdate()
    for n, contact in enumerate(
        Contact.objects.for_user(owner).filter(batch=batch).order_by("sort_name")[:3]
    ):
        due = today + dt.timedelta(n)
        Task(user=owner, contact=contact, title="Answer the last message", due_on=due).save()
        Note(
            user=owner, contact=contact, text="A sample note: what we talked about, in a line or two."
        ).save()
