"""What every answer of every address has in common: its headers, the methods it takes, how much it reads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from itertools import product

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from pytest_django import Settings

from omnicrm import urls
from omnicrm.models import User
from tests.factories import make_operator
from tests.headers import faults
from tests.isolation.site import Address, addresses
from tests.isolation.visiting import Way
from tests.signing_in import signed_in

SITE = addresses()
UNKNOWN = ("PUT", "PATCH", "DELETE", "TRACE", "PROPFIND", "MADEUP")


def fails(request: HttpRequest) -> HttpResponse:
    raise RuntimeError


urlpatterns = [path("fails/", fails), *urls.urlpatterns]
"""The site, and a page that breaks."""


@pytest.fixture
def visitors(alice: User) -> dict[str, Client]:
    operator = make_operator()
    return {
        "nobody": Client(raise_request_exception=False),
        "alice": signed_in(Client(raise_request_exception=False), alice),
        "operator": signed_in(Client(raise_request_exception=False), operator),
    }


def everywhere(visitors: dict[str, Client]) -> Iterator[tuple[str, Client, Address]]:
    """Everybody at every address; but the admin nothing asks who is an operator."""
    for (who, browser), address in product(visitors.items(), SITE):
        if who != "operator" or address.is_admin:
            yield who, browser, address


@pytest.mark.parametrize("way", Way)
def test_a_page_that_breaks_has_the_headers(client: Client, settings: Settings, way: Way) -> None:
    """As all have: the census of addresses looks at every answer (tests/isolation/visiting.py)."""
    settings.ROOT_URLCONF, client.raise_request_exception = __name__, False
    answer = client.post("/fails/", headers=way.headers)
    assert (answer.status_code, list(faults(answer))) == (500, [])


def test_answers_that_no_view_gives_have_them_too(client: Client, settings: Settings) -> None:
    refused = Client(enforce_csrf_checks=True).post("/accounts/login/")
    nowhere = client.get("/nothing/")
    settings.ALLOWED_HOSTS = ["only.example.org"]
    wrong_host = client.get("/")
    settings.ALLOWED_HOSTS, settings.SECURE_SSL_REDIRECT = ["testserver"], True
    answers = (refused, nowhere, wrong_host, Client().get("/"))
    assert [answer.status_code for answer in answers] == [403, 404, 400, 301]
    assert [list(faults(answer)) for answer in answers] == [[], [], [], []]


def test_over_https(alice: User, settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 31_536_000, True
    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    settings.SESSION_COOKIE_NAME, settings.CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    browser = Client()
    page = browser.get("/accounts/login/", secure=True)
    assert page["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"
    form = {"login": alice.email, "password": "correct horse battery"}
    answer = browser.post("/accounts/login/", form, secure=True)
    cookies = {**page.cookies, **answer.cookies}
    assert set(cookies) == {"__Host-sessionid", "__Host-csrftoken"}
    for name, cookie in cookies.items():
        assert (cookie["secure"], cookie["path"], cookie["domain"], cookie["samesite"]) == (
            True,
            "/",
            "",
            "Lax",
        )
        assert bool(cookie["httponly"]) is (name == "__Host-sessionid"), name


def test_nonces_are_new_each_time_and_there_where_they_are_used(client: Client) -> None:
    seen = set()
    for _ in range(3):
        page = client.get("/contacts/")
        found = re.search(r"script-src [^;]*'nonce-([^']+)'", page["Content-Security-Policy"])
        used = set(re.findall(r'nonce="([^"]+)"', page.text))
        assert ({found[1]} if found else set()) == used
        seen |= used
    assert len(seen) in (0, 3)


def test_a_form_token_is_masked_anew_each_time(client: Client) -> None:
    tokens = {re.search(r"X-CSRFToken\": \"(\w+)", client.get("/contacts/").text)[1] for _ in range(3)}  # type: ignore[index]
    assert len(tokens) == 3


@pytest.mark.parametrize("method", UNKNOWN)
def test_a_method_that_no_page_has(visitors: dict[str, Client], method: str) -> None:
    for who, browser, address in everywhere(visitors):
        place = address.path(address.of_nobody())
        answer = browser.generic(method, place)
        assert (answer.status_code, answer.headers.get("Allow")) == (405, "GET, HEAD, POST"), (
            f"{who}: {place}"
        )
        assert "This address is not for that" in answer.text


def test_405_always_says_what_is_allowed_and_what_to_do(visitors: dict[str, Client]) -> None:
    refused = 0
    for _, browser, address in everywhere(visitors):
        for method in ("GET", "POST", "HEAD", "OPTIONS"):
            answer = browser.generic(method, address.path(address.of_nobody()))
            if answer.status_code == 405:
                refused += 1
                assert answer["Allow"]
                assert method not in answer["Allow"].split(", ")
                assert method == "HEAD" or "Go back to the page" in answer.text
    assert refused > 20


def test_preflights_of_other_sites_get_nothing(visitors: dict[str, Client]) -> None:
    asked = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for _, browser, address in everywhere(visitors):
        answer = browser.options(address.path(address.of_nobody()), headers=asked)
        assert [one for one in answer.headers if one.lower().startswith("access-control")] == []
        assert answer.status_code != 500


@pytest.mark.parametrize(
    "kind", ["application/json", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_more_than_a_form_can_be_is_not_read(visitors: dict[str, Client], kind: str) -> None:
    class Unread:
        """A body that nobody may touch."""

        def read(self, *_: int) -> bytes:
            raise AssertionError("read")

        readline = read

        def __len__(self) -> int:
            return 1_000_001

    for _, browser, address in everywhere(visitors):
        if getattr(address.view, "takes_files", False):
            continue
        place = address.path(address.of_nobody())
        answer = browser.post(place, content_type=kind, CONTENT_LENGTH="1000001", **{"wsgi.input": Unread()})
        assert answer.status_code == 413, place
        assert "That was too much at once" in answer.text


def test_as_much_as_a_form_can_be_is_read(client: Client) -> None:
    answer = client.post("/contacts/add/", {"name": "a" * 999_000})
    assert answer.status_code == 302
    parts = {f"part{n}": "a" * 300_000 for n in range(4)}
    assert client.post("/import/upload/", parts).status_code == 413  # not as fields of a form, in no case


def test_more_fields_than_any_form_has(client: Client) -> None:
    answer = client.post("/contacts/add/", {f"field{n}": "" for n in range(1001)})
    assert answer.status_code == 400
    assert "We could not read that" in answer.text


@pytest.mark.parametrize("deep", ["[" * 100_000, '{"a":' * 100_000, "[" * 50_000 + "]" * 50_000])
def test_json_nested_deeper_than_anybody_means_it(db: None, deep: str) -> None:
    browser = Client(raise_request_exception=False)
    answer = browser.post("/accounts/2fa/webauthn/login/", {"credential": deep})
    assert answer.status_code == 400
    assert "We could not read that" in answer.text


def test_as_page_as_sentence_as_json(client: Client) -> None:
    page = client.get("/contacts/nobody/")
    sentence = client.get("/contacts/nobody/", headers={"HX-Request": "true"})
    data = client.get(
        "/contacts/nobody/", headers={"Accept": "application/json", "X-Request-ID": "abcdefgh-9"}
    )
    assert [answer.status_code for answer in (page, sentence, data)] == [404] * 3
    assert "<h1>There is nothing here</h1>" in page.text
    assert sentence["Content-Type"] == "text/plain; charset=utf-8"
    assert sentence.text.startswith("There is nothing here. The link may be old")
    said = json.loads(data.text)
    assert (said["status"], said["title"], said["request_id"]) == (404, "There is nothing here", "abcdefgh-9")


# --- where a page sends one afterwards

EVIL = [
    "//evil.example", "///evil.example", "////evil.example/", "/\\evil.example", "\\\\evil.example", "/\\/evil.example",
    "https:evil.example", "https:/evil.example", "https://evil.example", "HTTPS://evil.example", "http:///evil.example",
    "https://testserver@evil.example", "https://testserver.evil.example/", "javascript:alert(1)", "data:text/html,x",
    "/\t/evil.example", "\t//evil.example", "\x00//evil.example", "/%09/evil.example", "%2f%2fevil.example",
    "%2F%2Fevil.example", "/%2f/evil.example", "//evil%E3%80%82example", "https://evil.example\\@testserver/",
    "/\r\nLocation: https://evil.example", "//[::1", "ftp://testserver/", "///", "http:evil.example",
]  # fmt: skip


def stays(place: str) -> bool:
    """Whether a browser at this site would stay at it: a path of ours, after what browsers make of odd characters."""
    seen = re.sub(r"[\t\r\n\x00]", "", place).strip().replace("\\", "/")
    return seen.startswith("/") and not seen.startswith("//") and "\n" not in place and "\r" not in place


@pytest.mark.parametrize("evil", EVIL)
def test_no_next_leads_to_another_site(alice: User, evil: str) -> None:
    password = {"password": "correct horse battery"}
    doors: list[tuple[Client, str, dict[str, str]]] = [
        (Client(), "/accounts/login/", {"login": alice.email, **password}),
        (signed_in(Client(), alice), "/accounts/login/", {}),
        (signed_in(Client(), alice), "/accounts/signup/", {}),
        (signed_in(Client(), alice), "/accounts/reauthenticate/", password),
        (signed_in(Client(), alice), "/accounts/logout/", {}),
        (Client(), "/accounts/logout/", {}),
        (Client(), "/admin/login/", {}),
        (signed_in(Client(), make_operator()), "/admin/login/", {}),
        (signed_in(Client(), alice), "/contacts/nobody/tasks/add/", {"title": "x"}),
    ]
    for browser, place, form in doors:
        for more, query in (({"next": evil}, {}), ({}, {"next": evil})):
            answer = browser.post(place, {**form, **more}, query_params=query)
            if answer.status_code == 302:
                assert stays(answer["Location"]), place


def test_a_next_of_ours_is_followed(alice: User) -> None:
    form = {"login": alice.email, "password": "correct horse battery", "next": "/contacts/?q=a"}
    assert Client().post("/accounts/login/", form)["Location"] == "/contacts/?q=a"
