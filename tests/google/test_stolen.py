"""Two workers on one stream, through the real tables of jobs: whoever lost the job to another writes nothing."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from integrations.google import gmail
from integrations.models import SyncStream, SyncWork
from integrations.streams.opening import Account
from integrations.streams.ticking import GMAIL, come_back
from jobs.models import Job, JobEvent
from jobs.runner import run_one
from jobs.sweep import reap
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.fakes.google import gmail as paging
from tests.google.driving import POLICY, Mailbox, check, digest
from tests.google.mailboxes import ADA, connect, fresh, in_process, later

EXPIRE = "UPDATE jobs_job SET lease_until = now() - interval '1 second' WHERE state = 'running' AND kind = %s"


def steal() -> int:
    """The lease runs out while its worker asks Google, and somebody else may have the job; how many ran out."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE omnicrm_dispatch")
        cursor.execute(EXPIRE, [GMAIL])
    return reap()


def due(user: User) -> None:
    with acting_as(user.pk):
        Job.objects.for_user(user).waiting().update(run_at=timezone.now())


def live_through(user: User, seed: int, monkeypatch: pytest.MonkeyPatch) -> int:
    """One random life of a mailbox between two workers; how often one wrote nothing because it had lost the job."""
    chance = random.Random(seed)
    at = fakes.Google(clock=fakes.Clock.still(), seed=seed)
    at.quota.per_user["gmail"] = at.quota.per_project["gmail"] = 10**9
    at.add_account(ADA)
    mailbox = Mailbox(at, chance)
    for _ in range(chance.randrange(3, 12)):
        mailbox.arrive()
    stream = connect(user, at)
    begin(stream, at)

    @contextmanager
    def opened(self: Account) -> Iterator[Any]:
        yield in_process(at, fresh(stream).account)

    monkeypatch.setattr(Account, "opened", opened)  # without a socket, in this very thread
    is_calm, depth = [False], [0]

    def meanwhile(call: Any) -> None:
        if is_calm[0]:
            return
        if chance.random() < 0.2:
            mailbox.change()
        if chance.random() < 0.15 and depth[0] < 2 and not connection.needs_rollback:
            depth[0] += 1
            steal()
            due(user)
            run_one(None, f"thief {depth[0]}", user=user)
            depth[0] -= 1

    at.between.append(meanwhile)
    for _ in range(6):
        work_on(stream)
    is_calm[0] = True
    for _ in range(6):
        work_on(stream)
    check(user, mailbox)
    with acting_as(user.pk):
        return JobEvent.objects.for_user(user).filter(event="fenced").count()


def begin(stream: SyncStream, at: fakes.Google) -> None:
    profile = gmail.get_profile(in_process(at, stream.account))
    with acting_as(stream.user_id):
        row = fresh(stream)
        row.phase, row.baseline = SyncStream.Phase.LIST, profile.history_id
        row.listing = {**POLICY.as_json(), "digest": digest(row)}
        row.save()


def work_on(stream: SyncStream) -> None:
    """Whatever is due, done; what was put aside is tried again, as its owner would."""
    later(stream)
    with acting_as(stream.user_id):
        SyncWork.objects.for_user(stream.user_id).update(attempts=0, state="todo")
        come_back(fresh(stream))
    while True:
        due(stream.user)
        # The heart of the process has a connection of its own: to it these jobs, not committed yet, look lost.
        if run_one(None, "worker", user=stream.user_id) is None and not steal():
            return


def live_many(user: User, seeds: range, monkeypatch: pytest.MonkeyPatch) -> int:
    fenced = 0
    for seed in seeds:
        with transaction.atomic():
            try:
                fenced += live_through(user, seed, monkeypatch)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
            transaction.set_rollback(True)
    return fenced


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paging, "MOST", 5)


@pytest.mark.django_db
def test_a_worker_that_lost_its_job_changes_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    assert live_many(alice, range(8), monkeypatch) > 5


@pytest.mark.proof
@pytest.mark.django_db
@pytest.mark.parametrize("part", range(10))
def test_the_same_many_times(
    alice: User, monkeypatch: pytest.MonkeyPatch, part: int, record_property: Callable[[str, object], None]
) -> None:
    assert live_many(alice, range(100 + part * 50, 150 + part * 50), monkeypatch) > 50
    record_property(
        "google",
        "500 random lives of a mailbox with workers whose jobs were taken from them: 0 lost or twice",
    )
