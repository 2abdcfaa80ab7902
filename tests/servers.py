"""Real servers for one test run: a pytest plugin, loaded with `-p tests.servers` before Django's settings.

Starts a throw-away Postgres and Valkey, prepares the roles and an empty database, and names them in the
environment, which xdist's workers inherit. DATABASE_URL, DATABASE_OWNER_URL and REDIS_URL win where they are set.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator
from pathlib import Path

import pytest

from omnicrm import database
from omnicrm.crypto import new_key
from omnicrm.embedded.home import DATABASE, Home, is_embedded
from omnicrm.embedded.postgres import Postgres
from omnicrm.embedded.processes import Lock
from omnicrm.embedded.server import Server
from omnicrm.embedded.valkey import Valkey

_running: list[Server] = []
_folder: Lock | None = None


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None]:
    """A wrapper, so that it goes before pytest-django reads the settings."""
    asked_only = early_config.known_args_namespace.help or early_config.known_args_namespace.version
    if not (asked_only or "PYTEST_XDIST_WORKER" in os.environ):
        _start(_free_home())
    yield


def pytest_unconfigure() -> None:
    """Also after Ctrl-C; after SIGKILL the kernel stops them."""
    while _running:
        _running.pop().stop(hurry=True)


def clone_database(template: str, name: str) -> None:
    """A copy of one of the run's databases, roles and rights included; replaces one of that name."""
    database.clone(os.environ["DATABASE_ADMIN_URL"], template=template, name=name)


def _free_home() -> Home:
    """The first test folder that no other run uses, so that runs side by side do not meet."""
    global _folder
    tests = Home.from_env().path / "test"
    number = 1
    while not (_folder := Lock(tests / f"{number}.lock")).take():
        _folder.close()
        number += 1
    return Home(tests / str(number))


def _start(home: Home) -> None:
    _remove(home.path)
    os.environ["OMNICRM_DATA"] = str(home.path)
    os.environ.setdefault("SECRET_KEY", "known to everybody, for tests alone")
    os.environ.setdefault("OMNICRM_KEYS", new_key())
    kinds = ("_POLL", "_LOGIN", "_GUESS", "_SEARCH", "_LOOKUP", "_IMPORT", "_EXPORT", "_LETTER", "_PUSH")
    for kind in ("", *kinds):
        # a test asks more often than any person
        os.environ.setdefault(f"RATE_LIMIT{kind}", "1000000/minute")
    if is_embedded("DATABASE_URL"):
        _run(Postgres(home, throwaway=True))
        database.prepare(home.database_admin_url, name=DATABASE)
        os.environ["DATABASE_ADMIN_URL"] = home.database_admin_url
        os.environ["DATABASE_OWNER_URL"] = home.database_owner_url
        os.environ["DATABASE_URL"] = home.database_url
    if is_embedded("REDIS_URL"):
        _run(Valkey(home, throwaway=True))
        os.environ["REDIS_URL"] = home.redis_url
    # Copies are made by who may create databases.
    os.environ.setdefault("DATABASE_ADMIN_URL", os.environ.get("DATABASE_OWNER_URL", ""))


def _run(server: Server) -> None:
    server.start()
    _running.append(server)


def _remove(folder: Path) -> None:
    """What the last run left: never trusted, because it was written without fsync."""
    for server in (Postgres, Valkey):
        left = server(Home(folder), throwaway=True)
        left.stop(hurry=True)
        shutil.rmtree(left.folder, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
