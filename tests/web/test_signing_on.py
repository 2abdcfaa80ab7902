"""Signing on through an OpenID provider: a real one, in a process of its own, over the loopback."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener, urlopen

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.conf import settings as django_settings
from django.test import Client
from pytest_django import Settings

from omnicrm.models import User
from tests.oidc_provider import CLIENT, SECRET
from tests.signing_in import signed_in

CALLBACK = "/accounts/oidc/callback/"
HTML = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def running() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.oidc_provider"]
    process = subprocess.Popen(command, cwd=django_settings.BASE_DIR, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield process.stdout.readline().strip()
    process.kill()
    process.wait()
    process.stdout.close()


@pytest.fixture
def provider(running: str, settings: Settings, db: None) -> str:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT_ID, settings.OIDC_CLIENT_SECRET = running, CLIENT, SECRET
    settings.OIDC_NAME, settings.SITE_URL = "Example Works", "http://testserver"
    next_time(running)
    return running


def next_time(provider: str, **changes: str) -> None:
    urlopen(f"{provider}/next?{urlencode(changes)}").close()


class Stay(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


def at_the_provider(place: str) -> str:
    """What the provider sends the browser back to, as a path of ours."""
    try:
        build_opener(Stay).open(place)
    except OSError as answer:
        back = urlsplit(answer.headers["Location"])  # type: ignore[attr-defined]
        assert (back.scheme, back.netloc, back.path) == ("http", "testserver", CALLBACK)
        return f"{back.path}?{back.query}"
    raise AssertionError("The provider sent nobody back.")


def press_the_button(browser: Client, **form: str) -> str:
    """Where the button leads."""
    answer = browser.post("/accounts/oidc/", form)
    assert answer.status_code == 302
    return str(answer["Location"])


def sign_on(browser: Client, **form: str) -> Any:
    return browser.get(at_the_provider(press_the_button(browser, **form)))


def is_in(browser: Client) -> bool:
    return browser.get("/contacts/").status_code == 200


def refused(answer: Any, browser: Client) -> bool:
    return answer.status_code == 401 and not is_in(browser) and not SocialAccount.objects.exists()


def test_without_a_provider_there_is_no_such_door(db: None) -> None:
    assert "oidc" not in Client().get("/accounts/login/").text
    for place in ("/accounts/oidc/", CALLBACK):
        assert Client().get(place).status_code == 404


def test_the_first_one_gets_an_account_and_comes_back_to_it(provider: str) -> None:
    assert "Sign in with Example Works" in Client().get("/accounts/login/").text
    first = Client()
    assert sign_on(first, next="/contacts/?q=a")["Location"] == "/contacts/?q=a"
    user = User.objects.get()
    assert (user.email, user.name, user.has_usable_password()) == ("grace@example.com", "Grace Hopper", False)
    assert [(row.email, row.verified) for row in EmailAddress.objects.all()] == [("grace@example.com", True)]
    kept = SocialAccount.objects.get()
    assert (kept.uid, kept.extra_data, SocialToken.objects.count()) == ("grace-1", {}, 0)
    again = Client()
    sign_on(again)
    assert (is_in(first), is_in(again), User.objects.count()) == (True, True, 1)


def test_what_is_asked_of_the_provider(provider: str) -> None:
    browser = Client(headers={"host": "testserver"})
    place = press_the_button(browser)
    query = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    assert query["redirect_uri"] == f"http://testserver{CALLBACK}"
    assert (query["response_type"], query["code_challenge_method"], query["client_id"]) == (
        "code",
        "S256",
        CLIENT,
    )
    assert min(map(len, (query["state"], query["nonce"], query["code_challenge"]))) >= 16
    assert SECRET not in place
    other = browser.post(
        "/accounts/oidc/?auth_params=redirect_uri%3Dhttps://evil.example%26nonce%3Dmine&scope=all", {}
    )
    assert not {"evil", "mine", "all"} & set(parse_qs(urlsplit(other["Location"]).query)["nonce"])
    assert "evil" not in other["Location"]


def test_a_link_alone_starts_nothing(provider: str) -> None:
    answer = Client().get("/accounts/oidc/")
    assert answer.status_code == 200
    assert "csrfmiddlewaretoken" in answer.text
    assert Client(enforce_csrf_checks=True).post("/accounts/oidc/").status_code == 403


def test_further_ones_come_by_invitation(provider: str, alice: User) -> None:
    browser = Client()
    answer = sign_on(browser)
    assert "No new accounts here" in answer.text
    assert (is_in(browser), User.objects.count()) == (False, 1)


def test_an_account_that_is_there_is_not_taken_over(provider: str, settings: Settings) -> None:
    settings.SIGNUP, settings.ACCOUNT_EMAIL_VERIFICATION = "open", "mandatory"
    grace = User.objects.create_user("grace@example.com", "correct horse battery")
    browser = Client()
    sign_on(browser)
    assert (is_in(browser), SocialAccount.objects.count(), User.objects.count()) == (False, 0, 1)
    signed_in(browser, grace)
    sign_on(browser, process="connect")
    assert SocialAccount.objects.get().user == grace
    settings.ACCOUNT_EMAIL_VERIFICATION = "none"
    other = Client()
    sign_on(other)
    assert other.session["_auth_user_id"] == str(grace.pk)


def test_joining_the_two_asks_once_more_who_it_is(provider: str, alice: User) -> None:
    browser = signed_in(Client(), alice, seconds_ago=3600)
    answer = sign_on(browser, process="connect")
    assert answer["Location"].startswith("/accounts/reauthenticate/")
    assert SocialAccount.objects.count() == 0


def test_who_has_no_password_confirms_it_at_the_provider(provider: str) -> None:
    browser = Client()
    sign_on(browser)
    assert browser.get("/accounts/sessions/").status_code == 200
    session = browser.session
    session["account_authentication_methods"][0]["at"] -= 3600
    session.save()
    assert browser.get("/accounts/sessions/")["Location"] == "/accounts/oidc/?next=%2Faccounts%2Fsessions%2F"
    place = press_the_button(browser, next="/accounts/sessions/")
    assert "prompt=login" in place
    assert browser.get(at_the_provider(place))["Location"] == "/accounts/sessions/"
    assert browser.get("/accounts/sessions/").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"nonce": "another"}, {"nonce": ""}, {"without": "nonce"}, {"aud": "another"}, {"without": "aud"},
        {"iss": "https://evil.example"}, {"without": "iss"}, {"configured_issuer": "https://evil.example"},
        {"azp": "another"}, {"late": "-600"}, {"without": "exp"}, {"without": "sub"}, {"signed": "another"},
        {"signed": "none"}, {"signed": "secret"}, {"signed": "missing"}, {"kid": "unknown"},
        {"email_verified": "no"}, {"without": "email_verified"}, {"without": "email", "userinfo_sub": "somebody-else"},
        {"jwks_uri": "http://169.254.169.254/keys"}, {"jwks_uri": "http://10.0.0.1/keys"}, {"jwks_uri": "file:" + "///etc/passwd"},
    ],
    ids=str,
)  # fmt: skip
def test_what_does_not_hold_lets_nobody_in(provider: str, wrong: dict[str, str]) -> None:
    browser = Client()
    place = press_the_button(browser)
    back = at_the_provider(place)
    next_time(provider, **wrong)
    answer = browser.get(back)
    assert refused(answer, browser)
    assert User.objects.count() == 0
    assert "That did not work" in answer.text


def test_an_address_that_only_userinfo_knows(provider: str) -> None:
    next_time(provider, without="email")
    browser = Client()
    sign_on(browser)
    assert User.objects.get().email == "grace@example.com"


def test_a_state_is_good_once(provider: str) -> None:
    browser = Client()
    back = at_the_provider(press_the_button(browser))
    assert browser.get(back).status_code == 302
    browser.post("/accounts/logout/")
    assert browser.get(back).status_code == 401
    assert not is_in(browser)


def test_a_state_of_another_session(provider: str) -> None:
    thief, victim = Client(), Client()
    back = at_the_provider(press_the_button(thief))
    press_the_button(victim)
    assert refused(victim.get(back), victim)
    query = parse_qs(urlsplit(back).query)
    mine = parse_qs(urlsplit(press_the_button(victim)).query)["state"][0]
    swapped = f"{CALLBACK}?{urlencode({'code': query['code'][0], 'state': mine})}"
    assert refused(victim.get(swapped), victim)  # the code belongs to another verifier


@pytest.mark.parametrize("lost", ["pkce_code_verifier", "nonce"])
def test_a_session_that_lost_what_it_asked_with(provider: str, lost: str) -> None:
    browser = Client()
    back = at_the_provider(press_the_button(browser))
    session = browser.session
    for state in session["socialaccount_states"].values():
        del state[0][lost]
    session.save()
    assert refused(browser.get(back), browser)


def test_a_state_is_good_for_ten_minutes(provider: str) -> None:
    browser = Client()
    back = at_the_provider(press_the_button(browser))
    session = browser.session
    for state in session["socialaccount_states"].values():
        state[1] -= 601
    session.save()
    assert refused(browser.get(back), browser)


@pytest.mark.parametrize("error", ["server_error", HTML, "access_denied"])
def test_an_error_is_told_in_our_words(provider: str, error: str) -> None:
    browser = Client()
    place = press_the_button(browser)
    state = parse_qs(urlsplit(place).query)["state"][0]
    said = {"error": error, "error_description": HTML, "state": state}
    answer = browser.get(f"{CALLBACK}?{urlencode(said)}", follow=True)
    assert answer.status_code == (200 if error == "access_denied" else 401)
    assert HTML not in answer.text
    assert "alert(1)" not in answer.text
    assert not is_in(browser)
    assert browser.get(f"{CALLBACK}?{urlencode({'error': HTML, 'state': HTML})}").status_code == 401


def test_a_provider_that_is_away(provider: str, settings: Settings) -> None:
    settings.OIDC_ISSUER = "http://127.0.0.1:1"
    answer = Client().post("/accounts/oidc/")
    assert answer.status_code == 401
    assert "That did not work" in answer.text


def test_a_second_factor_is_asked_for_all_the_same(provider: str) -> None:
    browser = Client()
    sign_on(browser)
    Authenticator.objects.create(user=User.objects.get(), type="totp", data={"secret": "sealed"})
    other = Client()
    assert sign_on(other)["Location"] == "/accounts/2fa/authenticate/"
    assert not is_in(other)
