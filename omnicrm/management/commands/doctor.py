"""What is wrong with this installation, and what to type."""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any, Literal

import redis
from django.conf import settings
from django.core import checks
from django.core.management.base import BaseCommand
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from omnicrm import database
from omnicrm.blind import kept_otherwise
from omnicrm.celery import app
from omnicrm.checks import role_is_bound
from omnicrm.embedded.attach import attach
from omnicrm.embedded.home import Home, is_embedded
from omnicrm.embedded.processes import ServerError, is_locked
from omnicrm.keys import KEEP_A_COPY, WrongKeys, key_file_fault, refuse_wrong_keys, where_keys_are
from omnicrm.management.commands.up import free_address

State = Literal["ok", "note", "wrong"]
LEAST_SPACE = 1_000_000_000  # bytes
CLOCKS_APART = timedelta(seconds=5)
VECTOR = (0, 8, 4)  # the first pgvector without the known faults in filtered searches


@dataclass(frozen=True)
class Finding:
    """One sentence. `note`: works, but less well. `wrong`: must be mended."""

    name: str
    state: State
    message: str


class Command(BaseCommand):
    help = (
        "Check this installation. Each finding says what to type. Exit code 1 when something must be mended."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")

    def handle(self, *, json: bool, **options: Any) -> None:
        findings = list(examine())
        well = all(finding.state != "wrong" for finding in findings)
        self.stdout.write(as_json(well, findings) if json else in_words(findings))
        sys.exit(0 if well else 1)


def as_json(well: bool, findings: list[Finding]) -> str:
    return json.dumps({"ok": well, "findings": [asdict(finding) for finding in findings]})


def in_words(findings: list[Finding]) -> str:
    return "\n".join(f"{finding.state:<5}  {finding.message}" for finding in findings)


def examine() -> Iterator[Finding]:
    """Every finding, in the order in which things depend on each other."""
    yield python()
    yield data_folder()
    found = postgres()
    yield found
    if found.state == "ok":
        for check in (clock, roles, extensions):
            yield check()
        found = migrations()
        yield found
        if found.state == "ok":
            yield keys()
            yield personal()
    found = valkey()
    yield found
    if found.state == "ok":
        yield worker()
    if is_embedded("DATABASE_URL"):
        yield port()
    yield from system_checks()


def python() -> Finding:
    good = (3, 11) <= sys.version_info < (3, 14)
    wish = (
        ""
        if good
        else " OmniCRM is tested on 3.11 to 3.13; remove .venv and run `make install` with one of these."
    )
    return Finding(
        "python", "ok" if good else "wrong", f"Python {platform.python_version()} runs this.{wish}"
    )


def data_folder() -> Finding:
    home = Home.from_env()
    try:
        home.make()
    except ServerError as error:
        return Finding("data_folder", "wrong", str(error))
    free = shutil.disk_usage(home.path).free
    enough = free >= LEAST_SPACE
    wish = "" if enough else " Make room, or set OMNICRM_DATA to a folder on another disk."
    return Finding(
        "data_folder", "ok" if enough else "wrong", f"{home.path} has {free / 1e9:.1f} GB of room.{wish}"
    )


def postgres() -> Finding:
    try:
        if is_embedded("DATABASE_URL"):
            attach()
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), current_user")
            version, role = cursor.fetchone()
    except (ServerError, database.SetupRefused) as error:
        return Finding("postgres", "wrong", str(error))
    except Error as error:
        reason = str(error).strip().splitlines()[0]
        sentence = f"Postgres does not let us in ({reason}). Start it, or check DATABASE_URL."
        return Finding("postgres", "wrong", sentence)
    return Finding("postgres", "ok", f"Postgres {version} answers, and we are {role}.")


def clock() -> Finding:
    """Whether this machine and that of Postgres agree on the time: when a job is due is told by one or the other."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs(cursor.fetchone()[0] - timezone.now())
    if apart > CLOCKS_APART:
        sentence = f"This clock and that of Postgres are {apart.total_seconds():.0f} s apart."
        return Finding("clock", "wrong", f"{sentence} On both machines, run: timedatectl set-ntp true")
    return Finding("clock", "ok", "This clock and that of Postgres agree.")


def roles() -> Finding:
    app = str(connection.settings_dict["USER"])
    if exempt := role_is_bound(app):
        return Finding("roles", "wrong", f"{exempt[0].msg} {exempt[0].hint}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles WHERE pg_has_role(current_user, oid, 'SET')")
        enterable = {role for (role,) in cursor.fetchall()}
    if missing := set(database.ENTERED) - enterable:
        names = ", ".join(sorted(missing))
        return Finding("roles", "wrong", f"{app} may not enter {names}. Run `manage.py setup_database`.")
    return Finding("roles", "ok", "Row-level security binds the app, and its three special roles are there.")


def extensions() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extname, extversion FROM pg_extension")
        found = dict(cursor.fetchall())
    if missing := set(database.EXTENSIONS) - found.keys():
        sentence = f"The database lacks {', '.join(sorted(missing))}. Run `manage.py setup_database`."
        return Finding("extensions", "wrong", sentence)
    vector = found["vector"]
    if tuple(map(int, vector.split("."))) < VECTOR:
        sentence = f"pgvector is {vector}; install 0.8.4 or newer, then ALTER EXTENSION vector UPDATE."
        return Finding("extensions", "note", sentence)
    return Finding("extensions", "ok", f"All extensions are there; pgvector is {vector}.")


def migrations() -> Finding:
    executor = MigrationExecutor(connection)
    if pending := len(executor.migration_plan(executor.loader.graph.leaf_nodes())):
        return Finding("migrations", "wrong", f"{pending} migrations wait. Run `manage.py migrate`.")
    return Finding("migrations", "ok", "Every migration has run.")


def keys() -> Finding:
    """Whether what is sealed here opens with the keys we have, and where they are."""
    try:
        refuse_wrong_keys()
    except WrongKeys as wrong:
        return Finding("keys", "wrong", str(wrong))
    if settings.KEYS_ARE_OURS and (fault := key_file_fault()):
        return Finding("keys", "wrong", fault)
    return Finding("keys", "ok", f"The keys in {where_keys_are()} open what is sealed. {KEEP_A_COPY}")


def personal() -> Finding:
    """Whether the data is kept as PII_STRICT says."""
    if sentence := kept_otherwise():
        return Finding("personal", "wrong", sentence)
    way = "are sealed" if settings.PII_STRICT else "are readable in the database (PII_STRICT=1 seals them)"
    return Finding("personal", "ok", f"Phone numbers, birthdays and custom fields {way}.")


def valkey() -> Finding:
    try:
        with redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, socket_timeout=2) as client:
            version = client.info("server")["redis_version"]
    except redis.RedisError:
        wish = "It starts with `make run`." if is_embedded("REDIS_URL") else "Start it, or check REDIS_URL."
        sentence = f"Valkey does not answer, so nothing is cached and jobs start later. {wish}"
        return Finding("valkey", "note", sentence)
    return Finding("valkey", "ok", f"Valkey answers (it speaks Redis {version}).")


def worker() -> Finding:
    seen = app.control.ping(timeout=1.0)
    if seen:
        return Finding("worker", "ok", f"{len(seen)} worker{'s' if len(seen) > 1 else ''} answered.")
    how = "make run" if is_embedded("DATABASE_URL") else "celery -A omnicrm.celery worker"
    return Finding("worker", "note", f"No worker answered, so jobs wait. Start one: `{how}`.")


def port() -> Finding:
    home = Home.from_env()
    if is_locked(home.up_lock):
        return Finding("port", "ok", f"OmniCRM runs at {home.up_lock.read_text()}.")
    try:
        bind, number = free_address(os.environ.get("BIND") or "127.0.0.1", os.environ.get("PORT") or "8000")
    except ServerError as error:
        return Finding("port", "note", str(error))
    return Finding("port", "ok", f"Port {number} on {bind} is free.")


def system_checks() -> Iterator[Finding]:
    served = not (is_embedded("DATABASE_URL") or settings.DEBUG)
    everything = checks.run_checks(include_deployment_checks=served)
    found = sorted((m for m in everything if not m.is_silenced()), key=lambda m: m.id or "")
    for message in found:
        state: State = "wrong" if message.is_serious() else "note"
        yield Finding("settings", state, " ".join(filter(None, [message.msg, message.hint])))
    if not found:
        yield Finding("settings", "ok", "Django's checks found nothing.")
