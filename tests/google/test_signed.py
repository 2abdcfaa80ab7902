"""What Google has signed, and what it has not; and that its keys are asked for seldom, whatever strangers send."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from integrations.google import signed
from integrations.google.signed import NoKeys, NotForUs, NotSigned, verify
from tests.fakes import google as fakes
from tests.fakes.google import tokens
from tests.google.mailboxes import served

AUDIENCE, ROBOT = "https://crm.example.org/push/gmail/", "push@ours.iam.gserviceaccount.com"
CLAIMS = {"aud": AUDIENCE, "email": ROBOT, "email_verified": True, "sub": "1"}
OTHER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
CERTS = "oauth/oauth2/v3/certs"


@pytest.fixture
def at(settings: Any) -> Iterator[fakes.Google]:
    google = fakes.Google()
    with served(google, settings):
        yield google


def token(lives: int = 3600, **claims: Any) -> str:
    return tokens.signed({**CLAIMS, **claims}, now=time.time(), lives=lives)


def forged(key: Any, algorithm: str = "RS256", **header: Any) -> str:
    claims = {"iss": tokens.ISSUER, "iat": int(time.time()), "exp": int(time.time()) + 3600, **CLAIMS}
    return jwt.encode(claims, key, algorithm=algorithm, headers={"kid": tokens.KEY_ID} | header)


def verdict(said: str, email: str = ROBOT) -> str:
    try:
        verify(said, audience=AUDIENCE, email=email)
    except (NotSigned, NotForUs, NoKeys) as error:
        return type(error).__name__
    return "believed"


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (lambda: token(), "believed"),
        (lambda: token(iss="accounts.google.com"), "believed"),
        (lambda: token(lives=-30), "believed"),  # clocks differ
        (lambda: "", "NotSigned"),
        (lambda: "a.b.c", "NotSigned"),
        (lambda: "ü.ü.ü", "NotSigned"),
        (lambda: "x" * 100_000, "NotSigned"),
        (lambda: forged(OTHER), "NotSigned"),
        (lambda: forged(OTHER, kid="unheard-of"), "NotSigned"),
        (lambda: forged("a secret that is long enough for a key", "HS256"), "NotSigned"),
        (lambda: forged(None, "none"), "NotSigned"),
        (lambda: token(lives=-61), "NotSigned"),
        (lambda: token(iss="https://accounts.example.com"), "NotSigned"),
        (lambda: token()[:-8] + "AAAAAAAA", "NotSigned"),
        (lambda: token(aud=""), "NotSigned"),
        (lambda: token(aud="https://another.example.org/push/gmail/"), "NotForUs"),
        (lambda: token(email="push@another.iam.gserviceaccount.com"), "NotForUs"),
        (lambda: token(email=""), "NotForUs"),
        (lambda: token(email_verified=False), "NotForUs"),
        (lambda: token(email_verified="true"), "NotForUs"),
    ],
)
def test_what_is_believed(at: fakes.Google, made: Any, expected: str) -> None:
    assert verdict(made()) == expected


def test_nobody_is_believed_while_no_account_is_named(at: fakes.Google) -> None:
    assert [verdict(token(email=""), ""), verdict(token(), "")] == ["NotForUs", "NotForUs"]


def test_the_keys_are_asked_for_once_whatever_strangers_send(at: fakes.Google) -> None:
    assert {verdict(forged(OTHER, kid=f"key-{n}")) for n in range(50)} == {"NotSigned"}
    assert {verdict(token()) for _ in range(50)} == {"believed"}
    assert at.calls.counted() == {CERTS: 1}


def test_a_new_key_is_asked_for_after_a_minute(at: fakes.Google, monkeypatch: pytest.MonkeyPatch) -> None:
    assert verdict(token()) == "believed"
    new = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(OTHER.public_key()))
    both = {"keys": [*tokens.keys()["keys"], {**new, "kid": "new", "alg": "RS256", "use": "sig"}]}
    monkeypatch.setattr(tokens, "keys", lambda: both)
    assert verdict(forged(OTHER, kid="new")) == "NotSigned"
    signed.keys.asked_at -= signed.REST
    assert verdict(forged(OTHER, kid="new")) == "believed"
    assert at.calls.counted() == {CERTS: 2}


def test_keys_outlive_a_short_absence_of_google(at: fakes.Google) -> None:
    assert verdict(token()) == "believed"
    signed.keys.asked_at -= signed.KEPT
    at.faults.add(lambda call: call.path == "/oauth2/v3/certs", "503", count=1)
    assert [verdict(token()), verdict(token())] == ["believed", "believed"]
    assert at.calls.counted() == {CERTS: 2}


def test_without_keys_nobody_knows(at: fakes.Google, settings: Any) -> None:
    settings.GOOGLE_CERTS_URI = f"{settings.GOOGLE_API_ROOT}/nothing-here"
    assert [verdict(token()), verdict(forged(OTHER))] == ["NoKeys", "NoKeys"]
    assert len(at.calls) == 1
