"""Who is next: between users, within one user, and between workers that ask at the same moment."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
from django.db import IntegrityError
from django.utils import timezone
from pytest_django import Settings

from jobs.cancelling import cancel
from jobs.claiming import claim
from jobs.models import Batch, Job
from jobs.queue import enqueue
from jobs.runner import in_turn, run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs import kinds
from tests.jobs.conftest import as_postgres, fresh
from tests.jobs.threads import together

BULK = ["bulk"]


def claimed(count: int, **filters: object) -> list[Job]:
    return [job for _ in range(count) if (job := claim(BULK, "test", **filters))]  # type: ignore[arg-type]


def names(jobs: list[Job]) -> list[str]:
    return [job.payload["name"] for job in jobs]


def test_a_claim_says_who_has_the_job_until_when(users: list[User]) -> None:
    job = enqueue("noop", users[0])
    (one,) = claimed(1)
    assert (one.pk, one.state, one.attempt, one.worker) == (job.pk, "running", 1, "test")
    assert one.lease_until is not None
    assert 58 < (one.lease_until - timezone.now()).total_seconds() <= 60
    enqueue("noop", users[0])
    (other,) = claimed(1)
    assert other.token is not None
    assert one.token is not None
    assert other.token > one.token


def test_priority_then_due_time(users: list[User]) -> None:
    for name, priority in [("c", "MEDIUM"), ("d", "LOW"), ("a", "URGENT"), ("b", "HIGH"), ("c2", "MEDIUM")]:
        enqueue("noop", users[0], name=name, priority=Job.Priority[priority])
    enqueue("noop", users[0], name="late", run_at=timezone.now() + timedelta(minutes=1))
    assert [kinds.ran[-1] for _ in range(5) if run_one(None, "test")] == ["a", "b", "c", "c2", "d"]
    assert run_one(None, "test") is None


def test_waiting_five_minutes_is_worth_one_level(users: list[User]) -> None:
    now = timezone.now()
    enqueue("noop", users[0], name="old", priority=Job.Priority.LOW, run_at=now - timedelta(seconds=301))
    enqueue("noop", users[0], name="new", priority=Job.Priority.MEDIUM, run_at=now)
    enqueue("noop", users[0], name="less old", priority=Job.Priority.LOW, run_at=now - timedelta(seconds=299))
    assert names(claimed(3)) == ["old", "new", "less old"]


def test_users_take_turns_whatever_their_backlog(users: list[User]) -> None:
    for _ in range(6):
        enqueue("noop", users[0], name="0")
    enqueue("noop", users[1], name="1", priority=Job.Priority.LOW)
    enqueue("noop", users[2], name="2")
    while run_one(BULK, "test"):
        pass
    assert kinds.ran == ["0", "1", "2", "0", "0", "0", "0", "0"]


def test_who_has_fewer_running_goes_first(users: list[User], settings: Settings) -> None:
    settings.JOB_RUNNING_PER_USER = 10
    for _ in range(3):
        enqueue("noop", users[0], name="0")
    assert names(claimed(2)) == ["0", "0"]
    enqueue("noop", users[2], name="2")
    enqueue("noop", users[2], name="2")
    assert names(claimed(3)) == ["2", "2", "0"]


def test_four_at_once_and_no_more(users: list[User]) -> None:
    for number in range(6):
        enqueue("noop", users[number // 5], name=str(number))
    assert sorted(names(claimed(6))) == ["0", "1", "2", "3", "5"]


def test_a_kind_may_allow_fewer(users: list[User]) -> None:
    for number in range(3):
        enqueue("one", users[0], name=f"one {number}")
    enqueue("noop", users[0], name="noop")
    enqueue("one", users[1], name="another's")
    assert sorted(names(claimed(5))) == ["another's", "noop", "one 0"]


def test_one_running_for_each_mutex(users: list[User]) -> None:
    for name in "ab":
        enqueue("noop", users[0], mutex_key="mailbox:17", name=name)
    enqueue("noop", users[1], mutex_key="mailbox:17", name="another's")
    first = claimed(3)
    assert sorted(names(first)) == ["a", "another's"]
    as_postgres(
        "UPDATE jobs_job SET state = 'succeeded', finished_at = now(), token = NULL, lease_until = NULL"
        " WHERE state = 'running'"
    )
    assert names(claimed(2)) == ["b"]


def test_only_what_was_asked_for(users: list[User]) -> None:
    enqueue("noop", users[0], name="0")
    enqueue("works", users[1], name="1")
    assert claimed(1, user_id=users[2].pk) == []
    assert claimed(1, user_id=users[0].pk, kind="works") == []
    assert names(claimed(1, kind="works")) == ["1"]
    assert names(claimed(1, user_id=users[0].pk)) == ["0"]


def test_a_kind_of_another_version_is_left_waiting(users: list[User]) -> None:
    job = enqueue("from_the_future", users[0])
    assert claimed(1) == []
    assert fresh(job).state == "queued"


def test_what_people_wait_for_comes_first(users: list[User]) -> None:
    for _ in range(3):
        enqueue("noop", users[0], name="bulk")
    enqueue("quick", users[1], name="interactive")
    assert run_one(["interactive", "bulk"], "test")
    assert kinds.ran == ["interactive"]


def test_queues_in_turn() -> None:
    orders = [in_turn("bulk") for _ in range(50)]
    assert {tuple(order[:2]) for order in orders} == {("interactive", "bulk")}
    assert {order[2] for order in orders} == {"sync", "ai"}
    assert in_turn("bulk", ("bulk",)) == ["bulk"]
    assert in_turn("ai", ("interactive",)) == ["interactive"]


def test_a_cancelled_job_is_not_run(users: list[User]) -> None:
    waiting, running = enqueue("noop", users[0]), enqueue("noop", users[1])
    assert cancel(waiting)
    assert claimed(1)[0].pk == running.pk
    assert cancel(running)
    assert (fresh(waiting).state, fresh(running).state) == ("cancelled", "running")
    assert fresh(running).cancel_requested_at is not None
    assert not cancel(waiting)


def test_a_job_of_a_cancelled_batch_ends_when_it_is_claimed(users: list[User]) -> None:
    with acting_as(users[0].pk):
        batch = Batch(
            user=users[0], kind="import", state=Batch.State.RUNNING, cancel_requested_at=timezone.now()
        )
        batch.save()
        job = enqueue("noop", users[0], batch=batch)
    run_one(None, "test")
    assert (fresh(job).state, kinds.ran) == ("cancelled", [])
    with acting_as(users[0].pk):
        batch.refresh_from_db()
    assert batch.state == "cancelled"


@pytest.mark.parametrize("rounds", [40, pytest.param(1000, marks=pytest.mark.proof)])
def test_one_job_has_one_winner(users: list[User], rounds: int) -> None:
    """Of four workers that ask at the same moment, exactly one gets the job; every time."""
    for _ in range(rounds):
        job = enqueue("noop", users[0], mutex_key="only one")
        winners = [won for won in together(4, lambda _: claim(BULK, "test")) if won]
        assert [won.pk for won in winners] == [job.pk]
        as_postgres("DELETE FROM jobs_job")


def test_many_workers_lose_and_double_nothing(users: list[User], settings: Settings) -> None:
    settings.JOB_RUNNING_PER_USER = 1000
    with acting_as(users[0].pk):
        wanted = {enqueue("noop", users[0]).pk for _ in range(60)}
    with acting_as(users[1].pk):
        wanted |= {enqueue("noop", users[1]).pk for _ in range(60)}

    def take(_: int) -> list[Job]:
        mine: list[Job] = []
        misses = 0
        while misses < 3:
            job = claim(BULK, "test")
            misses = 0 if job else misses + 1
            mine += [job] if job else []
        return mine

    got = Counter(job.pk for jobs in together(4, take) for job in jobs)
    assert set(got) == wanted
    assert set(got.values()) == {1}


def test_a_mutex_holds_in_a_race(users: list[User]) -> None:
    for _ in range(10):
        for number in range(4):
            enqueue("noop", users[number % 3], mutex_key="m", name=str(number))
        won = [job for job in together(4, lambda _: claim(BULK, "test")) if job]
        running = Counter(job.user_id for job in won)
        assert max(running.values()) == 1
        as_postgres("DELETE FROM jobs_job")


@pytest.mark.parametrize(
    ("state", "finished"), [("succeeded", False), ("dead", False), ("queued", True), ("running", True)]
)
def test_a_job_has_its_time_when_it_has_ended_and_not_before(
    users: list[User], state: str, finished: bool
) -> None:
    running = {"token": 1, "lease_until": timezone.now()} if state == "running" else {}
    job = Job(
        user=users[0], kind="noop", state=state, finished_at=timezone.now() if finished else None, **running
    )
    with acting_as(users[0].pk), pytest.raises(IntegrityError, match="jobs_job_finished_when_ended"):
        job.save()
