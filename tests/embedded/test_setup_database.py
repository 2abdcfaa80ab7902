"""`manage.py setup_database` against a Postgres on which nothing is prepared."""

from __future__ import annotations

import json
from io import StringIO
from urllib.parse import urlsplit

import psycopg
import pytest
from django.core.management import CommandError, call_command

from omnicrm.embedded.home import Home
from omnicrm.embedded.postgres import Postgres


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("setup_database", *arguments, stdout=out)
    return out.getvalue()


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_ADMIN_URL"):
        monkeypatch.delenv(name, raising=False)


def test_from_nothing_to_two_urls_that_work(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    fresh = Postgres(home, throwaway=True)
    fresh.start()
    monkeypatch.setenv("DATABASE_ADMIN_URL", home.database_admin_url)
    answer = json.loads(run("--json"))
    assert (answer["database"], answer["postgres"]) == ("omnicrm", 18)
    assert answer["made"][:2] == ["omnicrm_owner", "omnicrm_app"]
    for variable, role in (("DATABASE_URL", "omnicrm_app"), ("DATABASE_OWNER_URL", "omnicrm_owner")):
        assert len(urlsplit(answer["set"][variable]).password or "") == 32
        with psycopg.connect(answer["set"][variable]) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (role,)

    again = run()
    assert again.startswith("Made on Postgres 18: nothing; everything was there.\n")
    assert "omnicrm_app:PASSWORD@" in again  # a password that was made before is not changed, and not known
    assert again.endswith(
        "PASSWORD was set before. To set it anew, choose it in these URLs and run this again.\n"
    )
    fresh.stop()


def test_an_administrator_who_may_not_do_everything(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A managed Postgres: what its provider has to do is said, and the next run goes on from there."""
    fresh = Postgres(home, throwaway=True)
    fresh.start()
    with psycopg.connect(home.database_admin_url, autocommit=True) as superuser:
        superuser.execute("CREATE ROLE managed LOGIN CREATEROLE CREATEDB")
        superuser.execute("CREATE ROLE nobody LOGIN")
    refused = (
        r"^Postgres refuses \(permission denied to create role\)\. The administrator needs CREATEROLE and"
    )
    with pytest.raises(CommandError, match=refused):
        run(home.postgres_url("nobody", "postgres"))

    managed = home.postgres_url("managed", "postgres")
    with pytest.raises(CommandError, match="run in the database omnicrm: CREATE EXTENSION vector"):
        run(managed)
    with psycopg.connect(home.postgres_url("postgres"), autocommit=True) as superuser:
        superuser.execute("CREATE EXTENSION vector")
    urls = json.loads(run(managed, "--json"))["set"]  # not before: nobody has seen a password yet
    assert [len(urlsplit(url).password or "") for url in urls.values()] == [32, 32]
    for variable, url in urls.items():
        monkeypatch.setenv(variable, url)
    assert run(managed).endswith("DATABASE_URL and DATABASE_OWNER_URL are set. Next: `manage.py migrate`.\n")
    fresh.stop()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (
            "postgresql://postgres@127.0.0.1:1/postgres",
            r"Postgres does not let us in \(.* Connection refused\)\.",
        ),
        ("nonsense", r"Postgres does not let us in \(missing .*\)\. Check DATABASE_ADMIN_URL\.$"),
    ],
)
def test_an_administrator_who_is_not_let_in(url: str, sentence: str) -> None:
    with pytest.raises(CommandError, match=f"^{sentence}"):
        run(url)


def test_passwords_come_from_our_own_settings(server: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://omnicrm_app:a%2Fb@db.example.org/other")
    monkeypatch.setenv("DATABASE_OWNER_URL", "postgresql://omnicrm_owner:c@db.example.org/other")
    said = run(server.database_admin_url)
    assert "a%2Fb" not in said
    assert "a/b" not in said
    assert said.endswith("DATABASE_URL and DATABASE_OWNER_URL are set. Next: `manage.py migrate`.\n")
    with psycopg.connect(server.postgres_url("postgres", "other")) as admin:
        found = admin.execute(
            "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'other'"
        ).fetchone()
    assert found == ("omnicrm_owner",)


def test_the_wrong_login_is_told(server: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://postgres:x@db.example.org/omnicrm")
    with pytest.raises(CommandError, match="DATABASE_URL logs in as postgres; it must be omnicrm_app"):
        run(server.database_admin_url)


def test_without_an_administrator() -> None:
    with pytest.raises(CommandError, match="DATABASE_ADMIN_URL=postgresql://"):
        run()
