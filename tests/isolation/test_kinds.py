"""The census of jobs: a job of one user that names another's rows writes nothing, and ends as not found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from contacts.models import Interaction
from integrations.models import GoogleAccount, OutboxMessage, SyncStream
from jobs.models import Batch, Job
from jobs.queue import enqueue, handlers
from jobs.runner import run_one
from omnicrm.acting import acting_as
from tests.isolation.conftest import Without
from tests.isolation.planting import Rows, digest
from tests.isolation.world import World

Asked = Callable[[Rows], dict[str, Any]]

KINDS: dict[str, Asked] = {
    "extract_contacts": lambda rows: {
        "batch": rows[Batch],
        "account": str(rows[GoogleAccount].pk),
        "interactions": [str(rows[Interaction].pk)],
    },
    "google_calendar_plan": lambda rows: {"batch": rows[Batch]},
    "file_import": lambda rows: {"batch": rows[Batch]},
    "google_calendar_sync": lambda rows: {"stream_id": str(rows[SyncStream].pk)},
    "google_gmail_sync": lambda rows: {"stream_id": str(rows[SyncStream].pk)},
    "forget_account": lambda rows: {"account_id": str(rows[GoogleAccount].pk)},
    "google_preview": lambda rows: {"batch": rows[Batch]},
    "normalize": lambda rows: {"batch": rows[Batch], "first": 0, "last": 1_000_000_000},
    "plan_import": lambda rows: {"batch": rows[Batch]},
    "reconcile": lambda rows: {"stream_id": str(rows[SyncStream].pk)},
    "renew_watch": lambda rows: {"stream_id": str(rows[SyncStream].pk)},
    "send_outbox": lambda rows: {"letter": str(rows[OutboxMessage].pk), "approval": 1},
    "reduce_kept": lambda rows: {"account": str(rows[GoogleAccount].pk)},
    "undo": lambda rows: {"batch_id": str(rows[Batch].pk)},
}
"""What a job of each kind is asked to do, with every id that it takes."""

OF_THEIR_OWNER: dict[str, dict[str, str]] = {
    "bring_in": {"upload": str(uuid4())},
    "erase": {},
    "export": {},
    "hold_meetings": {},
    "purge": {},
}
"""What jobs are asked that name no row: they are about all that their owner has, or a file in their owner's folder."""

NAMING = sorted(handlers.keys() - OF_THEIR_OWNER.keys())

WRITTEN_BY_THE_RUNNER = {"jobs_job", "jobs_jobevent", "omnicrm_event", "omnicrm_eventlink"}


def asked(kind: str) -> Asked:
    assert kind in KINDS, (
        f"The kind {kind} is new. Say in KINDS of tests/isolation/test_kinds.py what its jobs are asked to do, "
        "with an id of `rows` for every id that they take."
    )
    return KINDS[kind]


def run_his_with_hers(world: World, kind: str) -> None:
    """Charlie's job, with Alice's ids; and what must be true afterwards."""
    with acting_as(world.charlie.pk):
        Job.objects.for_user(world.charlie).delete()
    hers, his = digest(world.alice), digest(world.charlie)
    enqueue(kind, world.charlie, **asked(kind)(world.hers))
    done = run_one(None, "census", user=world.charlie)
    assert done is not None
    assert (done.kind, done.state, done.error_code) == (kind, "dead", "not_found")
    assert digest(world.alice) == hers
    after = digest(world.charlie)
    assert {table for table in his if his[table] != after[table]} <= WRITTEN_BY_THE_RUNNER


class Unsaved(dict[type[Any], Any]):
    """Rows that are nobody's yet."""

    def __missing__(self, model: type[Any]) -> Any:
        return model()


def names_a_batch(kind: str) -> bool:
    return kind in KINDS and "batch" in KINDS[kind](Unsaved())


@pytest.mark.parametrize("kind", sorted(kind for kind in handlers if names_a_batch(kind)))
def test_a_job_cannot_belong_to_a_strangers_batch(world: World, kind: str) -> None:
    with pytest.raises(IntegrityError, match="jobs_job_batch"), transaction.atomic():
        enqueue(kind, world.charlie, **asked(kind)(world.hers))


@pytest.mark.parametrize("kind", NAMING)
@pytest.mark.parametrize("layer", ["keys", "policies"])
def test_a_strangers_rows_are_not_found(without: Without, kind: str, layer: str) -> None:
    """Where the keys do not refuse the job, the handler finds nothing; with and without the policies."""
    with without("keys", layer) as world:
        run_his_with_hers(world, kind)


def test_the_owners_own_rows_are_found(world: World) -> None:
    """So that the census above is not about jobs that find nothing whoever asks."""
    with acting_as(world.alice.pk):
        Job.objects.for_user(world.alice).delete()
    for kind in NAMING:
        enqueue(kind, world.alice, **asked(kind)(world.hers))
        done = run_one(None, "census", user=world.alice, kind=kind)  # what failed before may be due again
        assert done is not None
        assert (done.kind, done.error_code != "not_found") == (kind, True)


@pytest.mark.parametrize("kind", sorted(OF_THEIR_OWNER))
def test_a_job_about_all_that_somebody_has_touches_nobody_else(
    world: World, kind: str, settings: Settings, tmp_path: Path
) -> None:
    settings.MEDIA_ROOT = tmp_path
    with acting_as(world.charlie.pk):
        Job.objects.for_user(world.charlie).delete()
    hers = digest(world.alice)
    enqueue(kind, world.charlie, **OF_THEIR_OWNER[kind])
    done = run_one(None, "census", user=world.charlie)
    assert done is not None
    assert (done.kind, digest(world.alice)) == (kind, hers)


def test_a_new_kind_fails_with_what_to_do() -> None:
    with pytest.raises(AssertionError, match=r"The kind letters is new\. Say in KINDS of tests/isolation"):
        asked("letters")
