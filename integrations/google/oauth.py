"""Getting, renewing and giving back the permission to read somebody's Google account."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlencode

from django.conf import settings

from integrations.google.errors import Garbled, TokenRefused
from integrations.google.transport import AGENT, session

GOOGLE = "https://www.googleapis.com/auth/"
EMAIL = f"{GOOGLE}userinfo.email"
"""What Google calls the scope `email` when it says what was granted."""
MAIL = f"{GOOGLE}gmail.readonly"
EVENTS = f"{GOOGLE}calendar.events.readonly"
CALENDARS = f"{GOOGLE}calendar.calendarlist.readonly"
COMPOSE = f"{GOOGLE}gmail.compose"
"""The least that may make a draft and send it; gmail.send alone makes none."""
READING = ("openid", "email", MAIL, EVENTS, CALENDARS)
WRITING = (COMPOSE,)
EARLY = dt.timedelta(minutes=2)
"""How long before its end a token is renewed, so that none ends in the middle of a batch."""


class NoRefreshToken(Exception):
    """Google gave a key that ends within the hour, and none to renew it with."""


@dataclass(frozen=True)
class Grant:
    """The keys to one Google account, and what they open."""

    access_token: str = field(repr=False)
    expires_at: dt.datetime
    refresh_token: str = field(repr=False)
    scopes: frozenset[str]

    def is_fresh(self, now: dt.datetime) -> bool:
        return bool(self.access_token) and now < self.expires_at - EARLY

    @property
    def reads_mail(self) -> bool:
        return MAIL in self.scopes

    @property
    def reads_calendars(self) -> bool:
        return {EVENTS, CALENDARS} <= self.scopes

    @property
    def writes_mail(self) -> bool:
        return COMPOSE in self.scopes


@dataclass(frozen=True)
class Attempt:
    """The way to Google's page, and what must be known again when somebody comes back from it."""

    url: str
    state: str
    verifier: str = field(repr=False)


@dataclass(frozen=True)
class Person:
    """Who has let us in."""

    sub: str
    email: str
    is_verified: bool
    name: str


def is_configured() -> bool:
    return bool(settings.GOOGLE_CLIENT_ID and settings.GOOGLE_CLIENT_SECRET)


def begin(
    redirect_uri: str, *, scopes: Iterable[str] = READING, login_hint: str = "", renew: bool = True
) -> Attempt:
    """To Google's page. `renew`: there is no refresh token yet, so its consent is asked for even if it was given."""
    state, verifier = secrets.token_urlsafe(32), secrets.token_urlsafe(48)
    asked = {
        "client_id": settings.GOOGLE_CLIENT_ID,
        "redirect_uri": redirect_uri,
        "response_type": "code",
        "scope": " ".join(scopes),
        "state": state,
        "access_type": "offline",
        "include_granted_scopes": "true",
        "code_challenge": challenge(verifier),
        "code_challenge_method": "S256",
        "prompt": "consent" if renew else "select_account",
        **({"login_hint": login_hint} if login_hint else {}),
    }
    joint = "&" if "?" in settings.GOOGLE_AUTH_URI else "?"
    return Attempt(f"{settings.GOOGLE_AUTH_URI}{joint}{urlencode(asked)}", state, verifier)


def challenge(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def exchange(code: str, verifier: str, redirect_uri: str, *, now: dt.datetime, kept: str = "") -> Grant:
    """The keys for the code that somebody brought back. `kept`: the refresh token of before, if Google gives no other.
    Raises TokenRefused, NoRefreshToken, or what the network raises."""
    said = ask_for_token(
        grant_type="authorization_code", code=code, code_verifier=verifier, redirect_uri=redirect_uri
    )
    grant = granted(said, now)
    if not (grant.refresh_token or kept):
        raise NoRefreshToken
    return replace(grant, refresh_token=grant.refresh_token or kept)


def refresh(grant: Grant, *, now: dt.datetime) -> Grant:
    """The same permission with a new access token. Raises TokenRefused, or what the network raises."""
    new = granted(ask_for_token(grant_type="refresh_token", refresh_token=grant.refresh_token), now)
    return replace(
        new, refresh_token=new.refresh_token or grant.refresh_token, scopes=new.scopes or grant.scopes
    )


def revoke(grant: Grant) -> None:
    """Gives the permission back. Raises TokenRefused, or what the network raises; one that is gone is no error."""
    with session() as ours:
        answer = ours.post(
            settings.GOOGLE_REVOKE_URI,
            data={"token": grant.refresh_token or grant.access_token},
            headers={"User-Agent": AGENT},
        )
    if answer.status_code != 200 and read_error(answer) != "invalid_token":
        raise TokenRefused(read_error(answer), status=answer.status_code)


def who_is_it(grant: Grant) -> Person:
    """Raises TokenRefused, Garbled, or what the network raises."""
    headers = {"Authorization": f"Bearer {grant.access_token}", "User-Agent": AGENT}
    with session() as ours:
        answer = ours.get(settings.GOOGLE_USERINFO_URI, headers=headers)
    if answer.status_code != 200:
        raise TokenRefused(read_error(answer), status=answer.status_code)
    said = read(answer)
    sub, email = said.get("sub"), said.get("email")
    if not (isinstance(sub, str) and sub and isinstance(email, str) and email):
        raise Garbled("Google did not say who this is.")
    is_verified = said.get("email_verified") in (True, "true")
    return Person(sub, email.strip().lower(), is_verified, str(said.get("name") or "")[:200])


def ask_for_token(**asked: str) -> dict[str, Any]:
    ours_at_google = {"client_id": settings.GOOGLE_CLIENT_ID, "client_secret": settings.GOOGLE_CLIENT_SECRET}
    with session() as ours:
        answer = ours.post(
            settings.GOOGLE_TOKEN_URI,
            data={**asked, **ours_at_google},
            headers={"User-Agent": AGENT},
        )
    if answer.status_code != 200:
        wait = str(answer.headers.get("Retry-After", ""))
        raise TokenRefused(read_error(answer), status=answer.status_code, retry_after=wait)
    return read(answer)


def granted(said: dict[str, Any], now: dt.datetime) -> Grant:
    token, lasts = said.get("access_token"), said.get("expires_in", 3600)
    if not isinstance(token, str) or not token or not str(lasts).isdecimal():
        raise Garbled("The answer holds no token.")
    scopes = frozenset(str(said.get("scope") or "").split())
    return Grant(token, now + dt.timedelta(seconds=int(lasts)), str(said.get("refresh_token") or ""), scopes)


def read(answer: Any) -> dict[str, Any]:
    try:
        said = answer.json()
    except ValueError as error:
        raise Garbled("The answer is no JSON.") from error
    if not isinstance(said, dict):
        raise Garbled("The answer is no object.")
    return said


def read_error(answer: Any) -> str:
    """The code of the error, or nothing where the answer is of another form."""
    try:
        said = answer.json()
    except ValueError:
        return ""
    error = said.get("error") if isinstance(said, dict) else ""
    return error if isinstance(error, str) else ""
