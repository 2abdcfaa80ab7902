"""A worker that lost its lease can change nothing, and soon learns that it did."""

from __future__ import annotations

import time

import pytest
from django.db.models.functions import Now
from pytest_django import Settings

from jobs import endings
from jobs.cancelling import cancel
from jobs.claiming import claim
from jobs.leases import Cancelled, Heart, Lease, LeaseLost, beat
from jobs.models import Job
from jobs.queue import enqueue
from jobs.runner import JobContext, _run
from jobs.sweep import reap
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.jobs.conftest import as_postgres, events_of, fresh

EXPIRE = "UPDATE jobs_job SET lease_until = clock_timestamp() - interval '1 second' WHERE state = 'running'"


def effects(user: User) -> int:
    with acting_as(user.pk):
        return int(Event.objects.for_user(user).filter(action="test.effect").count())


def zombie_and_successor(user: User, **payload: object) -> tuple[Job, Job]:
    """One job, twice claimed: the first worker slept past its lease."""
    enqueue("works", user, **payload)
    slept = claim(["bulk"], "sleeper")
    as_postgres(EXPIRE)
    assert reap() == 1
    as_postgres("UPDATE jobs_job SET run_at = now()")
    awake = claim(["bulk"], "successor")
    assert slept is not None
    assert awake is not None
    assert slept.pk == awake.pk
    return slept, awake


def test_a_late_end_changes_nothing(users: list[User]) -> None:
    slept, awake = zombie_and_successor(users[0])
    _run(slept)
    assert (fresh(slept).state, fresh(slept).token, effects(users[0])) == ("running", awake.token, 0)
    assert events_of(slept) == ["reaped", "fenced"]
    _run(awake)
    assert (fresh(awake).state, effects(users[0])) == ("succeeded", 1)


def test_without_the_token_a_late_end_would_be_believed(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the fence is for: with a check of the state alone, the test above fails."""

    def unfenced(job: Job, **columns: object) -> None:
        ours = Job.objects.for_user(job.user_id).filter(pk=job.pk, state="running")
        if not ours.update(**columns, updated_at=Now()):
            raise endings.Fenced

    monkeypatch.setattr(endings, "_change", unfenced)
    slept, _ = zombie_and_successor(users[0])
    _run(slept)
    assert (fresh(slept).state, effects(users[0])) == ("succeeded", 1)


@pytest.mark.parametrize("kind", ["fails", "later", "hopeless"])
def test_a_late_failure_is_not_believed_either(users: list[User], kind: str) -> None:
    slept, awake = zombie_and_successor(users[0])
    slept.kind = kind
    _run(slept)
    assert (fresh(slept).state, fresh(slept).token) == ("running", awake.token)


def test_each_chunk_is_fenced(users: list[User]) -> None:
    enqueue("counts", users[0], chunks=3)
    job = claim(["bulk"], "test")
    assert job is not None
    as_postgres("UPDATE jobs_job SET token = nextval('jobs_job_token')")
    _run(job)
    assert (fresh(job).checkpoint, effects(users[0])) == (None, 0)


def test_a_beat_renews_and_tells(users: list[User]) -> None:
    for _ in range(3):
        enqueue("noop", users[0])
    jobs = [job for _ in range(3) if (job := claim(["bulk"], "test"))]
    leases = [Lease(job) for job in jobs]
    as_postgres("UPDATE jobs_job SET lease_until = clock_timestamp() + interval '5 seconds'")
    as_postgres("UPDATE jobs_job SET token = nextval('jobs_job_token') WHERE id = %s", jobs[1].pk)
    cancel(jobs[2])
    beat(leases)
    assert [lease.is_lost for lease in leases] == [False, True, False]
    assert [lease.is_cancelled for lease in leases] == [False, False, True]
    left = [fresh(job).lease_until for job in jobs]
    assert left[0] is not None
    assert left[1] is not None
    assert 50 < (left[0] - left[1]).total_seconds() < 60
    JobContext(jobs[0], leases[0]).check()
    with pytest.raises(LeaseLost):
        JobContext(jobs[1], leases[1]).check()
    with pytest.raises(Cancelled):
        JobContext(jobs[2], leases[2]).check()


@pytest.fixture
def heart(monkeypatch: pytest.MonkeyPatch) -> Heart:
    """One that beats at the pace of this test."""
    mine = Heart()
    monkeypatch.setattr("jobs.runner.heart", mine)
    return mine


def test_a_job_longer_than_its_lease_keeps_it(users: list[User], settings: Settings, heart: Heart) -> None:
    settings.JOB_LEASE_SECONDS, settings.JOB_HEARTBEAT_SECONDS = 1, 0.2
    job = enqueue("sleeps", users[0], seconds=1.6)
    held = claim(["bulk"], "test")
    assert held is not None
    _run(held)
    assert (fresh(job).state, reap(), events_of(job)) == ("succeeded", 0, [])
    ends = time.monotonic() + 2
    while heart._thread is not None and time.monotonic() < ends:
        time.sleep(0.02)
    assert heart._thread is None


def test_cancelled_while_it_runs(users: list[User], settings: Settings, heart: Heart) -> None:
    settings.JOB_HEARTBEAT_SECONDS = 0.1
    job = enqueue("works", users[0], seconds=5)
    held = claim(["bulk"], "test")
    assert held is not None
    cancel(job)
    began = time.monotonic()
    _run(held)
    assert time.monotonic() - began < 2
    assert (fresh(job).state, effects(users[0]), events_of(job)) == ("cancelled", 0, ["cancelled"])
