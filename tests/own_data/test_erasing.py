"""The end of an account: nothing of it is left anywhere, its jobs bring nothing back, and others keep all they have."""

from __future__ import annotations

import re
import subprocess
import tempfile
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from pytest_django import Settings

from bench.letters import write_mailbox
from jobs import erasing
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import Erasure, EventLink, User
from tests.commands.contract import run
from tests.factories import make_job, make_operator
from tests.isolation.census import OWNED
from tests.isolation.planting import by_reference, digest, plant
from tests.jobs.site import Site, eventually
from tests.jobs.stops import Hold

PASSWORD = "correct horse battery"


@pytest.fixture
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


def left(user_id: Any) -> dict[str, int]:
    """Rows of each table that are this user's, seen as the user would see them."""
    counts = {}
    with acting_as(user_id):
        for model in OWNED:
            if n := model.objects.for_user(user_id).count():  # type: ignore[attr-defined]
                counts[model._meta.label] = n
    return counts


def sign_in(email: str) -> Client:
    browser = Client()
    browser.post("/accounts/login/", {"login": email, "password": PASSWORD})
    assert browser.get("/").wsgi_request.user.is_authenticated
    return browser


@pytest.mark.django_db(transaction=True)
def test_everything_goes(alice: User, charlie: User, media: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plant(alice, "a")
    plant(charlie, "c")
    browser, other = sign_in(alice.email), sign_in(charlie.email)
    for user in (alice, charlie):
        EmailAddress.objects.create(user=user, email=user.email)
    default_storage.save(f"uploads/{alice.pk}/1.mbox", ContentFile(b"Dear Alice"))
    default_storage.save(f"uploads/{charlie.pk}/1.mbox", ContentFile(b"Dear Charlie"))
    noted_by_an_operator(alice)
    before, key = digest(charlie), alice.pk
    monkeypatch.setattr("builtins.input", lambda question: "alice@example.org")
    with acting_as(key):
        events, head = (
            EventLink.objects.for_user(key).count(),
            EventLink.objects.for_user(key).latest("seq").hash,
        )
    assert run("erase_user", "alice@example.org") == {"exit": 0, "erased": True, "account": str(key)}
    assert left(key) == {}
    assert digest(charlie) == before
    assert not User.objects.filter(pk=key).exists()
    assert not browser.get("/").wsgi_request.user.is_authenticated
    assert other.get("/").wsgi_request.user.is_authenticated
    assert (EmailAddress.objects.count(), UserSession.objects.count(), Session.objects.count()) == (1, 1, 1)
    assert [path.name for path in media.rglob("*")] == ["uploads", str(charlie.pk), "1.mbox"]
    tombstone = Erasure.objects.get()
    assert (tombstone.account, tombstone.events, bytes(tombstone.head)) == (key, events, bytes(head))
    assert LogEntry.objects.get().object_repr == "an erased account"


def noted_by_an_operator(user: User) -> None:
    LogEntry.objects.create(
        user=make_operator(), content_type=ContentType.objects.get_for_model(User), object_id=str(user.pk),
        object_repr=str(user), action_flag=CHANGE, change_message=f"Changed {user}",
    )  # fmt: skip


@pytest.mark.django_db
def test_another_address_erases_nothing(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digest(alice)
    sentence = "That was another address, so nothing was erased."
    for typed in ("charlie@example.net", ""):
        monkeypatch.setattr("sys.stdin", StringIO(f"{typed}\n"))
        monkeypatch.setattr("builtins.input", lambda question, typed=typed: typed)
        assert run("erase_user", "alice@example.org") == {"exit": 1, "error": sentence}
    assert digest(alice) == before
    assert run("erase_user", "nobody@example.org")["exit"] == 2


@pytest.mark.django_db(transaction=True)
def test_an_account_can_be_named_by_its_number(alice: User, media: Path) -> None:
    assert run("erase_user", str(alice.pk), "--yes")["exit"] == 0
    assert run("erase_user", str(alice.pk), "--yes")["exit"] == 2


@pytest.mark.django_db(transaction=True)
def test_by_a_job(alice: User, media: Path) -> None:
    plant(alice, "a")
    browser = sign_in(alice.email)
    with acting_as(alice.pk):
        erasing.leave(alice)
    assert not browser.get("/").wsgi_request.user.is_authenticated, "signed out before anything is erased"
    assert not Client().login(username=alice.email, password=PASSWORD)
    while run_one(None, "worker") is not None:
        pass
    assert left(alice.pk) == {}
    assert not User.objects.filter(pk=alice.pk).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("state", ["succeeded", "dead"])
def test_an_erasure_that_was_cut_short_is_finished(
    alice: User, charlie: User, media: Path, state: str
) -> None:
    plant(alice, "a")
    make_job(alice, kind="erase", state=state)
    make_job(charlie, kind="noop", state=state)
    default_storage.save(f"uploads/{charlie.pk}/1.mbox", ContentFile(b"Dear Charlie"))
    default_storage.save("exports/019a0000-0000-7000-8000-000000000000/1.zip", ContentFile(b"of nobody"))
    before = digest(charlie)
    assert erasing.finish_erasures() == 2
    assert (left(alice.pk), digest(charlie)) == ({}, before)
    assert [path.name for path in media.rglob("*") if path.is_file()] == ["1.mbox"]
    assert erasing.finish_erasures() == 0


@pytest.mark.django_db
def test_jobs_go_first_and_rows_before_what_they_point_at() -> None:
    order = erasing.tables()
    assert order[0] == "jobs_job"
    deletable = [model._meta.db_table for model in reversed(by_reference())]
    assert set(order) == set(deletable) - {
        "omnicrm_event", "omnicrm_eventlink", "omnicrm_eventanchor", "jobs_jobevent", "jobs_batchitem",
    }  # fmt: skip
    for model in OWNED:
        table = model._meta.db_table
        for field in model._meta.concrete_fields:
            if field.is_relation and field.name != "user" and table in order and table != "jobs_job":
                assert (
                    order.index(table) < order.index(field.related_model._meta.db_table)
                    or field.name == "batch"
                )


# --- real processes

IMPORT = """
import sys
from pathlib import Path
from django.core.files import File
from integrations.approval import approve
from integrations.plan import start_plan
from jobs.foreground import work_until_settled
from omnicrm.acting import acting_as
from omnicrm.models import User
path, *emails = sys.stdin.read().split()
for email in emails:
    user = User.objects.create_user(email, name="canary-" + email.partition("@")[0])
    with open(path, "rb") as stream:
        batch = work_until_settled(start_plan(user, File(stream, "canary-file.mbox")))
    with acting_as(user.pk):
        approve(batch, batch.plan_hash)
    print(user.pk, batch.pk)
"""
ERASE = """
import sys
from jobs.erasing import erase
from omnicrm.models import User
erase(User.objects.get(email=sys.stdin.read()))
"""
CANARIES = re.compile(rb"canary|alice@example\.org|person\d+@example|Person \d+ <", re.IGNORECASE)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        site = Site(Path(folder) / "site", LOG_LEVEL="DEBUG", MEDIA_ROOT=Path(folder) / "media")
        try:
            site.start()
            yield site
        finally:
            site.stop()


def dump(site: Site) -> bytes:
    """All that Postgres holds, as the superuser copies it."""
    dumped = subprocess.run(
        [site.postgres.programs / "pg_dump", site.home.postgres_url("postgres")],
        capture_output=True,
        check=True,
    )
    return dumped.stdout


def valkey(site: Site) -> bytes:
    with redis.Redis(unix_socket_path=str(site.home.valkey_socket)) as server:
        return b"\n".join(key + b"=" + (server.dump(key) or b"") for key in server.scan_iter("*"))


def kept_files(site: Site) -> dict[Path, bytes]:
    return {
        path: path.read_bytes() for path in (site.home.path.parent / "media").rglob("*") if path.is_file()
    }


def test_a_running_import_brings_nothing_back(site: Site, tmp_path: Path) -> None:
    """Its worker stands in the middle of a page while the account goes, and then goes on."""
    path = write_mailbox(tmp_path / "mail.mbox", 300)
    tmp_path.chmod(0o755)
    lines = site.python(IMPORT, f"{path} alice@example.org").splitlines()
    user = lines[0].split()[0]
    hold = Hold(site, "LOCK TABLE omnicrm_event IN SHARE MODE")
    worker = site.fork(
        "from django.core.management import call_command; call_command('run_jobs', until_empty=True)"
    )
    hold.stops()
    assert CANARIES.search(dump(site))
    eraser = site.fork(ERASE, "alice@example.org")
    gone = f"SELECT 1 FROM omnicrm_user WHERE id = '{user}' AND is_active"
    assert eventually(lambda: not site.ask(gone), 30)
    hold.let_go()
    eraser.wait()
    worker.wait()
    assert eraser.out.exists()
    assert worker.out.exists()
    assert site.ask("SELECT account::text FROM omnicrm_erasure") == [(user,)]
    assert CANARIES.findall(dump(site)) == []
    assert CANARIES.findall(valkey(site)) == []
    assert kept_files(site) == {}
    site.log.flush()
    log = (site.home.path.parent / "site.log").read_bytes()
    assert CANARIES.findall(log) == []
    assert b"job.fenced" in log
    assert b"account.erased" in log
