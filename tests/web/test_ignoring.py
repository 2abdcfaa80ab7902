"""Ignoring a sender by hand: what it means is shown, what is here goes by choice, and all of it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client

from contacts.models import Contact, Interaction, Suppression
from integrations.ledger import ledger
from jobs.foreground import work_until_settled
from jobs.models import Batch
from jobs.restore import state_hash
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact, make_identity, make_own_address, make_suppression
from tests.importing import import_file, letter, mailbox, plan, take_back

ADD = "/settings/ignored/add/"


@pytest.fixture
def brought(alice: User, tmp_path: Path) -> Batch:
    """Two letters of Ada's, one to her, and one of Grace's, who has an address at the same domain and another."""
    batch = import_file(
        alice,
        mailbox(
            tmp_path / "a.mbox",
            letter(1),
            letter(2),
            letter(3, sender="alice@example.org", to="ada@example.com"),
            letter(4, sender="Grace Hopper <grace@example.com>"),
            letter(5, sender="Charles <charles@example.net>"),
        ),
    )
    with acting_as(alice.pk):
        grace = Contact.objects.for_user(alice).get(primary_email="grace@example.com")
    make_identity(alice, value="grace@example.net", contact=grace)
    return batch


def here(user: User) -> tuple[int, list[str]]:
    with acting_as(user.pk):
        people = (
            Contact.objects.for_user(user).order_by("display_name").values_list("display_name", flat=True)
        )
        return Interaction.objects.for_user(user).count(), list(people)


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        ("Ada@Example.com ", "2 e-mails and meetings of theirs, and 1 person without"),
        ("example.com", "3 e-mails and meetings of theirs, and 1 person without"),
        ("@example.net", "1 e-mail or meeting of theirs, and 1 person without"),
        ("nobody@example.edu", "nothing of theirs"),
    ],
)
@pytest.mark.usefixtures("brought")
def test_what_it_means_is_shown_and_nothing_is_done(
    client: Client, alice: User, sender: str, words: str
) -> None:
    page = client.get(ADD, {"sender": sender}).content.decode()
    assert words in " ".join(page.split())
    assert here(alice)[0] == 5
    with acting_as(alice.pk):
        assert not Suppression.objects.for_user(alice).exists()


@pytest.mark.parametrize(
    ("sender", "words"),
    [
        ("ada", "This is neither an address nor a domain."),
        ("a b@example.com", "This is neither an address nor a domain."),
        ("gmail.com", "Anybody can have an address at gmail.com."),
        ("alice@example.org", "That is your own address, or one of yours is at this domain."),
        ("mine.example", "That is your own address, or one of yours is at this domain."),
    ],
)
def test_what_cannot_be_ignored_is_refused(client: Client, alice: User, sender: str, words: str) -> None:
    make_own_address(alice, value="me@mine.example")
    for answer in (client.get(ADD, {"sender": sender}), client.post(ADD, {"sender": sender})):
        assert answer.status_code == 422
        assert words in answer.content.decode()
    assert client.get(ADD).status_code == 200


def test_from_now_on(client: Client, alice: User, brought: Batch, tmp_path: Path) -> None:
    before = here(alice)
    page = client.post(ADD, {"sender": "example.com"}, follow=True).content.decode()
    assert "Ignored everybody at example.com." in page
    assert here(alice) == before
    found = plan(alice, mailbox(tmp_path / "b.mbox", letter(9)))
    assert found.totals["reasons"] == {"ignored": 1}


def test_what_is_here_goes_and_comes_back(client: Client, alice: User, brought: Batch) -> None:
    with acting_as(alice.pk):
        before = state_hash(alice.pk)
    client.post(ADD, {"sender": "example.com", "retroactive": "1"})
    assert here(alice) == (2, ["Charles", "Grace Hopper"])
    with acting_as(alice.pk):
        book = ledger(alice.pk)
        batch = Batch.objects.for_user(alice).get(kind="ignore")
        start_undo(batch)
    assert (book["imported"], book["skipped"], book["balanced"]) == (2, {"ignored": 3}, True)
    assert batch.totals == {"result": {"interactions": 3, "deleted": 1}}
    work_until_settled(batch)
    with acting_as(alice.pk):
        assert state_hash(alice.pk) == before
        assert ledger(alice.pk)["imported"] == 5
        assert not Suppression.objects.for_user(alice).filter(reason="ignored").exists()
    take_back(brought)
    assert here(alice) == (0, [])


def test_the_import_that_brought_it_may_be_undone_meanwhile(
    client: Client, alice: User, brought: Batch
) -> None:
    client.post(ADD, {"sender": "example.com", "retroactive": "1"})
    take_back(brought)
    with acting_as(alice.pk):
        batch = Batch.objects.for_user(alice).get(kind="ignore")
        start_undo(batch)
    work_until_settled(batch)
    assert here(alice)[0] == 0


def test_a_milder_word_comes_back_with_the_undo(client: Client, alice: User) -> None:
    make_suppression(alice, scope="domain", key="example.com", reason="passed")
    client.post(ADD, {"sender": "example.com"})
    with acting_as(alice.pk):
        assert Suppression.objects.for_user(alice).get().reason == "ignored"
        batch = Batch.objects.for_user(alice).get(kind="ignore")
        start_undo(batch)
    work_until_settled(batch)
    with acting_as(alice.pk):
        assert Suppression.objects.for_user(alice).get().reason == "passed"


def test_nobody_elses_list_or_mail_is_touched(
    client: Client, alice: User, charlie: User, tmp_path: Path
) -> None:
    import_file(charlie, mailbox(tmp_path / "c.mbox", letter(1, to="charlie@example.net")))
    make_contact(charlie)
    before = here(charlie)
    assert "nothing of theirs" in client.get(ADD, {"sender": "example.com"}).content.decode()
    client.post(ADD, {"sender": "example.com", "retroactive": "1"})
    assert here(charlie) == before
    with acting_as(charlie.pk):
        assert not Suppression.objects.for_user(charlie).exists()
