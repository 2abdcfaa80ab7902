"""Erasing somebody from their page, and letting them in again; and the same by command."""

from __future__ import annotations

import pytest
from django.test import Client

from contacts.models import Contact, Suppression
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.commands.contract import ALICE, run
from tests.factories import (
    make_batch,
    make_contact,
    make_identity,
    make_interaction,
    make_note,
    make_participant,
    make_suppression,
)
from tests.isolation.planting import digest

pytestmark = pytest.mark.django_db

PAGE = "/contacts/ada/erase/"


@pytest.fixture
def ada(alice: User) -> Contact:
    """Known by two addresses, with a letter of hers and one among others."""
    ada = make_contact(alice, display_name="Ada Lovelace", slug="ada")
    email = make_identity(alice, value="ada@example.com", contact=ada)
    make_identity(alice, kind="phone", value="+442071838750", contact=ada)
    make_participant(alice, identity=email)
    among = make_interaction(alice)
    make_participant(alice, identity=email, interaction=among, role="to")
    make_participant(alice, interaction=among)
    make_note(alice, contact=ada)
    return ada


def suppressed(user: User) -> list[Suppression]:
    with acting_as(user.pk):
        return list(Suppression.objects.for_user(user).order_by("key"))


def test_the_page_says_what_goes_and_what_stays(client: Client, alice: User, ada: Contact) -> None:
    before = digest(alice)
    page = " ".join(client.get(PAGE).content.decode().split())
    assert "Ada Lovelace with 2 addresses and numbers, 1 note and 0 tasks; 1 e-mail or meeting:" in page
    assert "1 e-mail or meeting with others, too, without their name" in page
    assert PAGE in client.get("/contacts/ada/").content.decode()
    assert PAGE in client.get("/contacts/ada/delete/").content.decode()
    assert digest(alice) == before


def test_erasing_and_letting_in_again(client: Client, alice: User, ada: Contact) -> None:
    answer = client.post(PAGE, follow=True)
    assert "Ada Lovelace is erased." in answer.content.decode()
    assert client.get("/contacts/ada/").status_code == 404
    email, phone = suppressed(alice)
    assert (email.key[:6], phone.key[:6], email.reason) == ("email:", "phone:", "erased")
    page = client.get("/settings/ignored/").content.decode()
    assert "An address of somebody you erased" in page
    assert "A number of somebody you erased" in page
    assert email.key not in page
    client.post(f"/settings/ignored/{email.pk}/let-in/")
    assert [row.key for row in suppressed(alice)] == [phone.key]
    with acting_as(alice.pk):
        noted = Event.objects.for_user(alice).get(action="suppression.lifted")
        assert (noted.actor, noted.object_id, noted.data) == ("web", email.pk, {"reason": "erased"})


def test_what_was_deleted_or_ignored_is_listed_by_name(client: Client, alice: User) -> None:
    make_suppression(alice, scope="domain", key="spam.example", reason="ignored")
    make_suppression(alice, scope="address", key="ada@example.com", reason="deleted")
    undone = make_suppression(alice, scope="item", key="m1@example.com", reason="undone")
    page = client.get("/settings/ignored/").content.decode()
    assert ("spam.example" in page, "ada@example.com" in page, "m1@example.com" in page) == (
        True,
        True,
        False,
    )
    assert client.post(f"/settings/ignored/{undone.pk}/let-in/").status_code == 404


def test_while_something_is_at_work(client: Client, alice: User, ada: Contact) -> None:
    make_batch(alice, kind="file_import", state="running", title="half.mbox")
    before = digest(alice)
    answer = client.post(PAGE)
    assert (answer.status_code, "“half.mbox” is at work" in answer.content.decode()) == (409, True)
    assert digest(alice) == before


def test_a_stranger_erases_nobody(stranger: Client, alice: User, ada: Contact) -> None:
    before = digest(alice)
    assert (stranger.get(PAGE).status_code, stranger.post(PAGE).status_code) == (404, 404)
    row = make_suppression(alice, scope="address", key="x", reason="ignored")
    assert stranger.post(f"/settings/ignored/{row.pk}/let-in/").status_code == 404
    with acting_as(alice.pk):
        row.delete()
    assert digest(alice) == before


def test_by_command(alice: User, ada: Contact, monkeypatch: pytest.MonkeyPatch) -> None:
    sentence = "That was something else, so nobody was erased."
    monkeypatch.setattr("builtins.input", lambda question: "no")
    assert run("erase_contact", *ALICE, "--contact", "ada@example.com") == {"exit": 1, "error": sentence}
    told = run("erase_contact", *ALICE, "--contact", "+44 20 7183 8750", "--yes")
    assert told == {
        "exit": 0, "erased": True, "addresses": 2, "interactions": 1, "shared": 1, "notes": 1, "tasks": 0,
    }  # fmt: skip
    nobody = {"exit": 2, "error": "Nobody here is known by ada@example.com."}
    assert run("erase_contact", *ALICE, "--contact", "ada@example.com", "--yes") == nobody
    assert run("erase_contact", *ALICE, "--contact", "nonsense", "--yes")["exit"] == 2
    with acting_as(alice.pk):
        assert not Contact.objects.for_user(alice).exists()
