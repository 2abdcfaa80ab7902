"""Search: every word must be somewhere in a person, however common, rare, short or strange the words are."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from django.test import Client

from contacts import listing
from contacts.derived import refresh_search
from contacts.models import Contact, ContactIdentity
from contacts.search import few_with
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_company, make_contact, make_identity
from tests.web.test_contact_list import listed


@pytest.fixture
def people(alice: User) -> None:
    engines = make_company(alice, name="Analytical Engines")
    ada = make_contact(alice, display_name="Ada Lovelace", job_title="Countess", company=engines)
    make_identity(alice, value="ada@example.org", contact=ada)
    make_identity(alice, kind="phone", value="+441234567", contact=ada)
    make_identity(alice, kind="phone", value="0207999111", contact=ada)
    bo = make_contact(alice, display_name="Bo 100%", job_title="Baker", company=engines)
    make_identity(alice, value="bo_o@example.org", contact=bo)
    make_contact(alice, display_name="Cy O'Hara", job_title=r"Head of C:\Drive")
    make_contact(alice, display_name='Di "Dot" Łukasz', job_title="Zoë")
    make_contact(alice, display_name="王伟")
    make_identity(alice, value="nobody-yet@example.org")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("lovelace", ["Ada Lovelace"]),
        ("LOVELACE ADA", ["Ada Lovelace"]),
        ("countess engines 4412 @example", ["Ada Lovelace"]),
        ("countess baker", []),
        ("+44 (0)1234 567", ["Ada Lovelace"]),
        ("0044 1234-567", ["Ada Lovelace"]),
        ("01234/567", ["Ada Lovelace"]),
        ("lovelace 1234 56", ["Ada Lovelace"]),
        ("1234568", []),
        ("(020) 7999 111", ["Ada Lovelace"]),
        ("567 020", []),
        ("ada lovelace countess", ["Ada Lovelace"]),
        ("acountess", []),
        ("engines", ["Ada Lovelace", "Bo 100%"]),
        ("engines a", ["Ada Lovelace", "Bo 100%"]),
        ("engines l", ["Ada Lovelace", "Bo 100%"]),
        ("love a", ["Ada Lovelace"]),
        ("love q", []),
        ("q", []),
        ("%", ["Bo 100%"]),
        ("100%", ["Bo 100%"]),
        ("10%0", []),
        ("_", ["Bo 100%"]),
        ("bo_o", ["Bo 100%"]),
        ("ada_example", []),
        ("\\", ["Cy O'Hara"]),
        ("c:\\drive", ["Cy O'Hara"]),
        ("o'hara", ["Cy O'Hara"]),
        ("'", ["Cy O'Hara"]),
        ('"dot"', ['Di "Dot" Łukasz']),
        ("łukasz ZOË", ['Di "Dot" Łukasz']),
        ("łuk", ['Di "Dot" Łukasz']),
        ("lukasz zoe", ['Di "Dot" Łukasz']),
        ("LOVÉLÄCE", ["Ada Lovelace"]),
        ("伟", ["王伟"]),
        ("王伟", ["王伟"]),
        ("伟王", []),
        ("{ada,null}", []),
        ("nobody-yet", []),
        ("   ", ["Ada Lovelace", "Bo 100%", "Cy O'Hara", 'Di "Dot" Łukasz', "王伟"]),
    ],
)
def test_every_word_is_somewhere(client: Client, people: None, words: str, expected: list[str]) -> None:
    assert listed(client, "q=" + quote(words)) == expected


def test_nobody_else_is_found(stranger: Client, people: None) -> None:
    assert listed(stranger, "q=lovelace") == []
    assert listed(stranger, "q=a") == []


def crowd(user: User, size: int) -> None:
    """Person 0, Person 1 …, each with an address."""
    contacts = [
        Contact(user=user, display_name=f"Person {n}", sort_name=f"person {n:06}", slug=f"p-{n}")
        for n in range(size)
    ]
    identities = [
        ContactIdentity(user=user, kind="email", value=f"p{n}@example.org", contact=contact)
        for n, contact in enumerate(contacts)
    ]
    with acting_as(user.pk):
        Contact.unscoped.bulk_create(contacts)
        ContactIdentity.unscoped.bulk_create(identities)
        refresh_search(user.pk, [contact.pk for contact in contacts])


def test_words_that_many_have_are_tested_and_not_listed(client: Client, alice: User) -> None:
    """3,001 people have "person": who has it is not listed; who has the other word as well, is."""
    crowd(alice, 3_001)
    with acting_as(alice.pk):
        assert few_with(["person"]) is None
        assert few_with(["p"]) is None
        (few,) = Contact.objects.for_user(alice).filter(display_name="Person 2977")
        assert few_with(["person", "p2977@"]) == f"{{{few.pk}}}"
        assert few_with(["zz"]) == "{}"
    assert listed(client, "q=person+p2977@") == ["Person 2977"]
    assert listed(client, "q=person+299")[:3] == ["Person 299", "Person 1299", "Person 2299"]
    assert listed(client, "q=person")[:2] == ["Person 0", "Person 1"]
    assert listed(client, "q=person&sort=-name")[:2] == ["Person 3000", "Person 2999"]


def test_beyond_the_bound_the_page_says_so(
    client: Client, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "COUNTED", 60)
    crowd(alice, 100)
    assert "100 people found" in client.get("/contacts/?q=person").content.decode()
    assert "More than 60 people" in client.get("/contacts/").content.decode()
    make_contact(alice, display_name="Person of last resort")
    assert "More than 100 people found" in client.get("/contacts/?q=person").content.decode()
