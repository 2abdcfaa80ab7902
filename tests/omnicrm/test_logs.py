"""Logs: a click can be followed to the jobs that it made, and nobody's mail can be read in them."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import IntegrityError
from django.test import Client
from pytest_django import Settings

from contacts.models import ContactIdentity
from jobs import queue
from jobs.foreground import work_until_settled
from jobs.models import Batch, Job
from jobs.runner import run_one
from omnicrm import views
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_identity, make_job
from tests.importing import letter, mailbox
from tests.jobs.kinds import HANDLERS

MAIL = "canary@example.com wrote"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def logged(settings: Settings, tmp_path: Path) -> Iterator[Lines]:
    """What the handler that writes to stderr has written since, each line as the object it must be."""
    settings.MEDIA_ROOT = tmp_path / "media"
    [handler] = [h for h in logging.getLogger().handlers if type(h) is logging.StreamHandler]
    before = handler.setStream(io.StringIO())
    yield lambda: [json.loads(line) for line in handler.stream.getvalue().splitlines()]
    handler.setStream(before)


def of_request(lines: list[dict[str, Any]], request_id: str) -> list[tuple[Any, ...]]:
    """Of each line of one request: what it says, of which page or kind of job, and how that ended."""
    return [
        (line["event"], line.get("view") or line.get("kind"), line.get("status") or line.get("state"))
        for line in lines
        if line.get("request_id") == request_id
    ]


def the_batch(user: User) -> Batch:
    with acting_as(user.pk):
        return Batch.objects.for_user(user).get()


def test_a_click_leads_to_its_jobs(client: Client, alice: User, tmp_path: Path, logged: Lines) -> None:
    content = mailbox(tmp_path / "mail.mbox", letter(1, text="canary in a cage")).read_bytes()
    dropped = {"file": SimpleUploadedFile("canary.mbox", content)}
    address = client.post("/import/upload/", dropped, headers={"X-Request-ID": "click-to-plan"}).url  # type: ignore[attr-defined]
    batch = work_until_settled(the_batch(alice))
    form = {"plan_hash": batch.plan_hash}
    answer = client.post(f"{address}approve/", form, headers={"X-Request-ID": "click-to-approve"})
    assert answer.headers["X-Request-ID"] == "click-to-approve"
    work_until_settled(batch)
    client.get("/contacts/ada-lovelace/", {"q": "canary"})

    lines = logged()
    assert of_request(lines, "click-to-plan") == [
        ("request", "integrations:upload", 302),
        ("job.ran", "plan_import", "succeeded"),
    ]
    assert of_request(lines, "click-to-approve") == [
        ("request", "batches:approve", 302),
        ("job.ran", "file_import", "succeeded"),
        ("job.ran", "normalize", "succeeded"),
    ]
    with acting_as(alice.pk):
        jobs = {str(job.pk): job.request_id for job in Job.objects.for_user(alice)}
    assert {line["job_id"]: line["request_id"] for line in lines if line["event"] == "job.ran"} == jobs
    for word in ("canary", "lovelace", "alice@example.org", "hello", "m1@example.com"):
        assert word not in json.dumps(lines).lower()


def test_what_breaks_is_told_without_what_it_broke_on(
    client: Client, alice: User, logged: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(user: User) -> None:
        try:
            int(MAIL)
        except ValueError as error:
            raise RuntimeError(MAIL) from error

    monkeypatch.setattr(views, "today_context", broken)
    monkeypatch.setitem(queue.handlers, "fails", HANDLERS["fails"])
    client.raise_request_exception = False
    client.get("/", headers={"X-Request-ID": "click-that-breaks"})
    job = make_job(alice, kind="fails", max_attempts=1, request_id="click-that-fails")
    run_one(None, "test", user=job.user_id)

    lines = logged()
    assert of_request(lines, "click-that-breaks") == [
        ("Internal Server Error: home", None, None),
        ("request", "home", 500),
    ]
    assert of_request(lines, "click-that-fails") == [
        ("job.failed", "fails", None),
        ("job.ran", "fails", "dead"),
    ]
    [web, failed] = [line["exception"] for line in lines if "exception" in line]
    assert "raise RuntimeError(MAIL) from error\nbuiltins.RuntimeError\ncaused by\n" in web
    assert "in broken\n    int(MAIL)\n" in web
    assert web.endswith("\nbuiltins.ValueError")
    assert "in fails\n" in failed
    assert failed.endswith("\nbuiltins.ValueError")
    assert MAIL not in json.dumps(lines)


@pytest.mark.parametrize("path", ["/contacts/ada-lovelace/", "/nothing/ada-lovelace/"])
def test_a_path_is_not_told(client: Client, logged: Lines, path: str) -> None:
    client.get(path, headers={"X-Request-ID": "click-in-the-dark"})
    [line] = logged()
    assert (line["event"], line["status"]) == ("request", 404)
    assert line["view"] in ("contacts:detail", "")
    assert "lovelace" not in json.dumps(line)


def test_a_form_without_its_token_is_told_by_its_page(alice: User, logged: Lines) -> None:
    Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "ada@example.com", "password": "y"})
    refused, request = logged()
    assert refused["event"] == "Forbidden (CSRF cookie not set.): account_login"
    assert (request["view"], request["status"]) == ("account_login", 403)
    assert refused["request_id"] == request["request_id"]


def test_a_broken_rule_of_the_database_is_told_by_name(alice: User, logged: Lines) -> None:
    address = make_identity(alice).value
    try:
        with acting_as(alice.pk):
            ContactIdentity(user=alice, kind="email", value=address).save()
    except IntegrityError:
        logging.getLogger("tests").exception("Broken.")
    [line] = logged()
    assert "psycopg.errors.UniqueViolation 23505 contacts_contactidentity contacts_" in line["exception"]
    assert address not in line["exception"]


def test_machines_that_ask_are_not_told_of(client: Client, logged: Lines) -> None:
    for path in ("/livez", "/readyz"):
        assert client.get(path).status_code == 200
    assert logged() == []


def test_a_command_says_what_it_is_asked_and_no_more(
    alice: User, tmp_path: Path, logged: Lines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LOG_LEVEL", raising=False)
    file = str(mailbox(tmp_path / "mail.mbox", letter(1)))
    call_command("import_file", file, "--user", alice.email, "--plan-only", stdout=io.StringIO())
    assert logged() == []
    monkeypatch.setenv("LOG_LEVEL", "INFO")
    call_command("import_file", file, "--user", alice.email, "--plan-only", stdout=io.StringIO())
    assert [(line["event"], line["kind"]) for line in logged()] == [("job.ran", "plan_import")]
