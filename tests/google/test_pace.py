"""How fast a mailbox comes in: as fast as its quota allows, and never faster."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from integrations.google import gmail
from integrations.google.errors import Failed
from integrations.models import SyncStream, SyncWork
from integrations.quota import Gate, Lane, Wait
from integrations.streams import health, steps, work
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.driving import POLICY, digest, locked
from tests.google.mailboxes import ADA, connect, deliver, fresh, in_process

MESSAGES = 2_000


class Moving(fakes.Clock):
    """Stands still but for what the test lets pass."""

    @property
    def now(self) -> dt.datetime:
        return dt.datetime.fromtimestamp(self(), dt.UTC)


@pytest.mark.proof
@pytest.mark.django_db(transaction=True)
def test_two_thousand_letters_at_the_quota_of_today(alice: User, settings: Any) -> None:
    clock = Moving(lambda: 1_790_000_000.0, runs=False)
    at = fakes.Google(clock=clock)
    at.add_account(ADA)
    for n in range(MESSAGES):
        deliver(at, f"letter {n}", after=n - MESSAGES)
    stream = connect(alice, at)
    account = stream.account
    asking = in_process(at, account)
    asking.clock = lambda: clock.now
    began = clock()
    profile = gmail.get_profile(asking)
    with acting_as(alice.pk):
        stream = fresh(stream)
        stream.phase, stream.baseline = SyncStream.Phase.LIST, profile.history_id
        stream.listing = {**POLICY.as_json(), "digest": digest(stream)}
        stream.save()
    while work_is_left(alice, stream):
        with acting_as(alice.pk):
            step = steps.next_step(fresh(stream), clock.now)
        assert step is not None
        asking.gate = Gate(account, Lane(step.lane), clock=lambda: clock.now)
        try:
            answer = steps.follower_of(stream).ask(step, asking)
        except Wait as wait:
            with acting_as(alice.pk):
                work.count_no_try(step.work)
            clock.advance(max(0.05, wait.after))
            continue
        except Failed as failed:
            raise AssertionError(failed.failure) from failed
        clock.advance(0.2)  # what a request takes
        with acting_as(alice.pk):
            current = locked(stream)
            failure = steps.apply(current, step, answer, clock.now)
            assert failure is None
            health.fares_well(current, clock.now)
            Job.objects.for_user(alice).delete()
    minutes = (clock() - began) / 60
    assert at.quota.rejected[ADA] == 0
    assert minutes <= 8.5, minutes
    assert 20 * MESSAGES <= at.quota.used[ADA] <= 20 * MESSAGES + 300


def work_is_left(user: User, stream: SyncStream) -> bool:
    with acting_as(user.pk):
        left = SyncWork.objects.for_user(user).filter(stream=stream).exists()
        return left or fresh(stream).phase == SyncStream.Phase.LIST
