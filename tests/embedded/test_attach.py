"""People come and go in every way; Postgres is there while somebody needs it, and then it is not."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

import psycopg
import pytest

from omnicrm.embedded.attach import needs_database
from omnicrm.embedded.home import Home
from omnicrm.embedded.postgres import Postgres

from .conftest import Person, processes_of, wait_for

ATTACH = """
import sys, psycopg
from omnicrm.embedded.attach import attach
from omnicrm.embedded.home import Home
attach()
print("ready", flush=True)
sys.stdin.readline()
with psycopg.connect(Home.from_env().database_url) as connection:
    print(*connection.execute("SELECT current_user").fetchone())
"""
Somebody = Callable[..., Person]


def keepers(home: Home) -> list[int]:
    return [process.pid for process in processes_of(home) if "omnicrm.embedded.keeper" in process.cmdline()]


def gone(home: Home) -> bool:
    return wait_for(lambda: processes_of(home) == [])


def test_postgres_stays_until_the_last_has_left(home: Home, somebody: Somebody) -> None:
    first, second = somebody(ATTACH), somebody(ATTACH)  # both at once, on an empty folder
    first.ready()
    second.ready()
    assert len(keepers(home)) == 1
    server = Postgres(home).pid()
    assert first.leave() == "omnicrm_app\n"
    assert not wait_for(lambda: Postgres(home).pid() != server, 0.8)
    assert second.leave() == "omnicrm_app\n"
    assert gone(home)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_however_the_last_one_ends(home: Home, somebody: Somebody, how: signal.Signals) -> None:
    person = somebody(ATTACH, stderr=-3).ready()
    assert person.leave(how) == ""
    assert gone(home)


def test_a_killed_server_is_started_again(home: Home, somebody: Somebody) -> None:
    person = somebody(ATTACH).ready()
    killed = Postgres(home).pid()
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    assert wait_for(lambda: Postgres(home).pid() not in (None, killed) and Postgres(home).answers())
    assert person.leave() == "omnicrm_app\n"


def test_a_killed_keeper_is_replaced_by_the_next_who_comes(home: Home, somebody: Somebody) -> None:
    first = somebody(ATTACH).ready()
    (keeper,) = keepers(home)
    os.kill(keeper, signal.SIGKILL)
    second = somebody(ATTACH).ready()
    assert keepers(home) not in ([], [keeper])
    assert first.leave() == second.leave() == "omnicrm_app\n"
    assert gone(home)


def test_the_next_run_finds_what_the_last_one_wrote(home: Home, somebody: Somebody) -> None:
    person = somebody(ATTACH).ready()
    with psycopg.connect(home.database_owner_url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 1 AS n")
    person.leave()
    person = somebody(ATTACH).ready()
    with psycopg.connect(home.database_url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (1,)
    person.leave()


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [
        ([], False),
        (["help", "migrate"], False),
        (["--version"], False),
        (["migrate", "--help"], False),
        (["collectstatic", "--noinput"], False),
        (["up"], False),
        (["migrate"], True),
        (["makemigrations", "--check"], True),
        (["import_file", "mail.mbox"], True),
    ],
)
def test_which_commands_need_a_database(arguments: list[str], needed: bool) -> None:
    assert needs_database(["manage.py", *arguments]) is needed
