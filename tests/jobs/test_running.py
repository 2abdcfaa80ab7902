"""One job at a time: what each answer of a handler leads to."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from jobs import endings, queue, shutdown
from jobs.batches import progress
from jobs.models import Batch, Job
from jobs.queue import Handler, enqueue
from jobs.runner import JobContext, run_one
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.jobs import kinds
from tests.jobs.conftest import as_postgres, events_of, fresh

State = Job.State


def effects(user: User) -> int:
    with acting_as(user.pk):
        return int(Event.objects.for_user(user).filter(action="test.effect").count())


def run(**filters: object) -> Job:
    job = run_one(None, "test", **filters)  # type: ignore[arg-type]
    assert job is not None
    return job


def batch_of(user: User, **fields: object) -> Batch:
    with acting_as(user.pk):
        batch = Batch(user=user, kind="import", **{"state": Batch.State.APPROVED, **fields})
        batch.save()
    return batch


def state_of(batch: Batch) -> str:
    with acting_as(batch.user_id):
        batch.refresh_from_db()
    return batch.state


def test_an_empty_queue(users: list[User]) -> None:
    assert run_one(None, "test") is None


def test_a_job_succeeds_with_what_it_wrote(users: list[User]) -> None:
    job = enqueue("works", users[0], name="a")
    assert run().state == State.SUCCEEDED
    done = fresh(job)
    assert (done.state, done.attempt, done.token, done.lease_until) == (State.SUCCEEDED, 1, None, None)
    assert done.started_at is not None
    assert done.finished_at is not None
    assert (kinds.ran, effects(users[0]), events_of(job)) == (["a"], 1, [])


def test_a_job_nobody_asked_for_after_all(users: list[User]) -> None:
    with acting_as(users[0].pk):
        enqueue("noop", users[0])
        transaction.set_rollback(True)
    assert run_one(None, "test") is None


def test_a_failure_leaves_nothing_and_is_tried_again(users: list[User]) -> None:
    job = enqueue("fails", users[0])
    run()
    tried = fresh(job)
    assert (tried.state, tried.attempt, tried.error_code) == (State.QUEUED, 1, "ValueError")
    assert tried.error.startswith("ValueError in tests/jobs/kinds.py, line ")
    assert (
        timedelta(0) < tried.run_at - tried.updated_at <= timedelta(seconds=2.1)
        or tried.run_at <= timezone.now()
    )
    assert (effects(users[0]), events_of(job)) == (0, ["retried"])


def test_the_fifth_failure_is_the_last(users: list[User]) -> None:
    job = enqueue("fails", users[0], batch=(batch := batch_of(users[0])))
    for _ in range(5):
        as_postgres("UPDATE jobs_job SET run_at = now()")
        run()
    dead = fresh(job)
    assert (dead.state, dead.attempt, dead.error_code) == (State.DEAD, 5, "ValueError")
    assert events_of(job) == ["retried"] * 4 + ["dead"]
    assert (state_of(batch), batch.error) == ("failed", dead.error)
    assert kinds.buried == [("fails", "ValueError", dead.error)]
    assert run_one(None, "test") is None


def test_giving_up_is_final(users: list[User]) -> None:
    job = enqueue("hopeless", users[0])
    run()
    dead = fresh(job)
    reason = "This file is not a mailbox. Export it again."
    assert (dead.state, dead.error_code, dead.error) == (State.DEAD, "unreadable", reason)
    assert (effects(users[0]), kinds.buried) == (0, [("hopeless", "unreadable", reason)])


def test_waiting_is_not_charged(users: list[User]) -> None:
    job = enqueue("later", users[0], after=90)
    run()
    waiting = fresh(job)
    assert (waiting.state, waiting.attempt, waiting.error) == (State.QUEUED, 0, "Google asks us to wait.")
    assert 88 < (waiting.run_at - timezone.now()).total_seconds() <= 90
    assert run_one(None, "test") is None


def test_waiting_ends_after_a_day(users: list[User]) -> None:
    job = enqueue("later", users[0])
    as_postgres("UPDATE jobs_job SET started_at = now() - interval '24 hours 1 second'")
    run()
    assert (fresh(job).state, fresh(job).error_code) == (State.DEAD, "too_late")


def test_a_job_in_chunks_goes_on_from_its_checkpoint(users: list[User]) -> None:
    batch = batch_of(users[0], total_steps=4)
    job = enqueue("counts", users[0], batch=batch, chunks=4, fail_at=2)
    run()
    assert (fresh(job).checkpoint, fresh(job).state) == ({"done": 2}, State.QUEUED)
    assert (state_of(batch), batch.done_steps, batch.percent) == ("running", 2, 50)
    as_postgres("UPDATE jobs_job SET run_at = now()")
    run()
    assert (fresh(job).state, effects(users[0]), len(kinds.ran)) == (State.SUCCEEDED, 4, 4)
    assert state_of(batch) == "done"
    with acting_as(users[0].pk):
        told = progress(batch)
    assert (told["done_steps"], told["percent"], told["progress"]) == (4, 100, "Counted 4 of 4")
    assert told["jobs"] == {"queued": 0, "running": 0, "succeeded": 1, "dead": 0, "cancelled": 0}


def test_a_long_job_gives_others_their_turn(users: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jobs.runner.SLICE", 0.0)
    enqueue("counts", users[0], chunks=3, name="long")
    enqueue("noop", users[1], name="short")
    while run_one(None, "test"):
        pass
    assert kinds.ran == ["long", "short", "long", "long"]


def test_prepared_outside_the_transaction(users: list[User]) -> None:
    enqueue("reads", users[0])
    assert run().state == State.SUCCEEDED
    assert kinds.ran == ["reads"]


@pytest.mark.parametrize(("then_fail", "waiting"), [(False, 1), (True, 0)])
def test_follow_up_jobs_share_the_fate_of_their_chunk(
    users: list[User], then_fail: bool, waiting: int
) -> None:
    enqueue("chains", users[0], then_fail=then_fail)
    run()
    with acting_as(users[0].pk):
        assert Job.objects.for_user(users[0]).filter(kind="noop").count() == waiting


def test_a_worker_that_stops_gives_its_job_back(users: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    job = enqueue("works", users[0], seconds=5)
    monkeypatch.setattr(kinds, "effect", lambda ctx: shutdown.ask())
    run()
    given = fresh(job)
    assert (given.state, given.attempt, events_of(job)) == (State.QUEUED, 0, ["released"])


def test_a_request_id_travels_with_the_job(users: list[User]) -> None:
    import structlog

    with structlog.contextvars.bound_contextvars(request_id="click-0001"):
        enqueue("works", users[0])
    run()
    with acting_as(users[0].pk):
        event = Event.objects.for_user(users[0]).get(action="test.effect")
    assert (event.request_id, event.actor) == ("click-0001", "worker")


def test_an_error_does_not_quote_mail(users: list[User]) -> None:
    job = enqueue("fails", users[0])
    run()
    assert "somebody's mail" not in fresh(job).error


@pytest.mark.parametrize(("attempt", "most"), [(1, 2), (2, 4), (5, 32), (11, 2048), (12, 3600), (40, 3600)])
def test_backoff_has_full_jitter(attempt: int, most: float) -> None:
    waits = [endings.backoff(attempt) for _ in range(500)]
    assert 0 <= min(waits) < most * 0.05
    assert most * 0.95 < max(waits) <= most


def test_due_is_what_the_clock_of_postgres_says(users: list[User]) -> None:
    enqueue("noop", users[0], run_at=timezone.now() + timedelta(hours=1))
    assert run_one(None, "test") is None
    with acting_as(users[0].pk):
        Job.objects.for_user(users[0]).update(run_at=Now())
    assert run().state == State.SUCCEEDED


@pytest.mark.django_db(transaction=True)
def test_only_durable_kinds_wait_for_the_disk(users: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk that a crash forgets is done again by itself; one that acted outside must not be."""
    waits: dict[str, str] = {}

    def look(ctx: JobContext) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SHOW synchronous_commit")
            waits[ctx.job.kind] = cursor.fetchone()[0]

    with connection.cursor() as cursor:
        cursor.execute("SET synchronous_commit = on")  # the servers of the tests are in a hurry by themselves
    queue.handles("hasty")(lambda ctx: look(ctx))
    queue.handles("outside", durable=True)(lambda ctx: look(ctx))
    for kind in ("hasty", "outside"):
        queue.enqueue(kind, users[0])
        run_one(None, "w")
    assert waits == {"hasty": "off", "outside": "on"}


def test_progress_is_told_before_a_long_chunk_ends(
    users: list[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the connection that renews the lease, so that the chunk's own transaction may take as long as it does."""
    seen: list[str] = []

    def tells(ctx: JobContext) -> None:
        ctx.tell("Read 1 of 2")
        until = time.monotonic() + 20
        while time.monotonic() < until and "Read 1 of 2" not in seen:
            seen.append(
                Job.objects.for_user(ctx.user_id).values_list("progress", flat=True).get(pk=ctx.job.pk)
            )
            time.sleep(0.05)

    monkeypatch.setattr("jobs.runner.TELL_EVERY", 0.0)
    monkeypatch.setitem(queue.handlers, "tells", Handler("tells", tells, "bulk", None, None, None, False))
    enqueue("tells", users[0])
    done = run_one(None, "worker")
    assert done is not None
    assert (done.state, seen[-1]) == ("succeeded", "Read 1 of 2")
