"""What was done cannot be rewritten: the database refuses it to every role that our code runs as."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.db import ProgrammingError, connection, transaction

from jobs.models import Batch, BatchItem, Job, JobEvent
from jobs.queue import enqueue
from omnicrm.acting import acting_as, as_role
from omnicrm.models import User
from tests.jobs.test_running import batch_of

HISTORIES = ["jobs_jobevent", "jobs_batchitem"]
CHANGES = ["UPDATE {} SET created_at = now()", "DELETE FROM {}"]


@pytest.fixture
def batch(users: list[User]) -> Batch:
    """Of the first user: a job with a line of history, and a change."""
    batch = batch_of(users[0])
    job = enqueue("noop", users[0], batch=batch)
    with acting_as(users[0].pk):
        JobEvent(user=users[0], job=job, event="retried").save(force_insert=True)
        change = BatchItem(user=users[0], batch=batch, object_type="x", object_id=uuid4(), before={})
        change.save(force_insert=True)
    return batch


def refused(statement: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    except ProgrammingError as error:
        return "permission denied" in str(error)
    return False


def left(user: User) -> list[int]:
    with acting_as(user.pk):
        return [model.objects.for_user(user).count() for model in (Job, JobEvent, BatchItem)]


@pytest.mark.parametrize("table", HISTORIES)
@pytest.mark.parametrize("change", CHANGES)
def test_histories_only_grow(batch: Batch, users: list[User], table: str, change: str) -> None:
    with acting_as(users[0].pk):
        assert refused(change.format(table))
    with as_role("dispatch"):
        assert refused(change.format(table))
    assert left(users[0]) == [1, 1, 1]


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1 FROM jobs_jobevent",
        "SELECT 1 FROM jobs_batchitem",
        "SELECT 1 FROM jobs_planitem",
        "INSERT INTO jobs_job (id) VALUES (gen_random_uuid())",
        "INSERT INTO jobs_batch (id) VALUES (gen_random_uuid())",
        "DELETE FROM jobs_batch",
    ],
)
def test_the_dispatcher_may_do_what_it_needs_and_no_more(batch: Batch, statement: str) -> None:
    with as_role("dispatch"):
        assert refused(statement)


def test_a_job_takes_its_history_along(batch: Batch, users: list[User]) -> None:
    with as_role("dispatch"):
        Job.unscoped.filter(batch=batch).delete()
    assert left(users[0]) == [0, 0, 1]


def test_a_batch_takes_its_changes_along(batch: Batch, users: list[User]) -> None:
    with acting_as(users[0].pk):
        Batch.objects.for_user(users[0]).filter(pk=batch.pk).delete()
    assert left(users[0]) == [0, 0, 0]


def test_a_user_takes_everything_along(batch: Batch, users: list[User]) -> None:
    with acting_as(users[0].pk), connection.cursor() as cursor:
        cursor.execute("DELETE FROM omnicrm_user WHERE id = %s", [users[0].pk])
    assert left(users[0]) == [0, 0, 0]
