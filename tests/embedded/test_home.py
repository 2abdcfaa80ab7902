from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
from psycopg.conninfo import conninfo_to_dict

from omnicrm.embedded import home as home_module
from omnicrm.embedded.home import PROJECT, Home, broker_url, is_embedded
from omnicrm.embedded.processes import ServerError

from .conftest import Person


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        (None, PROJECT / ".local"),
        ("", PROJECT / ".local"),
        (".second", PROJECT / ".second"),
        ("/srv/crm", Path("/srv/crm")),
        ("/srv/x/../crm", Path("/srv/crm")),
    ],
)
def test_data_folder(monkeypatch: pytest.MonkeyPatch, given: str | None, folder: Path) -> None:
    monkeypatch.delenv("OMNICRM_DATA", raising=False)
    if given is not None:
        monkeypatch.setenv("OMNICRM_DATA", given)
    assert Home.from_env().path == folder


def test_a_socket_fits_however_deep_the_folder_is() -> None:
    deep = Home(Path("/" + "/".join(["a" * 60] * 5)))
    assert len(str(deep.valkey_socket)) <= 103
    assert len(str(deep.run_dir / ".s.PGSQL.5432.lock")) <= 103


def test_two_folders_never_meet() -> None:
    assert Home(Path("/srv/a")).run_dir != Home(Path("/srv/b")).run_dir


def test_django_and_psycopg_read_the_same_url() -> None:
    home = Home(Path("/srv/crm"))
    django = dj_database_url.parse(home.database_url)
    assert (django["USER"], django["HOST"], django["NAME"]) == ("omnicrm_app", str(home.run_dir), "omnicrm")
    psycopg = conninfo_to_dict(home.database_owner_url)
    assert (psycopg["user"], psycopg["host"]) == ("omnicrm_owner", str(home.run_dir))


@pytest.mark.parametrize(
    ("url", "broker"),
    [
        ("unix:///tmp/x/valkey.sock?db=3", "redis+socket:///tmp/x/valkey.sock?virtual_host=3"),
        ("unix:///tmp/x/valkey.sock", "redis+socket:///tmp/x/valkey.sock?virtual_host=0"),
        ("redis://cache:6379/1", "redis://cache:6379/1"),
    ],
)
def test_broker_url(url: str, broker: str) -> None:
    assert broker_url(url) == broker


def test_what_replaces_an_embedded_server(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("REDIS_URL", "REDIS_URL_FILE"):
        monkeypatch.delenv(name, raising=False)
    assert is_embedded("REDIS_URL")
    monkeypatch.setenv("REDIS_URL_FILE", "/run/secrets/redis")
    assert not is_embedded("REDIS_URL")


def test_of_many_first_runs_one_secret_key_wins(tmp_path: Path) -> None:
    home = Home(tmp_path / "new")
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: home.secret_key(), range(32)))
    assert len(keys) == 1
    assert len(keys.pop()) >= 64
    assert [place.name for place in home.path.iterdir()] == ["secret_key"]
    assert stat.S_IMODE((home.path / "secret_key").stat().st_mode) == 0o600


MAKE = """
import sys
from pathlib import Path
from omnicrm.embedded.home import Home
from omnicrm.embedded.processes import ServerError
try:
    Home(Path({folder!r})).make()
    print("made")
except ServerError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("beforehand", "folder", "answer"),
    [
        ("true", "new/deeper", "made"),
        ("chmod 500 .", ".", "{home} may not be read and written by this account. Run `chmod u+rwX {home}`"),
        ("chmod 500 .", "new", "The data folder {home}/new cannot be used (Permission denied). Correct that"),
        ("touch new", "new", "The data folder {home}/new cannot be used (File exists). Correct that"),
        ("touch new", "new/deeper", "The data folder {home}/new/deeper cannot be used (Not a directory)."),
        (
            "touch key; chmod 0 key",
            ".",
            "{home}/key may not be read and written by this account. Run `chmod u+",
        ),
        ("ln -s nowhere media", ".", "made"),
    ],
)
def test_a_folder_that_cannot_be_used(
    home: Home,
    somebody: Callable[..., Person],
    ordinary: dict[str, Any],
    beforehand: str,
    folder: str,
    answer: str,
) -> None:
    path = shlex.quote(str(home.path))
    somebody(f"import os; os.chdir({str(home.path)!r}); os.system({beforehand!r})", **ordinary).leave()
    said = somebody(MAKE.format(folder=str(home.path / folder)), **ordinary).leave()
    assert said.startswith(answer.format(home=path))
    assert said.endswith("set OMNICRM_DATA to another folder.\n" if answer != "made" else "made\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to leave a file of another user")
def test_what_root_left_behind(home: Home, somebody: Callable[..., Person], ordinary: dict[str, Any]) -> None:
    (home.path / "servers.lock").touch(0o600)
    said = somebody(MAKE.format(folder=str(home.path)), **ordinary).leave()
    assert f"Run `sudo chown -R {ordinary['user']} {home.path}/servers.lock`, or set OMNICRM_DATA" in said


def test_a_full_disk(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_module, "LEAST_ROOM", 10**18)
    with pytest.raises(
        ServerError, match=r"^The disk of .* has \d+ MB left, and OmniCRM needs .* to start\."
    ):
        home.make()
