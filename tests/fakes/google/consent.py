"""Google's page of consent, as far as a browser has to walk it: choose an account, tick, allow or deny."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from urllib.parse import urlencode, urlsplit

from .accounts import Account
from .answers import Answer, Refused, page
from .oauth import IDENTITY, OAuth, form_of

PATH = "/o/oauth2/v2/auth"
KEPT = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge", "code_challenge_method",
    "access_type", "prompt", "include_granted_scopes", "login_hint", "nonce",
)  # fmt: skip
LONG = set(IDENTITY.values()) | set(IDENTITY)
SHORT = "https://www.googleapis.com/auth/"

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 34rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; line-height: 1.2 }
[role=note] { border: 2px dashed; border-radius: .5rem; padding: .75rem 1rem }
fieldset { border: 1px solid gray; border-radius: .5rem; margin: 0 0 1rem; padding: .5rem 1rem }
label { display: inline-block; padding: .35rem 0 }
button { font: inherit; padding: .5rem 1.25rem }
"""
"""Readable on a phone too, and like no page of Google's."""

PAGE = """<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="icon" href="data:,"><title>Sign in - fake Google accounts</title>
<style>{style}</style>
<p role="note"><strong>This is not Google.</strong> This is a stand-in for Google. It runs on this computer, and the
accounts are made up. Type no password here.</p>
<h1>OmniCRM wants access to your account</h1>
<form method="post" action="{action}">
{hidden}
<fieldset><legend>Choose an account</legend>
{accounts}
</fieldset>
<fieldset><legend>Select what OmniCRM can access</legend>
{scopes}
</fieldset>
<button name="decision" value="allow">Allow</button>
<button name="decision" value="deny">Deny</button>
</form></html>
"""


def show(oauth: OAuth, accounts: Iterable[Account], query: dict[str, list[str]], *, base: str = "") -> Answer:
    """The page, or the one that Google shows where the request itself is wrong."""
    asked = {name: query[name][-1] for name in KEPT if name in query}
    check(oauth, asked)
    hidden = "\n".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">' for name, value in asked.items()
    )
    return page(
        PAGE.format(
            style=STYLE,
            action=escape(f"{base}{PATH}"),
            hidden=hidden,
            accounts=account_fields(list(accounts), asked.get("login_hint", "")),
            scopes="\n".join(map(scope_field, choices(asked))) or "<p>Your address.</p>",
        )
    )


def check(oauth: OAuth, asked: dict[str, str]) -> None:
    if asked.get("client_id") != oauth.client_id:
        raise unhappy(401, "invalid_client", "The OAuth client was not found.")
    where = asked.get("redirect_uri", "")
    on_loopback = urlsplit(where).hostname in ("localhost", "127.0.0.1", "::1", "testserver")
    if where not in oauth.redirect_uris and (oauth.redirect_uris or not on_loopback):
        raise unhappy(400, "redirect_uri_mismatch", f"redirect_uri={where}")
    if asked.get("response_type") != "code" or not asked.get("scope"):
        raise unhappy(400, "invalid_request", "Required parameter is missing: response_type or scope")


def unhappy(status: int, name: str, words: str) -> Refused:
    title = f"Error {status}: {name}"
    return Refused(
        page(f"<!DOCTYPE html><title>{title}</title><h1>{title}</h1><p>{escape(words)}</p>", status)
    )


def choices(asked: dict[str, str]) -> list[str]:
    return [scope for scope in asked["scope"].split() if scope not in LONG]


def account_fields(accounts: list[Account], hint: str) -> str:
    chosen = next(
        (each for each in accounts if hint in (each.email, each.sub)), accounts[0] if accounts else None
    )
    return "\n".join(
        f'<label><input type="radio" name="account" value="{escape(each.email)}"'
        f"{' checked' if each is chosen else ''}> {escape(each.email)}</label><br>"
        for each in accounts
    )


def scope_field(scope: str) -> str:
    return (
        f'<label><input type="checkbox" name="granted" value="{escape(scope)}" checked> '
        f"{escape(scope.removeprefix(SHORT))}</label><br>"
    )


def decide(oauth: OAuth, accounts: dict[str, Account], body: bytes, granted: list[str]) -> Answer:
    """Back to who asked, with a code or with `access_denied`."""
    form = form_of(body)
    check(oauth, form)
    if form.get("decision") != "allow" or form.get("account") not in accounts:
        return back(form, error="access_denied")
    return approve(oauth, accounts[form["account"]], form, granted)


def approve(
    oauth: OAuth, account: Account, asked: dict[str, str], granted: Iterable[str] | None = None
) -> Answer:
    """As if this account had ticked these (None: all) and pressed Allow."""
    ticked = set(choices(asked) if granted is None else granted) & set(choices(asked))
    signing_in = {IDENTITY.get(scope, scope) for scope in asked["scope"].split() if scope in LONG}
    code = oauth.consented(account, asked, signing_in | ticked)
    kept = sorted(oauth.codes[code].scopes)
    return back(asked, code=code, scope=" ".join(kept), authuser="0", prompt="consent")


def back(asked: dict[str, str], **told: str) -> Answer:
    if "state" in asked:
        told = {"state": asked["state"], **told}
    joint = "&" if urlsplit(asked["redirect_uri"]).query else "?"
    return page("", 302, location=f"{asked['redirect_uri']}{joint}{urlencode(told)}")
