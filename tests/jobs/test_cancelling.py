"""Cancelling one job, whenever it is, and what its batch becomes."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from jobs import endings
from jobs.cancelling import cancel
from jobs.claiming import claim
from jobs.models import Job
from jobs.queue import enqueue
from jobs.runner import _run, run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs import kinds
from tests.jobs.conftest import events_of, fresh
from tests.jobs.test_running import batch_of, state_of


def held() -> Job:
    job = claim(["bulk"], "test")
    assert job is not None
    return job


@pytest.mark.parametrize("state", ["planning", "approved"])
def test_a_batch_without_its_waiting_job_is_cancelled(users: list[User], state: str) -> None:
    batch = batch_of(users[0], state=state)
    job = enqueue("works", users[0], batch=batch)
    assert cancel(job)
    assert (fresh(job).state, events_of(job)) == ("cancelled", ["cancelled"])
    assert (state_of(batch), batch.finished_at is not None) == ("cancelled", True)
    assert not cancel(job)


def test_a_batch_without_its_running_job_is_cancelled(users: list[User]) -> None:
    batch = batch_of(users[0])
    for _ in range(2):
        enqueue("works", users[0], batch=batch)
    first, second = held(), held()
    assert cancel(first)
    _run(second)
    assert (fresh(first).state, fresh(second).state, state_of(batch)) == ("running", "succeeded", "running")
    _run(fresh(first))
    assert (fresh(first).state, state_of(batch)) == ("cancelled", "cancelled")


def test_a_job_that_goes_back_to_its_queue_at_that_moment(users: list[User]) -> None:
    job = enqueue("works", users[0])
    running = held()
    with ThreadPoolExecutor(1) as pool, acting_as(users[0].pk):
        endings.requeue(running, "released")
        answer = pool.submit(lambda: (cancel(job), connection.close())[0])
        time.sleep(0.3)
        assert not answer.done(), "it waits for us"
    assert answer.result()
    assert (fresh(job).state, run_one(None, "test")) == ("cancelled", None)


def test_its_handler_may_see_to_what_it_leaves_behind(users: list[User]) -> None:
    waiting = enqueue("fails", users[0])
    assert cancel(waiting)
    enqueue("fails", users[0])
    running = held()
    assert cancel(running)
    _run(fresh(running))
    assert kinds.buried == [("fails", "cancelled", "It was cancelled.")] * 2
