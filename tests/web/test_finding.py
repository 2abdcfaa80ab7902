"""The search of everything: people, messages, meetings and notes by their words, of one's own alone, each with its place."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from django.test import Client

from contacts.finding import around, find, marked, said
from contacts.models import Contact
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import (
    NOON,
    make_contact,
    make_identity,
    make_interaction,
    make_note,
    make_participant,
)

EVERY = ["email", "meeting", "call", "note"]


@pytest.fixture
def ada(alice: User) -> Contact:
    """Ada, who wrote about an invoice; a meeting with her, and two notes on her, one of them private."""
    ada = make_contact(alice, display_name="Ada Lovelace", slug="ada", job_title="Invoices")
    address = make_identity(alice, value="ada@example.org", contact=ada)
    letter = make_interaction(
        alice,
        subject="Your Invoice <b>4711</b>",
        visible_text="Dear Zoë,\nsee www.example.org/café-menu. It's due.",
        occurred_at=NOON,
    )
    meeting = make_interaction(
        alice, kind="meeting", subject="Tea", visible_text="", occurred_at=NOON + dt.timedelta(days=1)
    )
    for one in (letter, meeting):
        make_participant(alice, interaction=one, identity=address, role="from", kind=one.kind)
    make_note(alice, contact=ada, text="Prefers invoices on paper.")
    make_note(alice, contact=ada, text="Secret invoice.", private=True)
    return ada


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("invoice", ["contact", "note", "email"]),
        ("INVOI", ["contact", "note", "email"]),
        ("voice", ["contact"]),
        ("invoice paper", ["note"]),
        ("invoice zoe", ["email"]),
        ("cafe", ["email"]),
        ("example.org/café", ["email"]),
        ("4711", ["email"]),
        ("471 due", ["email"]),
        ("it's", ["email"]),
        ("is", []),
        ("tea", ["meeting"]),
        ("secret", []),
        ("sealed", []),
        ("ada", ["contact"]),
        ("b", ["email"]),
        ("% & | ! ( ' \\", []),
        ("   ", []),
    ],
)
def test_all_words_are_somewhere_in_it(alice: User, ada: Contact, words: str, found: list[str]) -> None:
    with acting_as(alice.pk):
        assert [hit.type for hit in find(alice, words.strip()).hits] == found


def test_nobody_else_is_found(stranger: Client, charlie: User, ada: Contact) -> None:
    assert b"Nothing here says that" in stranger.get("/search/?q=invoice").content
    with acting_as(charlie.pk):
        assert said("invoice", EVERY, 9) == []


def test_each_stands_somewhere(client: Client, ada: Contact) -> None:
    page = client.get("/search/?q=invoice").content.decode()
    addresses = re.findall(r'class="cell-name" href="([^"]+)"', page)
    assert addresses[0] == "/contacts/ada/"
    assert "Prefers invoices on paper." in client.get(addresses[1].replace("&amp;", "&")).content.decode()
    assert re.fullmatch(r"/contacts/ada/\?kind=note&amp;before=\S+#note-[0-9a-f-]{36}", addresses[1])
    assert b"Dear Zo" in client.get(addresses[2]).content


def test_what_others_wrote_is_shown_as_text(client: Client, ada: Contact) -> None:
    page = client.get("/search/?q=4711+invoice").content.decode()
    assert "Your <mark>Invoice</mark> &lt;b&gt;<mark>4711</mark>&lt;/b&gt;" in page
    assert "Ada Lovelace wrote" in page


def test_mail_of_nobody_has_no_page(client: Client, alice: User) -> None:
    make_interaction(alice, subject="Offer")
    page = client.get("/search/?q=offer").content.decode()
    assert '<b class="cell-name"><mark>Offer</mark></b>' in page


def test_a_kind_alone_and_its_pages(client: Client, alice: User, ada: Contact) -> None:
    for number in range(25):
        make_interaction(alice, subject=f"Report {number}", occurred_at=NOON + dt.timedelta(hours=number))
    first = client.get("/search/?q=report&kind=email").content.decode()
    assert titles(first) == [f"Report {number}" for number in range(24, 4, -1)]
    assert 'href="/search/?q=report&amp;kind=email&amp;page=2" rel="next"' in first
    second = client.get("/search/?q=report&kind=email&page=2").content.decode()
    assert titles(second) == [f"Report {number}" for number in range(4, -1, -1)]
    assert 'rel="next"' not in second
    assert "That was everything" in client.get("/search/?q=report&page=3").content.decode()
    assert titles(client.get("/search/?q=invoice&kind=note").content.decode()) == ["Note on Ada Lovelace"]
    people = client.get("/search/?q=invoice&kind=people").content.decode()
    assert (titles(people), "Lovelace" in people) == (["Ada Lovelace"], True)
    assert titles(client.get("/search/?q=invoice&kind=nonsense").content.decode())[0] == "Ada Lovelace"


def titles(page: str) -> list[str]:
    found = re.findall(r'class="cell-name"[^>]*>(.*?)</(?:a|b)>', page)
    return [re.sub("<[^>]+>", "", title) for title in found]


def test_what_few_say_is_found_however_old_it_is(alice: User) -> None:
    """The first ten of the newest are looked at; what is not among them, the index knows."""
    for number in range(14):
        subject = {0: "Rare thing", 12: "Common thing"}.get(number, f"Thing {number}")
        make_interaction(alice, subject=subject, occurred_at=NOON + dt.timedelta(hours=number))
    with acting_as(alice.pk):
        assert [len(said(word, EVERY, 1)) for word in ("rare", "common", "nothing")] == [1, 1, 0]
        assert len(said("thing", EVERY, 20)) == 14


def test_the_three_states_differ(client: Client, ada: Contact) -> None:
    assert "Everything in one place" in client.get("/search/").content.decode()
    assert "Nothing here says that" in client.get("/search/?q=zzz").content.decode()
    assert "In Gmail" in client.get("/search/?q=zzz").content.decode()
    fragment = client.get("/search/?q=tea", headers={"HX-Request": "true"}).content.decode()
    assert ("<html" in fragment, titles(fragment)) == (False, ["Tea"])


def test_so_much_is_shown_around_the_first_of_the_words() -> None:
    text = "one " * 60 + "wanted " + "two " * 90
    shown = around(text, ["wanted"])
    assert shown.startswith("… one one")
    assert shown.endswith(" …")
    assert 60 < shown.index("wanted") < 90
    assert around("wanted at once", ["wanted"]) == "wanted at once"
    assert marked("Zoë & zoe", ["zo"]) == "<mark>Zoë</mark> &amp; <mark>zoe</mark>"
