"""A second factor and the list of sessions, through real requests: what lets one in, and what does not any more."""

from __future__ import annotations

import re
from typing import Any

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.usersessions.models import UserSession
from django.test import Client
from django.utils import timezone

from omnicrm.models import User

PASSWORD = "correct horse battery"


@pytest.fixture
def browser(at_noon: Any, alice: User) -> Client:
    """Signed in as a person does it, and asked for the password once more, as before every change of this kind."""
    return confirm(sign_in(Client(), alice))


def sign_in(browser: Client, user: User) -> Client:
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return browser


def confirm(browser: Client) -> Client:
    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    return browser


def code(secret: str) -> str:
    return totp.format_hotp_value(totp.hotp_value(secret, next(iter(totp.yield_hotp_counters_from_time()))))


def enrol(browser: Client) -> str:
    """Adds an authenticator app; its secret."""
    page = browser.get("/accounts/2fa/totp/activate/")
    secret = re.search(r'id="authenticator_secret"[^>]*value="(\w+)"', page.text)
    assert secret is not None
    answer = browser.post("/accounts/2fa/totp/activate/", {"code": code(secret[1])})
    assert answer.status_code == 302
    return secret[1]


def is_in(browser: Client) -> bool:
    return browser.get("/contacts/").status_code == 200


@pytest.fixture
def at_noon() -> Any:
    with time_machine.travel("2026-03-02 12:00:00+00:00", tick=False) as clock:
        yield clock


def test_with_an_app_the_password_alone_lets_nobody_in(alice: User, at_noon: Any, browser: Client) -> None:
    secret = enrol(browser)
    at_noon.shift(60)
    other = sign_in(Client(), alice)
    assert not is_in(other)
    assert other.post("/accounts/2fa/authenticate/", {"code": "000000"}).status_code == 200
    assert not is_in(other)
    right = code(secret)
    assert other.post("/accounts/2fa/authenticate/", {"code": right}).status_code == 302
    assert is_in(other)
    again = sign_in(Client(), alice)
    again.post("/accounts/2fa/authenticate/", {"code": right})
    assert not is_in(again)  # each code works once


def test_recovery_codes_let_one_in_once_each(alice: User, at_noon: Any, browser: Client) -> None:
    enrol(browser)
    shown = browser.get("/accounts/2fa/recovery-codes/").text
    found = re.findall(r"\b\d{8}\b", shown)
    assert len(set(found)) == 10
    for expected in (True, False):
        other = sign_in(Client(), alice)
        other.post("/accounts/2fa/authenticate/", {"code": found[0]})
        assert is_in(other) is expected


def test_the_secrets_are_sealed(at_noon: Any, browser: Client) -> None:
    secret = enrol(browser)
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept
    assert "AWsx" in kept  # 0x01 k1, in base64


def test_changing_a_second_factor_asks_for_the_password_again(alice: User, browser: Client) -> None:
    with time_machine.travel(timezone.now() + timezone.timedelta(minutes=10)):
        for path in ("totp/activate/", "webauthn/add/", "recovery-codes/generate/"):
            answer = browser.get(f"/accounts/2fa/{path}")
            assert (answer.status_code, answer["Location"].split("?")[0]) == (
                302,
                "/accounts/reauthenticate/",
            )


def test_a_strangers_key_is_not_found(alice: User, charlie: User) -> None:
    hers = Authenticator.objects.create(user=alice, type="webauthn", data={"name": "Key", "credential": {}})
    stranger = confirm(sign_in(Client(), charlie))
    for what in ("remove", "edit"):
        assert (
            stranger.post(f"/accounts/2fa/webauthn/keys/{hers.pk}/{what}/", {"name": "Mine"}).status_code
            == 404
        )
    assert Authenticator.objects.get().data["name"] == "Key"


def test_sessions_are_listed_and_can_be_ended(alice: User, browser: Client) -> None:
    phone = Client(headers={"User-Agent": "A phone"})
    sign_in(phone, alice)
    assert is_in(phone)
    page = browser.get("/accounts/sessions/")
    assert "A phone" in page.text
    assert browser.post("/accounts/sessions/").status_code == 302
    assert (is_in(browser), is_in(phone)) == (True, False)
    assert UserSession.objects.filter(user=alice).count() == 1


def test_a_new_password_ends_the_other_sessions(alice: User, browser: Client) -> None:
    phone = sign_in(Client(), alice)
    new = {
        "oldpassword": PASSWORD,
        "password1": "another horse battery",
        "password2": "another horse battery",
    }
    assert browser.post("/accounts/password/change/", new).status_code == 302
    assert not is_in(phone)


@pytest.mark.parametrize("path", ["", "totp/activate/", "webauthn/add/"])
def test_the_pages_have_no_inline_script(browser: Client, path: str) -> None:
    page = browser.get(f"/accounts/2fa/{path}")
    assert page.status_code == 200
    scripts = re.findall(r"<script(?![^>]*src=)(?![^>]*application/json)[^>]*>", page.text)
    assert (scripts, re.findall(r"\son\w+=|style=", page.text)) == ([], [])


def test_operators_must_have_one(alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True)
    alone = sign_in(Client(), alice)
    for path in ("/", "/contacts/", "/admin/", "/admin/jobs/job/"):
        answer = alone.get(path)
        assert (answer.status_code, answer["Location"]) == (302, "/accounts/2fa/")
    page = alone.get("/contacts/", follow=True).text
    assert "your account needs a second factor first" in page
    enrol(confirm(alone))
    assert (is_in(alone), alone.get("/admin/").status_code) == (True, 200)


def test_a_stranger_cannot_lock_the_owner_out(alice: User) -> None:
    for n in range(30):
        Client(REMOTE_ADDR=f"203.0.113.{n}").post(
            "/accounts/login/", {"login": alice.email, "password": "a guess"}
        )
    assert is_in(sign_in(Client(REMOTE_ADDR="198.51.100.1"), alice))
