"""The page of suggested people: found, filtered and paged by its address, and decided about by one click each."""

from __future__ import annotations

import datetime as dt
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from contacts import suggested, suggesting
from contacts.models import Contact, Suggestion, Suppression
from jobs.foreground import work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import (
    NOON,
    make_contact,
    make_identity,
    make_interaction,
    make_participant,
    make_suggestion,
)

HTMX = {"HX-Request": "true"}


def suggest(user: User, address: str, name: str = "", score: int = 1, **counts: Any) -> Suggestion:
    """Somebody who wrote `score` times, the last time after as many days."""
    letter = make_interaction(user, subject=f"From {address}")
    make_participant(user, interaction=letter, identity=make_identity(user, value=address), name=name)
    last = NOON + dt.timedelta(days=score)
    evidence = {
        "sent": 0,
        "received": score,
        "met": 0,
        "invited": 0,
        "first": NOON.isoformat(),
        "last": last.isoformat(),
    }
    evidence |= {"interactions": [str(letter.pk)], "most": 20} | counts
    return make_suggestion(user, key=address, score=score, evidence=evidence)


@pytest.fixture
def three(alice: User) -> list[Suggestion]:
    return [
        suggest(alice, "ada@example.com", "Ada Lovelace", 3, met=2),
        suggest(alice, "grace@example.net", "Grace Hopper", 7),
        suggest(alice, "x@gmail.com", "", 1),
    ]


def names(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'<span class="cell-name">([^<]+)</span>', page)]


def listed(client: Client, query: str = "", **headers: str) -> list[str]:
    return names(client.get(f"/suggestions/?{query}", headers=headers).content.decode())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["Grace Hopper", "Ada Lovelace", "x"]),
        ("sort=last", ["Grace Hopper", "Ada Lovelace", "x"]),
        ("sort=name", ["Ada Lovelace", "Grace Hopper", "x"]),
        ("sort=nonsense&with=nonsense&page=nonsense", ["Grace Hopper", "Ada Lovelace", "x"]),
        ("q=ADA", ["Ada Lovelace"]),
        ("q=%00example", ["Grace Hopper", "Ada Lovelace"]),
        ("with=meetings", ["Ada Lovelace"]),
        ("with=mail", ["Grace Hopper", "x"]),
        ("domain=Example.com", ["Ada Lovelace"]),
        ("domain=example.com&with=mail", []),
        ("page=2", []),
    ],
)
@pytest.mark.usefixtures("three")
def test_the_address_says_it_all(client: Client, query: str, expected: list[str]) -> None:
    assert listed(client, query) == expected
    assert listed(client, query, **HTMX) == expected


@pytest.mark.usefixtures("three")
def test_evidence_is_told(client: Client) -> None:
    page = client.get("/suggestions/?q=ada").content.decode()
    assert "3 e-mails from them · 2 meetings · last <time" in page
    assert "From ada@example.com" in page
    assert "“ada”" in page  # the chip
    assert 'href="/suggestions/?with=mail"' in client.get("/suggestions/?q=ada&with=mail").content.decode()
    one = client.get("/suggestions/?q=x%40").content.decode()
    assert "1 e-mail from them · last" in one
    assert "Ignore all of" not in one  # anybody can be at gmail.com


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("q=nobody", "Nobody matches"),
        ("page=7", "The list ends before this page"),
        ("", "2 people"),
    ],
)
def test_pages_without_anybody_say_why(client: Client, alice: User, query: str, words: str) -> None:
    assert "Nobody to decide about" in client.get("/suggestions/").content.decode()
    for number in range(2):
        suggest(alice, f"ada{number}@example.com")
    assert words in client.get(f"/suggestions/?{query}").content.decode()


def test_long_lists_have_pages(client: Client, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(suggested.PAGE + 1):
        suggest(alice, f"ada{number:02}@example.com", score=100 - number)
    assert len(listed(client)) == suggested.PAGE
    assert 'href="?page=2"' in client.get("/suggestions/").content.decode()
    assert listed(client, "page=2") == [f"ada{suggested.PAGE}"]


def open_keys(user: User) -> list[str]:
    with acting_as(user.pk):
        return list(suggesting.open_suggestions(user).order_by("key").values_list("key", flat=True))


def test_one_is_added_by_its_button(client: Client, alice: User, three: list[Suggestion]) -> None:
    """The ticks of others do not count then; the page comes back as it was, and the way back stands on it."""
    data = {"one": str(three[0].pk), "suggestion": [str(row.pk) for row in three]}
    response = client.post("/suggestions/accept/?sort=name&page=2", data, follow=True)
    assert response.redirect_chain == [("/suggestions/?sort=name&page=2", 302)]
    assert "Added Ada Lovelace." in response.content.decode()
    with acting_as(alice.pk):
        [ada], [batch] = Contact.objects.for_user(alice), Batch.objects.for_user(alice)
    assert (ada.display_name, ada.primary_email, ada.batch_id) == (
        "Ada Lovelace",
        "ada@example.com",
        batch.pk,
    )
    assert open_keys(alice) == ["grace@example.net", "x@gmail.com"]
    client.post(f"/batches/{batch.pk}/undo/")
    work_until_settled(batch)
    assert len(open_keys(alice)) == 3


def test_those_ticked_are_added_together(client: Client, alice: User, three: list[Suggestion]) -> None:
    ticked = [str(row.pk) for row in three[:2]]
    page = client.post(
        "/suggestions/accept/", {"suggestion": [*ticked, "nonsense"]}, follow=True
    ).content.decode()
    assert "Added 2 people." in page
    assert open_keys(alice) == ["x@gmail.com"]
    again = client.post("/suggestions/accept/", {"suggestion": ticked}, follow=True).content.decode()
    assert "Nobody was ticked, or they were decided about before." in again
    with acting_as(alice.pk):
        assert Contact.objects.for_user(alice).count() == 2


def test_whom_one_ignores_is_not_suggested_again(
    client: Client, alice: User, three: list[Suggestion]
) -> None:
    page = client.post("/suggestions/ignore/", {"one": str(three[1].pk)}, follow=True).content.decode()
    assert "Ignored grace@example.net." in page
    assert open_keys(alice) == ["ada@example.com", "x@gmail.com"]
    page = client.get("/settings/ignored/").content.decode()
    assert "You passed over this suggestion" in page
    nobody = client.post("/suggestions/ignore/", {}, follow=True).content.decode()
    assert "Nobody was ticked" in nobody


def test_a_whole_domain_is_ignored(client: Client, alice: User, three: list[Suggestion]) -> None:
    data = {"domain": "example.com"}
    page = client.post("/suggestions/ignore-domain/", data, follow=True).content.decode()
    assert "Nobody at example.com is suggested any more." in page
    assert open_keys(alice) == ["grace@example.net", "x@gmail.com"]


@pytest.mark.parametrize("domain", ["gmail.com", "", "com", "x@gmail.com", "GMX.de"])
def test_a_domain_of_everybodys_is_not(client: Client, alice: User, domain: str) -> None:
    page = client.post("/suggestions/ignore-domain/", {"domain": domain}, follow=True).content.decode()
    assert "Anybody can have an address there, so ignore people one by one." in page
    with acting_as(alice.pk):
        assert not Suppression.objects.for_user(alice).exists()


def test_nobody_decides_about_anothers(client: Client, charlie: User, three: list[Suggestion]) -> None:
    hers = suggest(charlie, "ada@example.org")
    for verb in ("accept", "ignore"):
        client.post(f"/suggestions/{verb}/", {"one": str(hers.pk)})
    assert open_keys(charlie) == ["ada@example.org"]
    assert "ada@example.org" not in client.get("/suggestions/").content.decode()


def test_today_counts_them(client: Client, alice: User) -> None:
    make_contact(alice)
    assert "suggested p" not in client.get("/").content.decode()
    suggest(alice, "ada@example.com")
    assert "suggested person" in client.get("/").content.decode()


def test_the_operators_list_is_shown_with_its_reason(client: Client, settings: Settings) -> None:
    settings.BLOCKED_SENDERS = frozenset({"noreply@*", "spam.example"})
    page = client.get("/settings/ignored/").content.decode()
    assert "Whoever runs this server keeps these out for everybody" in page
    assert "noreply@ at any domain" in page
    assert "everybody at spam.example" in page
