"""The page on which one says what to take from an account."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from integrations.models import GoogleAccount
from integrations.preferences import Creation, Keep, Preferences, keep_of_thread
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_batch, make_google_account, make_raw_event, make_stream, make_suggestion

FILLED: dict[str, Any] = {
    "days": "90",
    "categories_out": ["social", "promotions"],
    "labels_out": "Private\r\n Work/Old \r\n\r\n",
    "creation": "suggest",
    "internal": "example.org, @Example.net",
    "most_attendees": "12",
    "keep": "subject",
}


@pytest.fixture
def account(alice: User) -> GoogleAccount:
    return make_google_account(alice, email="alice.archer@gmail.com")


def place(account: GoogleAccount) -> str:
    return f"/connections/{account.pk}/preferences/"


def kept(account: GoogleAccount) -> Preferences:
    with acting_as(account.user_id):
        return Preferences.of(GoogleAccount.objects.for_user(account.user_id).get(pk=account.pk))


def test_choices_are_kept(client: Client, account: GoogleAccount) -> None:
    with acting_as(account.user_id):
        keep_of_thread(account, "gmail:1", Keep.FULL)
    page = client.post(place(account), FILLED, follow=True)
    assert page.redirect_chain == [(place(account), 302)]
    assert kept(account) == Preferences(
        days=90,
        labels_out=("Private", "Work/Old"),
        categories_out=("promotions", "social"),
        creation=Creation.SUGGEST,
        keep=Keep.SUBJECT,
        threads={"gmail:1": Keep.FULL},
        internal=("example.net", "example.org"),
        most_attendees=12,
        version=1,
    )
    words = page.content.decode()
    assert "Saved. A plan that waits for approval has to be made again." in words
    assert "Private\nWork/Old" in words
    assert '<option value="90" selected>' in words
    again = client.post(place(account), FILLED, follow=True).content.decode()
    assert "Nothing was changed." in again
    assert kept(account).version == 1


def test_all_mail_and_nothing_out(client: Client, account: GoogleAccount) -> None:
    client.post(
        place(account), FILLED | {"days": "all", "categories_out": [], "labels_out": "", "internal": ""}
    )
    found = kept(account)
    assert (found.days, found.categories_out, found.labels_out, found.internal) == (None, (), (), ())


WRONG = {
    "internal": ("my company", "“my company” is no domain. Write it like example.com."),
    "labels_out": ("x" * 300, "is too long for the name of a label."),
    "most_attendees": ("0", "Ensure this value is greater than or equal to 1."),
    "days": ("7", "Select a valid choice."),
    "creation": ("everybody", "Select a valid choice."),
    "keep": ("", "This field is required."),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_stands_beside_its_field_and_nothing_is_saved(
    client: Client, account: GoogleAccount, name: str
) -> None:
    value, words = WRONG[name]
    page = client.post(place(account), FILLED | {name: value})
    assert (page.status_code, kept(account)) == (422, Preferences())
    assert words in page.content.decode()


def test_a_window_of_ones_own_is_offered_again(client: Client, alice: User) -> None:
    account = make_google_account(alice, preferences={"days": 14})
    assert (
        '<option value="14" selected>The last 14 days</option>' in client.get(place(account)).content.decode()
    )
    client.post(place(account), FILLED | {"days": "14"})
    assert kept(account).days == 14


def test_the_page_says_what_the_choices_mean_now(client: Client, alice: User, account: GoogleAccount) -> None:
    stream = make_stream(alice, account=account)
    verdicts = ["skipped:category:promotions"] * 3 + [
        "skipped:label:Tax: 2026",
        "kept",
        "skipped:spam",
        "failed:x",
    ]
    for verdict in verdicts:
        make_raw_event(alice, source=stream.source, verdict=verdict)
    make_raw_event(alice, source="gmail:another", verdict="skipped:category:social")
    make_suggestion(alice)
    make_batch(alice, state="planned", title="Gmail of Alice", options={"account": account.google_sub})
    page = client.get(place(account)).content.decode()
    assert "3 messages of Promotions, 1 message under the label Tax: 2026." in " ".join(page.split())
    assert "1 person</a> wait" in page
    assert "Gmail of Alice</a> waits for your approval." in page


def test_anothers_account_is_not_found(client: Client, charlie: User) -> None:
    his = make_google_account(charlie)
    assert client.get(place(his)).status_code == 404
    assert client.post(place(his), FILLED).status_code == 404
    assert kept(his) == Preferences()
