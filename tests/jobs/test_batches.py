"""A batch follows its jobs: done with the last one, failed with the reason, cancelled with two honest numbers."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from jobs import batches
from jobs.batches import Cancelled
from jobs.claiming import claim
from jobs.models import Batch, Job
from jobs.queue import enqueue
from jobs.runner import _run, run_one
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.jobs.conftest import fresh
from tests.jobs.test_running import batch_of, state_of
from tests.jobs.threads import together


def command(name: str, *arguments: str) -> dict[str, object]:
    out = StringIO()
    call_command(name, *arguments, "--json", stdout=out)
    answer: dict[str, object] = json.loads(out.getvalue())
    return answer


def take(count: int) -> list[Job]:
    return [job for _ in range(count) if (job := claim(["bulk"], "test"))]


def test_running_with_the_first_job_done_with_the_last(users: list[User]) -> None:
    batch = batch_of(users[0])
    for _ in range(2):
        enqueue("noop", users[0], batch=batch)
    first, second = take(2)
    assert state_of(batch) == "running"
    _run(first)
    assert state_of(batch) == "running"
    _run(second)
    assert state_of(batch) == "done"
    assert batch.finished_at is not None
    with acting_as(users[0].pk):
        assert Event.objects.for_user(users[0]).filter(action="batch.done", batch_id=batch.pk).count() == 1


def test_of_two_last_jobs_one_is_the_last(users: list[User]) -> None:
    for _ in range(10):
        batch = batch_of(users[0])
        for _ in range(3):
            enqueue("noop", users[0], batch=batch)
        jobs = take(3)
        together(3, lambda number, jobs=jobs: _run(jobs[number]))  # type: ignore[misc]
        assert state_of(batch) == "done"


def test_a_follow_up_keeps_its_batch_running(users: list[User]) -> None:
    batch = batch_of(users[0])
    enqueue("chains", users[0], batch=batch)
    run_one(None, "test")
    assert state_of(batch) == "running"
    run_one(None, "test")
    assert state_of(batch) == "done"


def test_a_dead_job_fails_its_batch_when_the_others_have_ended(users: list[User]) -> None:
    batch = batch_of(users[0])
    enqueue("hopeless", users[0], batch=batch, priority=Job.Priority.URGENT)
    enqueue("noop", users[0], batch=batch)
    run_one(None, "test")
    assert (state_of(batch), batch.error) == ("running", "This file is not a mailbox. Export it again.")
    run_one(None, "test")
    assert state_of(batch) == "failed"


@pytest.mark.parametrize("state", ["planning", "planned", "done", "undone"])
def test_some_states_are_not_the_jobs_to_change(users: list[User], state: str) -> None:
    batch = batch_of(users[0], state=state)
    enqueue("noop", users[0], batch=batch)
    run_one(None, "test")
    assert state_of(batch) == state


def test_cancelling_says_how_many(users: list[User]) -> None:
    batch = batch_of(users[0])
    jobs = [enqueue("noop", users[0], batch=batch) for _ in range(6)]
    other = enqueue("noop", users[0])
    done, running = take(2)
    _run(done)
    assert batches.cancel(batch) == Cancelled(cancelled=4, running=1)
    assert state_of(batch) == "running"
    assert sorted(fresh(job).state for job in jobs) == ["cancelled"] * 4 + ["running", "succeeded"]
    _run(running)
    assert (state_of(batch), fresh(running).state) == ("cancelled", "succeeded")
    assert fresh(other).state == "queued"
    assert batches.cancel(batch) == Cancelled(0, 0)


def test_a_job_in_chunks_ends_at_its_next_chunk(users: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    batch = batch_of(users[0], total_steps=9)
    job = enqueue("counts", users[0], batch=batch, chunks=9)
    monkeypatch.setattr("tests.jobs.kinds.say", lambda ctx: together(1, lambda _: batches.cancel(batch)))
    run_one(None, "test")
    assert (fresh(job).state, fresh(job).checkpoint) == ("cancelled", {"done": 1})
    assert (state_of(batch), batch.done_steps) == ("cancelled", 1)


def test_a_plan_that_nobody_wants(users: list[User]) -> None:
    batch = batch_of(users[0], state=Batch.State.PLANNED)
    assert batches.cancel(batch) == Cancelled(0, 0)
    assert state_of(batch) == "cancelled"


def test_cancelling_two_thousand(users: list[User]) -> None:
    batch = batch_of(users[0])
    with acting_as(users[0].pk):
        Job.unscoped.bulk_create(Job(user=users[0], kind="noop", batch=batch) for _ in range(2_000))
    take(3)
    assert batches.cancel(batch) == Cancelled(cancelled=1_997, running=3)


def test_commands_about_a_batch(users: list[User]) -> None:
    batch = batch_of(users[0], total_steps=4, done_steps=1, totals={"create": 4})
    for _ in range(2):
        enqueue("noop", users[0], batch=batch)
    run_one(None, "test")
    told = command("batch_status", str(batch.pk))
    assert (told["batch_id"], told["state"], told["percent"]) == (str(batch.pk), "running", 25)
    assert told["totals"] == {"create": 4}
    assert told["jobs"] == {"queued": 1, "running": 0, "succeeded": 1, "dead": 0, "cancelled": 0}
    told = command("cancel_batch", str(batch.pk))
    assert (told["cancelled"], told["finished"], told["running"], told["state"]) == (1, 1, 0, "cancelled")
    enqueue("noop", users[0], batch=(done := batch_of(users[0])))
    run_one(None, "test")
    with pytest.raises(CommandError, match="This batch is done already") as refusal:
        command("cancel_batch", str(done.pk))
    assert refusal.value.returncode == 1


@pytest.mark.parametrize("name", ["batch_status", "cancel_batch"])
@pytest.mark.parametrize("number", ["0198c0de-0000-7000-8000-000000000000", "seven"])
def test_a_batch_that_does_not_exist(users: list[User], name: str, number: str) -> None:
    with pytest.raises(CommandError, match="There is no batch") as refusal:
        command(name, number)
    assert refusal.value.returncode == 2
