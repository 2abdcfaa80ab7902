"""The page that says what was done, and by whom."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from contacts import editing
from omnicrm.acting import acting_as, actor
from omnicrm.activity import WHO, WORDS
from omnicrm.models import Event, User
from tests.importing import import_file, letter, mailbox, take_back

APPS = ("omnicrm", "contacts", "integrations", "jobs", "ai")


def actions_in_the_code() -> set[str]:
    """The names in calls of `note` and its like; those put together at run time stand in the test."""
    calls = [
        node
        for app in APPS
        for path in Path(settings.BASE_DIR, app).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("note", "note_all", "make_event")
    ]
    words = [node for call in calls for argument in call.args for node in ast.walk(argument)]
    return {
        w.value
        for w in words
        if isinstance(w, ast.Constant) and re.fullmatch(r"[a-z]+\.[a-z_]+", str(w.value))
    }


def test_every_action_has_words() -> None:
    put_together = {f"batch.{state}" for state in ("done", "failed", "cancelled")}
    put_together |= {f"{row}.deleted" for row in ("contact", "note", "task")}
    assert actions_in_the_code() | put_together == set(WORDS)
    assert set(WHO) == set(Event.Actor)


def lines(browser: Client, query: str = "") -> list[str]:
    page = browser.get(f"/activity/{query}").text
    said = re.findall(r'<div class="grow">(.*?)</div>\s*</div>', page, re.DOTALL)
    return [" ".join(re.sub(r"<[^>]*>", " ", line).split()) for line in said]


@pytest.mark.django_db(transaction=True)
def test_what_was_done(client: Client, alice: User, tmp_path: Path) -> None:
    assert "Nothing has been done yet" in client.get("/activity/").text
    batch = import_file(alice, mailbox(tmp_path / "a.mbox", letter(1), letter(2)))
    with acting_as(alice.pk), actor("web"):
        contact = editing.create_contact(alice, name="Grace Hopper")
        editing.add_note(alice, contact=contact, text="Met at the harbour.")
    take_back(batch)
    said = lines(client)
    assert said[0].startswith("A change was taken back: a.mbox A job")
    assert "A note was added: Grace Hopper You, in the browser" in said
    assert "A person was added: Ada Lovelace · a.mbox A job" not in said  # Ada went with the import
    assert any(line.startswith("E-mails and meetings were added (2)") for line in said)
    assert "harbour" not in client.get("/activity/").text
    assert "entries are in their places and unchanged" in client.get("/activity/?check=1").text


def test_nobody_sees_anothers(client: Client, stranger: Client, alice: User) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Grace Hopper")
    assert "Grace" in client.get("/activity/").text
    assert "Nothing has been done yet" in stranger.get("/activity/").text
