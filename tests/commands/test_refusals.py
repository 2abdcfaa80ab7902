"""What is refused, with which exit code, and what the sentence says to do next."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from jobs import batches
from jobs.management.commands import undo_batch
from jobs.models import Batch
from omnicrm import commands
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.commands.contract import ALICE, NOBODY, run
from tests.factories import (
    make_batch,
)


def test_a_plan_is_cancelled_and_then_stays_so(alice: User, archive: Path) -> None:
    batch_id = run("import_file", str(archive), *ALICE)["batch_id"]
    cancelled = {"batch_id": batch_id, "state": "cancelled"}
    first = run("cancel_batch", batch_id)
    assert first == {"exit": 0, "cancelled": 0, "running": 0, "finished": 1, **cancelled}
    assert run("cancel_batch", batch_id)["exit"] == 0
    assert run("batch_status", batch_id)["state"] == "cancelled"


@pytest.mark.parametrize(
    ("command", "state", "words"),
    [
        ("cancel_batch", "done", "nothing to stop. To take it back, run: manage.py undo_batch {}"),
        ("cancel_batch", "undone", "This batch is undone already, so there is nothing to stop."),
        ("undo_batch", "planned", "to throw it away, run: manage.py cancel_batch {}"),
        ("undo_batch", "running", "To stop it first, run: manage.py cancel_batch {}"),
    ],
)
def test_what_cannot_be_done_says_what_can(alice: User, command: str, state: str, words: str) -> None:
    batch = make_batch(alice, state=state)
    told = run(command, str(batch.pk))
    assert told["exit"] == 1
    assert told["error"].endswith(words.format(batch.pk))


def test_every_state_that_cannot_be_undone_has_its_advice() -> None:
    advised = {*undo_batch.NEXT, *Batch.UNDOABLE, Batch.State.UNDOING}
    assert advised == set(Batch.State)
    assert {*batches.CANCELLABLE} < advised


@pytest.mark.parametrize(
    "arguments",
    [
        ["import_file", "{archive}", "--user", "nobody@example.org"],
        ["import_file", "/nowhere/mail.mbox", *ALICE],
        ["import_file", "{folder}", *ALICE],
        ["import_file", "{archive}", "/nowhere/mail.mbox", *ALICE, "--yes"],
        ["undo_batch", NOBODY],
        ["undo_batch", "seven"],
        ["cancel_batch", NOBODY],
        ["batch_status", "seven"],
        ["ledger", "--user", "nobody@example.org"],
        ["ledger", *ALICE, "--batch", "seven"],
        ["ledger", *ALICE, "--batch", NOBODY],
        ["crm_stats", "--user", "nobody@example.org"],
        ["timeline", "--user", "nobody@example.org", "--contact", "ada@example.com"],
        ["timeline", *ALICE, "--contact", "ada@example.com"],
        ["duplicates", "--user", "nobody@example.org"],
        ["seed_demo", "--user", "nobody@example.org"],
        ["jobs_status", "--user", "nobody@example.org"],
        ["run_jobs", "--until-empty", "--user", "nobody@example.org"],
        ["run_jobs", "--until-empty", "--kind", "nothing"],
    ],
)
def test_wrong_names_and_numbers(alice: User, archive: Path, arguments: list[str]) -> None:
    given = [word.format(archive=archive, folder=archive.parent) for word in arguments]
    told = run(*given)
    assert told.keys() == {"exit", "error"}
    assert told["exit"] == 2
    assert told["error"].endswith((".", "org", "/"))
    with acting_as(alice.pk):
        assert not Batch.objects.for_user(alice).exists()


def test_a_strangers_batch_is_not_in_my_ledger(alice: User, charlie: User) -> None:
    batch = make_batch(charlie)
    assert run("ledger", *ALICE, "--batch", str(batch.pk))["exit"] == 2


@pytest.mark.parametrize("limit", ["0", "-3", "many"])
def test_a_limit_is_a_number(alice: User, limit: str) -> None:
    with pytest.raises(CommandError, match=r"1 or more|expected one argument"):
        call_command("timeline", *ALICE, "--contact", "ada@example.com", "--limit", limit)


def test_a_database_of_an_older_version_is_told(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def ask_for_more(*_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT shoe_size FROM contacts_contact")

    monkeypatch.setattr("jobs.status.counts", ask_for_more)
    sentence = "The database is older than this version of OmniCRM. Run: manage.py migrate"
    assert run("jobs_status") == {"exit": 1, "error": sentence}


def test_a_database_that_is_away_is_told(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "HOST", "/nowhere")
    told = run("jobs_status")
    assert told["exit"] == 1
    assert told["error"].startswith("Postgres does not let us in (connection")
    assert told["error"].endswith("Run: manage.py doctor")


def test_only_an_empty_embedded_database_is_filled(
    db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    ran: list[str] = []
    monkeypatch.setattr(commands, "call_command", lambda name, **_: ran.append(name))
    settings.EMBEDDED_DATABASE = True
    commands.fill_empty_database()
    assert ran == []
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO pg_catalog")
    settings.EMBEDDED_DATABASE = False
    commands.fill_empty_database()
    assert ran == []
    settings.EMBEDDED_DATABASE = True
    commands.fill_empty_database()
    assert ran == ["migrate"]
