"""`import_file`, `undo_batch`, `batch_status` and `seed_demo`."""

from __future__ import annotations

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection

from contacts.models import Contact, Note, Task
from jobs.models import Batch, Job
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.commands.contract import ALICE, run
from tests.factories import make_contact, make_note
from tests.importing import import_file, letter, plan


def test_a_plan_writes_nothing(alice: User, archive: Path) -> None:
    told = run("import_file", str(archive), *ALICE, "--plan-only")
    with acting_as(alice.pk):
        batch = Batch.objects.for_user(alice).get()
        assert not Contact.objects.for_user(alice).exists()
    assert told == {
        "exit": 0,
        "batch_id": str(batch.pk),
        "plan_hash": batch.plan_hash,
        "state": "planned",
        "kind": "mbox",
        "create": 1,
        "update": 0,
        "skip": 1,
        "interactions": 2,
        "events": 0,
        "fail": 0,
        "reasons": {"repeated": 1},
        "warnings": [],
        "estimate_seconds": 1,
        "size": archive.stat().st_size,
        "headline": "This would add 1 person and 2 e-mails; 1 is left out.",
        "next": f"Approve it on /batches/{batch.pk}/, or run this with --yes.",
    }
    assert len(batch.plan_hash) == 64


def test_an_import_is_carried_out_and_taken_back(alice: User, archive: Path) -> None:
    told = run("import_file", str(archive), *ALICE, "--yes")
    batch_id = told.pop("batch_id")
    done = {"created": 1, "updated": 0, "skipped": 1, "failed": 0, "errors": []}
    words = {
        "headline": "Added 1 person and 2 e-mails; 1 left out.",
        "next": f"To take it back, run: manage.py undo_batch {batch_id}",
    }
    assert told == {"exit": 0, "state": "done", "interactions": 2, "events": 0, **done, **words}

    status = run("batch_status", batch_id)
    keys = ("exit", "batch_id", "kind", "state", "percent", "error")
    assert {key: status[key] for key in keys} == {
        "exit": 0,
        "batch_id": batch_id,
        "kind": "file_import",
        "state": "done",
        "percent": 100,
        "error": "",
    }
    assert status["done_steps"] == status["total_steps"] == 3
    assert status["jobs"] == {"queued": 0, "running": 0, "succeeded": 3, "dead": 0, "cancelled": 0}

    assert run("undo_batch", batch_id) == {
        "exit": 0,
        "batch_id": batch_id,
        "state": "undone",
        "removed": 6,
        "removed_by_kind": {"people": 1, "addresses": 2, "interactions": 2, "own addresses": 1},
        "restored": 0,
        "kept": [],
    }
    assert run("undo_batch", batch_id)["error"].endswith(
        "It is taken back already; there is nothing left to do."
    )


def spoken(*arguments: str) -> str:
    """What the command says to a person."""
    out = StringIO()
    call_command("import_file", *arguments, *ALICE, stdout=out)
    return out.getvalue()


def test_a_person_reads_the_plan_and_the_result_in_words(alice: User, archive: Path) -> None:
    planned, done = spoken(str(archive)), spoken(str(archive), "--yes")
    with acting_as(alice.pk):
        first, second = Batch.objects.for_user(alice).order_by("created_at")
    assert planned == (
        "This would add 1 person and 2 e-mails; 1 is left out.\n"
        "        1  Twice in this file. The same message stands in the file more than once; it counts once.\n"
        f"Approve it on /batches/{first.pk}/, or run this with --yes.\n"
    )
    assert done == (
        f"Added 1 person and 2 e-mails; 1 left out.\nTo take it back, run: manage.py undo_batch {second.pk}\n"
    )


def test_several_files_are_told_one_by_one(alice: User, archive: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.mbox"
    broken.write_text("From x@example.com Mon Jan  5 10:00:00 2026\n\n\n" + letter(9))
    first, second = spoken(str(archive), str(broken), "--yes").split("\n\n")
    assert first.startswith(f"{archive}:\nAdded 1 person and 2 e-mails; 1 left out.\nTo take it back")
    assert second.startswith(f"{broken}:\nAdded 1 e-mail; 1 could not be read.\n  Entry 1: ")


def test_a_name_that_is_no_text(alice: User, archive: Path) -> None:
    """A name from an old disk, in another character set."""
    path = Path(os.fsdecode(os.fsencode(archive.parent) + b"/caf\xe9.mbox"))
    path.write_bytes(archive.read_bytes())
    told = run("import_file", str(path), *ALICE, "--yes")
    assert (told["exit"], told["state"], told["interactions"]) == (0, "done", 2)
    with acting_as(alice.pk):
        assert Batch.objects.for_user(alice).get().title == "caf?.mbox"


def test_what_an_undo_keeps_is_listed(alice: User, archive: Path) -> None:
    batch_id = run("import_file", str(archive), *ALICE, "--yes")["batch_id"]
    with acting_as(alice.pk):
        ada = Contact.objects.for_user(alice).get()
    make_note(alice, contact=ada)
    told = run("undo_batch", batch_id)
    assert told["kept"][0] == {
        "what": "contacts.contact",
        "id": str(ada.pk),
        "label": "Ada Lovelace",
        "why": told["kept"][0]["why"],
    }
    assert (told["exit"], told["state"], told["removed_by_kind"].get("people")) == (0, "undone", None)


def test_several_files_of_which_one_cannot_be_read(alice: User, archive: Path, tmp_path: Path) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(200))
    told = run("import_file", str(photo), str(archive), *ALICE, "--yes")
    assert (told["exit"], [file["state"] for file in told["files"]]) == (1, ["refused", "done"])
    assert [file["path"] for file in told["files"]] == [str(photo), str(archive)]
    assert told["files"][0]["error"].startswith("photo.png: ")
    assert run("import_file", str(photo), *ALICE) == {"exit": 1, "error": told["files"][0]["error"]}


def test_a_plan_that_is_no_longer_true_is_refused(
    alice: User, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from integrations.management.commands import import_file as module

    def meddle(*arguments: Any, **options: Any) -> Batch:
        batch = plan(*arguments, **options)
        archive.write_text(letter(9))
        return batch

    monkeypatch.setattr(module.Command, "plan", lambda self, owner, path, chosen: meddle(owner, path))
    told = run("import_file", str(archive), *ALICE, "--yes")
    sentence = "mail.mbox has changed or gone since this was planned. Plan again."
    assert told == {"exit": 1, "error": sentence}


def test_a_job_whose_worker_died_is_taken_over(alice: User, archive: Path) -> None:
    """A worker elsewhere claimed the plan's job and was killed; its lease has run out."""
    from integrations.plan import start_plan_in_place
    from jobs.claiming import claim
    from jobs.foreground import work_until_settled
    from jobs.runner import in_turn

    batch = start_plan_in_place(alice, archive)
    job = claim(in_turn(), "elsewhere", user_id=alice.pk, kind=None)
    assert job is not None
    with acting_as(alice.pk), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET lease_until = now() - interval '1 minute' WHERE id = %s", [job.pk]
        )
    assert work_until_settled(batch).state == Batch.State.PLANNED
    with acting_as(alice.pk):
        assert Job.objects.for_user(alice).get(pk=job.pk).crashes == 1


def test_an_interrupted_undo_is_gone_on_with(alice: User, archive: Path) -> None:
    batch = import_file(alice, archive)
    with acting_as(alice.pk):
        start_undo(batch)  # whoever asked was killed before any job ran
    told = run("undo_batch", str(batch.pk))
    assert (told["exit"], told["state"], told["removed"]) == (0, "undone", 6)


def test_a_failed_import_says_why(alice: User, archive: Path) -> None:
    from integrations.summary import result_summary

    batch = plan(alice, archive)
    batch.error, batch.state = "The file is gone. Choose it again.", Batch.State.FAILED
    with acting_as(alice.pk):
        told = result_summary(batch)
    assert told["errors"] == [{"position": None, "reason": "The file is gone. Choose it again."}]
    assert (told["state"], told["created"]) == ("failed", 0)


def test_the_demonstration_can_be_made_again(db: None) -> None:
    told = run("seed_demo")
    assert (told["exit"], told["state"], told["failed"], told["errors"]) == (0, "done", 0, [])
    assert (told["sign_in"], told["password"]) == ("demo@example.org", "demo only, not secret")
    demo = User.objects.get(email="demo@example.org")
    assert demo.check_password(told["password"])
    again = run("seed_demo")
    assert (again["exit"], again["created"], again["interactions"]) == (0, 0, 0)
    with acting_as(demo.pk):
        assert Contact.objects.for_user(demo).count() == told["created"]
        assert (Note.objects.for_user(demo).count(), Task.objects.for_user(demo).count()) == (3, 3)


def test_the_demonstration_leaves_real_people_alone(alice: User, db: None) -> None:
    real = make_contact(alice, display_name="Aaron Real")
    assert run("seed_demo", *ALICE)["state"] == "done"
    with acting_as(alice.pk):
        assert (Note.objects.for_user(alice).count(), Task.objects.for_user(alice).count()) == (3, 3)
        assert (real.notes.count(), real.tasks.count()) == (0, 0)
