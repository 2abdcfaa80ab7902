"""A second life for a dead job, if somebody still wants what it was for."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from jobs import retrying
from jobs.models import Batch
from jobs.queue import enqueue
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs.conftest import as_postgres, fresh
from tests.jobs.test_running import batch_of, state_of


@pytest.mark.parametrize("state", ["cancelled", "undoing", "undone", "planned"])
def test_a_job_of_a_batch_that_is_no_longer_wanted_stays_dead(users: list[User], state: str) -> None:
    """Else an import that was taken back would go on writing."""
    batch = batch_of(users[0])
    job = enqueue("hopeless", users[0], batch=batch)
    run_one(None, "test")
    assert state_of(batch) == "failed"
    with acting_as(users[0].pk):
        Batch.objects.for_user(users[0]).update(state=state)
    assert not retrying.retry(job)
    assert (fresh(job).state, state_of(batch)) == ("dead", state)


@pytest.mark.parametrize(("approved", "state"), [(True, "approved"), (False, "planning")])
def test_a_failed_batch_goes_on_with_its_job(users: list[User], approved: bool, state: str) -> None:
    batch = batch_of(users[0], approved_at=timezone.now() if approved else None)
    job = enqueue("hopeless", users[0], batch=batch)
    run_one(None, "test")
    assert retrying.retry(job)
    assert (fresh(job).state, fresh(job).attempt, state_of(batch)) == ("queued", 0, state)
    assert (batch.error, batch.finished_at) == ("", None)
    assert not retrying.retry(job)


def test_a_second_life_has_a_day_of_its_own(users: list[User]) -> None:
    job = enqueue("later", users[0])
    as_postgres("UPDATE jobs_job SET started_at = now() - interval '25 hours'")
    run_one(None, "test")
    assert fresh(job).error_code == "too_late"
    assert retrying.retry(job)
    run_one(None, "test")
    assert (fresh(job).state, fresh(job).error_code) == ("queued", "later")
    assert fresh(job).run_at - timezone.now() > timedelta(seconds=20)
