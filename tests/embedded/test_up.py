"""`manage.py up` as a person runs it: the whole project, in a process of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator

import pytest

from omnicrm.embedded.home import PROJECT, Home
from omnicrm.embedded.postgres import Postgres

from .conftest import end, environment, processes_of, wait_for


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def manage(home: Home, port: int) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **more: str) -> subprocess.Popen[str]:
        started.append(
            subprocess.Popen(
                [sys.executable, str(PROJECT / "manage.py"), *arguments],
                env=environment(home) | {"PORT": str(port), "DEBUG": "0"} | more,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        end(process)


def up_to(process: subprocess.Popen[str], text: str) -> str:
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if text in line:
            return said
    raise AssertionError(f"{text!r} was never said:\n{said}")


def test_runs_once_and_leaves_nothing(
    home: Home, port: int, manage: Callable[..., subprocess.Popen[str]]
) -> None:
    first = manage("up", OMNICRM_KEYS="")
    said = up_to(first, f"OmniCRM is at http://localhost:{port}/ (Ctrl-C stops it)")
    assert "setup    | Running migrations:" in said
    assert (
        f"setup    | The keys that seal mail and secrets are in {home.path / 'keys'}, for this account alone"
        in said
    )
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
        assert answer.read() == b'{"database": "ok", "pending_migrations": 0}'

    second, _ = manage("up").communicate(timeout=30)
    assert second.startswith(
        f"CommandError: OmniCRM is already running from this folder, at http://localhost:{port}/."
    )
    assert second.count("\n") == 1

    killed = Postgres(home).pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert wait_for(lambda: Postgres(home).pid() not in (None, killed) and Postgres(home).answers())

    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=40)
    assert first.returncode == 0
    assert said.endswith("up       | stopped\n")
    assert processes_of(home) == []


def test_a_busy_port_is_told_in_one_line(
    home: Home, port: int, manage: Callable[..., subprocess.Popen[str]]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        said, _ = manage("up").communicate(timeout=30)
    assert said == (
        f"CommandError: Port {port} on 127.0.0.1 is in use. Stop what uses it, or choose another: PORT={port + 1} make run\n"
    )
    assert processes_of(home) == []


@pytest.mark.proof
def test_nothing_outlives_a_killed_up(home: Home, manage: Callable[..., subprocess.Popen[str]]) -> None:
    process = manage("up")
    up_to(process, "OmniCRM is at")
    process.kill()
    assert wait_for(lambda: processes_of(home) == [], 30)


@pytest.mark.proof
def test_ctrl_c_while_starting(home: Home, manage: Callable[..., subprocess.Popen[str]]) -> None:
    process = manage("up")
    up_to(process, "Running migrations:")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)
    assert process.returncode == 0
    assert processes_of(home) == []
