"""Roles, database and extensions: what must be there before the first migration. psycopg only, no Django.

Two roles log in. `omnicrm_owner` owns the schema and runs migrations. `omnicrm_app` is web, worker and commands:
row-level security binds it, and it can neither change a table nor empty one. Three more roles cannot log in;
app enters them for one transaction with SET LOCAL ROLE, and inherits nothing from them: `omnicrm_dispatch`
(claims jobs), `omnicrm_ops` (metadata for operators), `omnicrm_search` (owns the search functions).

A function of `omnicrm_search` is made by the owner in a migration, in one transaction: GRANT CREATE ON SCHEMA
public TO omnicrm_search, create it, ALTER FUNCTION … OWNER TO omnicrm_search, REVOKE the grant.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import make_conninfo

OWNER, APP = "omnicrm_owner", "omnicrm_app"
ENTERED = ("omnicrm_dispatch", "omnicrm_ops", "omnicrm_search")
EXTENSIONS = ("vector", "pg_trgm", "unaccent", "btree_gin")
OLDEST_POSTGRES = 160000
SETTINGS = {
    OWNER: {"timezone": "UTC", "lock_timeout": "10s"},
    APP: {"timezone": "UTC", "lock_timeout": "10s", "idle_in_transaction_session_timeout": "60s"},
}
"""On the roles, not on a database, so that every copy of a database has them too."""

GRANTS: tuple[LiteralString, ...] = (
    "ALTER SCHEMA public OWNER TO omnicrm_owner",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    "GRANT USAGE ON SCHEMA public TO omnicrm_app, omnicrm_dispatch, omnicrm_ops, omnicrm_search",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO omnicrm_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO omnicrm_app",
    "ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT EXECUTE ON FUNCTIONS TO omnicrm_app",
)
"""As the owner, in the database. Default privileges are those of what the owner will create."""


class SetupRefused(Exception):
    """The database cannot be prepared; the message says what to do."""


@dataclass
class Prepared:
    """What `prepare` found or made."""

    name: str
    version: int
    """As Postgres counts: 180006 is 18.6."""
    made: list[str] = field(default_factory=list)
    """Roles and databases that did not exist before."""


def prepare(
    admin_conninfo: str, *, name: str, owner_password: str | None = None, app_password: str | None = None
) -> Prepared:
    """Make roles and database ready for migrations; again does no harm. Passwords are set where given.

    `admin_conninfo` is a superuser, or (on a managed Postgres) a role that may create roles and databases.
    """
    with _alone(admin_conninfo) as admin:
        done = Prepared(name, admin.info.server_version)
        _require_version(admin)
        done.made += _make_roles(admin)
        done.made += _make_database(admin, name)
        _open_to_app(admin, name)
        with _connect(admin_conninfo, dbname=name) as inside, inside.transaction():
            _as_owner(inside, GRANTS)
            _make_extensions(inside)
        _let_in(admin, {OWNER: owner_password, APP: app_password})  # last: who can log in finds all of it
    return done


def clone(admin_conninfo: str, *, template: str, name: str) -> None:
    """A copy of a prepared database under another name; replaces one of that name. Nobody may be in `template`."""
    with _alone(admin_conninfo) as admin:
        drop(admin, name)
        _run(admin, "CREATE DATABASE {} TEMPLATE {} OWNER omnicrm_owner", name, template)
        _open_to_app(admin, name)


def drop(admin: Connection[Any], name: str) -> None:
    """Remove a database, whoever is still in it."""
    _run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def login_roles(admin_conninfo: str) -> set[str]:
    """Which of our two logins work on this server: not those of a `prepare` that did not reach its end."""
    with _connect(admin_conninfo) as admin:
        found = admin.execute(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname = ANY(%s)", [[OWNER, APP]]
        ).fetchall()
    return {role for (role,) in found}


def is_prepared(conninfo: str) -> bool:
    """Whether `prepare` has been here: this login works and its database has our extensions. Cheap."""
    try:
        with _connect(conninfo) as connection:
            found = connection.execute("SELECT extname FROM pg_extension").fetchall()
    except psycopg.OperationalError:
        return False
    return {extension for (extension,) in found}.issuperset(EXTENSIONS)


@contextmanager
def _alone(admin_conninfo: str) -> Iterator[Connection[Any]]:
    """An administrator's connection, one at a time: roles belong to the whole server."""
    with _connect(admin_conninfo) as admin:
        admin.execute("SELECT pg_advisory_lock(hashtext('omnicrm.database'))")
        yield admin


def _connect(conninfo: str, **more: str) -> Connection[Any]:
    return psycopg.connect(make_conninfo(conninfo, connect_timeout="10", **more), autocommit=True)


def _run(connection: Connection[Any], statement: LiteralString, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _one(connection: Connection[Any], query: LiteralString, *values: object) -> Any:
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None


def _require_version(admin: Connection[Any]) -> None:
    if admin.info.server_version < OLDEST_POSTGRES:
        raise SetupRefused(
            f"OmniCRM needs Postgres 16 or newer, and this is {admin.info.parameter_status('server_version')}. "
            "Upgrade it, or use another server."
        )


def _make_roles(admin: Connection[Any]) -> list[str]:
    made = [role for role in (OWNER, APP, *ENTERED) if _make_role(admin, role)]
    for role, settings in SETTINGS.items():
        for key, value in settings.items():
            statement = sql.SQL("ALTER ROLE {} SET {} = {}")
            admin.execute(statement.format(sql.Identifier(role), sql.Identifier(key), sql.Literal(value)))
    for role in ENTERED:
        _run(admin, "GRANT {} TO omnicrm_app, omnicrm_owner WITH INHERIT FALSE, SET TRUE", role)
    if not _one(admin, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user"):
        # A managed Postgres' administrator may act for a role it made only after granting it to itself.
        admin.execute("GRANT omnicrm_owner TO CURRENT_USER WITH INHERIT TRUE, SET TRUE")
    return made


def _make_role(admin: Connection[Any], role: str) -> bool:
    exempt = _one(admin, "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", role)
    if exempt:
        raise SetupRefused(
            f"The role {role} may bypass row-level security, so users would see each other's data. "
            f"Run: ALTER ROLE {role} NOSUPERUSER NOBYPASSRLS"
        )
    if exempt is None:
        _run(admin, "CREATE ROLE {} NOLOGIN", role)
    return exempt is None


def _let_in(admin: Connection[Any], passwords: dict[str, str | None]) -> None:
    for role, password in passwords.items():
        if password is not None:
            _set_password(admin, role, password)
        _run(admin, "ALTER ROLE {} LOGIN", role)


def _set_password(admin: Connection[Any], role: str, password: str) -> None:
    """Hashed here, so that the password itself never reaches the server's log."""
    hashed = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    statement = sql.SQL("ALTER ROLE {} PASSWORD {}")
    admin.execute(statement.format(sql.Identifier(role), sql.Literal(hashed)))


def _make_database(admin: Connection[Any], name: str) -> list[str]:
    encoding = _one(admin, "SELECT pg_encoding_to_char(encoding) FROM pg_database WHERE datname = %s", name)
    if encoding is None:
        _run(admin, _create_database(admin), name)
        return [name]
    if encoding != "UTF8":
        raise SetupRefused(f"The database {name} is in {encoding}; OmniCRM needs UTF8. Choose another name.")
    if _one(admin, "SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", name) != OWNER:
        _run(admin, "ALTER DATABASE {} OWNER TO omnicrm_owner", name)
    return []


def _create_database(admin: Connection[Any]) -> LiteralString:
    """The built-in C.UTF-8 sorts and folds case alike on every system; Postgres has it from 17 on."""
    if admin.info.server_version >= 170000:
        return (
            "CREATE DATABASE {} OWNER omnicrm_owner TEMPLATE template0 ENCODING 'UTF8'"
            " LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8' LOCALE 'C'"
        )
    return "CREATE DATABASE {} OWNER omnicrm_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"


def _open_to_app(admin: Connection[Any], name: str) -> None:
    """Only our logins come in, and only the owner may make things (temporary ones too)."""
    _run(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
    _run(admin, "GRANT CONNECT ON DATABASE {} TO omnicrm_app", name)


def _make_extensions(inside: Connection[Any]) -> None:
    """By the administrator: a managed Postgres lets it, and the owner need not be able to."""
    for extension in EXTENSIONS:
        try:
            _run(inside, "CREATE EXTENSION IF NOT EXISTS {}", extension)
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
            raise SetupRefused(
                f"This Postgres does not have the extension {extension}. Install it on the server "
                "(for vector that is pgvector 0.8.4 or newer), then run this again."
            ) from None
        except psycopg.errors.InsufficientPrivilege:
            raise SetupRefused(
                f"The role {inside.info.user} may not add the extension {extension}. As a superuser, run in the "
                f"database {inside.info.dbname}: CREATE EXTENSION {extension}; then run this again."
            ) from None


def _as_owner(inside: Connection[Any], statements: tuple[LiteralString, ...]) -> None:
    inside.execute("SET LOCAL ROLE omnicrm_owner")
    for statement in statements:
        inside.execute(statement)
    inside.execute("SET LOCAL ROLE NONE")
