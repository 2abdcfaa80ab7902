"""A person who writes letters by way of a stand-in for Gmail, and the job that sends them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from contacts.models import Contact
from integrations import outbox
from integrations.google import oauth
from integrations.models import GoogleAccount, OutboxMessage, QuotaBucket
from jobs.models import Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact, make_google_account, make_identity
from tests.fakes import google as fake

ADA, GRACE = "ada@example.com", "grace@example.org"
SCOPES = ("openid", oauth.EMAIL, oauth.MAIL, oauth.COMPOSE)


@dataclass
class Desk:
    """Who writes, from where, and to whom."""

    google: fake.Google
    user: User
    account: GoogleAccount
    contact: Contact

    @property
    def sent(self) -> list[bytes]:
        """What has left, as Gmail sent it."""
        return [raw for _, raw in self.google.sent]

    @property
    def drafts(self) -> int:
        return len(self.google.account(ADA).mailbox.drafts)

    def letter(self, subject: str = "Lunch", body: str = "At noon?") -> OutboxMessage:
        with acting_as(self.user.pk):
            letter = outbox.begin(self.user, self.contact)
            return outbox.edit(letter, subject=subject, body=body)

    def approve(self, letter: OutboxMessage) -> OutboxMessage:
        with acting_as(self.user.pk):
            return outbox.approve(letter, letter.content_hash)

    def approved(self) -> OutboxMessage:
        return self.approve(self.letter())

    def fresh(self, letter: OutboxMessage) -> OutboxMessage:
        with acting_as(self.user.pk):
            return OutboxMessage.objects.for_user(self.user).select_related("account").get(pk=letter.pk)

    def state(self, letter: OutboxMessage) -> str:
        return self.fresh(letter).state

    def ten_seconds_later(self) -> None:
        """For letters and the jobs that wait for them."""
        past = timezone.now() - dt.timedelta(seconds=1)
        with acting_as(self.user.pk):
            OutboxMessage.objects.for_user(self.user).exclude(send_at=None).update(send_at=past)
            Job.objects.for_user(self.user).filter(state="queued").update(run_at=past)
            QuotaBucket.objects.all().delete()  # and a pause that Google wanted is over

    def work(self) -> list[Job]:
        """Run what is due, to the end."""
        return list(iter(lambda: run_one(None, "test"), None))

    def send(self, letter: OutboxMessage) -> OutboxMessage:
        """Ten seconds after its approval, as far as it goes by itself."""
        self.ten_seconds_later()
        self.work()
        return self.fresh(letter)


@contextmanager
def writing(settings: Any, user: User) -> Iterator[Desk]:
    google = fake.Google()
    google.add_account(ADA, name="Ada Lovelace")
    with fake.serving(google) as server:
        for name, value in server.environment().items():
            setattr(settings, name, value)
        contact = make_contact(user, display_name="Grace Hopper", primary_email=GRACE)
        make_identity(user, contact=contact, kind="email", value=GRACE)
        yield Desk(google, user, connected(google, user), contact)


def connected(google: fake.Google, user: User) -> GoogleAccount:
    keys = google.sign_in(ADA, *SCOPES)
    return make_google_account(
        user,
        google_sub=google.account(ADA).sub,
        email=ADA,
        name="Ada Lovelace",
        scopes=[*SCOPES],
        granted_at=timezone.now(),
        refresh_token=keys["refresh_token"].encode(),
        access_token=keys["access_token"].encode(),
        access_expires_at=timezone.now() + dt.timedelta(hours=1),
    )
