from __future__ import annotations

import os
import pwd
import signal
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from omnicrm.embedded.account import OUTSIDE
from omnicrm.embedded.home import Home
from omnicrm.embedded.postgres import Postgres
from omnicrm.embedded.processes import ServerError

from .conftest import Person, processes_of, wait_for

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")


def rows(home: Home) -> int:
    with psycopg.connect(home.database_admin_url) as connection:
        found = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert found is not None
    return int(found[0])


def test_committed_rows_survive_kill_9(home: Home) -> None:
    server = Postgres(home)
    server.start()
    with psycopg.connect(home.database_admin_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT generate_series(1, 1500)")
    assert server.process is not None
    os.kill(server.process.pid, signal.SIGKILL)
    assert wait_for(lambda: not server.running())
    server.start()
    assert rows(home) == 1500
    server.stop()
    assert processes_of(home) == []


def test_speaks_only_through_its_socket(home: Home) -> None:
    server = Postgres(home, throwaway=True)
    server.start()
    assert server.process is not None
    process = psutil.Process(server.process.pid)
    assert process.net_connections("inet") == []
    assert process.uids().real != 0
    assert stat.S_IMODE(home.run_dir.stat().st_mode) == 0o700
    with psycopg.connect(home.database_admin_url) as connection:
        answer = connection.execute("SELECT lower('ÉCOLE ŞİŞLİ'), version()").fetchone()
    assert answer is not None
    assert answer[0] == "école şişli"
    server.stop()


def test_what_a_killed_run_left_behind_is_replaced(home: Home) -> None:
    left, mine = Postgres(home, throwaway=True), Postgres(home, throwaway=True)
    left.start()
    orphan = left.pid()
    assert mine.pid() == orphan
    mine.start()
    assert not left.running()
    assert mine.pid() != orphan
    mine.stop()


def test_a_pid_that_now_belongs_to_a_stranger(home: Home) -> None:
    server = Postgres(home, throwaway=True)
    server.start()
    server.stop()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        server.pid_file.write_text(f"{stranger.pid}\n{server.folder}\n1\n5432\n\n\n\n\n")
        assert server.pid() is None
        server.start()
        assert server.answers()
        server.stop()
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_data_of_another_version_is_left_alone(home: Home) -> None:
    server = Postgres(home)
    server.folder.mkdir(mode=0o700)
    (server.folder / "PG_VERSION").write_text("15\n")
    server.folder.chmod(0o700)
    os.chown(server.folder, *account_ids())
    with pytest.raises(ServerError, match="was written by Postgres 15, and this is Postgres 18"):
        server.start()


def account_ids() -> tuple[int, int]:
    if os.geteuid():
        return os.geteuid(), os.getegid()
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def test_a_server_that_cannot_start_says_why(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = Postgres(home, throwaway=True)
    server.start()
    server.stop()
    (server.folder / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(ServerError, match=r"postgres stops as soon as it starts\.(.|\n)*pg_control"):
        server.start()


@as_root
def test_root_opens_no_folder_and_adds_no_user(home: Home) -> None:
    """`nobody` cannot pass a closed data folder, so the server's data goes elsewhere."""
    users = Path("/etc/passwd").read_bytes()
    home.path.chmod(0o700)
    server = Postgres(home, throwaway=True)
    assert server.folder == OUTSIDE / home.run_dir.name / "postgres"
    assert "tmp" not in server.folder.parts  # what lies there for a month is removed
    server.start()
    assert server.answers()
    server.stop()
    home.path.chmod(0o755)  # the data is found again even if the folder is opened later
    assert Postgres(home).folder == server.folder
    home.path.chmod(0o700)
    assert stat.S_IMODE(home.path.stat().st_mode) == 0o700
    assert Path("/etc/passwd").read_bytes() == users


@as_root
def test_a_folder_of_somebody_else_is_refused(home: Home) -> None:
    (home.path / "postgres").mkdir(mode=0o700)
    os.chown(home.path / "postgres", 4242, 4242)
    with pytest.raises(ServerError, match=r"belongs to another user \(number 4242\)"):
        Postgres(home).start()


SERVE = """
from omnicrm.embedded.home import Home
from omnicrm.embedded.postgres import Postgres
from omnicrm.embedded.valkey import Valkey
for kind in (Postgres, Valkey):
    server = kind(Home.from_env())
    server.start()
    print(kind.name, server.answers(), server.folder.stat().st_uid)
    server.stop()
"""


def test_an_ordinary_user(home: Home, somebody: Callable[..., Person], ordinary: dict[str, Any]) -> None:
    person = somebody(SERVE, **ordinary)
    uid = home.path.stat().st_uid
    assert uid != 0
    assert person.leave().splitlines() == [f"postgres True {uid}", f"valkey True {uid}"]
