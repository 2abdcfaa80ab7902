"""Whoever guesses is slowed down and learns nothing, and keeps nobody else out. Counted in a real Valkey."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from allauth.account.models import EmailAddress
from allauth.account.utils import user_pk_to_url_str
from django.contrib.auth.hashers import ScryptPasswordHasher
from django.core import mail
from django.test import Client
from pytest_django import Settings

from omnicrm import ratelimits
from omnicrm.models import User
from omnicrm.ratelimits import Counters, counters, limit_of
from tests.isolation.visiting import told
from tests.signing_in import signed_in
from tests.web.test_second_factor import PASSWORD, at_noon, code, enrol, is_in, sign_in  # noqa: F401 - a fixture

pytestmark = pytest.mark.xdist_group("limits")  # they empty the counters, which the processes share

OFFICE, HOME, ELSEWHERE = "203.0.113.7", "198.51.100.1", "2001:db8:7:7::1"
NOBODY = "nobody@example.org"


@pytest.fixture
def limits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Limits as they are by default; counted from nothing."""
    settings.RATE_LIMITS = {
        **dict.fromkeys(settings.RATE_LIMITS, "1000/minute"),
        "login": "10/minute",
        "guess": "5/5minutes",
    }
    monkeypatch.setattr(ratelimits, "PATIENCE", 10)
    monkeypatch.setattr(counters, "_shared", None)
    monkeypatch.setattr(counters, "_resting_until", 0)
    limit_of.cache_clear()
    counters.shared().storage.reset()
    yield settings
    limit_of.cache_clear()
    counters.shared().storage.reset()


def attempt(user: User, password: str, address: str) -> Any:
    form = {"login": user.email, "password": password}
    return Client(REMOTE_ADDR=address).post("/accounts/login/", form)


def test_five_guesses_at_one_account_from_one_address(limits: Any, alice: User, charlie: User) -> None:
    answers = [attempt(alice, f"guess {n}", OFFICE) for n in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert 240 < int(answers[-1]["Retry-After"]) <= 300
    assert attempt(alice, PASSWORD, OFFICE).status_code == 429  # also if it is the right one now
    assert attempt(charlie, PASSWORD, OFFICE).status_code == 302  # another account is another matter


def test_ten_a_minute_from_one_address_at_all_accounts_together(limits: Any, db: None) -> None:
    people = [User(email=f"somebody{n}@example.org") for n in range(12)]
    assert [attempt(one, "a guess", OFFICE).status_code for one in people] == [200] * 10 + [429] * 2


def test_a_stranger_keeps_the_owner_out_from_nowhere_else(limits: Any, alice: User) -> None:
    for n in range(40):
        attempt(alice, "a guess", f"203.0.113.{n // 8}")
    for address in (HOME, ELSEWHERE):
        assert attempt(alice, PASSWORD, address).status_code == 302


def test_signing_in_is_no_guess(limits: Any, alice: User) -> None:
    limits.RATE_LIMITS["login"] = "100/minute"
    limit_of.cache_clear()
    assert {attempt(alice, PASSWORD, HOME).status_code for _ in range(12)} == {302}
    assert [attempt(alice, "a slip", HOME).status_code for _ in range(4)] == [200] * 4
    assert attempt(alice, PASSWORD, HOME).status_code == 302
    assert [attempt(alice, "a slip", HOME).status_code for _ in range(4)] == [200] * 4


def test_confirming_is_limited_like_signing_in(limits: Any, alice: User) -> None:
    browser = signed_in(Client(REMOTE_ADDR=OFFICE), alice)
    answers = [browser.post("/accounts/reauthenticate/", {"password": "a guess"}) for _ in range(6)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429]


def test_codes_are_limited_too(limits: Any, alice: User, at_noon: Any) -> None:  # noqa: F811
    limits.RATE_LIMITS["login"] = "100/minute"
    limit_of.cache_clear()
    secret = enrol(signed_in(Client(), alice))
    at_noon.shift(120)
    thief = sign_in(Client(REMOTE_ADDR=OFFICE), alice)
    answers = [thief.post("/accounts/2fa/authenticate/", {"code": f"{n:06}"}).status_code for n in range(7)]
    assert answers == [200] * 5 + [429] * 2
    assert thief.post("/accounts/2fa/authenticate/", {"code": code(secret)}).status_code == 429
    owner = sign_in(Client(REMOTE_ADDR=HOME), alice)
    assert owner.post("/accounts/2fa/authenticate/", {"code": code(secret)}).status_code == 302
    assert (is_in(owner), is_in(thief)) == (True, False)


def test_passkeys_are_limited_too(limits: Any, db: None) -> None:
    thief = Client(REMOTE_ADDR=OFFICE)
    answers = [thief.post("/accounts/2fa/webauthn/login/", {"credential": "{}"}) for _ in range(12)]
    assert [answer.status_code for answer in answers][10:] == [429] * 2
    assert 429 not in [answer.status_code for answer in answers][:10]


def test_a_code_is_good_once_also_without_valkey(
    alice: User,
    at_noon: Any,  # noqa: F811
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ratelimits, "counters", Counters())
    secret = enrol(signed_in(Client(), alice))
    at_noon.shift(120)
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": settings.REDIS_URL}}
    right = code(secret)
    for expected in (True, False):
        browser = sign_in(Client(), alice)
        browser.post("/accounts/2fa/authenticate/", {"code": right})
        assert is_in(browser) is expected
    at_noon.shift(-30)  # nor one that is older than what was used
    browser = sign_in(Client(), alice)
    browser.post("/accounts/2fa/authenticate/", {"code": code(secret)})
    assert not is_in(browser)


# --- an address that has an account is answered as one that has none, after the same work


@pytest.fixture
def hashings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Grows with every password that is hashed."""
    done: list[str] = []
    original = ScryptPasswordHasher.encode

    def counted(self: Any, *args: Any, **kwargs: Any) -> str:
        done.append("hashed")
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ScryptPasswordHasher, "encode", counted)
    return done


def browser() -> Client:
    return Client(headers={"X-Request-ID": "the-same-request"})


def log_in(email: str) -> Any:
    return browser().post("/accounts/login/", {"login": email, "password": "a guess at it"})


def sign_up(email: str) -> Any:
    return browser().post("/accounts/signup/", {"email": email, "password1": "a long secret 9"})


def sign_up_and_look(email: str) -> Any:
    visitor = browser()
    visitor.post("/accounts/signup/", {"email": email, "password1": "a long secret 9"})
    return visitor.get("/accounts/confirm-email/")


def reset(email: str) -> Any:
    return browser().post("/accounts/password/reset/", {"email": email})


def same(answer: Any, email: str) -> Any:
    """All of an answer apart from what the visitor typed; and the page has one length, give or take its mask."""
    status, said = told(answer, "/accounts/")
    return status, re.sub(rb"sessionid=\w+", b"", said.replace(email.encode(), b""))


@pytest.mark.parametrize("ask", [log_in, sign_up, sign_up_and_look, reset])
@pytest.mark.parametrize("kind", ["with a password", "without", "switched off"])
def test_nobody_learns_who_has_an_account(
    settings: Settings, alice: User, hashings: list[str], ask: Callable[[str], Any], kind: str
) -> None:
    settings.SIGNUP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "mandatory"
    if kind == "without":
        alice.set_unusable_password()
    alice.is_active = kind != "switched off"
    alice.save()
    seen = []
    for email in (alice.email, f"{uuid4().hex[:5]}@example.org"):
        assert len(email) == len(alice.email)
        hashings.clear()
        mail.outbox.clear()
        answer = same(ask(email), email)
        letters = len(mail.outbox) if kind != "switched off" else None  # none goes to who was switched off
        seen.append((answer, len(hashings), letters))
    assert seen[0] == seen[1]
    if ask is log_in:
        assert seen[0][1] == 1


def test_one_who_is_in_learns_it_neither(alice: User, charlie: User) -> None:
    answers = []
    for email in (alice.email, NOBODY):
        EmailAddress.objects.filter(user=charlie).delete()
        inside = signed_in(browser(), charlie)
        inside.get("/accounts/email/")
        answer = inside.post("/accounts/email/", {"action_add": "1", "email": email})
        answers.append((same(answer, email), same(inside.get("/accounts/email/"), email), len(mail.outbox)))
        mail.outbox.clear()
    assert answers[0] == answers[1]
    alice.refresh_from_db()
    assert not alice.emailaddress_set.filter(user=charlie).exists()


def test_another_address_lets_nobody_in_before_it_is_confirmed(alice: User, charlie: User) -> None:
    inside = signed_in(browser(), charlie)
    for action, email in (("add", alice.email), ("primary", alice.email), ("remove", charlie.email)):
        assert inside.post("/accounts/email/", {f"action_{action}": "1", "email": email}).status_code == 302
    charlie.refresh_from_db()
    assert charlie.email == "charlie@example.net"
    visitor = sign_in(browser(), alice)
    assert visitor.session["_auth_user_id"] == str(alice.pk)
    browser().post("/accounts/password/reset/", {"email": alice.email})
    letters = [letter.body for letter in mail.outbox]
    assert any(f"/password/reset/key/{user_pk_to_url_str(alice)}-" in letter for letter in letters)


def test_a_confirmed_address_takes_the_place_of_the_one_before(charlie: User) -> None:
    inside = signed_in(browser(), charlie)
    for email in ("first@example.net", "second@example.net"):
        inside.post("/accounts/email/", {"action_add": "1", "email": email})
    assert "waits to be confirmed" in inside.get("/accounts/email/").text
    link = re.search(r"/accounts/confirm-email/\S+", mail.outbox[-1].body)
    assert link is not None
    inside.post(link[0])
    charlie.refresh_from_db()
    assert charlie.email == "second@example.net"
    assert [row.email for row in EmailAddress.objects.filter(user=charlie)] == ["second@example.net"]


def test_what_is_counted_is_not_readable_in_valkey(limits: Any, alice: User) -> None:
    attempt(alice, "a guess", OFFICE)
    storage = counters.shared().storage
    kept = " ".join(key.decode() for key in storage.storage.scan_iter("*"))  # type: ignore[attr-defined]
    assert "LIMITER" in kept
    assert not re.search(r"203\.0|alice|account_login", kept)
