"""“Why is it not here?”: what became of each line of a file, in words, and only of one's own."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from integrations.answers import answer
from integrations.ledger import verdict
from jobs.models import PlanItem
from omnicrm.models import User
from tests.factories import (
    NOON,
    make_batch,
    make_plan_item,
    make_raw_event,
    make_source_file,
    make_stream,
    make_work,
)
from tests.importing import carry_out, import_file, letter, mailbox, plan, take_back

pytestmark = pytest.mark.django_db


@pytest.fixture
def archive(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    letters = [letter(1), letter(2, sender="Bo <bo@example.com>", subject="Tea"), letter(1)]
    return mailbox(tmp_path / "mail.mbox", *letters)


def told(client: Client, address: str) -> list[str]:
    """The answers that a page gives, in order."""
    page = client.get(address).content.decode()
    return re.findall(r'<(?:b|td) class="text-(?:good|calm|warn|bad)">([^<]+)<', page)


def test_each_message_of_a_sender_has_an_answer(client: Client, alice: User, archive: Path) -> None:
    batch = plan(alice, archive)
    assert told(client, "/import/why/?q=bo@example.com") == ["Only planned"]
    carry_out(batch)
    assert told(client, "/import/why/?q=Ada@example.com") == ["Imported", "Left out: twice in this file"]
    assert told(client, "/import/why/?q=<m2@example.com>") == ["Imported"]
    take_back(batch)
    assert told(client, "/import/why/?q=<m2@example.com>") == ["Taken back"]


def test_words_are_found_in_one_file(client: Client, alice: User, archive: Path) -> None:
    batch = import_file(alice, archive)
    page = f"/batches/{batch.pk}/"
    assert told(client, f"{page}?find=tea") == ["Imported"]
    assert told(client, f"{page}?find=m1@example") == ["Imported", "Left out: twice in this file"]
    assert "Nothing in this file has “%_” in its" in client.get(f"{page}?find=%25_").content.decode()


@pytest.mark.parametrize(
    ("state", "approved", "title"),
    [
        ("running", True, "Waiting for its turn"),
        ("planned", False, "Only planned"),
        ("cancelled", True, "Not reached"),
        ("failed", True, "Not reached"),
        ("undone", True, "Taken back"),
    ],
)
def test_without_a_verdict_the_import_says_how_far_it_is(
    as_alice: User, state: str, approved: bool, title: str
) -> None:
    batch = make_batch(as_alice, kind="file_import", state=state, approved_at=NOON if approved else None)
    line = make_plan_item(as_alice, batch=batch)
    assert answer(line, verdict(line, None)).title == title


def test_what_could_not_be_read_says_why(as_alice: User) -> None:
    line = make_plan_item(
        as_alice, outcome=PlanItem.Outcome.FAIL, reason="unreadable", data={"problem": "No date."}
    )
    said = answer(line, "pending")
    assert (said.title, said.meaning, said.tone) == ("Cannot be read", "No date.", "bad")
    raw = answer(make_plan_item(as_alice), "failed:unreadable")
    assert (raw.title, raw.tone) == ("Cannot be read", "bad")


def test_nobody_is_told_of_others(client: Client, stranger: Client, alice: User) -> None:
    batch = make_batch(alice, kind="file_import", state="done")
    make_source_file(alice, batch=batch)
    make_plan_item(alice, batch=batch, kind="email", data={"subject": "SECRET", "from": "bo@example.com"})
    assert "SECRET" in client.get("/import/why/?q=bo@example.com").content.decode()
    answered = stranger.get("/import/why/?q=bo@example.com").content.decode()
    assert "No import has seen that" in answered
    assert "SECRET" not in answered


@pytest.mark.parametrize("query", ["", "q=", "q=%00", "q=" + "x" * 5000, "q=<>", "q=%3Cscript%3E"])
def test_nonsense_is_no_error(client: Client, query: str) -> None:
    page = client.get(f"/import/why/?{query}")
    assert page.status_code == 200
    assert b"<script>" not in page.content


def test_each_id_that_a_mailbox_named_has_an_answer(client: Client, alice: User) -> None:
    stream = make_stream(alice)
    mail = {"source": stream.source, "remote": "live", "kind": "email"}
    stub = {"author": "shop@example.com", "item_key": "offer@example.com", "occurred_at": NOON}
    make_raw_event(alice, external_id="1a", verdict="skipped:category:promotions", **mail, **stub)
    make_raw_event(alice, external_id="1b", verdict="skipped:spam", **mail)
    make_raw_event(alice, external_id="1c", verdict="kept", **mail)
    make_raw_event(alice, external_id="1d", verdict="kept", **mail | {"remote": "trash"})
    make_raw_event(alice, external_id="1e", verdict="pending", **mail)
    make_raw_event(alice, external_id="1f", verdict="failed:garbled", reason="It is cut off.", **mail)
    make_work(alice, stream=stream, external_id="2a")
    make_work(alice, stream=stream, external_id="2b", state="parked")
    answers = {id: told(client, f"/import/why/?q={id}") for id in ("1a", "1b", "1c", "1d", "1e", "2a", "2b")}
    assert answers == {
        "1a": ["Left out: Gmail’s tab Promotions"],
        "1b": ["Left out: spam"],
        "1c": ["Imported"],
        "1d": ["Left out: in the bin"],
        "1e": ["Being read"],
        "2a": ["On its way"],
        "2b": ["Put aside"],
    }
    for asked in ("shop@example.com", "<offer@example.com>", "offer@example.com"):
        assert told(client, f"/import/why/?q={asked}") == ["Left out: Gmail’s tab Promotions"]
    page = client.get("/import/why/?q=1f").content.decode()
    assert "It is cut off." in page


def test_a_planned_message_of_a_mailbox_is_told_once(client: Client, alice: User) -> None:
    stream = make_stream(alice)
    options = {"source": stream.source, "stream": str(stream.pk), "reads": "gmail"}
    batch = make_batch(
        alice, kind="google_import", state="done", options=options, approved_at=NOON, title="Gmail of Ada"
    )
    make_plan_item(alice, batch=batch, kind="email", external_id="1a", data={"thread": "1"})
    make_raw_event(
        alice,
        external_id="1a",
        verdict="kept",
        source=stream.source,
        remote="live",
        batch=batch,
        kind="email",
    )
    assert told(client, "/import/why/?q=1a") == ["Imported"]
