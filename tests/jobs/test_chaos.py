"""Real processes, really killed. What was accepted is done, once, and the web answers throughout.

With short leases here; the longer runs are for `make proof`.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.jobs.site import ASKED_FOR, Site, Visit, children, crowd, eventually, kill, visitors

pytestmark = pytest.mark.xdist_group("chaos")

LEASE = 3
ALICE, BOB, CAROL = "alice@example.org", "bob@example.org", "carol@example.org"


@pytest.fixture(scope="module")
def whole_site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        site = Site(
            Path(folder) / "site",
            JOB_LEASE_SECONDS=LEASE,
            JOB_HEARTBEAT_SECONDS=1,
            JOB_SWEEP_SECONDS=1,
            JOB_DRAIN_SECONDS=5,
            JOB_HARD_LIMIT_SECONDS=15,
            JOB_MAX_CRASHES=2,
        )
        try:
            site.start()
            site.web()
            yield site
        finally:
            site.stop()


@pytest.fixture(scope="module")
def workers(whole_site: Site) -> list[subprocess.Popen[bytes]]:
    """The one that the last test left in good health."""
    return [whole_site.worker()]


@pytest.fixture(scope="module")
def cookie(whole_site: Site) -> str:
    """Alice has signed in."""
    session = whole_site.python(
        "from django.test import Client; from omnicrm.models import User; browser = Client();"
        f"browser.force_login(User.objects.create_user('{ALICE}')); print(browser.cookies['sessionid'].value)"
    )
    return f"sessionid={session.strip()}"


@pytest.fixture
def site(whole_site: Site, workers: list[subprocess.Popen[bytes]]) -> Iterator[Site]:
    """Running, and with empty tables."""
    whole_site.forget()
    assert eventually(whole_site.is_ready, 60)
    yield whole_site
    if not whole_site.valkey.running():
        whole_site.valkey.start()
    for process in whole_site.processes[1:]:  # the first is the web
        if process not in workers:
            kill(process)
            whole_site.processes.remove(process)


@pytest.fixture(autouse=True)
def visits(site: Site, cookie: str, request: pytest.FixtureRequest) -> Iterator[list[Visit]]:
    """Whatever happens, the web answers, in time. Where the database itself is away, the test says how."""
    with visitors(site.port, cookie) as got:
        yield got
    assert {visit.path for visit in got} == {"/", "/livez", "/jobs/"}
    if "database" not in request.node.name:
        assert {(visit.status, visit.is_whole) for visit in got} == {(200, True)}
        assert max(visit.seconds for visit in got) < 3


@pytest.fixture
def worker(site: Site, workers: list[subprocess.Popen[bytes]]) -> subprocess.Popen[bytes]:
    if workers[0].poll() is not None:
        workers[:] = [site.worker()]
    assert eventually(lambda: len(children(workers[0])) == 2, 60)
    return workers[0]


Shown = Callable[[int], None]


@pytest.fixture
def shown(request: pytest.FixtureRequest, record_property: Callable[[str, str], None]) -> Shown:
    """Says how many jobs went through this without being lost or done twice."""
    what = request.node.name.removeprefix("test_").replace("_", " ").replace("[", " (").replace("]", ")")
    return lambda count: record_property("jobs", f"{what}: {count} jobs, 0 lost, 0 done twice")


def backlog(site: Site, each: int = 40, seconds: float = 0.02) -> int:
    """The same number of jobs for each of three users."""
    site.enqueue(*(("chaos_work", user, each, {"seconds": seconds}) for user in (ALICE, BOB, CAROL)))
    return 3 * each


def running(site: Site) -> int:
    return site.states().get("running", 0)


def busy_with_two(site: Site) -> int:
    """Both children are in the middle of something that lasts, before there is anything else that one might have taken:
    what lasts would begin after the killing then, and last."""
    site.enqueue(("chaos_work", ALICE, 2, {"seconds": 30}))
    assert eventually(lambda: running(site) == 2, 20)
    return 2


def test_a_killed_child(site: Site, worker: subprocess.Popen[bytes], shown: Shown) -> None:
    count = busy_with_two(site) + backlog(site)
    for child in children(worker):
        child.kill()
    assert site.settled(LEASE + 15)
    assert (site.effects(), site.events()) == ((count, 0, 0), {"reaped": 2})
    shown(count)


def test_a_killed_worker(
    site: Site, worker: subprocess.Popen[bytes], workers: list[subprocess.Popen[bytes]], shown: Shown
) -> None:
    count = busy_with_two(site) + backlog(site)
    os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()
    workers[:] = [site.worker()]
    assert site.settled(LEASE + 20)
    assert (site.effects(), site.events()) == ((count, 0, 0), {"reaped": 2})
    shown(count)


def test_a_broker_that_forgets(site: Site, worker: subprocess.Popen[bytes], shown: Shown) -> None:
    count = 0
    for _ in range(3):
        count += backlog(site, 10)
        for _ in range(5):
            site.flush()
            time.sleep(0.05)
    assert site.settled(15)
    assert (site.effects(), site.events()) == ((count, 0, 0), {})
    shown(count)


@pytest.mark.parametrize("seconds", [5, pytest.param(30, marks=pytest.mark.proof)])
def test_a_broker_that_is_away(
    site: Site, worker: subprocess.Popen[bytes], seconds: int, shown: Shown
) -> None:
    site.valkey.stop(hurry=True)
    until = time.monotonic() + seconds
    assert site.enqueue(("chaos_work", ALICE, 30, {}), ("chaos_quick", BOB, 5, {})) < 0.5
    assert site.settled(15), "the work should go on without the broker"
    time.sleep(max(0, until - time.monotonic()))
    site.valkey.start()
    count = 35 + backlog(site, 10)
    assert site.settled(15)
    assert site.effects() == (count, 0, 0)
    shown(count)


def test_a_broker_that_does_not_answer(site: Site) -> None:
    """Half-open: it takes connections and says nothing."""
    assert site.valkey.process is not None
    site.valkey.process.send_signal(signal.SIGSTOP)
    try:
        assert site.enqueue(("chaos_work", ALICE, 20, {})) < 0.5
        time.sleep(1)
    finally:
        site.valkey.process.send_signal(signal.SIGCONT)


def test_a_worker_that_does_not_hear(
    site: Site, workers: list[subprocess.Popen[bytes]], shown: Shown
) -> None:
    """The broker is well, and takes every nudge; the one worker listens to other queues."""
    kill(workers[0])
    site.worker("--queues", "ai")
    site.enqueue(("chaos_work", ALICE, 20, {}))
    assert site.settled(25), "somebody should do the work"
    assert (site.effects(), site.events()) == ((20, 0, 0), {})
    shown(20)


@pytest.mark.proof
def test_a_worker_that_starts_before_the_broker(
    site: Site, workers: list[subprocess.Popen[bytes]], shown: Shown
) -> None:
    site.valkey.stop(hurry=True)
    kill(workers[0])
    workers[:] = [site.worker()]
    site.enqueue(("chaos_work", ALICE, 5, {}))
    assert site.settled(20)
    assert site.effects() == (5, 0, 0)
    shown(5)


@pytest.mark.parametrize("times", [1, pytest.param(5, marks=pytest.mark.proof)])
def test_a_database_that_crashes(
    site: Site, worker: subprocess.Popen[bytes], visits: list[Visit], cookie: str, times: int, shown: Shown
) -> None:
    count = backlog(site, 40 * times, seconds=0.1)
    away: list[tuple[float, float]] = []
    for _ in range(times):
        assert crowd(site.port, "/", cookie) == {200}
        time.sleep(1)
        began = time.monotonic()
        site.postgres.stop(hurry=True)
        site.postgres.start()
        away.append((began, time.monotonic()))
        assert eventually(site.is_ready, 5)
        assert crowd(site.port, "/", cookie) == {200}, "no request should meet a connection of before"
    assert site.settled(30 * times)
    assert site.effects() == (count, 0, 0)
    shown(count)
    for visit in visits:
        assert (visit.is_whole, visit.seconds < 5) == (True, True)
        meanwhile = any(began <= visit.ended and visit.began <= back for began, back in away)
        assert visit.status == 200 or (visit.status == 503 and meanwhile and visit.path != "/livez"), visit


def test_a_worker_that_slept_past_its_lease(
    site: Site, worker: subprocess.Popen[bytes], shown: Shown
) -> None:
    site.enqueue(("chaos_work", ALICE, 1, {"seconds": 1.5}))
    assert eventually(lambda: running(site) == 1, 10)
    for child in children(worker):
        child.suspend()
    other = site.worker("--hostname", "other@%h")
    assert eventually(lambda: site.events().get("reaped") == 1, LEASE + 10)
    assert site.settled(15)
    for child in children(worker):
        child.resume()
    assert eventually(lambda: site.events().get("fenced") == 1, 10)
    assert (site.effects(), site.events()) == ((1, 0, 0), {"reaped": 1, "fenced": 1})
    shown(1)
    assert other.poll() is None


def test_nudges_that_come_many_times(site: Site, worker: subprocess.Popen[bytes], shown: Shown) -> None:
    count = backlog(site, 10)
    site.python("from jobs.nudge import publish; [publish('bulk') for _ in range(200)]")
    assert site.settled(15)
    assert (site.effects(), site.events()) == ((count, 0, 0), {})
    shown(count)


def test_a_job_that_kills_its_worker(site: Site, worker: subprocess.Popen[bytes], shown: Shown) -> None:
    site.enqueue(("chaos_poison", ALICE, 1, {}))
    count = backlog(site, 20)
    assert eventually(lambda: site.effects()[0] == count, 15), "its neighbours go on"
    assert site.settled(40)
    assert site.states() == {"succeeded": count, "dead": 1}
    assert site.ask("SELECT error_code, crashes FROM jobs_job WHERE state = 'dead'") == [("poison", 2)]
    assert site.effects() == (count, 0, 0)
    shown(count)


@pytest.mark.proof
def test_a_job_that_hangs(site: Site, worker: subprocess.Popen[bytes]) -> None:
    """Lease and hard limit: the job is taken back although its process cannot be asked, and the process is ended."""
    site.enqueue(("chaos_hang", ALICE, 1, {}))
    assert eventually(lambda: running(site) == 1, 10)
    stuck = {child.pid for child in children(worker)}
    assert eventually(lambda: len(stuck & {child.pid for child in children(worker)}) < 2, 25)
    count = backlog(site, 20)
    assert site.settled(90)
    assert site.states() == {"succeeded": count, "dead": 1}


def test_a_polite_stop(site: Site, worker: subprocess.Popen[bytes]) -> None:
    site.enqueue(("chaos_work", ALICE, 1, {"seconds": 30}), ("chaos_chunks", BOB, 1, {}))
    assert eventually(lambda: running(site) == 2, 10)
    time.sleep(0.5)
    began = time.monotonic()
    worker.terminate()
    worker.wait(25)
    assert time.monotonic() - began < 10
    what = (
        f"SELECT kind, state, attempt, checkpoint IS NOT NULL FROM jobs_job WHERE {ASKED_FOR} ORDER BY kind"
    )
    jobs = site.ask(what)
    assert jobs == [("chaos_chunks", "queued", 0, True), ("chaos_work", "queued", 0, False)]
    assert site.events() == {"released": 2}


def test_what_people_wait_for_goes_before_a_backlog(site: Site, worker: subprocess.Popen[bytes]) -> None:
    site.enqueue(("chaos_work", ALICE, 400, {"seconds": 0.05}))
    assert eventually(lambda: running(site) >= 1, 10)
    site.enqueue(("chaos_quick", BOB, 1, {}), ("chaos_work", CAROL, 1, {}))
    others = """SELECT extract(epoch FROM finished_at - created_at)::float FROM jobs_job JOIN omnicrm_user AS u
        ON u.id = user_id WHERE email <> 'alice@example.org' AND state = 'succeeded'"""
    assert eventually(lambda: len(site.ask(others)) == 2, 5)
    assert max(float(str(seconds)) for (seconds,) in site.ask(others)) < 1
    assert site.states()["queued"] > 100
