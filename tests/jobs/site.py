"""A whole installation for one test module: its own Postgres and Valkey, web and workers, all of them to be hurt."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg
import redis

from omnicrm import database
from omnicrm.embedded.home import DATABASE, PROJECT, Home
from omnicrm.embedded.postgres import Postgres
from omnicrm.embedded.processes import wait_until
from omnicrm.embedded.valkey import Valkey

DOOR = """
import json, sys, time
import django
django.setup()
from jobs.queue import enqueue
from omnicrm.models import User
from django.db import connection
for line in sys.stdin:
    slowest = 0.0
    for kind, email, count, payload in json.loads(line):
        user, _ = User.objects.get_or_create(email=email)
        for _ in range(count):
            began = time.monotonic()
            enqueue(kind, user, **payload)
            slowest = max(slowest, time.monotonic() - began)
    connection.close()
    print(slowest, flush=True)
"""
"""What a web process does with jobs, without the web."""

NURSERY = """
import io, json, os, signal, sys, traceback
import django
django.setup()
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended, so they leave nothing behind
for line in sys.stdin:
    code, given, out = json.loads(line)
    if child := os.fork():
        print(child, flush=True)
        continue
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        sys.stdin, sys.stdout = io.StringIO(given), open(out + ".begun", "w")
        exec(code, {})
        sys.stdout.close()
        os.rename(out + ".begun", out)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(0)
"""
"""A process that has loaded Django and forks: what it starts is at work at once."""


ASKED_FOR = "kind <> 'hold_meetings'"
"""Jobs of the test: the clock asks for others, on its own account."""


class Site:
    def __init__(self, folder: Path, **settings: object) -> None:
        self.home = Home(folder)
        self.postgres, self.valkey = Postgres(self.home, throwaway=True), Valkey(self.home, throwaway=True)
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "TEST_"))},
            "DJANGO_SETTINGS_MODULE": "tests.jobs.chaotic.settings",
            "OMNICRM_DATA": str(folder),
            "DATABASE_URL": self.home.database_url,
            "DATABASE_OWNER_URL": self.home.database_owner_url,
            "REDIS_URL": self.home.redis_url,
            "SECRET_KEY": "of a test " * 5,
            "PYTHONPATH": str(PROJECT),
            "LOG_LEVEL": "WARNING",
            **{name: str(value) for name, value in settings.items()},
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.door: subprocess.Popen[bytes] | None = None
        self.nursery: subprocess.Popen[bytes] | None = None
        self.forks = self.port = 0
        self.log = (folder.parent / "site.log").open("ab")

    def start(self) -> None:
        self.nursery = self.talk(NURSERY)  # loads while the servers start
        self.postgres.start()
        self.valkey.start()
        database.prepare(self.home.database_admin_url, name=DATABASE)
        with psycopg.connect(self.home.database_admin_url, autocommit=True) as admin:
            # What is committed must survive a crash of this server, if not of the machine.
            admin.execute("ALTER ROLE omnicrm_app SET synchronous_commit = on")
        self.python("from django.core.management import call_command; call_command('migrate', verbosity=0)")

    def stop(self) -> None:
        for process in (self.door, self.nursery, *self.processes):
            if process is not None:
                kill(process)
                process.communicate()
        self.valkey.stop(hurry=True)
        self.postgres.stop(hurry=True)
        self.log.close()

    def run(self, *module: str, **settings: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-m", *module],
            cwd=PROJECT, env=self.environment | settings, stdin=subprocess.DEVNULL,
            stdout=self.log, stderr=self.log, start_new_session=True,
        )  # fmt: skip
        self.processes.append(process)
        return process

    def worker(self, *options: str) -> subprocess.Popen[bytes]:
        """A Celery worker with two children, as `up` starts it."""
        celery = ("celery", "-A", "omnicrm.celery", "worker", "--concurrency", "2", "--loglevel", "WARNING")
        return self.run(*celery, "--without-gossip", "--without-mingle", *options)

    def web(self) -> None:
        """Gunicorn, as `up` starts it."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.run("gunicorn", "omnicrm.wsgi", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread",
                 "--threads", "4", "--no-control-socket", "--log-level", "warning", DB_POOL="4")  # fmt: skip

    def is_ready(self) -> bool:
        return get(self.port, "/readyz").status == 200

    def python(self, code: str, given: str = "") -> str:
        """Run some lines of Python in a process of their own, with Django set up; what they print."""
        fork = self.fork(code, given)
        fork.wait()
        assert fork.out.exists(), "it failed; site.log says how"
        return fork.out.read_text()

    def fork(self, code: str, given: str = "") -> Fork:
        """The same, and do not wait for its end."""
        self.forks += 1
        out = self.home.path / f"fork{self.forks}"
        assert self.nursery is not None
        return Fork(int(self.tell(self.nursery, [code, given, str(out)])), out)

    def enqueue(self, *wanted: tuple[str, str, int, dict[str, object]]) -> float:
        """Jobs through the real door: (kind, e-mail, how many, payload). The slowest of them, in seconds."""
        self.door = self.door or self.talk(DOOR)
        return float(self.tell(self.door, wanted))

    def talk(self, code: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-c", code], cwd=PROJECT, env=self.environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, start_new_session=True,
        )  # fmt: skip

    def tell(self, process: subprocess.Popen[bytes], what: object) -> bytes:
        """A line to such a process, and the line that it answers."""
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(what).encode() + b"\n")
        process.stdin.flush()
        return process.stdout.readline()

    def ask(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """As the superuser, whom row-level security does not bind."""
        with psycopg.connect(self.home.postgres_url("postgres"), autocommit=True) as connection:
            return connection.execute(query.encode(), values).fetchall()

    def states(self) -> dict[str, int]:
        with suppress(psycopg.OperationalError):  # it may be restarting
            return dict(self.ask(f"SELECT state, count(*) FROM jobs_job WHERE {ASKED_FOR} GROUP BY state"))  # type: ignore[arg-type]
        return {}

    def settled(self, seconds: float) -> bool:
        """Whether nothing waits and nothing runs, within that time."""

        def quiet() -> bool:
            states = self.states()
            return bool(states) and not states.get("queued") and not states.get("running")

        return wait_until(quiet, seconds, pause=0.1)

    def effects(self) -> tuple[int, int, int]:
        """Succeeded jobs; those of them without an effect; effects that should not be there."""
        return self.ask(
            f"""
            SELECT count(*) FILTER (WHERE state = 'succeeded'),
                   count(*) FILTER (WHERE state = 'succeeded' AND coalesce(n, 0) = 0),
                   coalesce(sum(greatest(coalesce(n, 0) - (state = 'succeeded')::int, 0)), 0)::int
            FROM jobs_job LEFT JOIN (SELECT object_id, count(*) AS n FROM omnicrm_event
                 WHERE action = 'test.effect' GROUP BY object_id) AS e ON object_id = jobs_job.id
            WHERE {ASKED_FOR}
            """
        )[0]  # type: ignore[return-value]

    def events(self) -> dict[str, int]:
        return dict(self.ask("SELECT event, count(*) FROM jobs_jobevent GROUP BY event"))  # type: ignore[arg-type]

    def forget(self) -> None:
        """Empty tables. What a worker is still about is fenced off."""
        with psycopg.connect(self.home.postgres_url("postgres"), autocommit=True) as connection:
            for table in ("jobs_job", "jobs_batch", "omnicrm_event"):
                connection.execute(f"DELETE FROM {table}".encode())

    def flush(self) -> None:
        with redis.Redis(unix_socket_path=str(self.home.valkey_socket)) as valkey:
            valkey.flushall()


@dataclass(frozen=True)
class Fork:
    """A process of the nursery. What it printed stands in `out` once it has gone well."""

    pid: int
    out: Path

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> None:
        assert wait_until(lambda: not psutil.pid_exists(self.pid), 60)


def kill(process: subprocess.Popen[bytes]) -> None:
    """With everything it started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def children(worker: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """The processes that do the jobs; not the stand-in that a sweeper starts."""
    return [child for child in psutil.Process(worker.pid).children() if is_pool(child)]


def is_pool(child: psutil.Process) -> bool:
    try:
        return "celery" in " ".join(child.cmdline())
    except psutil.Error:
        return False


@dataclass(frozen=True)
class Visit:
    """What somebody got who asked for a page; status 0 is no answer."""

    path: str
    began: float
    status: int
    seconds: float
    is_whole: bool

    @property
    def ended(self) -> float:
        return self.began + self.seconds


def get(port: int, path: str, cookie: str = "") -> Visit:
    began, status, body = time.monotonic(), 0, b""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Cookie": cookie})
        answer = connection.getresponse()
        body, status = answer.read(), answer.status
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()
    is_whole = body.rstrip().endswith((b"</html>", b"ok", b"}"))
    return Visit(path, began, status, time.monotonic() - began, is_whole)


def crowd(port: int, path: str, cookie: str) -> set[int]:
    """Many who come at once: they need all the connections that the web may have."""
    with ThreadPoolExecutor(8) as pool:
        return {visit.status for visit in pool.map(lambda _: get(port, path, cookie), range(24))}


@contextmanager
def visitors(port: int, cookie: str) -> Iterator[list[Visit]]:
    """People who keep looking at one page each meanwhile, and a machine that asks for life; what they got."""
    got: list[Visit] = []
    leave = threading.Event()

    def look_at(path: str) -> None:
        while not leave.wait(0.3):
            got.append(get(port, path, "" if path == "/livez" else cookie))

    threads = [threading.Thread(target=look_at, args=(path,)) for path in ("/", "/livez", "/jobs/")]
    for thread in threads:
        thread.start()
    try:
        yield got
    finally:
        leave.set()
        for thread in threads:
            thread.join()


def eventually(condition: Callable[[], bool], seconds: float) -> bool:
    return wait_until(condition, seconds, pause=0.05)
