"""What a search looks at follows from the contact, its company and its addresses, whoever changes them."""

from __future__ import annotations

from threading import Barrier

import pytest

from contacts import editing
from contacts.derived import refresh_contacts
from contacts.models import ContactIdentity, SearchText
from jobs.foreground import work_until_settled
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact
from tests.jobs.threads import together


def searched(user: User) -> list[str]:
    """The text of each contact that has one, on one line."""
    with acting_as(user.pk):
        texts = SearchText.objects.for_user(user).order_by("text").values_list("text", flat=True)
        return [text.replace("\n", " | ") for text in texts]


def test_it_follows_each_change_by_hand(as_alice: User) -> None:
    ada = editing.create_contact(
        as_alice, name="Ada Lovelace", addresses=["Ada@Example.org"], company="Éngines", job_title="Countess"
    )
    assert searched(as_alice) == ["ada lovelace | countess | engines | ada@example.org"]
    editing.update_contact(
        as_alice, contact=ada, name="Ada King", company="", job_title="", stage="", tags=[]
    )
    assert searched(as_alice) == ["ada king | ada@example.org"]
    number = editing.add_identity(as_alice, contact=ada, text="+44 20 7999 1111")
    assert searched(as_alice) == ["ada king | ada@example.org | +442079991111"]
    editing.remove_identity(as_alice, identity=number)
    assert searched(as_alice) == ["ada king | ada@example.org"]


def test_it_goes_with_the_contact_and_comes_back(alice: User) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada", addresses=["ada@example.org"])
        batch = editing.delete_contacts(alice, contacts=[ada])
        assert searched(alice) == []
        start_undo(batch)
    work_until_settled(batch)
    assert searched(alice) == ["ada | ada@example.org"]


@pytest.mark.django_db(transaction=True)
def test_two_addresses_at_once_are_both_searched(alice: User) -> None:
    """None of the transactions sees the others' addresses when it writes its own."""
    ada, written = make_contact(alice, display_name="Ada"), Barrier(4)

    def add(number: int) -> None:
        with acting_as(alice.pk):
            address = ContactIdentity(user=alice, kind="email", value=f"a{number}@example.org", contact=ada)
            address.save(force_insert=True)
            written.wait(10)
            refresh_contacts(alice.pk, [ada.pk])

    together(4, add)
    (text,) = searched(alice)
    assert sorted(text.split(" | ")) == [
        "a0@example.org",
        "a1@example.org",
        "a2@example.org",
        "a3@example.org",
        "ada",
    ]
