"""The fake itself: one request in, one answer out. Servers and transports stand on top of this."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import batch, consent, faults, tokens
from .accounts import Account
from .alone import Lock
from .answers import (
    Answer,
    Refused,
    error,
    insufficient_scopes,
    mail_not_enabled,
    not_configured,
    nothing,
    said,
    unauthorized,
)
from .calendar import Calendars
from .calls import Call, Calls
from .clock import Clock
from .faults import Faults
from .handlers import Asked
from .history import History
from .mailbox import Mailbox
from .methods import Method, find
from .methods_answered import HANDLERS
from .oauth import OAuth, identity
from .pushes import Pushes
from .quota import Quota

BATCHES = ("/batch", "/batch/gmail/v1", "/batch/calendar/v3")


class Google:
    """Accounts, and what Google does with a request. Every request is handled alone, whole, in order of arrival."""

    def __init__(
        self, *, clock: Clock | Callable[[], float] | None = None, seed: int = 0, testing: bool = False
    ) -> None:
        self.clock = clock if isinstance(clock, Clock) else Clock(clock, runs=False) if clock else Clock()
        self.random = random.Random(seed)
        self.seed = seed
        self.accounts: dict[str, Account] = {}
        self.oauth = OAuth(self.clock, testing=testing)
        self.quota = Quota(self.clock)
        self.faults = Faults()
        self.pushes = Pushes(self.clock)
        self.calls = Calls()
        self.concurrency = 25
        """How many parts of a batch Gmail takes at once for one user; it does not say, and batches of 25 passed."""
        self.disabled_apis: set[str] = set()
        """"gmail" or "calendar", where the project has not enabled it."""
        self.empty_pages = True
        """Long lists of events have an empty page in them."""
        self.short_pages = False
        """Lists of mail may have fewer on a page than were asked for, as Gmail reserves the right to."""
        self.keeps_message_ids = True
        """Whether a sent letter keeps the Message-ID that its writer gave it."""
        self.sent: list[tuple[str, bytes]] = []
        """Every letter that went out, with whose account it left. A letter sent twice is here twice."""
        self.sent_ids = 0
        self.between: list[Callable[[Call], Any]] = []
        """Called before every request and every part of a batch: where a test lets the mailbox change."""
        self._lock = Lock()

    def add_account(
        self, email: str, *, first_history: int | None = None, bare_history: bool = False, **more: Any
    ) -> Account:
        """A new account with an empty mailbox and a primary calendar."""
        seed = len(self.accounts) + 1_000 * self.seed
        first = first_history if first_history is not None else 100_000 + seed
        history = History(first=first, seed=seed, bare=bare_history)
        mailbox = Mailbox(self.clock, history, seed=seed, lock=self._lock)
        account = Account(email, mailbox, Calendars(email, self.clock, lock=self._lock), **more)
        self.accounts[email] = account
        return account

    def account(self, email: str) -> Account:
        return self.accounts[email]

    def sign_in(self, email: str, *scopes: str) -> dict[str, str]:
        """Tokens without the walk through the pages: `access_token` and `refresh_token`."""
        grant = self.oauth.grant(self.account(email), scopes)
        return {"access_token": self.oauth.fresh_access(grant).token, "refresh_token": grant.refresh}

    def alone(self) -> AbstractContextManager[Any]:
        """While nothing else is handled; handling may go on within."""
        return self._lock

    # requests

    def handle(
        self, method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | str | None = None
    ) -> Answer:
        """(status, headers, body). A fault of the transport is raised as the transport would."""
        call = self._call(method, url, headers or {}, body)
        self._identify(call)
        with self.calls.in_flight_of(call.user):
            try:
                with self._lock:
                    return self._logged(call, lambda: self._route(call))
            finally:
                self.clock.sleep(call.delay)

    def part(self, part: batch.Part, outer: Call, *, instead: Answer | None = None) -> Answer:
        """One request of a batch. What would break a connection is a 503 in here."""
        call = self._call(part.verb, part.url, {**keep(outer.headers), **part.headers}, part.body)
        call.in_batch = True
        try:
            return self._logged(call, lambda: self._route(call, instead))
        except OSError:
            call.status = 503
            return error(503, "backendError", "Backend Error")
        except faults.Truncated as half:
            return Answer(half.answer.status, half.answer.headers, half.partial)
        finally:
            outer.delay += call.delay

    def _call(self, verb: str, url: str, headers: Mapping[str, str], body: bytes | str | None) -> Call:
        parts = urlsplit(url)
        data = body.encode() if isinstance(body, str) else body or b""
        lower = {readable(name).lower(): readable(value) for name, value in headers.items()}
        return Call(
            self.clock(), verb.upper(), parts.path, parse_qs(parts.query, keep_blank_values=True), lower, data
        )

    def _logged(self, call: Call, route: Callable[[], Answer]) -> Answer:
        self.calls.append(call)
        found = find(call.verb, call.path)
        call.name = found[0].id if found else "batch" if call.path in BATCHES else f"oauth{call.path}"
        self._identify(call)
        for each in self.between:
            each(call)
        self._identify(call)  # the token may have ended meanwhile
        try:
            fault = self.faults.for_(call)
            answer = faults.apply(fault, call, route) if fault else route()
        except Refused as refused:
            answer = refused.answer
        call.status = answer.status
        return answer

    def _identify(self, call: Call) -> None:
        kind, _, token = call.headers.get("authorization", "").partition(" ")
        call.grant = self.oauth.grant_of(token) if kind.lower() == "bearer" else None
        call.account = call.grant.account if call.grant else None
        call.user = call.account.email if call.account else call.user

    def _route(self, call: Call, instead: Answer | None = None) -> Answer:
        found = find(call.verb, call.path)
        if found:
            return self._method(call, *found, instead)
        if call.path in BATCHES and call.verb == "POST":
            return batch.answer(self, call)
        return self._sign_in_pages(call)

    def _method(self, call: Call, method: Method, named: dict[str, str], instead: Answer | None) -> Answer:
        if call.account is None:
            raise Refused(unauthorized())
        if not method.scopes & call.grant.scopes:
            raise Refused(insufficient_scopes(method.id))
        if method.api in self.disabled_apis:
            raise Refused(not_configured(method.api))
        if method.api == "gmail" and not call.account.mail_enabled:
            raise Refused(mail_not_enabled())
        if named.get("userId", "me").lower() not in ("me", call.account.email.lower()):
            raise Refused(error(403, "forbidden", f"Delegation denied for {call.account.email}"))
        if instead or (instead := self.quota.refusal(call.user, method.id)):
            raise Refused(instead)
        call.units = self.quota.price(method.id)
        if method.id not in HANDLERS:
            raise Refused(error(501, "notImplemented", f"The fake does not do {method.id}."))
        asked = Asked(self, call.account, call.grant.scopes, method.read(call.query) | named, call.body)
        data = HANDLERS[method.id](asked)
        return nothing() if data is None else said(data)

    def _sign_in_pages(self, call: Call) -> Answer:
        match call.verb, call.path:
            case "GET", consent.PATH:
                return consent.show(self.oauth, self.accounts.values(), call.query, base="")
            case "POST", consent.PATH:
                ticked = parse_qs(call.body.decode()).get("granted", [])
                return consent.decide(self.oauth, self.accounts, call.body, ticked)
            case "POST", "/token":
                return self.oauth.token(call.headers, call.body)
            case "POST", "/revoke":
                return self.oauth.revoke_endpoint(call.query, call.body)
            case (("GET" | "POST"), ("/userinfo" | "/oauth2/v3/userinfo" | "/v1/userinfo")):
                return self._userinfo(call)
            case "GET", "/oauth2/v3/certs":
                return said(tokens.keys())
            case "GET", "/oauth2/v1/certs":
                return said(tokens.certificates())
        return error(404, "notFound", f"The requested URL {call.path} was not found on this server.")

    def _userinfo(self, call: Call) -> Answer:
        if call.grant is None:
            raise Refused(said({"error": "invalid_request", "error_description": "Invalid Credentials"}, 401))
        return said(identity(call.grant))


def keep(headers: dict[str, str]) -> dict[str, str]:
    """What parts of a batch have from the request around them."""
    return {name: value for name, value in headers.items() if name == "authorization"}


def readable(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
