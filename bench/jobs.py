"""How fast the queue is by itself, and what one user's backlog costs another."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db.models import F, Max, Min

import bench.kinds  # noqa: F401 - registers its kinds here too
from jobs.claiming import claim
from jobs.models import Job
from jobs.queue import enqueue
from omnicrm.acting import acting_as, as_role
from omnicrm.embedded.home import DATABASE
from omnicrm.models import User

Measure = dict[str, Any]
PROBES = 30


def measures() -> Iterator[Measure]:
    yield claim_latency()
    yield throughput()
    yield behind_a_backlog()
    forget()


def claim_latency(backlog: int = 10_000, users: int = 20) -> Measure:
    """The median of one claim, with its transaction, while this many jobs wait."""
    forget()
    for number in range(users):
        fill(f"claim{number}@example.org", "bench_noop", backlog // users)
    cap, settings.JOB_RUNNING_PER_USER = settings.JOB_RUNNING_PER_USER, backlog
    took = [clocked(lambda: claim(["bulk"], "bench")) for _ in range(300)][20:]
    settings.JOB_RUNNING_PER_USER = cap
    value = round(statistics.median(took) * 1000, 2)
    return {"measure": f"claim a job, {backlog:,} waiting (median)", "value": value, "unit": "ms", "limit": 5}


def throughput(jobs: int = 4_000, users: int = 20) -> Measure:
    """No-op jobs a second with two worker processes, from the first claim to the last end."""
    forget()
    for number in range(users):
        fill(f"flow{number}@example.org", "bench_noop", jobs // users)
    with worker():
        wait_until_done()
    with as_role("dispatch"):
        took = Job.unscoped.aggregate(took=Max("finished_at") - Min("started_at"))["took"]
    rate = round(jobs / took.total_seconds())
    return {"measure": "no-op jobs with 2 workers", "value": rate, "unit": "jobs/s", "least": 300}


def behind_a_backlog(backlog: int = 10_000) -> Measure:
    """From asking to the end of a 20 ms job, behind another user's backlog of such jobs, and with idle workers."""
    forget()
    quiet = user_of("quiet@example.org")
    with worker():
        enqueue("bench_noop", quiet)
        wait_until_done()  # it is there
        idle = statistics.median(turnaround(quiet) for _ in range(PROBES))
        fill("busy@example.org", "bench_short", backlog)
        enqueue("bench_short", user_of("busy@example.org"))
        time.sleep(1)
        busy = statistics.median(turnaround(quiet) for _ in range(PROBES))
    return {
        "measure": f"a job behind another user's {backlog:,} (median)",
        "value": round(busy * 1000),
        "unit": "ms",
        "ratio": round(busy / idle, 2),
        "idle": round(idle * 1000),
        "limit": 2,
    }


def turnaround(user: User) -> float:
    """Seconds from asking for a short job to its end, by the clock of Postgres."""
    job = enqueue("bench_short", user)
    while True:
        with acting_as(user.pk):
            mine = Job.objects.for_user(user).filter(pk=job.pk, state=Job.State.SUCCEEDED)
            took = mine.values_list(F("finished_at") - F("run_at"), flat=True).first()
        if took:
            time.sleep(0.05)
            return float(took.total_seconds())
        time.sleep(0.01)


@contextmanager
def worker() -> Iterator[None]:
    """A Celery worker with two processes."""
    options = ["--concurrency", "2", "--loglevel", "ERROR", "--without-gossip", "--without-mingle"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "celery",
            "-A",
            "omnicrm.celery",
            "worker",
            "--include",
            "bench.kinds",
            *options,
        ],
        env=dict(os.environ),
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def fill(email: str, kind: str, count: int) -> None:
    user = user_of(email)
    with acting_as(user.pk):
        Job.unscoped.bulk_create([Job(user=user, kind=kind) for _ in range(count)], batch_size=1000)


def user_of(email: str) -> User:
    return User.objects.get_or_create(email=email)[0]


def wait_until_done(seconds: float = 120) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        with as_role("dispatch"):
            if not Job.unscoped.filter(state__in=("queued", "running")).exists():
                return
        time.sleep(0.05)
    raise TimeoutError("The workers did not finish.")


def forget() -> None:
    """An empty queue, and no dead rows of the last measure for the next one to wade through."""
    with as_role("dispatch"):
        Job.unscoped.all().delete()
    with psycopg.connect(settings.HOME.postgres_url("postgres", DATABASE), autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE jobs_job")


def clocked(act: Any) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
