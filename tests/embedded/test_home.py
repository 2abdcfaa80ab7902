from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dj_database_url
import pytest
from psycopg.conninfo import conninfo_to_dict

from omnicrm.embedded.home import PROJECT, Home, broker_url, is_embedded


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
