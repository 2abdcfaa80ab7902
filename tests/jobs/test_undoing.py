"""An undo that does not happen leaves its batch as it was, and can be asked for again."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from jobs import queue, retrying, tracking
from jobs.cancelling import cancel
from jobs.models import Batch, Job
from jobs.queue import GiveUp
from jobs.runner import run_one
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.jobs.conftest import HANDLERS, fresh
from tests.jobs.test_running import batch_of, state_of


@pytest.fixture(autouse=True)
def _handled() -> None:
    queue.handlers["undo"] = HANDLERS["undo"]


@pytest.fixture
def in_the_way(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Something without which no undo can go on."""

    def refuse(batch: Batch, memory: dict[str, Any]) -> None:
        raise GiveUp("in_the_way", "Something is in the way.")

    hooks = {**tracking.before_undo, "test": refuse}
    monkeypatch.setattr("jobs.undo.before_undo", hooks)
    return hooks


def start(batch: Batch) -> Job:
    with acting_as(batch.user_id):
        return start_undo(batch)


BEFORE = [
    ("done", {}),
    ("failed", {"error": "It broke."}),
    ("cancelled", {"cancel_requested_at": "2026-01-01T00:00Z"}),
]


@pytest.mark.parametrize(("state", "fields"), BEFORE)
def test_a_dead_undo_gives_its_batch_back(
    users: list[User], in_the_way: dict[str, Any], state: str, fields: dict[str, Any]
) -> None:
    batch = batch_of(users[0], state=state, **fields)
    job = start(batch)
    assert state_of(batch) == "undoing"
    run_one(None, "test")
    assert (fresh(job).state, state_of(batch)) == ("dead", state)
    del in_the_way["test"]
    start(batch)
    run_one(None, "test")
    assert state_of(batch) == "undone"


def test_a_dead_undo_can_be_tried_again_as_it_is(users: list[User], in_the_way: dict[str, Any]) -> None:
    batch = batch_of(users[0], state="done")
    job = start(batch)
    run_one(None, "test")
    del in_the_way["test"]
    assert retrying.retry(job)
    run_one(None, "test")
    assert (fresh(job).state, state_of(batch)) == ("succeeded", "undone")


def test_a_cancelled_undo_gives_its_batch_back(users: list[User]) -> None:
    batch = batch_of(users[0], state="done")
    assert cancel(start(batch))
    assert state_of(batch) == "done"


def test_the_command_says_what_was_in_the_way(users: list[User], in_the_way: dict[str, Any]) -> None:
    batch = batch_of(users[0], state="done")
    with pytest.raises(CommandError, match=r"nothing was changed\. Something is in the way\.") as refusal:
        call_command("undo_batch", str(batch.pk))
    assert (refusal.value.returncode, state_of(batch)) == (1, "done")
    del in_the_way["test"]
    out = StringIO()
    call_command("undo_batch", str(batch.pk), "--json", stdout=out)
    assert (json.loads(out.getvalue())["state"], state_of(batch)) == ("undone", "undone")
