"""Real workers that really die while a mailbox comes in and is followed: what is at Google is here, and nothing else.

A whole site with its own Postgres and Valkey asks a fake Google in a process of its own, which can hold an answer back:
whoever asked is killed, or stopped, with the answer on its way. Meanwhile mail arrives, moves and goes.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from omnicrm.embedded.processes import wait_until
from tests.fakes.test_command import running
from tests.jobs.site import Site, children, eventually, kill

pytestmark = pytest.mark.xdist_group("killed sync")

LEASE = 2
LETTERS = 150
BATCH, HISTORY = "POST /batch", "history.list"
DOOR = "import django; django.setup(); from tests.google.hurried.door import serve; serve()"


@dataclass
class Mailbox:
    """A mailbox at Google, and what ought to become of each of its letters here."""

    root: str
    address: str
    wanted: dict[str, str] = field(default_factory=dict)
    """Subjects of the letters that are to be here, by id."""
    left_out: set[str] = field(default_factory=set)
    gone: set[str] = field(default_factory=set)

    def post(self, door: str, **what: Any) -> Any:
        answer = requests.post(f"{self.root}/fake/{door}", json=what, timeout=10)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self) -> Any:
        return requests.get(f"{self.root}/fake/state", timeout=10).json()

    def arrive(self, count: int, *labels: str) -> None:
        """So many letters of the last days."""
        for _ in range(count):
            number = len(self.wanted) + len(self.left_out) + len(self.gone)
            said = {"subject": f"letter {number}", "message_id": f"<{number}.{self.address}>"}
            at = time.time() - 400_000 + number * 60
            id = self.post("deliver", account=self.address, labels=["INBOX", *labels], at=at, **said)["id"]
            if labels:
                self.left_out.add(id)
            else:
                self.wanted[id] = said["subject"]

    def do(self, what: str, id: str, **how: Any) -> None:
        self.post("mailbox", account=self.address, do=what, id=id, **how)

    def change(self) -> None:
        """Seventeen letters arrive, three go to the bin and three for good, four are read; one comes out of the bin."""
        self.arrive(12)
        self.arrive(5, "CATEGORY_PROMOTIONS")
        ids = list(self.wanted)
        newest, oldest, among = ids[-1], ids[0], ids[len(ids) // 2 :: 7]
        for id in (newest, oldest, among[0]):
            self.do("trash", id)
        for id in (ids[-2], ids[1], among[1]):
            self.do("delete", id)
            self.gone.add(id)
            del self.wanted[id]
        for id in among[2:6]:
            self.do("relabel", id, add=["STARRED"], remove=["INBOX"])
        self.do("untrash", among[0])
        for id in (newest, oldest):
            self.left_out.add(id)
            del self.wanted[id]

    def hold(self, what: str, seconds: float, skip: int = 0) -> None:
        """Somebody asks for this, and the answer lasts."""
        self.post("fault", match=what, effect="slow", seconds=seconds, skip=skip)
        assert eventually(lambda: self.state()["faults"] == 0, 30), "nobody asks"


@dataclass
class Owner:
    """Somebody who has connected that mailbox, by way of a process of the site."""

    site: Site
    door: subprocess.Popen[bytes]
    email: str
    mailbox: Mailbox

    def ask(self, what: str, *given: str) -> Any:
        return json.loads(self.site.tell(self.door, [what, self.email, *given]))

    def begin(self) -> None:
        """Connected, planned, and exactly that plan approved."""
        self.stream = self.ask("connect", self.mailbox.address)
        self.batch = self.ask("plan")
        assert eventually(lambda: self.state_of_batch() == "planned", 30)
        self.ask("agree", self.batch)

    def value(self, query: str, *values: object) -> Any:
        return self.site.ask(query, *values)[0][0]

    def state_of_batch(self) -> str:
        return str(self.value("SELECT state FROM jobs_batch WHERE id = %s", self.batch))

    def asking(self) -> psutil.Process:
        """The process that has the stream's job."""
        query = "SELECT worker FROM jobs_job WHERE state = 'running' AND payload->>'stream_id' = %s"
        return psutil.Process(int(self.value(query, self.stream).rpartition(":")[2]))

    def events(self) -> dict[str, int]:
        """What happened to the jobs of the stream."""
        query = """SELECT event, count(*) FROM jobs_jobevent e JOIN jobs_job j ON j.id = e.job_id
            WHERE payload->>'stream_id' = %s GROUP BY event"""
        return dict(self.site.ask(query, self.stream))  # type: ignore[arg-type]

    def is_done(self) -> bool:
        """All that happened at Google is known, fetched and read."""
        history = self.mailbox.state()["accounts"][self.mailbox.address]["historyId"]
        cursor = self.value("SELECT cursor FROM integrations_syncstream WHERE id = %s", self.stream)
        work = self.value("SELECT count(*) FROM integrations_syncwork WHERE stream_id = %s", self.stream)
        jobs = self.value(
            """SELECT count(*) FROM jobs_job j JOIN omnicrm_user u ON u.id = j.user_id WHERE email = %s
            AND state IN ('queued', 'running') AND kind IN ('normalize', 'extract_contacts')""",
            self.email,
        )
        return (cursor, work, jobs, self.state_of_batch()) == (history, 0, 0, "done")

    def compared(self) -> bool:
        """Compared with Google's list of now: a comparison that was begun by itself may have an older one."""
        begun = """SELECT count(*) FROM jobs_job WHERE kind = 'reconcile' AND payload->>'stream_id' = %s
            AND state IN ('queued', 'running')"""
        assert wait_until(lambda: self.value(begun, self.stream) == 0, 20, pause=0.2)
        job = self.ask("compare")
        query = "SELECT state FROM jobs_job WHERE id = %s"
        return wait_until(lambda: self.value(query, job) == "succeeded", 20, pause=0.2)

    def card(self) -> str:
        """What the page of their accounts says."""
        return str(self.ask("card"))


def check(owner: Owner) -> None:
    """What is held, and what is left out with its reason, is what is at Google, each once; and its owner is told so."""
    box = owner.mailbox
    assert wait_until(owner.is_done, 60, pause=0.3)
    assert owner.compared()
    assert "Up to date" in owner.card(), owner.card()
    found, at_google = owner.ask("standing"), set(box.state()["accounts"][box.address]["messages"])
    assert at_google == box.wanted.keys() | box.left_out
    assert found["subjects"] == sorted(box.wanted.values()), "lost, doubled or left over"
    assert found["held"] == sorted(box.wanted)
    assert found["others"].keys() == box.left_out | box.gone
    assert found["tally"] == {
        "google": len(at_google), "held": len(box.wanted), "left_out": len(box.left_out),
        "waiting": 0, "unreadable": 0, "missing": 0, "strays": 0,
    }  # fmt: skip
    assert found["missing"] == 0
    book = found["ledger"]
    assert (book["balanced"], book["imported"], book["failed"], book["pending"]) == (
        True, len(box.wanted), {}, 0,
    )  # fmt: skip
    assert book["total"] == len(at_google) + len(box.gone)


@pytest.fixture(scope="module")
def google() -> Iterator[dict[str, str]]:
    """Where the fake is, as settings. Its quota is no hindrance here."""
    with running("--messages", "0", "--units-per-minute", "1000000") as there:
        yield there


@pytest.fixture(scope="module")
def site(google: dict[str, str]) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        site = Site(
            Path(folder) / "site",
            DJANGO_SETTINGS_MODULE="tests.google.hurried.settings",
            GOOGLE_USER_UNITS=1_000_000,
            JOB_LEASE_SECONDS=LEASE,
            JOB_HEARTBEAT_SECONDS=1,
            JOB_SWEEP_SECONDS=1,
            JOB_DRAIN_SECONDS=5,
            **google,
        )
        try:
            site.start()
            yield site
        finally:
            site.stop()


@pytest.fixture(scope="module")
def door(site: Site) -> subprocess.Popen[bytes]:
    process = site.talk(DOOR)
    site.processes.append(process)
    return process


@pytest.fixture
def workers(site: Site) -> list[subprocess.Popen[bytes]]:
    """Those that run; the one that the last test left, or a new one."""
    running = [one for one in site.processes if "worker" in str(one.args) and one.poll() is None]
    for one in running[1:]:
        kill(one)
    found = running[:1] or [site.worker()]
    assert eventually(lambda: len(children(found[0])) == 2, 60)
    return found


@pytest.fixture
def owner(
    site: Site,
    google: dict[str, str],
    door: subprocess.Popen[bytes],
    workers: list[subprocess.Popen[bytes]],
    request: pytest.FixtureRequest,
) -> Iterator[Owner]:
    address = f"{''.join(filter(str.isalnum, request.node.name))}@example.com"
    mailbox = Mailbox(google["GOOGLE_API_ROOT"], address)
    mailbox.post("account", email=address)
    mailbox.arrive(LETTERS)
    mailbox.arrive(30, "CATEGORY_PROMOTIONS")
    owner = Owner(site, door, f"owner.of.{address}", mailbox)
    yield owner
    owner.ask("pause")


def test_killed_while_a_mailbox_comes_in(
    owner: Owner, site: Site, workers: list[subprocess.Popen[bytes]]
) -> None:
    """A child, the whole worker, the broker's memory, and a child again while it follows; each with an answer due."""
    box = owner.mailbox
    owner.begin()
    box.hold(BATCH, 20, skip=2)
    owner.asking().kill()
    box.change()
    box.hold(BATCH, 20, skip=2)
    kill(workers[0])
    box.change()
    workers[:] = [site.worker()]
    box.hold(BATCH, 1, skip=2)
    for _ in range(5):
        site.flush()
        time.sleep(0.2)
    box.change()
    assert wait_until(lambda: owner.state_of_batch() == "done", 60, pause=0.2)
    box.hold(HISTORY, 20)
    owner.asking().kill()
    box.change()
    check(owner)
    assert owner.events()["reaped"] == 3


def test_one_that_wakes_up_after_another_has_its_job(owner: Owner) -> None:
    """Stopped with an answer due until its lease has run out, it then has what was true before."""
    owner.begin()
    outlived(owner, HISTORY)
    check(owner)


@pytest.mark.proof
@pytest.mark.parametrize("what", [HISTORY, BATCH], ids=["history", "batch"])
def test_the_same_with_two_workers(owner: Owner, site: Site, what: str) -> None:
    other = site.worker("--hostname", "other@%h")
    owner.begin()
    outlived(owner, what)
    check(owner)
    assert other.poll() is None


def outlived(owner: Owner, what: str) -> None:
    owner.mailbox.hold(what, 1)
    zombie = owner.asking()
    zombie.suspend()
    owner.mailbox.change()
    assert eventually(lambda: owner.events().get("reaped") == 1, LEASE + 10)
    assert wait_until(owner.is_done, 60, pause=0.3), "another does its work"
    owner.mailbox.change()
    assert wait_until(owner.is_done, 60, pause=0.3)
    zombie.resume()
    assert eventually(lambda: owner.events().get("fenced") == 1, 10)
    assert owner.events() == {"reaped": 1, "fenced": 1}


@pytest.mark.proof
def test_a_broker_that_comes_and_goes(owner: Owner, site: Site) -> None:
    box = owner.mailbox
    owner.begin()
    for _ in range(3):
        site.valkey.stop(hurry=True)
        box.change()
        time.sleep(3)
        site.valkey.start()
        box.change()
        time.sleep(2)
    check(owner)


@pytest.mark.proof
@pytest.mark.parametrize("seed", range(8))
def test_whatever_dies_whenever(
    owner: Owner, site: Site, workers: list[subprocess.Popen[bytes]], seed: int
) -> None:
    """Two workers; at random moments children and workers are killed or stopped, and the broker forgets or goes."""
    chance, box = random.Random(seed), owner.mailbox
    workers.append(site.worker("--hostname", "other@%h"))
    owner.begin()
    for _ in range(12):
        HURTS[chance.randrange(len(HURTS))](owner, workers, chance)
        box.change()
        time.sleep(chance.random() * 3)
    check(owner)


def kill_a_child(owner: Owner, workers: list[subprocess.Popen[bytes]], chance: random.Random) -> None:
    if found := children(chance.choice(workers)):
        chance.choice(found).kill()


def kill_a_worker(owner: Owner, workers: list[subprocess.Popen[bytes]], chance: random.Random) -> None:
    place = chance.randrange(2)
    kill(workers[place])
    workers[place] = owner.site.worker("--hostname", f"{chance.random()}@%h")


def stop_a_worker_for_a_while(
    owner: Owner, workers: list[subprocess.Popen[bytes]], chance: random.Random
) -> None:
    group = chance.choice(workers).pid
    os.killpg(group, signal.SIGSTOP)
    owner.mailbox.change()
    time.sleep(chance.random() * 2 * LEASE)
    os.killpg(group, signal.SIGCONT)


def forget(owner: Owner, workers: list[subprocess.Popen[bytes]], chance: random.Random) -> None:
    for _ in range(5):
        owner.site.flush()
        time.sleep(0.1)


def end_the_broker(owner: Owner, workers: list[subprocess.Popen[bytes]], chance: random.Random) -> None:
    owner.site.valkey.stop(hurry=True)
    time.sleep(chance.random() * 3)
    owner.site.valkey.start()


HURTS: tuple[Callable[..., None], ...] = (
    kill_a_child, kill_a_child, kill_a_worker, stop_a_worker_for_a_while, forget, end_the_broker,
)  # fmt: skip
