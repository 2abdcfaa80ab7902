"""A worker that is killed while it sends: whatever had happened by then, there are never two letters."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection

from integrations.models import OutboxMessage
from jobs import sweep
from omnicrm.acting import as_role
from omnicrm.models import User
from tests.google.letters import ADA, Desk, writing

State = OutboxMessage.State
pytestmark = pytest.mark.django_db(transaction=True)
WORK = """
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = {name!r}
from jobs.runner import run_one
while run_one(None, "victim"):
    pass
"""
NAMES = ("API_ROOT", "TOKEN_URI", "CLIENT_ID", "CLIENT_SECRET")


@pytest.fixture
def desk(settings: Any, alice: User) -> Iterator[Desk]:
    with writing(settings, alice) as desk:
        yield desk


def killed_at(desk: Desk, call: str) -> None:
    """Send what is due in another process, which is killed in the middle of this call, before Google does anything."""
    given = {f"GOOGLE_{name}": str(getattr(django_settings, f"GOOGLE_{name}")) for name in NAMES}
    code = WORK.format(name=connection.settings_dict["NAME"])
    victim = subprocess.Popen([sys.executable, "-c", code], env={**os.environ, **given})

    def kill(asked: Any) -> None:
        if asked.name.endswith(call):
            victim.kill()
            victim.wait(10)

    desk.google.between.append(kill)
    assert victim.wait(60) == -9
    desk.google.between.remove(kill)
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE jobs_job SET lease_until = now() - interval '1 second' WHERE state = 'running'"
        )
    sweep.reap()


def test_killed_before_its_draft_is_made(desk: Desk) -> None:
    letter = desk.approved()
    desk.ten_seconds_later()
    killed_at(desk, "drafts.create")  # which Google still does
    assert (desk.state(letter), desk.drafts) == (State.ATTEMPTING, 1)
    done = desk.send(letter)
    assert (done.state, len(desk.sent), desk.drafts) == (State.CONFIRMED, 1, 0)


def test_killed_while_google_sends_it(desk: Desk) -> None:
    letter = desk.approved()
    desk.ten_seconds_later()
    killed_at(desk, "drafts.send")  # which Google still does
    assert (desk.state(letter), len(desk.sent)) == (State.ATTEMPTING, 1)
    done = desk.send(letter)
    assert (done.state, len(desk.sent), len(desk.google.calls.of("drafts.send", ADA))) == (
        State.CONFIRMED,
        1,
        1,
    )


def test_killed_before_google_sends_it(desk: Desk) -> None:
    letter = desk.approved()
    desk.ten_seconds_later()
    desk.google.faults.add("drafts.send", "503")
    killed_at(desk, "drafts.send")
    done = desk.send(letter)
    assert (done.state, desk.sent, len(desk.google.calls.of("drafts.send", ADA))) == (State.UNKNOWN, [], 1)
    desk.send(done)
    assert (desk.state(letter), desk.sent) == (State.UNKNOWN, [])


def test_killed_while_it_looks(desk: Desk) -> None:
    letter = desk.approved()
    desk.ten_seconds_later()
    desk.google.faults.add("drafts.send", "lost")
    killed_at(desk, "messages.list")
    done = desk.send(letter)
    assert (done.state, len(desk.sent), len(desk.google.calls.of("drafts.send", ADA))) == (
        State.CONFIRMED,
        1,
        1,
    )
