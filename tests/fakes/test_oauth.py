"""Signing in at the fake: the walk through its page, with Google's own libraries, and the ways in which consents end."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import jwt
import pytest
import requests
from google.auth.exceptions import RefreshError
from google.auth.transport.requests import Request
from google.oauth2 import id_token
from google_auth_oauthlib.flow import Flow

from tests.fakes.conftest import ADA, CALENDARS, EVENTS, READ_MAIL, SEND_MAIL
from tests.fakes.google import Account, Google, Transport, credentials, serving, tokens

EMAIL = "https://www.googleapis.com/auth/userinfo.email"
BACK = "http://127.0.0.1:8000/connections/google/back"
ASKED = ["openid", EMAIL, READ_MAIL, EVENTS]


def ask(google: Google, **more: str) -> dict[str, str]:
    asked = {
        "client_id": google.oauth.client_id,
        "redirect_uri": BACK,
        "response_type": "code",
        "scope": " ".join(ASKED),
        "state": "a state",
        "access_type": "offline",
        "code_challenge": tokens.challenge("a verifier"),
        "code_challenge_method": "S256",
    }
    return asked | more


def press(
    google: Google, asked: dict[str, str], decision: str = "allow", granted: list[str] | None = None
) -> dict[str, str]:
    """What comes back from the page."""
    ticked = [READ_MAIL, EVENTS] if granted is None else granted
    form = [
        *asked.items(),
        ("account", ADA),
        ("decision", decision),
        *(("granted", scope) for scope in ticked),
    ]
    answer = google.handle("POST", "/o/oauth2/v2/auth", {}, urlencode(form))
    assert answer.status == 302
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}


def redeem(google: Google, code: str, **more: str) -> tuple[int, dict[str, Any]]:
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "client_id": google.oauth.client_id,
        "client_secret": google.oauth.client_secret,
        "redirect_uri": BACK,
        "code_verifier": "a verifier",
    }
    answer = google.handle("POST", "/token", {}, urlencode(form | more))
    return answer.status, answer.data


def test_the_whole_walk_with_googles_own_flow(
    google: Google, ada: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")
    with serving(google) as server:
        there = server.environment()
        client = {
            "client_id": there["GOOGLE_CLIENT_ID"],
            "client_secret": there["GOOGLE_CLIENT_SECRET"],
            "auth_uri": there["GOOGLE_AUTH_URI"],
            "token_uri": there["GOOGLE_TOKEN_URI"],
        }
        flow = Flow.from_client_config(
            {"web": client}, ASKED, redirect_uri=BACK, autogenerate_code_verifier=True
        )
        url, state = flow.authorization_url(access_type="offline", login_hint=ADA)
        html = requests.get(url, timeout=5).text
        fields = re.findall(r'name="(\w+)" value="([^"]*)"', html)
        assert [value for name, value in fields if name == "granted"] == [READ_MAIL, EVENTS]
        assert [value for name, value in fields if name == "account"] == [ADA]
        form = [(name, value) for name, value in fields if name != "decision"] + [("decision", "allow")]
        answer = requests.post(there["GOOGLE_AUTH_URI"], form, timeout=5, allow_redirects=False)
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        assert back["state"] == [state]
        flow.fetch_token(code=back["code"][0])
        held = flow.credentials
        assert set(held.granted_scopes) == set(ASKED)
        told = requests.get(
            there["GOOGLE_USERINFO_URI"], headers={"Authorization": f"Bearer {held.token}"}, timeout=5
        ).json()
        assert told == {"sub": ada.sub, "email": ADA, "email_verified": True}
        google.oauth.expire_access()
        held.refresh(Request())
        assert google.oauth.grant_of(held.token)
        requests.post(there["GOOGLE_REVOKE_URI"], {"token": held.refresh_token}, timeout=5).raise_for_status()
        with pytest.raises(RefreshError) as ended:
            held.refresh(Request())
        assert (ended.value.args[1]["error"], ended.value.retryable) == ("invalid_grant", False)


def test_part_of_what_was_asked_may_be_given_and_the_answer_says_which(google: Google, ada: Account) -> None:
    back = press(google, ask(google), granted=[EVENTS, SEND_MAIL])
    assert back["scope"] == " ".join(sorted(["openid", EMAIL, EVENTS]))
    status, told = redeem(google, back["code"])
    assert (status, told["scope"], told["token_type"], told["expires_in"]) == (
        200,
        back["scope"],
        "Bearer",
        3599,
    )
    assert press(google, ask(google), "deny") == {"state": "a state", "error": "access_denied"}


def test_what_was_given_before_is_added_where_it_is_asked_for(google: Google, ada: Account) -> None:
    redeem(google, press(google, ask(google))["code"])
    later = ask(google, scope=SEND_MAIL)
    assert press(google, later, granted=[SEND_MAIL])["scope"] == SEND_MAIL
    added = press(google, later | {"include_granted_scopes": "true"}, granted=[SEND_MAIL])["scope"]
    assert set(added.split()) == {*ASKED, SEND_MAIL}


def test_the_identity_token_is_signed_and_says_who(google: Google, ada: Account) -> None:
    ada.hosted_domain = "example.com"
    _, told = redeem(google, press(google, ask(google, nonce="once"))["code"])
    (key,) = google.handle("GET", "/oauth2/v3/certs").data["keys"]
    claims = jwt.decode(
        told["id_token"],
        jwt.PyJWK(key).key,
        algorithms=["RS256"],
        audience=google.oauth.client_id,
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"], claims["email"]) == ("https://accounts.google.com", ada.sub, ADA)
    assert (claims["nonce"], claims["hd"]) == ("once", "example.com")


def test_a_refresh_token_comes_once_unless_consent_is_asked_for_again(google: Google, ada: Account) -> None:
    given = [
        "refresh_token" in redeem(google, press(google, ask(google, **more))["code"])[1]
        for more in (
            {"access_type": "online"},
            {},
            {"prompt": "consent"},
            {"prompt": "consent", "access_type": "online"},
        )
    ]
    assert given == [False, False, True, False]
    google.oauth.revoke(ada)
    assert "refresh_token" in redeem(google, press(google, ask(google))["code"])[1]


@pytest.mark.parametrize(
    ("more", "status", "error", "words"),
    [
        ({"code_verifier": "another"}, 400, "invalid_grant", "Invalid code verifier."),
        ({"code_verifier": ""}, 400, "invalid_grant", "Missing code verifier."),
        ({"redirect_uri": "http://127.0.0.1:8000/else"}, 400, "redirect_uri_mismatch", "Bad Request"),
        ({"client_secret": "wrong"}, 401, "invalid_client", "Unauthorized"),
        ({"client_id": "wrong"}, 401, "invalid_client", "The OAuth client was not found."),
        ({"code": "4/wrong"}, 400, "invalid_grant", "Malformed auth code."),
        ({"grant_type": "password"}, 400, "unsupported_grant_type", "Invalid grant_type: password"),
    ],
)
def test_codes_are_for_who_asked(
    google: Google, ada: Account, more: dict[str, str], status: int, error: str, words: str
) -> None:
    code = press(google, ask(google))["code"]
    assert redeem(google, **{"code": code, **more}) == (status, {"error": error, "error_description": words})


def test_a_code_is_used_once_and_used_again_it_takes_back_what_it_gave(google: Google, ada: Account) -> None:
    code = press(google, ask(google))["code"]
    _, told = redeem(google, code)
    assert google.oauth.grant_of(told["access_token"])
    assert redeem(google, code) == (400, {"error": "invalid_grant", "error_description": "Bad Request"})
    assert google.oauth.grant_of(told["access_token"]) is None
    late = press(google, ask(google))["code"]
    google.clock.advance(600)
    assert redeem(google, late)[0] == 400


@pytest.mark.parametrize("death", ["revoked", "password", "testing"])
def test_consents_die_in_every_way_and_access_with_them(google: Google, ada: Account, death: str) -> None:
    google.oauth.testing = death == "testing"
    held = credentials(google, ADA, READ_MAIL)
    calendar_only = credentials(google, ADA, CALENDARS)
    http = Transport(google)
    if death == "revoked":
        google.oauth.revoke(ada)
    elif death == "password":
        ada.change_password()
    else:
        google.clock.advance(7 * 86_400 - 1)
        assert not google.oauth.dead(google.oauth.grants[held.refresh_token])
        google.clock.advance(1)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": held.refresh_token,
        "client_id": google.oauth.client_id,
        "client_secret": google.oauth.client_secret,
    }
    response, _ = http.request("http://127.0.0.1:9/token", "POST", urlencode(form))
    assert response.status == 400
    headers = {"Authorization": f"Bearer {held.token}"}
    answer = google.handle("GET", "/gmail/v1/users/me/profile", headers)
    assert (answer.status, answer.data["error"]["status"]) == (401, "UNAUTHENTICATED")
    assert google.oauth.dead(google.oauth.grants[calendar_only.refresh_token]) is (death != "password")


@pytest.mark.parametrize(
    ("more", "status", "words"),
    [
        ({"client_id": "wrong"}, 401, "invalid_client"),
        ({"redirect_uri": "https://elsewhere.example/"}, 400, "redirect_uri_mismatch"),
        ({"response_type": "token"}, 400, "invalid_request"),
    ],
)
def test_what_is_asked_wrongly_is_told_on_the_page(
    google: Google, more: dict[str, str], status: int, words: str
) -> None:
    answer = google.handle("GET", f"/o/oauth2/v2/auth?{urlencode(ask(google, **more))}")
    assert (answer.status, f"Error {status}: {words}" in answer.body.decode()) == (status, True)
    assert "location" not in answer.headers


def test_a_registered_address_is_the_only_one(google: Google) -> None:
    google.oauth.redirect_uris = ["https://crm.example/back"]
    url = f"/o/oauth2/v2/auth?{urlencode(ask(google))}"
    assert google.handle("GET", url).status == 400
    google.oauth.redirect_uris.append(BACK)
    assert google.handle("GET", url).status == 200


@pytest.mark.parametrize("version", ["v1", "v3"])
def test_googles_own_library_believes_its_tokens(version: str) -> None:
    google = Google()
    token = tokens.signed(
        {"aud": "https://crm.example/push", "email": "robot@example.com"}, now=google.clock()
    )
    with serving(google) as server, requests.Session() as session:
        told = id_token.verify_token(
            token, Request(session), "https://crm.example/push", f"{server.root}/oauth2/{version}/certs"
        )
    assert (told["iss"], told["email"]) == ("https://accounts.google.com", "robot@example.com")


def test_a_project_in_testing_says_how_long_the_consent_lives(google: Google, ada: Account) -> None:
    google.oauth.testing = True
    _, told = redeem(google, press(google, ask(google))["code"])
    assert told["refresh_token_expires_in"] == 604_799


def test_giving_back_one_token_ends_the_whole_consent(google: Google, ada: Account) -> None:
    grace = google.add_account("grace@example.com")
    old, new = (google.sign_in(ADA, READ_MAIL) for _ in range(2))
    other = google.sign_in(grace.email, READ_MAIL)
    body = urlencode({"token": old["access_token"]})
    assert google.handle("POST", "/revoke", {}, body).status == 200
    assert google.oauth.grant_of(new["access_token"]) is None
    assert google.oauth.grant_of(other["access_token"])
    assert google.handle("POST", "/revoke", {}, body).data["error"] == "invalid_token"


def test_the_hundred_and_first_consent_ends_the_first(google: Google, ada: Account) -> None:
    held = [google.sign_in(ADA, READ_MAIL)["refresh_token"] for _ in range(101)]
    assert [google.oauth.dead(google.oauth.grants[token]) for token in held] == [True] + [False] * 100
