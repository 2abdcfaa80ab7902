"""Kinds of jobs for tests, and a queue without other people's work in it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from jobs import claiming, queue, shutdown
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs import kinds

HANDLERS = dict(queue.handlers)
"""What the apps handle, for the tests that want it."""


@pytest.fixture(autouse=True)
def _registered(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only the kinds of tests/jobs/kinds.py, and nobody served yet."""
    monkeypatch.setattr(queue, "handlers", queue.handlers)
    before = dict(queue.handlers)
    queue.handlers.clear()
    queue.handlers.update(kinds.HANDLERS)
    claiming._served.clear()
    shutdown.ask(False)
    kinds.reset()
    yield
    queue.handlers.clear()
    queue.handlers.update(before)
    shutdown.ask(False)


@pytest.fixture
def users(transactional_db: None) -> list[User]:
    """Three users, seen by every connection."""
    return [User.objects.create_user(f"user{number}@example.org") for number in range(3)]


def fresh(job: Job) -> Job:
    """The job as it stands in the database now."""
    with acting_as(job.user_id):
        found: Job = Job.objects.for_user(job.user_id).get(pk=job.pk)
        return found


def events_of(job: Job) -> list[str]:
    from jobs.models import JobEvent

    with acting_as(job.user_id):
        rows = JobEvent.objects.for_user(job.user_id).filter(job=job).order_by("created_at")
        return list(rows.values_list("event", flat=True))


def as_postgres(statement: str, *values: object) -> None:
    """Change jobs behind the engine's back, as the dispatcher."""
    with connection.cursor() as cursor:
        cursor.execute("BEGIN; SET LOCAL ROLE omnicrm_dispatch; " + statement + "; COMMIT", values)
