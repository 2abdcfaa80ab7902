"""Connections go back to the pool without an identity, whatever became of the request."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection, connections
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.template import engines
from django.template.response import SimpleTemplateResponse
from django.test import Client, RequestFactory
from django.urls import path

from contacts.models import Contact
from omnicrm import acting
from omnicrm.acting import acting_as, own_units
from omnicrm.models import User
from tests.factories import make_contact, make_user

REQUESTS, THREADS, CONNECTIONS, ROWS = 400, 4, 2, 3

# --- a small site: everything that can happen to a request after it has read somebody's rows


def names() -> list[str]:
    """Whatever Postgres shows, without any help of ours."""
    return list(Contact.unscoped.order_by("display_name").values_list("display_name", flat=True))


def backend() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def answers(request: HttpRequest) -> HttpResponse:
    return HttpResponse(json.dumps({"names": names(), "backend": backend()}))


def raises(error: Exception) -> Callable[[HttpRequest], HttpResponse]:
    def view(request: HttpRequest) -> HttpResponse:
        names()
        raise error

    return view


def breaks_sql(request: HttpRequest) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 / (SELECT count(*) - count(*) FROM contacts_contact)")
    return HttpResponse()


def renders(request: HttpRequest) -> SimpleTemplateResponse:
    """Reads its rows while the template is rendered, after the view has returned."""
    return SimpleTemplateResponse(engines["django"].from_string("{{ names|join:',' }}"), {"names": names})


def fails_to_render(request: HttpRequest) -> SimpleTemplateResponse:
    template = engines["django"].from_string("{{ names|join:',' }}{{ break }}")
    return SimpleTemplateResponse(template, {"names": names, "break": lambda: 1 / 0})


@own_units
def streams(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(rows_of(request.user))


@own_units
def fails_to_stream(request: Any) -> StreamingHttpResponse:
    return StreamingHttpResponse(rows_of(request.user, then=ValueError("in the middle")))


def rows_of(user: User, then: Exception | None = None) -> Iterator[str]:
    with acting_as(user.pk):
        for name in names():
            yield f"{name},"
            if then:
                raise then


urlpatterns = [
    path("answers", answers),
    path("raises", raises(ValueError("in the view"))),
    path("missing", raises(Http404())),
    path("denied", raises(PermissionDenied())),
    path("breaks-sql", breaks_sql),
    path("renders", renders),
    path("fails-to-render", fails_to_render),
    path("streams", streams),
    path("fails-to-stream", fails_to_stream),
]

# --- many requests at once over two connections


@dataclass
class Answer:
    user: str
    place: str
    status: str
    body: str
    headers: frozenset[str]


@pytest.fixture
def pool(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """This site, on a pool of two connections."""
    monkeypatch.setattr(settings, "ROOT_URLCONF", __name__)
    plain = connection.settings_dict["OPTIONS"]
    connection.close()
    connection.settings_dict["OPTIONS"] = {"pool": {"min_size": 1, "max_size": CONNECTIONS, "timeout": 20}}
    logging.disable(logging.ERROR)
    yield connection.pool  # type: ignore[attr-defined]
    logging.disable(logging.NOTSET)
    connection.close()
    connection.close_pool()  # type: ignore[attr-defined]
    connection.settings_dict["OPTIONS"] = plain


def sessions(*names: str) -> dict[str, str]:
    """The cookie of each user; each has rows of their own."""
    cookies = {}
    for name in names:
        user = make_user(name)
        for number in range(ROWS):
            make_contact(user, display_name=f"{name} {number}")
        browser = Client()
        browser.force_login(user)
        cookies[name] = browser.cookies[settings.SESSION_COOKIE_NAME].value
    connection.close()
    return cookies


@cache
def handler() -> WSGIHandler:
    return WSGIHandler()


def serve(user: str, cookie: str, place: str) -> Answer:
    """One request as a WSGI server makes it: the handler, the whole body, and the end that gives the connection back."""
    request = RequestFactory(headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"}).get(f"/{place}")
    status: list[str] = []
    headers: set[str] = set()

    def start(line: str, given: list[tuple[str, str]], *more: Any) -> None:
        status.append(line)
        headers.update(name for name, _ in given)

    response: Any = handler()(request.environ, start)
    body = b""
    try:
        for part in response:
            body += part
    except ValueError:
        body += b"(broken off)"
    finally:
        response.close()
    return Answer(user, place, status[0][:3], body.decode(), frozenset(headers))


def serve_many(cookies: dict[str, str], seed: int) -> list[Answer]:
    chance = random.Random(seed)
    places = [str(pattern.pattern) for pattern in urlpatterns]
    try:
        return [
            serve(*chance.choice([*cookies.items()]), chance.choice(places))
            for _ in range(REQUESTS // THREADS)
        ]
    finally:
        connections.close_all()


def serve_all(cookies: dict[str, str]) -> list[Answer]:
    with ThreadPoolExecutor(THREADS) as threads:
        runs = threads.map(lambda seed: serve_many(cookies, seed), range(THREADS))
        return [answer for run in runs for answer in run]


def remembered(pool: Any) -> list[tuple[str, int]]:
    """What each connection of the pool still knows, all of them taken at once: an identity, and rows to see."""
    taken = [pool.getconn() for _ in range(CONNECTIONS)]
    query = "SELECT coalesce(current_setting('app.user_id', true), ''), count(*) FROM contacts_contact"
    try:
        return [held.execute(query).fetchone() for held in taken]
    finally:
        for held in taken:
            pool.putconn(held)


FROM_MIDDLEWARE = {
    "X-Request-ID",
    "Permissions-Policy",
    "Content-Security-Policy",
    "X-Frame-Options",
    "Cache-Control",
}
"""Headers that show that these requests went through all the middleware that real ones do."""

STATUS = {
    "answers": "200",
    "raises": "500",
    "missing": "404",
    "denied": "403",
    "breaks-sql": "500",
    "renders": "200",
    "fails-to-render": "500",
    "streams": "200",
    "fails-to-stream": "200",
}


def test_four_hundred_requests_leave_no_identity_behind(
    pool: Any, record_property: Callable[..., None]
) -> None:
    served = serve_all(sessions("Alice", "Charlie"))
    assert {(answer.place, answer.status) for answer in served} == {*STATUS.items()}
    for answer in served:
        own = [f"{answer.user} {number}" for number in range(ROWS)]
        stranger = {"Alice": "Charlie", "Charlie": "Alice"}[answer.user]
        assert stranger not in answer.body
        if answer.place == "answers":
            assert json.loads(answer.body)["names"] == own
        elif answer.place in ("renders", "streams"):
            assert answer.body.strip(",").split(",") == own
        elif answer.place == "fails-to-stream":
            assert answer.body == f"{own[0]},(broken off)"
    backends = {json.loads(answer.body)["backend"] for answer in served if answer.place == "answers"}
    assert (len(served), len(backends)) == (REQUESTS, CONNECTIONS)
    assert all(answer.headers >= FROM_MIDDLEWARE for answer in served)
    assert remembered(pool) == [("", 0)] * CONNECTIONS
    record_property("isolation", f"a pool: {REQUESTS} requests, {THREADS} threads, {CONNECTIONS} connections")


def test_an_identity_for_the_session_would_be_found(pool: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def tell_for_ever(user_id: Any, **_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('app.user_id', %s, false)", [str(user_id or "")])

    cookies = sessions("Alice")
    monkeypatch.setattr(acting, "_tell_postgres", tell_for_ever)
    serve("Alice", cookies["Alice"], "answers")
    assert sorted(rows for _, rows in remembered(pool)) == [0, ROWS]
