"""Asking for work: once, once for ever, or as often as asked; and never lost between two transactions."""

from __future__ import annotations

import pytest
from django.db import connection, transaction

from jobs import nudge
from jobs.claiming import claim
from jobs.models import Job
from jobs.queue import GiveUp, UnknownKind, enqueue, handler_of, handles
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs import kinds
from tests.jobs.conftest import as_postgres, fresh
from tests.jobs.threads import together


def count(user: User, **filters: object) -> int:
    with acting_as(user.pk):
        return int(Job.objects.for_user(user).filter(**filters).count())


def test_a_job_is_its_users_alone(users: list[User]) -> None:
    enqueue("noop", users[0])
    assert (count(users[0]), count(users[1])) == (1, 0)


def test_what_is_asked_is_written_down(users: list[User]) -> None:
    job = fresh(enqueue("quick", users[0].pk, priority=Job.Priority.HIGH, contact="7"))
    assert (job.kind, job.queue, job.priority, job.payload) == ("quick", "interactive", 30, {"contact": "7"})
    assert (job.state, job.attempt, job.max_attempts) == ("queued", 0, 5)


def test_one_waiting(users: list[User]) -> None:
    first = enqueue("noop", users[0], dedupe_key="mailbox")
    assert enqueue("noop", users[0], dedupe_key="mailbox") == first
    assert enqueue("noop", users[1], dedupe_key="mailbox") != first
    assert enqueue("works", users[0], dedupe_key="mailbox") != first
    assert count(users[0], kind="noop") == 1


def test_work_that_arrives_while_one_runs_is_not_lost(users: list[User]) -> None:
    first = enqueue("noop", users[0], dedupe_key="mailbox")
    claim(["bulk"], "test")
    second = enqueue("noop", users[0], dedupe_key="mailbox")
    assert second != first
    assert enqueue("noop", users[0], dedupe_key="mailbox") == second


def test_a_waiting_job_does_not_start_before_those_who_count_on_it_commit(users: list[User]) -> None:
    job = enqueue("noop", users[0], dedupe_key="mailbox")
    with acting_as(users[0].pk):
        assert enqueue("noop", users[0], dedupe_key="mailbox") == job
        assert together(1, lambda _: claim(["bulk"], "eager")) == [None]
    assert claim(["bulk"], "test") == job


def test_a_retry_and_a_newcomer_with_the_same_key(users: list[User]) -> None:
    old = enqueue("later", users[0], dedupe_key="mailbox", after=0)
    held = claim(["bulk"], "test")
    new = enqueue("later", users[0], dedupe_key="mailbox", after=600)
    assert held is not None
    from jobs.runner import _run

    _run(held)
    assert (fresh(old).state, fresh(old).dedupe_key) == ("queued", None)
    assert (fresh(new).state, fresh(new).dedupe_key) == ("queued", "mailbox")


def test_one_ever(users: list[User]) -> None:
    first = enqueue("noop", users[0], idempotency_key="click-1")
    run_one(None, "test")
    again = enqueue("noop", users[0], idempotency_key="click-1")
    assert (again.pk, again.state, count(users[0])) == (first.pk, "succeeded", 1)


def test_a_double_click_in_eight_threads_is_one_job(users: list[User]) -> None:
    jobs = together(8, lambda _: enqueue("noop", users[0], idempotency_key="approve"))
    assert len({job.pk for job in jobs}) == 1
    assert count(users[0]) == 1


def test_asking_while_it_starts_loses_nothing(users: list[User]) -> None:
    """Half the threads ask and half of them run, as fast as they can."""
    ran: list[object] = []

    def act(number: int) -> None:
        for _ in range(15):
            if number % 2:
                enqueue("noop", users[0], dedupe_key="mailbox")
            elif job := claim(["bulk"], "test"):
                ran.append(job.pk)
                as_postgres(
                    "UPDATE jobs_job SET state = 'succeeded', token = NULL, lease_until = NULL, finished_at = now()"
                    " WHERE id = %s",
                    job.pk,
                )

    together(4, act)
    assert count(users[0], state="queued") <= 1
    assert count(users[0]) == len(ran) + count(users[0], state="queued")


def test_a_rolled_back_question_is_not_asked(users: list[User]) -> None:
    with acting_as(users[0].pk):
        enqueue("noop", users[0])
        transaction.set_rollback(True)
    assert count(users[0]) == 0


def test_one_nudge_for_each_queue_of_a_transaction(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[str] = []
    monkeypatch.setattr(nudge.bell, "ring", rung.append)
    with acting_as(users[0].pk):
        for _ in range(5):
            enqueue("noop", users[0])
        enqueue("quick", users[0])
        assert (rung, len(connection.run_on_commit)) == ([], 2)
    assert rung == ["bulk", "interactive"]


def test_a_kind_has_one_handler() -> None:
    with pytest.raises(ValueError, match=r"Two functions handle noop: tests\.jobs\.kinds\.noop and"):
        handles("noop")(kinds.works)
    assert handles("noop")(kinds.noop) is kinds.noop
    with pytest.raises(UnknownKind, match="'nothing'"):
        handler_of("nothing")


def test_giving_up_has_a_reason() -> None:
    assert GiveUp("gone").reason == "gone"
