"""The numbers of the design: each is a setting with this default, and what it does is shown where the comment says."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from pytest_django import Settings

from jobs import nudge
from jobs.models import Job
from jobs.queue import enqueue
from jobs.tasks import drain
from omnicrm.models import User

ROOT = Path(settings.BASE_DIR)
NUMBERS = {
    "JOB_MAX_ATTEMPTS": 5,  # test_running: the fifth failure is the last
    "JOB_MAX_CRASHES": 3,  # test_sweep: the third crash puts a job aside
    "JOB_LEASE_SECONDS": 60,  # test_claiming: a claim says until when
    "JOB_HEARTBEAT_SECONDS": 20,  # test_fencing: a job longer than its lease keeps it
    "JOB_HARD_LIMIT_SECONDS": 300,  # below
    "JOB_RUNNING_PER_USER": 4,  # test_claiming: four at once
    "JOB_SWEEP_SECONDS": 3,  # test_chaos: a broker that forgets
    "JOB_DRAIN_SECONDS": 30,  # below
    "JOB_KEEP_SUCCEEDED_DAYS": 7,  # test_sweep: old jobs go
    "JOB_KEEP_DEAD_DAYS": 90,  # the same
}


def test_the_defaults_and_no_other_settings() -> None:
    assert {name: getattr(settings, name) for name in dir(settings) if name.startswith("JOB_")} == NUMBERS


def test_the_example_says_the_same() -> None:
    lines = (ROOT / ".env.example").read_text().splitlines()
    said = dict(line.removeprefix("# ").split("=") for line in lines if line.startswith("# JOB_"))
    assert said == {name: str(number) for name, number in NUMBERS.items()}


def test_the_queues() -> None:
    assert Job.Queue.values == ["interactive", "sync", "ai", "bulk"]
    assert [queue.name for queue in settings.CELERY_TASK_QUEUES] == Job.Queue.values


@pytest.mark.parametrize(("beat", "found"), [(20, []), (30, []), (31, ["jobs.E002"])])
def test_a_worker_must_be_able_to_speak_twice_in_a_lease(
    settings: Settings, beat: int, found: list[str]
) -> None:
    settings.JOB_HEARTBEAT_SECONDS = beat
    assert [message.id for message in run_checks() if message.id == "jobs.E002"] == found


def test_a_nudge_is_worth_so_many_seconds_and_passes_on(
    users: list[User], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    for _ in range(20):
        enqueue("sleeps", users[0], seconds=0.1)
    assert nudge.bell.finish(10), "those of the requests are said"
    monkeypatch.setattr(nudge, "publish", told.append)
    settings.JOB_DRAIN_SECONDS = 0.3
    assert (1 <= drain("bulk") <= 4, told) == (True, ["bulk"])
    settings.JOB_DRAIN_SECONDS = 30
    assert (drain("bulk") >= 16, told) == (True, ["bulk"])


LIMITED = """
import re, django
django.setup()
from django.conf import settings
from jobs.tasks import hard_limit
settings.JOB_HARD_LIMIT_SECONDS = 1
with hard_limit(): pass
print("begun", flush=True)
with hard_limit():
    re.match(r"(a+)+$", "a" * 60 + "b")
"""


def test_the_kernel_ends_a_process_past_the_hard_limit() -> None:
    """It holds the interpreter, so that no thread and no handler of ours could end it."""
    process = subprocess.Popen([sys.executable, "-c", LIMITED], cwd=ROOT, stdout=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        began = time.monotonic()
        assert process.wait(30) == -signal.SIGALRM
    assert 0.5 < time.monotonic() - began < 10
