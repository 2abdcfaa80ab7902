"""Every page answers: signed in with an empty account and a full one, signed out, and to nonsense."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from omnicrm.models import User
from tests.factories import make_batch, make_contact, make_job

PAGES = ["home", "contacts:list", "contacts:add", "integrations:import", "batches:list", "jobs:list"]
ACCOUNT = ["account_change_password", "account_email", "account_logout"]
ENTRANCE = ["account_login", "account_signup", "account_reset_password", "account_reset_password_done"]
ENTRANCE += ["account_reset_password_from_key_done", "account_inactive"]


@pytest.mark.parametrize("name", PAGES + ACCOUNT)
def test_pages_of_an_empty_account(client: Client, name: str) -> None:
    assert client.get(reverse(name)).status_code == 200


@pytest.mark.parametrize("name", PAGES)
def test_pages_of_a_full_account(client: Client, alice: User, name: str) -> None:
    make_contact(alice, display_name="Ada Lovelace")
    make_batch(alice, kind="file_import", title="mail.mbox", state="planned", totals={"create": 1, "skip": 0})
    make_job(alice, kind="file_import", state="dead", error="The file is gone.")
    page = client.get(reverse(name))
    assert page.status_code == 200
    assert "<h1" in page.content.decode()


@pytest.mark.parametrize("name", [*PAGES[1:], *ACCOUNT[:2]])
def test_signed_out_is_sent_to_sign_in(db: None, name: str) -> None:
    answer = Client().get(reverse(name))
    assert answer.status_code == 302
    assert answer.url.startswith(reverse("account_login"))  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", ENTRANCE)
def test_the_entrance_is_open(db: None, name: str) -> None:
    assert Client().get(reverse(name)).status_code == 200


def test_the_front_page_says_what_this_is(db: None) -> None:
    page = Client().get("/").content.decode()
    assert "You see it first" in page
    assert reverse("account_signup") in page


def test_an_empty_account_is_shown_how_to_begin(client: Client) -> None:
    page = client.get("/").content.decode()
    ways = [reverse(name) for name in ("integrations:upload", "integrations:sample", "contacts:add")]
    assert [page.count(f'="{way}"') for way in ways] == [2, 1, 1]  # a form that is sent with and without htmx
    assert sorted(ways, key=page.index) == ways


def test_closed_sign_up_says_why(alice: User) -> None:
    assert b"further ones by invitation" in Client().get(reverse("account_signup")).content


def test_sign_up_then_sign_out(db: None) -> None:
    browser = Client()
    answer = browser.post(
        reverse("account_signup"), {"email": "new@example.org", "password1": "a long secret 9"}
    )
    assert (answer.status_code, answer.url) == (302, "/")  # type: ignore[attr-defined]
    assert b"Welcome, new" in browser.get("/").content
    browser.post(reverse("account_logout"))
    assert b"You see it first" in browser.get("/").content


@pytest.mark.parametrize("query", ["page=0", "page=-1", "page=x", "page=99999999", "page=2"])
@pytest.mark.parametrize("name", ["contacts:list", "batches:list", "jobs:list"])
def test_nonsense_in_the_address_is_no_error(client: Client, name: str, query: str) -> None:
    assert client.get(f"{reverse(name)}?{query}").status_code == 200


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("contacts:list", "post"),
        ("batches:list", "put"),
        ("jobs:list", "delete"),
        ("integrations:upload", "get"),
    ],
)
def test_wrong_methods(client: Client, name: str, method: str) -> None:
    assert getattr(client, method)(reverse(name)).status_code == 405
