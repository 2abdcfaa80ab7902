"""Roles, database and extensions on a Postgres of your own."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg

from omnicrm import database, env
from omnicrm.commands import BAD_ARGUMENTS, JsonCommand, Result, refuse
from omnicrm.embedded.home import DATABASE

UNKNOWN = "PASSWORD"


class Command(JsonCommand):
    help = (
        "Make the roles, the database and its extensions on a Postgres of your own; again does no harm. "
        "Passwords are taken from DATABASE_URL and DATABASE_OWNER_URL where these are set, else made and shown once."
    )
    requires_system_checks = ()
    uses_database = False

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("url", nargs="?", help="An administrator's URL; better in DATABASE_ADMIN_URL.")

    def run(self, *, url: str | None, **options: Any) -> Result:
        admin = url or env.secret("DATABASE_ADMIN_URL")
        if not admin:
            refuse(
                "Say which Postgres: DATABASE_ADMIN_URL=postgresql://postgres:password@host/postgres "
                "manage.py setup_database",
                BAD_ARGUMENTS,
            )
        try:
            return set_up(admin)
        except database.SetupRefused as error:
            refuse(str(error))
        except psycopg.Error as error:
            refuse(explained(error))

    def words(self, result: Result) -> str:
        what = ", ".join(result["made"]) or "nothing; everything was there"
        made = f"Made on Postgres {result['postgres']}: {what}."
        if not result["set"]:
            return f"{made} DATABASE_URL and DATABASE_OWNER_URL are set. Next: `manage.py migrate`."
        lines = [made, "Set these (shown once), then run `manage.py migrate`:"]
        lines += [f"{variable}={url}" for variable, url in result["set"].items()]
        if any(f":{UNKNOWN}@" in url for url in result["set"].values()):
            lines += [
                f"{UNKNOWN} was set before. To set it anew, choose it in these URLs and run this again."
            ]
        return "\n".join(lines)


def explained(error: psycopg.Error) -> str:
    """What Postgres objects to, and what to look at."""
    reason = str(error).strip().splitlines()[0]
    if isinstance(error, psycopg.errors.InsufficientPrivilege):
        return f"Postgres refuses ({reason}). The administrator needs CREATEROLE and CREATEDB."
    return f"Postgres does not let us in ({reason}). Check DATABASE_ADMIN_URL."


def set_up(admin: str) -> dict[str, Any]:
    """What was made, and the URLs to set; a URL holds a password only if it was made here."""
    name = urlsplit(env.secret("DATABASE_URL")).path.strip("/") or DATABASE
    known = {"DATABASE_URL": database.APP, "DATABASE_OWNER_URL": database.OWNER}
    passwords = {variable: given_password(variable, role) for variable, role in known.items()}
    existing = database.login_roles(admin)
    made = {
        variable: secrets.token_urlsafe(24)
        for variable, role in known.items()
        if not env.secret(variable) and role not in existing
    }
    passwords |= made
    done = database.prepare(
        admin,
        name=name,
        owner_password=passwords["DATABASE_OWNER_URL"],
        app_password=passwords["DATABASE_URL"],
    )
    urls = {
        variable: role_url(admin, role, made.get(variable, UNKNOWN), name)
        for variable, role in known.items()
        if not env.secret(variable)
    }
    return {"database": name, "postgres": done.version // 10000, "made": done.made, "set": urls}


def given_password(variable: str, role: str) -> str | None:
    """The password that our own settings will log in with; they must name the roles that we make."""
    url = urlsplit(env.secret(variable))
    if url.username not in (None, role):
        refuse(f"{variable} logs in as {url.username}; it must be {role}. Correct it and run this again.")
    return unquote(url.password) if url.password else None


def role_url(admin: str, role: str, password: str, name: str) -> str:
    place = urlsplit(admin)
    host = place.netloc.rpartition("@")[2]
    return f"postgresql://{role}:{quote(password, safe='')}@{host}/{name}" + (
        f"?{place.query}" if place.query else ""
    )
