"""What else may happen at the moment of an approval, and until the file is read."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection

from contacts.models import Contact, Interaction
from integrations.approval import Stale, approve
from integrations.plan import Refused, start_plan
from jobs.foreground import reload, work_until_settled
from jobs.models import Batch, Job
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.importing import import_file, letter, mailbox, plan
from tests.integrations.test_pipeline import digests, rows

Outcome = str


def at_once(*acts: Callable[[], Any]) -> list[Outcome]:
    """Do these at the same moment, each on a connection of its own; "done", or what it was refused with."""
    barrier, outcomes = threading.Barrier(len(acts)), ["" for _ in acts]

    def run(nth: int, act: Callable[[], Any]) -> None:
        barrier.wait()
        try:
            act()
            outcomes[nth] = "done"
        except Stale as stale:
            outcomes[nth] = str(stale)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def approving(batch: Batch) -> Callable[[], Any]:
    def act() -> None:
        with acting_as(batch.user_id):
            approve(batch, batch.plan_hash)

    return act


@pytest.mark.django_db(transaction=True)
def test_two_approvals_at_once_are_one(alice: User, tmp_path: Path) -> None:
    batch = plan(alice, mailbox(tmp_path / "a.mbox", letter(1), letter(2)))
    outcomes = at_once(*[approving(batch)] * 4)
    assert outcomes.count("done") == 1
    assert set(outcomes) - {"done"} == {
        "This plan is approved; only a plan that waits for approval can be approved."
    }
    with acting_as(alice.pk):
        assert rows(alice, Job).filter(kind="file_import").count() == 1
    assert work_until_settled(batch).totals["result"]["interactions"] == 2


@pytest.mark.django_db(transaction=True)
def test_an_approval_and_the_undo_of_what_it_counts_on(alice: User, tmp_path: Path) -> None:
    """Whichever is first: the plan is stale, or what it approved is there in the end."""
    first = import_file(alice, mailbox(tmp_path / "one.mbox", letter(1)))
    second = plan(alice, mailbox(tmp_path / "two.mbox", letter(1), letter(2)))

    def undo() -> None:
        with acting_as(alice.pk):
            start_undo(first)
        work_until_settled(first)

    approval, undone = at_once(approving(second), undo)
    assert undone == "done"
    second = reload(second)
    if approval == "done":
        assert work_until_settled(second).state == Batch.State.DONE
    with acting_as(alice.pk):
        keys = set(rows(alice, Interaction).values_list("source_key", flat=True))
    assert keys == ({"m1@example.com", "m2@example.com"} if approval == "done" else set())


@pytest.mark.django_db
def test_a_file_that_is_replaced_after_its_approval(alice: User, tmp_path: Path) -> None:
    """Other messages in the places of those that were approved are not taken for them."""
    path = mailbox(tmp_path / "a.mbox", letter(1), letter(2))
    batch = plan(alice, path)
    approving(batch)()
    mailbox(path, letter(1, text="Forged."), letter(2, sender="Mallory <mallory@example.net>"))
    failed = work_until_settled(batch)
    sentence = (
        "The file has changed since it was approved. What was read until then stays, and can be undone."
    )
    assert (failed.state, failed.error) == (Batch.State.FAILED, sentence)
    with acting_as(alice.pk):
        assert not rows(alice, Interaction).exists()
        assert set(rows(alice, Contact).values_list("primary_email", flat=True)) == {"ada@example.com"}


@pytest.mark.django_db
def test_a_disk_that_fills_up(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk is the only thing here that is not real."""
    before = digests(alice)

    def full(name: str, content: Any, max_length: int | None = None) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(default_storage, "save", full)
    with pytest.raises(Refused, match=r"could not be stored \(No space left on device\). Make room"):
        start_plan(alice, ContentFile(letter(1).encode(), "a.mbox"))
    assert digests(alice) == before
    with acting_as(alice.pk):
        assert not rows(alice, Batch).exists()
