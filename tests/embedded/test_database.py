"""Roles and databases as `prepare` leaves them, on a server of this module's own."""

from __future__ import annotations

import psycopg
import pytest

from omnicrm import database
from omnicrm.embedded.home import Home


@pytest.fixture(scope="module")
def prepared(server: Home) -> Home:
    done = database.prepare(
        server.database_admin_url, name="omnicrm", owner_password="owns", app_password="asks"
    )
    assert done.version >= 180000
    assert done.made == ["omnicrm_owner", "omnicrm_app", *database.ENTERED, "omnicrm"]
    with psycopg.connect(server.database_owner_url) as owner:
        owner.execute("CREATE TABLE thing (id serial PRIMARY KEY, name text)")
        owner.execute("CREATE FUNCTION one() RETURNS int LANGUAGE sql AS 'SELECT 1'")
    return server


def test_again_does_no_harm(prepared: Home) -> None:
    assert database.prepare(prepared.database_admin_url, name="omnicrm").made == []
    assert database.is_prepared(prepared.database_url)
    assert not database.is_prepared(prepared.postgres_url("omnicrm_app", "elsewhere"))


def test_the_app_works_with_what_the_owner_made(prepared: Home) -> None:
    with psycopg.connect(prepared.database_url) as app:
        app.execute("INSERT INTO thing (name) VALUES ('a')")
        assert app.execute("SELECT name, one() FROM thing").fetchone() == ("a", 1)
        app.execute("DELETE FROM thing")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (id int)",
        "CREATE TEMPORARY TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE thing ADD COLUMN more int",
        "TRUNCATE thing",
        "DROP TABLE thing",
        "SET ROLE omnicrm_owner",
        "CREATE DATABASE mine",
        "CREATE ROLE mine",
    ],
)
def test_what_the_app_may_not(prepared: Home, statement: str) -> None:
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege)
    with psycopg.connect(prepared.database_url, autocommit=True) as app, refused:
        app.execute(statement)


@pytest.mark.parametrize("role", database.ENTERED)
def test_a_special_role_is_entered_for_a_transaction_and_gives_nothing_before(
    prepared: Home, role: str
) -> None:
    with psycopg.connect(prepared.database_owner_url) as owner:
        owner.execute("CREATE TABLE secret AS SELECT 1 AS n")
        owner.execute("REVOKE ALL ON secret FROM omnicrm_app")
        owner.execute(f"GRANT SELECT ON secret TO {role}")
    with psycopg.connect(prepared.database_url, autocommit=True) as app:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("SELECT n FROM secret")
        with app.transaction():
            app.execute(f"SET LOCAL ROLE {role}")
            assert app.execute("SELECT n FROM secret").fetchone() == (1,)
    with psycopg.connect(prepared.database_owner_url) as owner:
        owner.execute("DROP TABLE secret")


def test_the_owner_makes_functions_that_belong_to_search(prepared: Home) -> None:
    with psycopg.connect(prepared.database_owner_url) as owner:
        owner.execute("GRANT CREATE ON SCHEMA public TO omnicrm_search")
        owner.execute(
            "CREATE FUNCTION who() RETURNS name LANGUAGE sql SECURITY DEFINER AS 'SELECT current_user'"
        )
        owner.execute("ALTER FUNCTION who() OWNER TO omnicrm_search")
        owner.execute("REVOKE CREATE ON SCHEMA public FROM omnicrm_search")
    with psycopg.connect(prepared.database_url) as app:
        assert app.execute("SELECT who()").fetchone() == ("omnicrm_search",)


@pytest.mark.parametrize(
    ("url", "setting", "value"),
    [
        ("database_url", "TimeZone", "UTC"),
        ("database_url", "idle_in_transaction_session_timeout", "1min"),
        ("database_url", "lock_timeout", "10s"),
        ("database_owner_url", "TimeZone", "UTC"),
        ("database_owner_url", "idle_in_transaction_session_timeout", "0"),
    ],
)
def test_settings(prepared: Home, url: str, setting: str, value: str) -> None:
    with psycopg.connect(getattr(prepared, url)) as connection:
        assert connection.execute("SELECT current_setting(%s)", [setting]).fetchone() == (value,)


def test_a_clone_is_a_database_like_the_first(prepared: Home) -> None:
    for _ in range(2):  # the second replaces the first
        database.clone(prepared.database_admin_url, template="omnicrm", name="copy")
    with psycopg.connect(prepared.postgres_url("omnicrm_app", "copy"), autocommit=True) as app:
        assert app.execute("SELECT count(*) FROM thing").fetchone() == (0,)
        assert app.execute("SHOW lock_timeout").fetchone() == ("10s",)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            app.execute("CREATE TEMPORARY TABLE mine (id int)")


def test_strangers_are_kept_out_of_our_database(prepared: Home) -> None:
    with psycopg.connect(prepared.database_admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(prepared.postgres_url("stranger"))


def test_passwords_are_stored_hashed(prepared: Home) -> None:
    with psycopg.connect(prepared.database_admin_url) as admin:
        found = admin.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'omnicrm_app'").fetchone()
    assert found is not None
    assert found[0].startswith("SCRAM-SHA-256$")


def test_a_managed_postgres_without_a_superuser(prepared: Home) -> None:
    with psycopg.connect(prepared.database_admin_url, autocommit=True) as admin:
        admin.execute("CREATE ROLE managed LOGIN CREATEROLE CREATEDB")
        # Its provider made our roles through it, and lets it use the extension.
        for role in (database.OWNER, database.APP, *database.ENTERED):
            admin.execute(f"GRANT {role} TO managed WITH ADMIN TRUE")
    managed = prepared.postgres_url("managed", "postgres")
    with pytest.raises(database.SetupRefused, match="run in the database second: CREATE EXTENSION vector"):
        database.prepare(managed, name="second")
    with psycopg.connect(prepared.postgres_url("postgres", "second"), autocommit=True) as admin:
        admin.execute("CREATE EXTENSION vector")
    database.prepare(managed, name="second", app_password="asks")
    assert database.is_prepared(prepared.postgres_url("omnicrm_app", "second"))


def test_a_role_that_row_security_would_not_bind_is_refused(prepared: Home) -> None:
    with psycopg.connect(prepared.database_admin_url, autocommit=True) as admin:
        admin.execute("ALTER ROLE omnicrm_app BYPASSRLS")
        try:
            with pytest.raises(database.SetupRefused, match="ALTER ROLE omnicrm_app NOSUPERUSER NOBYPASSRLS"):
                database.prepare(prepared.database_admin_url, name="omnicrm")
        finally:
            admin.execute("ALTER ROLE omnicrm_app NOBYPASSRLS")
