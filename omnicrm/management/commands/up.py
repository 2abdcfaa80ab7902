"""`make run`: everything in the foreground."""

from __future__ import annotations

import errno
import http.client
import os
import socket
import sys
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from omnicrm import database
from omnicrm.embedded.attach import Attachment
from omnicrm.embedded.home import DATABASE, PROJECT, Home, is_embedded
from omnicrm.embedded.processes import Lock, ServerError
from omnicrm.embedded.supervisor import Console, Program, Stopped, Supervisor
from omnicrm.embedded.valkey import Valkey


class Command(BaseCommand):
    help = (
        "Run OmniCRM in the foreground: Postgres and Valkey (unless DATABASE_URL and REDIS_URL name others), "
        "migrations, web, worker and beat. Ctrl-C stops it all."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default=os.environ.get("PORT") or "8000", help="PORT, by default 8000")
        parser.add_argument(
            "--bind", default=os.environ.get("BIND") or "127.0.0.1", help="BIND, by default 127.0.0.1"
        )

    def handle(self, *, port: str, bind: str, **options: Any) -> None:
        home = Home.from_env()
        try:
            home.make()
            ours = the_only_one(home)
            address = free_address(bind, port)
            note(ours, url_of(*address))
            code = supervise(home, address)
        except (ServerError, database.SetupRefused) as error:
            raise CommandError(str(error)) from None
        sys.exit(code)


def supervise(home: Home, address: tuple[str, int]) -> int:
    """Start everything in order, keep it running, stop it in reverse order. 0 when somebody stopped it."""
    console, began = Console(), time.monotonic()
    try:
        with Supervisor(console) as supervisor:
            shares = start_servers(supervisor, home)
            supervisor.finish(
                manage(console, "migrate"), manage(console, "collectstatic", "--verbosity", "0")
            )
            web, *others = programs(console, home, address, keep_open=shares)
            supervisor.start(web)  # alone first: somebody waits for the page
            if not supervisor.wait_for(lambda: answers(*address), 60):
                raise ServerError("The web server did not answer within a minute; its words stand above.")
            for program in others:
                supervisor.start(program)
            console.say("up", f"ready after {time.monotonic() - began:.1f} s")
            console.say("up", f"OmniCRM is at {url_of(*address)} (Ctrl-C stops it)")
            return supervisor.run()
    except Stopped:
        return 0
    finally:
        console.say("up", "stopped")


def start_servers(supervisor: Supervisor, home: Home) -> list[int]:
    """The embedded servers that nothing replaces. Returns what must stay open in everybody who uses Postgres."""
    shares = []
    if is_embedded("DATABASE_URL"):
        postgres = Attachment(home)
        supervisor.start(postgres)
        database.prepare(
            home.database_admin_url, name=DATABASE
        )  # in full: this version may need more than the last
        shares.append(postgres.share_fd())
    if is_embedded("REDIS_URL"):
        supervisor.start(Valkey(home))
    return shares


def manage(console: Console, *command: str) -> Program:
    return Program("setup", [sys.executable, str(PROJECT / "manage.py"), *command, "--noinput"], console)


def programs(console: Console, home: Home, address: tuple[str, int], keep_open: list[int]) -> list[Program]:
    """Web, worker and beat. Each holds our share in Postgres, so that it stays until the last has finished."""

    def program(name: str, *arguments: str, **environment: str) -> Program:
        python = [sys.executable, "-m", *arguments]
        known = {"PORT": str(port), **environment}  # SITE_URL follows from it
        return Program(name, python, console, environment=known, keep_open=keep_open)

    host, port = address
    return [
        program("web", "gunicorn", "-c", "python:omnicrm.serving", BIND=host),
        program("worker", *CELERY, "worker", *WORKER, PYTHONWARNINGS=HUSHED),
        program("beat", *CELERY, "beat", "--loglevel", "WARNING", *beat(home)),
    ]


CELERY = ("celery", "--quiet", "-A", "omnicrm.celery")
WORKER = ("--loglevel", "WARNING", "--without-gossip", "--without-mingle")
HUSHED = "ignore:You're running the worker with superuser"  # in a container that is how it is


def beat(home: Home) -> list[str]:
    return ["--schedule", str(home.path / "beat"), "--pidfile="]


def the_only_one(home: Home) -> Lock:
    """The lock of this data folder's one `up`, or a refusal that names the address of the one that runs."""
    lock = Lock(home.up_lock)
    if not lock.take():
        raise ServerError(
            f"OmniCRM is already running from this folder, at {home.up_lock.read_text()}. Stop it there with "
            "Ctrl-C, or start a second one in its own folder: OMNICRM_DATA=.local-2 PORT=8001 make run"
        )
    return lock


def note(lock: Lock, url: str) -> None:
    """For whoever comes second."""
    os.ftruncate(lock.fd, 0)
    os.pwrite(lock.fd, url.encode(), 0)


def free_address(bind: str, port: str) -> tuple[str, int]:
    """Host and port, if we may listen there now."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        raise ServerError(
            f"PORT={port} is not a port. Use a number from 1 to 65535, such as PORT=8001 make run"
        )
    with socket.socket(socket.AF_INET6 if ":" in bind else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, int(port)))
        except OSError as error:
            raise ServerError(why_not(error, bind, int(port))) from None
    return bind, int(port)


def why_not(error: OSError, bind: str, port: int) -> str:
    """What to do about an address that we may not listen at."""
    if isinstance(error, PermissionError):
        return f"Port {port} is for root alone. Choose another: PORT=8000 make run"
    if error.errno != errno.EADDRINUSE:
        return f"BIND={bind} is no address of this machine. Use 127.0.0.1, or 0.0.0.0 for all its networks."
    another = port % 65535 + 1
    return f"Port {port} on {bind} is in use. Stop what uses it, or choose another: PORT={another} make run"


def reachable_host(bind: str) -> str:
    """Where a browser on this machine finds a server that listens everywhere."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(bind, bind)  # noqa: S104 # nosec B104 - a name to compare with


def url_of(bind: str, port: int) -> str:
    """What to type. By name where SITE_URL has a name: a browser takes the two for different sites."""
    host = reachable_host(bind)
    host = "localhost" if host == "127.0.0.1" else host
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def answers(bind: str, port: int) -> bool:
    """Whether the web server takes requests."""
    connection = http.client.HTTPConnection(reachable_host(bind), port, timeout=5)
    try:
        connection.request("GET", "/livez")
        return connection.getresponse().status < 500
    except OSError:
        return False
    finally:
        connection.close()
