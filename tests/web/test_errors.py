"""What is shown when something goes wrong: a sentence, the request's number, and nothing about the inside."""

from __future__ import annotations

import pytest
from django.db import InterfaceError, OperationalError
from django.test import Client, RequestFactory, override_settings
from pytest_django import DjangoAssertNumQueries

from omnicrm import problems, views


def test_not_found(client: Client) -> None:
    answer = client.get("/nothing/here/", headers={"X-Request-ID": "abcdefgh-1"})
    assert answer.status_code == 404
    page = answer.content.decode()
    assert "There is nothing here" in page
    assert "abcdefgh-1" in page
    assert "alice" not in page


@pytest.mark.parametrize(
    ("problem", "status"),
    [
        (problems.bad_request, 400),
        (problems.forbidden, 403),
        (problems.csrf_failed, 403),
        (problems.not_found, 404),
        (problems.broken, 500),
        (problems.database_away, 503),
    ],
)
def test_error_pages_need_no_database(
    problem: problems.Problem,
    status: int,
    rf: RequestFactory,
    django_assert_num_queries: DjangoAssertNumQueries,
    db: None,
) -> None:
    with django_assert_num_queries(0):
        page = problem(rf.get("/"), PermissionError("SECRET"), reason="SECRET")
    assert page.status_code == status
    assert b"SECRET" not in page.content
    assert b"<h1>" in page.content


def test_a_broken_view_shows_the_number_alone(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(user: object) -> None:
        raise RuntimeError("SECRET")

    monkeypatch.setattr(views, "today_context", broken)
    client.raise_request_exception = False
    answer = client.get("/", headers={"X-Request-ID": "abcdefgh-2"})
    assert answer.status_code == 500
    assert b"abcdefgh-2" in answer.content
    assert b"SECRET" not in answer.content


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_a_database_that_is_away_is_a_matter_of_seconds(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    def broken(user: object) -> None:
        raise error("SECRET")

    monkeypatch.setattr(views, "today_context", broken)
    client.raise_request_exception = False
    answer = client.get("/", headers={"X-Request-ID": "abcdefgh-3"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    page = answer.content.decode()
    assert "The database does not answer" in page
    assert "abcdefgh-3" in page
    assert "SECRET" not in page


def test_a_form_without_its_token_is_told_in_words(alice: object) -> None:
    answer = Client(enforce_csrf_checks=True).post("/accounts/login/", {"login": "x", "password": "y"})
    assert answer.status_code == 403
    assert b"This page was too old" in answer.content


@override_settings(ALLOWED_HOSTS=["only.example.org"])
def test_a_wrong_host(db: None) -> None:
    answer = Client().get("/", headers={"host": "evil.example.org"})
    assert answer.status_code == 400
    assert b"We could not read that" in answer.content
