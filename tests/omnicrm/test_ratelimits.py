"""Limits: exact across processes, per address and session, and never a lock-out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.test import Client, RequestFactory
from django.urls import get_resolver
from limits import parse

from omnicrm import ratelimits
from omnicrm.middleware import client_address
from omnicrm.models import User
from omnicrm.ratelimits import Counters, counters, limit_of, network

pytestmark = pytest.mark.xdist_group("limits")  # they empty the counters, which the processes share

COUNT = """
import sys
from concurrent.futures import ThreadPoolExecutor
import django; django.setup()
from limits import parse
from omnicrm.ratelimits import Counters
counters, item = Counters(), parse("40/minute")
with ThreadPoolExecutor(8) as pool:
    print(sum(not wait for wait in pool.map(lambda n: counters.wait(item, "page", sys.argv[1]), range(50))))
"""


@pytest.fixture
def limits(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Limits as an installation has them; counted from nothing."""
    settings.RATE_LIMITS = {
        "default": "5/minute",
        "poll": "9/minute",
        "login": "3/minute",
        "guess": "2/5minutes",
        "search": "4/minute",
        "import": "2/minute",
    }
    monkeypatch.setattr(counters._own, "storage", type(counters._own.storage)())
    monkeypatch.setattr(ratelimits, "PATIENCE", 10)  # a busy machine is no reason to count elsewhere
    monkeypatch.setattr(counters, "_shared", None)
    monkeypatch.setattr(counters, "_resting_until", 0)
    limit_of.cache_clear()
    counters.shared().storage.reset()
    yield settings
    limit_of.cache_clear()
    counters.shared().storage.reset()


def test_exactly_so_many_in_two_processes_of_eight_threads() -> None:
    who = uuid4().hex
    command = [sys.executable, "-c", COUNT, who]
    both = [
        subprocess.Popen(command, cwd=django_settings.BASE_DIR, stdout=subprocess.PIPE, text=True)
        for _ in "ab"
    ]
    assert sum(int(one.communicate(timeout=60)[0]) for one in both) == 40


def test_without_valkey_each_process_counts_alone(settings: Any) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    alone = Counters()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda n: alone.wait(parse("40/minute"), "page", "somebody"), range(50)))
    assert (waits.count(0), max(waits) <= 60) == (40, True)


def test_too_often(limits: Any, client: Client) -> None:
    answers = [client.get("/contacts/") for _ in range(7)]
    assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    assert "Wait a minute" in answers[-1].text
    assert client.get("/jobs/").status_code == 200  # each page has a count of its own


def test_too_often_as_a_sentence_and_as_json(limits: Any, client: Client) -> None:
    for _ in range(5):
        client.get("/contacts/")
    sentence = client.get("/contacts/", headers={"HX-Request": "true"})
    data = client.get("/contacts/", headers={"Accept": "application/json"})
    assert [answer.status_code for answer in (sentence, data)] == [429, 429]
    assert sentence.text.startswith("That was too often. Wait a minute")
    assert data.json()["status"] == 429
    assert all(1 <= int(answer["Retry-After"]) <= 60 for answer in (sentence, data))


def test_searching_counts_for_itself(limits: Any, client: Client) -> None:
    assert [client.get("/contacts/?q=ada").status_code for _ in range(5)] == [200] * 4 + [429]
    assert client.get("/contacts/").status_code == 200


def test_an_address_and_a_session_count_apart(limits: Any, alice: User, charlie: User) -> None:
    def ask(user: User, address: str, times: int) -> list[int]:
        browser = Client(REMOTE_ADDR=address)
        browser.force_login(user)
        return [browser.get("/contacts/").status_code for _ in range(times)]

    assert ask(alice, "203.0.113.1", 5) == [200] * 5
    assert ask(charlie, "203.0.113.1", 1) == [429]  # the same address, whoever asks
    assert ask(charlie, "203.0.113.2", 5) == [200] * 5
    browser = Client(REMOTE_ADDR="203.0.113.3")
    browser.force_login(charlie)
    assert [browser.get("/contacts/").status_code for _ in range(5)] == [200] * 5
    assert (
        browser.get("/contacts/", REMOTE_ADDR="203.0.113.4").status_code == 429
    )  # the same session, wherever from


def test_signing_in_is_limited_more_and_probes_not_at_all(limits: Any, db: None) -> None:
    browser = Client()
    assert [browser.get("/accounts/login/").status_code for _ in range(4)] == [200] * 3 + [429]
    assert {browser.get("/livez").status_code for _ in range(20)} == {200}


def test_every_kind_is_a_setting_that_can_be_read() -> None:
    views = [pattern.callback for pattern in walk(get_resolver())]
    marks = {getattr(view, "rate_limit", "default") for view in views} | set(ratelimits.BY_NAME.values())
    asked = [RequestFactory().get("/", {"q": words}) for words in ("", "ada")]
    kinds = {kind if isinstance(kind, str) else kind(one) for kind in marks for one in asked}
    assert kinds - {"unlimited"} == set(django_settings.RATE_LIMITS) - {"guess"}
    assert all(parse(limit).amount for limit in django_settings.RATE_LIMITS.values())


def walk(resolver: Any) -> Iterator[Any]:
    for pattern in resolver.url_patterns:
        yield from walk(pattern) if hasattr(pattern, "url_patterns") else [pattern]


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::7", "2001:db8:1:2::/64"),
        ("", "nowhere"),
        ("unix:", "nowhere"),
        ("::ffff:203.0.113.9", "203.0.113.9"),  # as a server that listens on [::] sees everybody with IPv4
        ("fe80::1%eth0", "fe80::/64"),
    ],
)
def test_network(address: str, found: str) -> None:
    assert network(address) == found


@pytest.mark.parametrize(
    ("proxies", "said", "found"),
    [
        (0, "198.51.100.7", "10.0.0.1"),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "6.6.6.6, 198.51.100.7", "198.51.100.7"),
        (2, "6.6.6.6, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "198.51.100.7", "10.0.0.1"),
        (1, "", "10.0.0.1"),
        (1, "nonsense", "10.0.0.1"),
        (1, "2001:db8::1", "2001:db8::1"),
        (1, "[2001:db8::1]", "2001:db8::1"),
        (1, "198.51.100.7,", "10.0.0.1"),
        (1, "198.51.100.7, unknown", "10.0.0.1"),
        (1, "' OR 1=1 --", "10.0.0.1"),
        (1, "a" * 100_000, "10.0.0.1"),
        (1, "," * 1000, "10.0.0.1"),
        (3, "6.6.6.6, 198.51.100.7, 10.0.0.3, 10.0.0.2", "198.51.100.7"),
        (1, "::ffff:198.51.100.7", "::ffff:c633:6407"),
    ],
)
def test_client_address(settings: Any, proxies: int, said: str, found: str) -> None:
    settings.TRUSTED_PROXIES = proxies
    assert client_address("10.0.0.1", said) == found


def test_a_header_of_the_visitors_own_does_not_help_them(limits: Any, client: Client) -> None:
    said = [client.get("/contacts/", headers={"X-Forwarded-For": f"6.6.6.{n}"}) for n in range(6)]
    assert said[-1].status_code == 429
    assert "HTTP_X_FORWARDED_FOR" not in said[-1].wsgi_request.META


def test_every_answer_has_the_headers(client: Client, rf: Any) -> None:
    for path, status in {
        "/": 200,
        "/contacts/": 200,
        "/contacts/nobody/": 404,
        "/contacts/?page=x": 200,
    }.items():
        answer = client.get(path)
        assert answer.status_code == status
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"
        assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
        assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
        assert answer["X-Frame-Options"] == "DENY"
        assert "camera=()" in answer["Permissions-Policy"]
        assert "no-store" in answer["Cache-Control"]
        assert "default-src 'none'" in answer["Content-Security-Policy"]
