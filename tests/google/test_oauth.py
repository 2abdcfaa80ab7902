"""Permissions: how they are asked for, renewed and given back. The answers are Google's; the requests are ours."""

from __future__ import annotations

import datetime as dt
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
import requests

from integrations.google import oauth
from integrations.google.errors import Garbled, TokenRefused
from integrations.google.oauth import COMPOSE, EMAIL, Grant, NoRefreshToken, Person
from integrations.google.transport import session
from omnicrm.acting import acting_as
from omnicrm.outgoing import NotAllowed
from tests.google.scripted import Script, as_json, token

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
BACK = "https://crm.example.org/connections/google/callback/"
ALL = " ".join(["openid", EMAIL, oauth.MAIL, oauth.EVENTS, oauth.CALENDARS])
HOUR = dt.timedelta(hours=1)
OURS = Grant("old", NOW, "lasting", frozenset({oauth.MAIL}))


def asked_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def test_the_way_to_google(script: Script) -> None:
    attempt = oauth.begin(BACK)
    assert attempt.url.startswith(f"{script.place}/auth?")
    assert asked_of(attempt.url) == {
        "client_id": "our-id",
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": "openid email https://www.googleapis.com/auth/gmail.readonly "
        "https://www.googleapis.com/auth/calendar.events.readonly "
        "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
        "state": attempt.state,
        "access_type": "offline",
        "include_granted_scopes": "true",
        "code_challenge": oauth.challenge(attempt.verifier),
        "code_challenge_method": "S256",
        "prompt": "consent",
    }
    assert (len(attempt.state), len(attempt.verifier)) == (43, 64)
    assert attempt.verifier not in repr(attempt)
    again = oauth.begin(BACK)
    assert (again.state == attempt.state, again.verifier == attempt.verifier) == (False, False)


def test_the_challenge_is_that_of_the_standard() -> None:
    """The example of RFC 7636, appendix B."""
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert oauth.challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_more_is_asked_for_only_when_it_is_wanted(script: Script) -> None:
    url = oauth.begin(BACK, scopes=oauth.WRITING, login_hint="ada@example.org", renew=False).url
    asked = asked_of(url)
    assert (asked["scope"], asked["login_hint"]) == (COMPOSE, "ada@example.org")
    assert (asked["prompt"], asked["include_granted_scopes"]) == ("select_account", "true")


def test_an_address_with_a_question_of_its_own(settings: Any) -> None:
    settings.GOOGLE_AUTH_URI = "https://google.example/auth?tenant=1"
    assert oauth.begin(BACK).url.startswith("https://google.example/auth?tenant=1&client_id=")


def test_the_keys_for_a_code(script: Script) -> None:
    script.says(token("first", refresh_token="lasting", scope=ALL))
    grant = oauth.exchange("code", "verifier", BACK, now=NOW)
    assert grant == Grant("first", NOW + HOUR, "lasting", frozenset(ALL.split()))
    assert (grant.reads_mail, grant.reads_calendars, grant.writes_mail) == (True, True, False)
    assert ("first" in repr(grant), "lasting" in repr(grant)) == (False, False)
    (asked,) = script.asked
    assert (asked.method, asked.path, asked.headers["User-Agent"]) == ("POST", "/token", "OmniCRM")
    assert asked.form == {
        "grant_type": "authorization_code",
        "code": "code",
        "code_verifier": "verifier",
        "redirect_uri": BACK,
        "client_id": "our-id",
        "client_secret": "our-secret",
    }


@pytest.mark.parametrize(
    ("scopes", "mail", "calendars", "writes"),
    [
        (["openid", EMAIL], False, False, False),
        ([oauth.MAIL], True, False, False),
        ([oauth.EVENTS], False, False, False),
        ([oauth.CALENDARS, oauth.EVENTS], False, True, False),
        ([oauth.MAIL, COMPOSE], True, False, True),
    ],
)
def test_what_was_granted(scopes: list[str], mail: bool, calendars: bool, writes: bool) -> None:
    grant = Grant("a", NOW, "r", frozenset(scopes))
    assert (grant.reads_mail, grant.reads_calendars, grant.writes_mail) == (mail, calendars, writes)


def test_a_key_that_could_not_be_renewed_is_refused(script: Script) -> None:
    script.says(token("first", scope=ALL))
    with pytest.raises(NoRefreshToken):
        oauth.exchange("code", "verifier", BACK, now=NOW)
    assert oauth.exchange("code", "verifier", BACK, now=NOW, kept="before").refresh_token == "before"


@pytest.mark.parametrize("age", [0, 57.9, 58, 60])
def test_a_token_is_renewed_before_it_ends(age: float) -> None:
    grant = Grant("a", NOW + HOUR, "r", frozenset())
    assert grant.is_fresh(NOW + dt.timedelta(minutes=age)) is (age < 58)
    assert Grant("", NOW + HOUR, "r", frozenset()).is_fresh(NOW) is False


def test_renewing(script: Script) -> None:
    script.says(token("second"), token("third", refresh_token="other", scope=ALL))
    assert oauth.refresh(OURS, now=NOW) == Grant("second", NOW + HOUR, "lasting", OURS.scopes)
    assert oauth.refresh(OURS, now=NOW) == Grant("third", NOW + HOUR, "other", frozenset(ALL.split()))
    assert script.asked[0].form == {
        "grant_type": "refresh_token",
        "refresh_token": "lasting",
        "client_id": "our-id",
        "client_secret": "our-secret",
    }


@pytest.mark.parametrize(
    ("answer", "error", "status"),
    [
        (as_json({"error": "invalid_grant", "error_description": "Bad Request"}, 400), "invalid_grant", 400),
        (as_json({"error": "invalid_client"}, 401), "invalid_client", 401),
        (as_json({"error": {"code": 503}}, 503), "", 503),
        ((500, {}, b"<html>Error</html>"), "", 500),
        (as_json(["no"], 400), "", 400),
    ],
)
def test_google_gives_no_token(script: Script, answer: Any, error: str, status: int) -> None:
    script.says(answer)
    with pytest.raises(TokenRefused) as refused:
        oauth.refresh(OURS, now=NOW)
    assert (refused.value.error, refused.value.status, len(script.asked)) == (error, status, 1)


def test_when_the_token_endpoint_wants_to_be_asked_again(script: Script) -> None:
    script.says((503, {"Retry-After": "9"}, b""))
    with pytest.raises(TokenRefused) as refused:
        oauth.refresh(OURS, now=NOW)
    assert refused.value.retry_after == "9"


@pytest.mark.parametrize(
    "answer",
    [
        as_json({"access_token": ""}),
        as_json({"expires_in": 3600}),
        as_json({"access_token": "a", "expires_in": "soon"}),
        as_json([]),
        (200, {}, b"<html>"),
        (200, {}, b'{"access_to'),
    ],
)
def test_an_answer_without_a_token(script: Script, answer: Any) -> None:
    script.says(answer)
    with pytest.raises(Garbled):
        oauth.refresh(OURS, now=NOW)


def test_who_it_is(script: Script) -> None:
    script.says({"sub": "117", "email": "Ada@Example.org", "email_verified": True, "name": "Ada"})
    assert oauth.who_is_it(OURS) == Person("117", "ada@example.org", True, "Ada")
    (asked,) = script.asked
    assert (asked.path, asked.headers["Authorization"]) == ("/userinfo", "Bearer old")


@pytest.mark.parametrize(
    "said", [{}, {"sub": "1"}, {"sub": "", "email": "a@b"}, {"sub": 1, "email": "a@b"}, []]
)
def test_nobody_in_particular(script: Script, said: Any) -> None:
    script.says(as_json(said))
    with pytest.raises(Garbled):
        oauth.who_is_it(OURS)


def test_google_does_not_say_who_it_is(script: Script) -> None:
    script.says(as_json({"error": "invalid_request"}, 401))
    with pytest.raises(TokenRefused):
        oauth.who_is_it(OURS)


@pytest.mark.parametrize("answer", [as_json({}), as_json({"error": "invalid_token"}, 400)])
def test_giving_it_back(script: Script, answer: Any) -> None:
    script.says(answer)
    oauth.revoke(OURS)
    (asked,) = script.asked
    assert (asked.method, asked.path, asked.form) == ("POST", "/revoke", {"token": "lasting"})


def test_google_does_not_take_it_back(script: Script) -> None:
    script.says((503, {}, b""))
    with pytest.raises(TokenRefused) as refused:
        oauth.revoke(OURS)
    assert refused.value.status == 503


def test_never_inside_a_transaction(script: Script, db: None) -> None:
    with acting_as(uuid4()), pytest.raises(RuntimeError, match="must not wait for the network"):
        oauth.refresh(OURS, now=NOW)
    assert script.asked == []


def test_a_token_endpoint_that_sends_us_elsewhere(script: Script) -> None:
    script.says((307, {"Location": f"{script.place}/elsewhere"}, b""))
    with pytest.raises(requests.TooManyRedirects):
        oauth.refresh(OURS, now=NOW)
    assert [asked.path for asked in script.asked] == ["/token"]


def test_google_is_only_where_the_settings_say(script: Script, settings: Any) -> None:
    """Any other address that is not public is none of Google's."""
    settings.GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"
    for name in ("API_ROOT", "AUTH_URI", "REVOKE_URI", "USERINFO_URI"):
        setattr(settings, f"GOOGLE_{name}", "")
    with pytest.raises(NotAllowed), session() as ours:
        ours.get(script.place)
    assert script.asked == []
