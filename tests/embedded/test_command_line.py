"""The commands as somebody types them: real processes, and a Postgres that is there for as long as they are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from omnicrm.embedded.home import PROJECT, Home
from tests.importing import letter, mailbox

from .conftest import environment, processes_of, wait_for

ALICE = ("--user", "alice@example.org")


def manage(home: Home, *arguments: str, typed: str = "", **more: str) -> tuple[int, dict[str, Any], str]:
    """Exit code, the one object on stdout, and what was said on stderr."""
    done = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), *arguments, "--json"],
        env=environment(home) | more,
        cwd="/",
        input=typed,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == 1, done.stdout + done.stderr
    return done.returncode, json.loads(lines[0]), done.stderr


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return mailbox(tmp_path / "mail.mbox", letter(1), letter(2, subject="Tea"))


def run(home: Home, *arguments: str, typed: str = "") -> dict[str, Any]:
    """What a command answers that does what it is asked, and has nothing to add."""
    code, told, said = manage(home, *arguments, typed=typed)
    assert (code, said) == (0, "")
    return told


def test_in_and_out_again_from_an_empty_folder(home: Home, archive: Path) -> None:
    made = run(home, "create_user", "alice@example.org", "--password-stdin", typed="a quiet harbour\n")
    assert made["email"] == "alice@example.org"
    assert wait_for(lambda: processes_of(home) == [])  # Postgres came for this command, and went with it
    done = run(home, "import_file", str(archive), *ALICE, "--yes")
    assert (done["state"], done["created"], done["interactions"]) == ("done", 1, 2)
    assert run(home, "undo_batch", done["batch_id"])["state"] == "undone"
    assert wait_for(lambda: processes_of(home) == [])


@pytest.mark.proof
def test_the_whole_loop(home: Home, archive: Path) -> None:
    """Nine processes, each with a Postgres of its own making."""
    run(home, "create_user", "alice@example.org", "--password-stdin", typed="a quiet harbour\n")
    planned = run(home, "import_file", str(archive), *ALICE, "--plan-only")
    assert (planned["state"], planned["create"], planned["interactions"]) == ("planned", 1, 2)
    done = run(home, "import_file", str(archive), *ALICE, "--yes")
    assert (done["state"], done["created"], done["interactions"]) == ("done", 1, 2)
    timeline = run(home, "timeline", *ALICE, "--contact", "ada@example.com")
    assert [item["subject"] for item in timeline["items"]] == ["Tea", "Hello"]
    assert run(home, "crm_stats", *ALICE)["interactions"]["email"] == 2
    why = run(home, "ledger", *ALICE, "--why", "<m1@example.com>")["why"]
    assert [line["verdict"] for line in why if line["batch_id"] == done["batch_id"]] == ["kept"]
    assert run(home, "undo_batch", done["batch_id"])["state"] == "undone"
    after = run(home, "crm_stats", *ALICE)
    assert (after["contacts"], after["interactions"]["email"]) == (0, 0)
    assert after["raw_events"] == {"skipped:undone": 2}


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["import_file", "mail.mbox"], 2, "the following arguments are required: --user. See manage.py help import_file"),
        (["undo_batch", "seven"], 1, "Postgres does not let us in (connection failed: "),
    ],
)  # fmt: skip
def test_a_refusal_is_one_object_too(home: Home, arguments: list[str], code: int, sentence: str) -> None:
    """Also where the words were wrong before anything ran, and where there is no Postgres."""
    nowhere = "postgresql://omnicrm_app@127.0.0.1:1/omnicrm"
    key = "only for this one test, and long enough"
    exit_code, told, said = manage(home, *arguments, DATABASE_URL=nowhere, SECRET_KEY=key)
    assert (exit_code, told.keys()) == (code, {"error"})
    assert told["error"].startswith(sentence)
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ({"OMNICRM_PG_BIN": "/nowhere"}, "Postgres could not be started. The end of "),
        (
            {"OMNICRM_DATA": "/dev/null/data"},
            "The data folder /dev/null/data cannot be used (Not a directory). ",
        ),
        ({"DEBUG": "maybe"}, "DEBUG='maybe' is neither yes nor no. Write DEBUG=1 or DEBUG=0."),
    ],
)
def test_what_keeps_every_command_from_starting(home: Home, setting: dict[str, str], sentence: str) -> None:
    code, told, said = manage(home, "crm_stats", *ALICE, **setting)
    assert (code, told.keys()) == (1, {"error"})
    assert told["error"].startswith(sentence)
    assert said == told["error"] + "\n"
    assert "Traceback" not in said
