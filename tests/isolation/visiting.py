"""Somebody with a browser, or a program, who tries every address in every way."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote, urlencode

from django.db import transaction
from django.test import Client

from omnicrm.models import User
from tests.headers import faults
from tests.isolation.accounts import sign_in
from tests.isolation.planting import Rows, canaries

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SAFE = ("GET", "HEAD", "OPTIONS")

VOLATILE = re.compile(
    rb"""(X-CSRFToken\\?":\ \\?" | csrfmiddlewaretoken\\?"\ value=\\?" | csrftoken=) \w+ | nonce-[\w+/=-]+""",
    re.VERBOSE,
)
"""CSRF tokens and nonces: different in every answer."""


class Way(StrEnum):
    """What a request asks for, and how it writes its body."""

    PAGE = "page"
    HTMX = "htmx"
    JSON = "JSON"

    @property
    def headers(self) -> dict[str, str]:
        return {
            Way.PAGE: {"Accept": "text/html"},
            Way.HTMX: {"HX-Request": "true"},
            Way.JSON: {"Accept": "application/json"},
        }[self]

    def body(self, data: dict[str, str]) -> tuple[str, str]:
        if self is Way.JSON:
            return json.dumps(data), "application/json"
        return urlencode(data), "application/x-www-form-urlencoded"


@dataclass
class Visitor:
    """A browser that minds the headers of each answer. Every request starts from the same cookies, and `attempt`
    forgets what it did."""

    client: Client
    user: User | None = None
    asked: int = 0
    cookies: SimpleCookie = field(default_factory=SimpleCookie)

    def ask(self, method: str, path: str, data: dict[str, str], way: Way = Way.PAGE) -> Any:
        self.client.cookies = SimpleCookie(self.cookies.output(header="", sep=";"))
        self.asked += 1
        headers = {"X-Request-ID": "the-same-request"} | way.headers
        if method in SAFE:
            answer = self.client.generic(method, f"{path}?{urlencode(data)}", headers=headers)
        else:
            written, kind = way.body(data)
            answer = self.client.generic(method, path, written, content_type=kind, headers=headers)
        assert list(faults(answer)) == [], f"{method} {path}"
        return answer


def every_way(ask: Callable[[Way], Any], ways: Iterable[Way] = Way) -> list[Any]:
    """The answer in each way; in the first alone where it is 405, which a view says before it looks at the way."""
    first, *others = ways
    answer = ask(first)
    return [answer] if answer.status_code == 405 else [answer, *(ask(way) for way in others)]


def visitor(user: User | None = None) -> Visitor:
    """A browser, in which this user has signed in."""
    client = Client(raise_request_exception=False)
    if user is not None:
        sign_in(client, user)
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
    return response.status_code, VOLATILE.sub(b"", without(said(response), path))


def said(response: Any) -> bytes:
    """The headers, the cookies, the sentences for the next page, and the body."""
    timely = ("Content-Length", "Expires")
    headers = sorted((name, value) for name, value in response.headers.items() if name not in timely)
    cookies = sorted(
        f"{name}={morsel.value}" for name, morsel in response.cookies.items() if name != "messages"
    )
    later = getattr(getattr(response.wsgi_request, "_messages", None), "_queued_messages", [])
    sentences = [(str(message), message.extra_tags) for message in later]
    return repr((headers, cookies, sentences)).encode() + body(response)


def without(said: bytes, path: str) -> bytes:
    """The visitor knows the address already, so its echo is no leak."""
    for form in (path, quote(path), quote(path, safe="")):
        said = said.replace(form.encode(), b"")
    return said


def leaks(response: Any, path: str, mark: str) -> set[int]:
    """The numbers of the canaries of this mark that an answer shows."""
    return canaries(without(said(response), path), mark)
