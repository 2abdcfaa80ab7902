"""Data folders for servers of our own, and people who use them: real processes throughout."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from omnicrm.embedded.account import OUTSIDE, Account
from omnicrm.embedded.home import PROJECT, Home
from omnicrm.embedded.postgres import Postgres

UNWANTED = {
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_ADMIN_URL",
    "REDIS_URL",
    "OMNICRM_DATA",
    "PYTHONDONTWRITEBYTECODE",
}
PATHS = os.pathsep.join([str(PROJECT), sysconfig.get_path("purelib")])  # for another interpreter too


@pytest.fixture
def home() -> Iterator[Home]:
    """A data folder that every account can reach, and nothing of it left afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="omnicrm-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    home = Home(folder)
    yield home
    for process in processes_of(home):
        process.kill()
    key = home.run_dir.name.rpartition("-")[2]  # whoever's sockets: some tests are run by somebody else
    for place in (folder, *home.run_dir.parent.glob(f"omnicrm-*-{key}"), OUTSIDE / home.run_dir.name):
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Home]:
    """A running Postgres on which nothing is prepared."""
    folder = Path(tempfile.mkdtemp(prefix="omnicrm-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    home, postgres = Home(folder), Postgres(Home(folder), throwaway=True)
    postgres.start()
    yield home
    postgres.stop(hurry=True)
    for place in (folder, home.run_dir):
        shutil.rmtree(place, ignore_errors=True)


def processes_of(home: Home) -> list[psutil.Process]:
    """Everything that runs for this data folder: its servers, its keeper, its programs."""
    found = []
    for process in psutil.process_iter():
        try:
            words = " ".join(process.cmdline())
            ours = process.environ().get("OMNICRM_DATA") == str(home.path)
        except psutil.Error:
            continue
        if process.pid != os.getpid() and (ours or str(home.path) in words or str(home.run_dir) in words):
            found.append(process)
    return found


def wait_for(condition: Callable[[], object], seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def environment(home: Home) -> dict[str, str]:
    """As on a fresh machine: nothing replaces the embedded servers of this folder."""
    kept = {key: value for key, value in os.environ.items() if key not in UNWANTED}
    return kept | {"OMNICRM_DATA": str(home.path), "PYTHONPATH": PATHS, "PYTHONUNBUFFERED": "1"}


class Person:
    """A Python process that runs `script`, says `ready`, and ends when told to."""

    def __init__(self, home: Home, script: str, python: str = sys.executable, **popen: object) -> None:
        self.process = subprocess.Popen(
            [python, "-c", script],
            env=environment(home),
            cwd="/",
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=hear_ctrl_c,
            **popen,  # type: ignore[call-overload]
        )

    def ready(self) -> Person:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def leave(self, how: signal.Signals | None = None) -> str:
        """Everything it said since `ready`. Without a signal, by the end of its script."""
        if how is not None:
            self.process.send_signal(how)
            self.process.wait(timeout=20)  # before its input ends, for that would let it go on
        said, _ = self.process.communicate(timeout=20)
        return said


def hear_ctrl_c() -> None:
    """Whoever runs the tests in the background has told everything that they start not to."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def end(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()
    for stream in filter(None, (process.stdin, process.stdout)):
        stream.close()


@pytest.fixture
def somebody(home: Home) -> Iterator[Callable[..., Person]]:
    people: list[Person] = []

    def start(script: str, **popen: object) -> Person:
        people.append(Person(home, script, **popen))
        return people[-1]

    yield start
    for person in people:
        end(person.process)


@pytest.fixture
def ordinary(home: Home) -> dict[str, Any]:
    """What makes `somebody` an ordinary user, to whom the data folder belongs: `daemon`, when we are root."""
    if os.geteuid():
        return {}
    account = pwd.getpwnam("daemon")  # initdb wants a user that has a name
    python = interpreter_for(Account(account.pw_uid, account.pw_gid, {}))
    if not python:
        pytest.skip("no Python, or the project is in a folder, that other users cannot reach")
    os.chown(home.path, account.pw_uid, account.pw_gid)
    home.path.chmod(0o700)
    return {"python": python, "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def interpreter_for(account: Account) -> str | None:
    """Ours may stand in a closed home folder; what ordinary users run here needs only the standard library."""
    for python in filter(
        None, [sys.executable, shutil.which("python3", path="/usr/local/bin:/usr/bin:/bin")]
    ):
        recent = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        works = subprocess.run(recent, check=False).returncode == 0
        if works and all(map(account.reaches, (PROJECT, Path(python).resolve()))):
            return python
    return None
