"""`run_jobs` and `jobs_status`, and the check that every kind has somebody who does it."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from jobs.checks import enqueued
from jobs.management.commands import run_jobs
from jobs.queue import enqueue
from omnicrm.models import User
from tests.jobs import kinds


def command(name: str, *arguments: str) -> dict[str, object]:
    out = StringIO()
    try:
        call_command(name, *arguments, "--json", stdout=out)
    except SystemExit as end:
        return {"exit": end.code, **json.loads(out.getvalue())}
    return {"exit": 0, **json.loads(out.getvalue())}


def test_run_until_empty(users: list[User]) -> None:
    for user in users:
        enqueue("noop", user)
    enqueue("noop", users[0], run_at=timezone.now() + timedelta(minutes=1))
    done = command("run_jobs", "--until-empty")
    assert done == {"exit": 0, "processed": 3, "succeeded": 3, "failed": 0, "errors": []}
    assert command("run_jobs", "--until-empty")["processed"] == 0


def test_a_dead_job_is_told_and_is_exit_code_1(users: list[User]) -> None:
    job = enqueue("hopeless", users[0])
    enqueue("noop", users[0])
    error = {
        "job_id": str(job.pk),
        "kind": "hopeless",
        "code": "unreadable",
        "error": "This file is not a mailbox. Export it again.",
    }
    done = command("run_jobs", "--until-empty")
    assert done == {"exit": 1, "processed": 2, "succeeded": 1, "failed": 1, "errors": [error]}


def test_a_first_retry_is_waited_for(users: list[User]) -> None:
    enqueue("counts", users[0], chunks=2, fail_at=1)
    assert command("run_jobs", "--until-empty") == {
        "exit": 0,
        "processed": 1,
        "succeeded": 1,
        "failed": 0,
        "errors": [],
    }


def test_what_falls_due_while_it_looks_is_done(users: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
    looks = run_jobs.is_soon

    def look(user_id: UUID | None, kind: str | None) -> bool:
        found = looks(user_id, kind)
        enqueue("noop", users[0], idempotency_key="once")
        return found

    monkeypatch.setattr(run_jobs, "is_soon", look)
    assert command("run_jobs", "--until-empty")["processed"] == 1


def test_only_one_user_or_kind(users: list[User]) -> None:
    for user in users[:2]:
        enqueue("noop", user, name=user.email)
        enqueue("works", user, name=f"works {user.email}")
    command("run_jobs", "--until-empty", "--user", users[1].email, "--kind", "works")
    command("run_jobs", "--until-empty", "--user", users[0].email)
    assert kinds.ran[0] == "works user1@example.org"
    assert sorted(kinds.ran[1:]) == ["user0@example.org", "works user0@example.org"]


@pytest.mark.parametrize("arguments", [["--user", "nobody@example.org"], ["--kind", "nothing"]])
def test_bad_arguments(users: list[User], arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=r"There (is|are) no") as refusal:
        command("run_jobs", "--until-empty", *arguments)
    assert refusal.value.returncode == 2


def test_status(users: list[User]) -> None:
    enqueue("noop", users[0], run_at=timezone.now() - timedelta(seconds=90))
    enqueue("noop", users[0], run_at=timezone.now() + timedelta(seconds=90))
    enqueue("hopeless", users[1])
    command("run_jobs", "--until-empty", "--user", users[1].email)
    told = command("jobs_status")
    assert 90 <= told.pop("oldest_queued_seconds") < 95  # type: ignore[operator]
    assert told == {
        "exit": 0,
        "queued": 2,
        "running": 0,
        "succeeded": 0,
        "dead": 1,
        "cancelled": 0,
        "by_kind": {"noop": {"queued": 2}, "hopeless": {"dead": 1}},
    }
    mine = command("jobs_status", "--user", users[1].email)
    assert (mine["queued"], mine["dead"], mine["oldest_queued_seconds"]) == (0, 1, 0)


def test_kinds_are_found_in_the_code(tmp_path: Path) -> None:
    file = tmp_path / "code.py"
    file.write_text(
        'job = enqueue("embed", user)\nqueue.enqueue("undo", user, batch=b)\nenqueue(kind, user)\nprint("enqueue(")\n'
    )
    assert list(enqueued([file])) == [("code.py:1", "embed"), ("code.py:2", "undo")]
