"""What is taken back, put aside, deleted and done by the clock."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import periodic, sweep
from jobs.claiming import claim
from jobs.models import Job, JobEvent, PeriodicRun
from jobs.queue import enqueue
from jobs.retention import purge
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs import kinds
from tests.jobs.conftest import as_postgres, events_of, fresh
from tests.jobs.test_fencing import EXPIRE
from tests.jobs.threads import together


def crash(job: Job) -> None:
    """Somebody claims the job and is never heard of again."""
    as_postgres("UPDATE jobs_job SET run_at = now() WHERE state = 'queued'")
    assert claim(["bulk"], "doomed") == job
    as_postgres(EXPIRE)


def test_a_running_job_is_left_alone(users: list[User]) -> None:
    enqueue("noop", users[0])
    claim(["bulk"], "test")
    assert sweep.reap() == 0


def test_a_dead_workers_job_runs_again_soon(users: list[User]) -> None:
    job = enqueue("works", users[0])
    crash(job)
    assert sweep.reap() == 1
    back = fresh(job)
    assert (back.state, back.crashes, back.attempt, back.error_code) == ("queued", 1, 0, "crashed")
    assert (back.run_at - timezone.now()).total_seconds() < 1
    assert events_of(job) == ["reaped"]


def test_the_third_crash_puts_a_job_aside_with_the_reason(users: list[User]) -> None:
    poison, neighbour = enqueue("fails", users[0]), enqueue("noop", users[1])
    as_postgres("UPDATE jobs_job SET run_at = now() + interval '1 day' WHERE id = %s", neighbour.pk)
    for _ in range(3):
        as_postgres("UPDATE jobs_job SET run_at = now() WHERE id = %s", poison.pk)
        assert claim(["bulk"], "doomed") == poison
        as_postgres(EXPIRE)
        assert sweep.reap() == 1
    dead = fresh(poison)
    assert (dead.state, dead.error_code, dead.crashes) == ("dead", "poison", 3)
    assert (
        dead.error == "It stopped the worker 3 times, so it was put aside. Retry it when the cause is known."
    )
    assert kinds.buried == [("fails", "poison", dead.error)]
    assert events_of(poison) == ["reaped", "reaped", "dead"]


def test_progress_forgives_crashes(users: list[User]) -> None:
    job = enqueue("counts", users[0], chunks=2, fail_at=9)
    crash(job)
    sweep.reap()
    as_postgres("UPDATE jobs_job SET run_at = now()")
    run_one(None, "test")
    assert (fresh(job).state, fresh(job).crashes) == ("succeeded", 0)


def test_a_row_that_cannot_be_handled_does_not_stop_the_sweep(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """More bad rows than a page holds, and one good one after them."""
    monkeypatch.setattr(sweep, "PAGE", 2)
    jobs = [enqueue("noop", user) for user in users for _ in range(2)]
    while claim(["bulk"], "doomed"):
        pass
    as_postgres(EXPIRE)
    as_postgres("UPDATE jobs_job SET payload = '[\"not an object\"]'")
    real = sweep._take_back

    def take_back(job: Job) -> None:
        if job in jobs[:5]:
            raise RuntimeError("bad row")
        real(job)

    monkeypatch.setattr(sweep, "_take_back", take_back)
    assert sweep.reap() == 1
    assert fresh(jobs[5]).state == "queued"


def test_a_payload_nobody_can_read(users: list[User]) -> None:
    job = enqueue("works", users[0])
    as_postgres("UPDATE jobs_job SET payload = '7'")
    crash(job)
    as_postgres("UPDATE jobs_job SET crashes = 2")
    assert sweep.reap() == 1
    assert fresh(job).error_code == "poison"


def test_two_sweepers_take_a_job_back_once(users: list[User]) -> None:
    for _ in range(5):
        job = enqueue("noop", users[0])
        crash(job)
        assert sum(together(4, lambda _: sweep.reap())) == 1
        assert fresh(job).crashes == 1
        as_postgres("DELETE FROM jobs_job")


def test_due_work_is_counted_up_to_a_handful(users: list[User]) -> None:
    for _ in range(6):
        enqueue("noop", users[0])
    enqueue("quick", users[1])
    enqueue("quick", users[1], run_at=timezone.now() + timedelta(minutes=1))
    enqueue("from_the_future", users[1], queue="ai")
    assert sweep.due_by_queue() == {"bulk": 4, "interactive": 1}


def test_a_slot_is_taken_once(db_schedule: list[str], users: list[User]) -> None:
    names = together(6, lambda _: periodic.run_due())
    assert sorted(name for done in names for name in done) == ["broken", "tick"]
    assert db_schedule == ["tick"]
    assert periodic.run_due() == []
    PeriodicRun.objects.all().delete()
    assert periodic.run_due() == ["tick", "broken"]


@pytest.fixture
def db_schedule(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []

    def broken() -> None:
        raise RuntimeError

    slots = {
        "tick": periodic.Periodic("tick", timedelta(days=1), lambda: done.append("tick")),
        "broken": periodic.Periodic("broken", timedelta(days=1), broken),
    }
    monkeypatch.setattr(periodic, "schedule", slots)
    return done


def test_old_jobs_go_and_their_history_with_them(users: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.retention.BATCH", 2)
    for state, days in [
        ("succeeded", 8),
        ("succeeded", 6),
        ("cancelled", 8),
        ("dead", 89),
        ("dead", 91),
        ("queued", 400),
    ]:
        job = enqueue("noop", users[0], name=f"{state} {days}")
        with acting_as(users[0].pk):
            JobEvent(user=users[0], job=job, event="test").save()
        if state != "queued":
            as_postgres(
                "UPDATE jobs_job SET state = %s, finished_at = now() - make_interval(days => %s) WHERE id = %s",
                state,
                days,
                job.pk,
            )
    assert purge() == 3
    with acting_as(users[0].pk):
        left = {job.payload["name"] for job in Job.objects.for_user(users[0])}
        assert left == {"succeeded 6", "dead 89", "queued 400"}
        assert JobEvent.objects.for_user(users[0]).count() == 3
