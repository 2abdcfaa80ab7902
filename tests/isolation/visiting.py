"""Somebody with a browser who tries every address in every way."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, urlencode

from django.db import transaction
from django.test import Client

from omnicrm.models import User
from tests.isolation.planting import Rows, canaries

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
VOLATILE = re.compile(rb"(?<![0-9A-Za-z])[0-9A-Za-z]{64}(?![0-9A-Za-z])|nonce-[\w+/=-]+")
"""CSRF tokens and nonces: different in every answer."""


@dataclass
class Visitor:
    """A browser. Every request starts from the same cookies, and `attempt` forgets what it did."""

    client: Client
    user: User | None = None
    asked: int = 0
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def ask(self, method: str, path: str, data: dict[str, str], *, htmx: bool = False) -> Any:
        self.client.cookies = SimpleCookie(self.cookies.output(header="", sep=";"))
        self.asked += 1
        headers = {"X-Request-ID": "the-same-request"} | ({"HX-Request": "true"} if htmx else {})
        form = urlencode(data)
        if method in ("GET", "HEAD", "OPTIONS"):
            return self.client.generic(method, f"{path}?{form}", headers=headers)
        kind = "application/x-www-form-urlencoded"
        return self.client.generic(method, path, form, content_type=kind, headers=headers)


def visitor(user: User | None = None) -> Visitor:
    """A browser, in which this user has signed in."""
    client = Client(raise_request_exception=False)
    if user is not None:
        client.force_login(user)
    return Visitor(client, user, cookies=SimpleCookie(client.cookies.output(header="", sep=";")))


@contextmanager
def attempt() -> Iterator[None]:
    """What is done inside is looked at, then undone."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def tempting(rows: Rows) -> dict[str, str]:
    """A form that is right for every view, with somebody's ids wherever a view might take one."""
    written = {
        "name": "New",
        "title": "New",
        "text": "New",
        "address": "new@example.com",
        "plan_hash": "0" * 64,
    }
    ids = {model._meta.model_name or "": str(row.pk) for model, row in rows.items()}
    aliases = {"after": ids["contact"], "before": ids["contact"], "pk": ids["contact"], "ids": ids["contact"]}
    return written | ids | aliases


def body(response: Any) -> bytes:
    return b"".join(response) if response.streaming else response.content


def told(response: Any, path: str) -> tuple[Any, ...]:
    """All that an answer says, apart from the address that was asked for and what differs every time."""
    timely = ("Content-Length", "Expires")
    headers = sorted((name, value) for name, value in response.headers.items() if name not in timely)
    said = repr(headers).encode() + body(response)
    return response.status_code, VOLATILE.sub(b"", without(said, path))


def without(said: bytes, path: str) -> bytes:
    """The visitor knows the address already, so its echo is no leak."""
    for form in (path, quote(path), quote(path, safe="")):
        said = said.replace(form.encode(), b"")
    return said


def leaks(response: Any, path: str, mark: str) -> set[int]:
    """The numbers of the canaries of this mark that an answer shows."""
    headers = repr(sorted(response.headers.items())).encode()
    return canaries(without(headers + body(response), path), mark)
