"""How fast a mailbox comes in: as fast as its quota allows, never faster, and as fast as that of whoever else waits."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any

import pytest
from django.db.models.functions import Now

from integrations.google.client import Google
from integrations.models import GoogleAccount, SyncStream, SyncWork
from integrations.quota import Gate
from integrations.streams.opening import Account
from integrations.streams.previewing import start_preview
from integrations.streams.ticking import GMAIL
from jobs.foreground import reload
from jobs.models import Batch, Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.fakes.google.sample import letter
from tests.google.mailboxes import ADA, approved, connect, fresh, in_process

GRACE = "grace@example.com"
REQUEST, IDLE = 0.2, 1.0
"""Seconds that a request takes, and those after which somebody who had nothing to do looks again."""
LARGEST_BATCH = 12
"""Of ten, and one more for each minute without complaints."""
pytestmark = pytest.mark.django_db(transaction=True)


class Hours:
    """The time of all: the fake's and ours. Passes with each request, and when nobody has anything to do."""

    def __init__(self, machine: Any) -> None:
        self.machine, self.clock = machine, fakes.Clock(repeat(time.time()).__next__, runs=False)
        self.google = fakes.Google(clock=self.clock)

    @property
    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self.clock(), dt.UTC)

    def go_by(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.machine.move_to(self.now, tick=False)

    def mailbox(self, user: User, email: str, letters: int) -> SyncStream:
        account = self.google.add_account(email)
        for n in range(letters):
            raw = letter(to=email, subject=f"letter {n}", at=self.clock() - n, message_id=f"<{n}.{email}>")
            account.deliver(raw, ["INBOX"], at=self.clock() - n)
        return connect(user, self.google, email)

    @contextmanager
    def opened(self, account: Account) -> Iterator[Google]:
        """Without a socket, in place of Account.opened."""
        with acting_as(account.user_id):
            row = GoogleAccount.objects.for_user(account.user_id).get(pk=account.id)
        google = in_process(self.google, row)
        google.clock = lambda: self.now
        google.gate = Gate(row, account.gate.lane, clock=google.clock)  # type: ignore[attr-defined]
        yield google
        self.go_by(REQUEST)

    def work(self, *streams: SyncStream) -> None:
        """The next job that asks Google; where all wait, the time until the first of them need not."""
        for kind in ("google_preview", GMAIL):
            if run_one(None, "worker", kind=kind):
                return
        for stream in streams:
            with acting_as(stream.user_id):
                jobs = (
                    Job.objects.for_user(stream.user_id).waiting().filter(kind__in=("google_preview", GMAIL))
                )
                jobs.filter(run_at__lte=self.now).update(run_at=Now())
        self.go_by(IDLE)


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch, time_machine: Any) -> Hours:
    hours = Hours(time_machine)
    monkeypatch.setattr(Account, "opened", lambda account: hours.opened(account))
    return hours


def plan(hours: Hours, stream: SyncStream) -> Batch:
    with acting_as(stream.user_id):
        batch = start_preview(stream.user, fresh(stream))
    while (batch := reload(batch)).state == Batch.State.PLANNING:
        hours.work(stream)
    return batch


def left(stream: SyncStream) -> int:
    with acting_as(stream.user_id):
        return int(SyncWork.objects.for_user(stream.user_id).filter(stream=stream).count())


@pytest.mark.proof
def test_two_thousand_letters_at_the_quota_of_today(alice: User, hours: Hours) -> None:
    """Planned, approved and fetched: 6,000 units in a minute are five letters in a second, and four are ours."""
    stream, began = hours.mailbox(alice, ADA, 2_000), hours.clock()
    batch = approved(plan(hours, stream))
    assert batch.total_steps == 2_000
    while left(stream):
        hours.work(stream)
    minutes, quota = (hours.clock() - began) / 60, hours.google.quota
    assert quota.rejected[ADA] == 0
    assert minutes <= 8.5, minutes
    assert 20 * 2_000 <= quota.used[ADA] <= 20 * 2_050 + 300


def test_two_who_share_the_quota_of_the_project(
    alice: User, charlie: User, hours: Hours, settings: Any
) -> None:
    """Each has half of it, to a batch or two, and both together never more than there is."""
    settings.GOOGLE_PROJECT_UNITS = hours.google.quota.per_project["gmail"] = 3_000
    streams = [hours.mailbox(alice, ADA, 100), hours.mailbox(charlie, GRACE, 100)]
    for batch in [plan(hours, stream) for stream in streams]:
        approved(batch)
    used, began = hours.google.quota.used, hours.clock()
    before = [used[ADA], used[GRACE]]
    while all(left(stream) for stream in streams):
        hours.work(*streams)
    seconds = hours.clock() - began
    had = [used[ADA] - before[0], used[GRACE] - before[1]]
    assert abs(had[0] - had[1]) <= 2 * 20 * LARGEST_BATCH, had
    assert sum(had) <= 40 * seconds + 400, "the bucket and what comes in"
    assert sum(had) >= 0.9 * 40 * seconds
    assert sum(hours.google.quota.rejected.values()) == 0
