"""Roles, database and extensions on a Postgres of your own."""

from __future__ import annotations

import json
import secrets
from argparse import ArgumentParser
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import psycopg
from django.core.management.base import BaseCommand, CommandError

from omnicrm import database, env
from omnicrm.embedded.home import DATABASE


class Command(BaseCommand):
    help = (
        "Make the roles, the database and its extensions on a Postgres of your own; again does no harm. "
        "Passwords are taken from DATABASE_URL and DATABASE_OWNER_URL where these are set, else made and shown once."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", nargs="?", help="an administrator's URL; better in DATABASE_ADMIN_URL")
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, url: str | None, json: bool, **options: Any) -> None:
        admin = url or env.secret("DATABASE_ADMIN_URL")
        if not admin:
            raise CommandError(
                "Say which Postgres: DATABASE_ADMIN_URL=postgresql://postgres:password@host/postgres "
                "manage.py setup_database"
            )
        try:
            answer = set_up(admin)
        except (database.SetupRefused, psycopg.Error) as error:
            raise CommandError(str(error).strip()) from None
        self.stdout.write(as_json(answer) if json else in_words(answer))


def set_up(admin: str) -> dict[str, Any]:
    """What was made, and the URLs to set; a URL holds a password only if it was made here."""
    name = urlsplit(env.secret("DATABASE_URL")).path.strip("/") or DATABASE
    known = {"DATABASE_URL": database.APP, "DATABASE_OWNER_URL": database.OWNER}
    passwords = {variable: given_password(variable, role) for variable, role in known.items()}
    existing = database.login_roles(admin)
    made = {
        variable: secrets.token_urlsafe(24)
        for variable, role in known.items()
        if passwords[variable] is None and role not in existing
    }
    passwords |= made
    done = database.prepare(
        admin,
        name=name,
        owner_password=passwords["DATABASE_OWNER_URL"],
        app_password=passwords["DATABASE_URL"],
    )
    urls = {
        variable: role_url(admin, role, made.get(variable, "PASSWORD"), name)
        for variable, role in known.items()
        if not env.secret(variable)
    }
    return {"database": name, "postgres": done.version // 10000, "made": done.made, "set": urls}


def given_password(variable: str, role: str) -> str | None:
    """The password that our own settings will log in with; they must name the roles that we make."""
    url = urlsplit(env.secret(variable))
    if url.username not in (None, role):
        raise CommandError(
            f"{variable} logs in as {url.username}; it must be {role}. Correct it and run this again."
        )
    return unquote(url.password) if url.password else None


def role_url(admin: str, role: str, password: str, name: str) -> str:
    place = urlsplit(admin)
    host = place.netloc.rpartition("@")[2]
    return f"postgresql://{role}:{quote(password, safe='')}@{host}/{name}" + (
        f"?{place.query}" if place.query else ""
    )


def as_json(answer: dict[str, Any]) -> str:
    return json.dumps(answer)


def in_words(answer: dict[str, Any]) -> str:
    made = ", ".join(answer["made"]) or "nothing; everything was there"
    lines = [f"Made on Postgres {answer['postgres']}: {made}."]
    if answer["set"]:
        lines += ["Set these (shown once), then run `manage.py migrate`:"]
        lines += [f"{variable}={url}" for variable, url in answer["set"].items()]
    else:
        lines += ["DATABASE_URL and DATABASE_OWNER_URL are set. Next: `manage.py migrate`."]
    return "\n".join(lines)
