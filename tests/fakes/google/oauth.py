"""Consents, codes and tokens, with all the ways in which Google lets them die."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote

from . import tokens
from .accounts import Account
from .answers import Answer, Refused, said
from .clock import Clock

CLIENT_ID = "123456789012-fake.apps.googleusercontent.com"
CLIENT_SECRET = "GOCSPX-fake-secret"
IDENTITY = {
    "openid": "openid",
    "email": "https://www.googleapis.com/auth/userinfo.email",
    "profile": "https://www.googleapis.com/auth/userinfo.profile",
}
"""Scopes that come with signing in and cannot be unticked; Google answers with the long names."""
TESTING_DAYS = 7
CODE_LIVES, ACCESS_LIVES = 600, 3600
MOST_TOKENS = 100
"""Refresh tokens of one account for one client; the oldest end without a word."""


@dataclass
class Grant:
    """One consent: what a refresh token stands for."""

    account: Account
    client_id: str
    scopes: frozenset[str]
    at: float
    refresh: str
    testing: bool
    password: int
    """How often the account's password had changed by then."""
    revoked: bool = False


@dataclass
class Access:
    token: str
    grant: Grant
    expires: float


@dataclass
class Code:
    asked: dict[str, str]
    account: Account
    scopes: frozenset[str]
    at: float
    redeemed: Grant | None = None


@dataclass
class OAuth:
    clock: Clock
    client_id: str = CLIENT_ID
    client_secret: str = CLIENT_SECRET
    redirect_uris: list[str] = field(default_factory=list)
    """Registered ones; none means that any address on loopback will do."""
    testing: bool = False
    """Publishing status of the project: consents live seven days."""
    access_lives: int = ACCESS_LIVES
    codes: dict[str, Code] = field(default_factory=dict)
    grants: dict[str, Grant] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    _number: int = 0

    def _new(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}fake{self._number:06d}"

    # consent

    def consented(self, account: Account, asked: dict[str, str], scopes: Iterable[str]) -> str:
        """A code for what was ticked, with all that was granted before if `include_granted_scopes` asked for it."""
        given = frozenset(scopes)
        if asked.get("include_granted_scopes") == "true":
            given |= self.granted(account, asked["client_id"])
        code = self._new("4/0A")
        self.codes[code] = Code(asked, account, given, self.clock())
        return code

    def granted(self, account: Account, client_id: str) -> frozenset[str]:
        return frozenset[str]().union(*(grant.scopes for grant in self._alive(account, client_id)))

    def _alive(self, account: Account, client_id: str) -> list[Grant]:
        """Oldest first."""
        return [
            grant
            for grant in self.grants.values()
            if grant.account is account and grant.client_id == client_id and not self.dead(grant)
        ]

    def grant(self, account: Account, scopes: Iterable[str]) -> Grant:
        """A consent without the walk through the pages."""
        given = frozenset(IDENTITY.get(scope, scope) for scope in scopes)
        grant = Grant(
            account, self.client_id, given, self.clock(), self._new("1//0"), self.testing, account.passwords
        )
        self.grants[grant.refresh] = grant
        for oldest in self._alive(account, self.client_id)[:-MOST_TOKENS]:
            oldest.revoked = True
        return grant

    def fresh_access(self, grant: Grant) -> Access:
        access = Access(self._new("ya29."), grant, self.clock() + self.access_lives)
        self.access[access.token] = access
        return access

    # life and death

    def dead(self, grant: Grant) -> bool:
        has_mail = any("gmail" in scope or "mail.google" in scope for scope in grant.scopes)
        changed = has_mail and grant.password != grant.account.passwords
        lapsed = grant.testing and self.clock() >= grant.at + TESTING_DAYS * 86_400
        return grant.revoked or changed or lapsed

    def revoke(self, account: Account) -> None:
        """The person takes everything back, at myaccount.google.com."""
        for grant in self.grants.values():
            if grant.account is account:
                grant.revoked = True

    def expire_access(self) -> None:
        """All access tokens have had their hour."""
        for access in self.access.values():
            access.expires = self.clock()

    def grant_of(self, token: str) -> Grant | None:
        """Whose access token this is, if it still is one."""
        access = self.access.get(token)
        if access is None or self.clock() >= access.expires or self.dead(access.grant):
            return None
        return access.grant

    # endpoints

    def token(self, headers: dict[str, str], body: bytes) -> Answer:
        form = form_of(body)
        self._check_client(headers, form)
        match form.get("grant_type"):
            case "authorization_code":
                return self._redeem(form)
            case "refresh_token":
                return self._refresh(form)
        raise wrong("unsupported_grant_type", f"Invalid grant_type: {form.get('grant_type', '')}")

    def _check_client(self, headers: dict[str, str], form: dict[str, str]) -> None:
        name, secret = form.get("client_id", ""), form.get("client_secret", "")
        if (basic := headers.get("authorization", "")).startswith("Basic "):
            name, _, secret = map(unquote, base64.b64decode(basic[6:]).decode().partition(":"))
        if name != self.client_id:
            raise wrong("invalid_client", "The OAuth client was not found.", 401)
        if secret != self.client_secret:
            raise wrong("invalid_client", "Unauthorized", 401)

    def _redeem(self, form: dict[str, str]) -> Answer:
        code = self.codes.get(form.get("code", ""))
        if code is None:
            raise wrong("invalid_grant", "Malformed auth code.")
        if code.redeemed:
            code.redeemed.revoked = True  # somebody else may hold what it gave
            raise wrong("invalid_grant", "Bad Request")
        if self.clock() >= code.at + CODE_LIVES:
            raise wrong("invalid_grant", "Bad Request")
        if form.get("redirect_uri") != code.asked["redirect_uri"]:
            raise wrong("redirect_uri_mismatch", "Bad Request")
        self._check_verifier(code.asked, form.get("code_verifier", ""))
        return self._first_tokens(code)

    def _check_verifier(self, asked: dict[str, str], verifier: str) -> None:
        if not (expected := asked.get("code_challenge")):
            return
        if not verifier:
            raise wrong("invalid_grant", "Missing code verifier.")
        plain = asked.get("code_challenge_method") != "S256"
        if expected != (verifier if plain else tokens.challenge(verifier)):
            raise wrong("invalid_grant", "Invalid code verifier.")

    def _first_tokens(self, code: Code) -> Answer:
        """A refresh token comes offline only, and only at the first consent or when consent was asked for again."""
        known = bool(self.granted(code.account, code.asked["client_id"]))
        grant = code.redeemed = self.grant(code.account, code.scopes)
        offline = code.asked.get("access_type") == "offline"
        lasting = offline and (not known or "consent" in code.asked.get("prompt", "").split())
        told = self._tokens(grant, nonce=code.asked.get("nonce", ""))
        if lasting:
            told["refresh_token"] = grant.refresh
            if grant.testing:
                told["refresh_token_expires_in"] = TESTING_DAYS * 86_400 - 1
        return said(told)

    def _refresh(self, form: dict[str, str]) -> Answer:
        grant = self.grants.get(form.get("refresh_token", ""))
        if grant is None:
            raise wrong("invalid_grant", "Bad Request")
        if self.dead(grant):
            raise wrong("invalid_grant", "Token has been expired or revoked.")
        return said(self._tokens(grant))

    def _tokens(self, grant: Grant, *, nonce: str = "") -> dict[str, Any]:
        told: dict[str, Any] = {
            "access_token": self.fresh_access(grant).token,
            "expires_in": self.access_lives - 1,
            "scope": " ".join(sorted(grant.scopes)),
            "token_type": "Bearer",
        }
        if "openid" in grant.scopes:
            told["id_token"] = self._id_token(grant, nonce)
        return told

    def _id_token(self, grant: Grant, nonce: str) -> str:
        claims = {"aud": grant.client_id, "azp": grant.client_id, **identity(grant)}
        return tokens.signed(claims | ({"nonce": nonce} if nonce else {}), now=self.clock())

    def revoke_endpoint(self, query: dict[str, list[str]], body: bytes) -> Answer:
        given = form_of(body).get("token") or query.get("token", [""])[-1]
        grant = self.grants.get(given) or (self.access[given].grant if given in self.access else None)
        if grant is None or grant.revoked:
            raise wrong("invalid_token", "Token expired or revoked")
        for other in self._alive(grant.account, grant.client_id):
            other.revoked = True  # the whole consent ends, whichever of its tokens was given back
        return said({})


def identity(grant: Grant) -> dict[str, Any]:
    """What the scopes let one know about whose account it is."""
    account = grant.account
    told: dict[str, Any] = {"sub": account.sub}
    if IDENTITY["email"] in grant.scopes:
        told |= {"email": account.email, "email_verified": True}
    if IDENTITY["profile"] in grant.scopes:
        told |= {"name": account.name}
    if account.hosted_domain:
        told |= {"hd": account.hosted_domain}
    return told


def form_of(body: bytes) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}


def wrong(name: str, description: str, status: int = 400) -> Refused:
    return Refused(said({"error": name, "error_description": description}, status))
