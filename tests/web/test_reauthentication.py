"""Sensitive doors ask once more who it is, when the log-in is old: each of them, for reading and for sending."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from allauth.mfa.models import Authenticator
from django.conf import settings as django_settings
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from django.views.decorators.http import require_POST

from omnicrm import urls
from omnicrm.models import User
from omnicrm.reauthentication import SENSITIVE, sensitive
from tests.isolation.site import Address, addresses
from tests.signing_in import remember, signed_in
from tests.web.test_second_factor import PASSWORD, at_noon, code, enrol, sign_in  # noqa: F401 - a fixture

OLD = django_settings.ACCOUNT_REAUTHENTICATION_TIMEOUT + 1
DOORS = [door for door in addresses() if door.name in SENSITIVE or getattr(door.view, "is_sensitive", False)]


@sensitive
@require_POST
def burn(request: HttpRequest) -> HttpResponse:
    return HttpResponse("burnt")


urlpatterns = [path("burn/", burn), *urls.urlpatterns]
"""The site, and a door as another room would make it."""


def led_to(answer: Any) -> tuple[str, str]:
    """Where an answer leads, and where from there."""
    place = urlsplit(answer.headers.get("Location") or answer.headers["HX-Redirect"])
    return place.path, parse_qs(place.query).get("next", [""])[0]


def test_every_name_is_a_door() -> None:
    assert SENSITIVE - {door.name for door in DOORS} <= {"account_set_password", "socialaccount_connections"}
    assert len(DOORS) >= 10


def test_who_has_just_chosen_a_password_is_not_asked_for_it(db: None) -> None:
    browser = Client()
    browser.post("/accounts/signup/", {"email": "new@example.org", "password1": "a long secret 9"})
    assert browser.get("/connections/google/").status_code == 200


@pytest.mark.parametrize("door", DOORS, ids=str)
def test_an_old_log_in_opens_no_sensitive_door(alice: User, door: Address) -> None:
    browser = signed_in(Client(), alice, seconds_ago=OLD)
    place = door.path(door.of_nobody())
    confirm = "/accounts/reauthenticate/"
    assert led_to(browser.get(place)) == (confirm, place)
    assert led_to(browser.post(place)) == (confirm, place)
    assert led_to(browser.post(place, {"a": "b"})) == (confirm, "/")
    page = {"Referer": "http://testserver/contacts/?q=a"}
    assert led_to(browser.post(place, {"a": "b"}, headers=page)) == (confirm, "/contacts/?q=a")
    fragment = browser.get(place, headers={"HX-Request": "true"})
    assert (fragment.status_code, led_to(fragment)) == (204, (confirm, place))
    signed_in(browser, alice, seconds_ago=OLD - 60)
    assert browser.get(place).headers.get("Location", "").split("?")[0] != confirm


@pytest.mark.parametrize(
    "page",
    ["https://evil.example/x", "//evil.example/", "javascript:alert(1)", "", "http://testserver.evil/"],
)
def test_back_is_never_another_site(alice: User, page: str) -> None:
    browser = signed_in(Client(), alice, seconds_ago=OLD)
    answer = browser.post("/accounts/sessions/", {"a": "b"}, headers={"Referer": page})
    assert led_to(answer) == ("/accounts/reauthenticate/", "/")


def test_then_the_door_is_open(alice: User) -> None:
    browser = signed_in(Client(), alice, seconds_ago=OLD)
    answer = browser.post("/accounts/reauthenticate/?next=/accounts/sessions/", {"password": PASSWORD})
    assert answer.headers["Location"] == "/accounts/sessions/"
    assert browser.get("/accounts/sessions/").status_code == 200


def test_a_click_goes_on_where_it_was_held_up(alice: User) -> None:
    phone, browser = sign_in(Client(), alice), signed_in(Client(), alice, seconds_ago=OLD)
    place = browser.post("/accounts/sessions/")["Location"]
    assert phone.get("/contacts/").status_code == 200
    browser.post(place, {"password": PASSWORD})
    assert phone.get("/contacts/").status_code == 302


def test_a_wrong_password_opens_nothing(alice: User) -> None:
    browser = signed_in(Client(), alice, seconds_ago=OLD)
    assert browser.post("/accounts/reauthenticate/", {"password": "a guess"}).status_code == 200
    assert browser.get("/accounts/sessions/").status_code == 302


def test_signing_in_itself_counts(alice: User) -> None:
    browser = Client()
    browser.post("/accounts/login/", {"login": alice.email, "password": PASSWORD})
    assert browser.get("/accounts/sessions/").status_code == 200


def test_what_was_sent_too_late_is_not_kept(alice: User) -> None:
    browser = signed_in(Client(), alice, seconds_ago=OLD)
    new = {"oldpassword": PASSWORD, "password1": "a brand new secret", "password2": "a brand new secret"}
    browser.post("/accounts/password/change/", new)
    assert "secret" not in str(dict(browser.session))
    browser.post("/accounts/reauthenticate/", {"password": PASSWORD})
    alice.refresh_from_db()
    assert alice.check_password(PASSWORD)


def test_with_a_second_factor_the_password_alone_confirms_nothing(alice: User, at_noon: Any) -> None:  # noqa: F811
    browser = signed_in(Client(), alice)
    secret = enrol(browser)
    assert browser.get("/accounts/2fa/recovery-codes/").status_code == 200  # what was asked when it was asked
    at_noon.shift(OLD)
    assert led_to(browser.get("/accounts/sessions/")) == (
        "/accounts/2fa/reauthenticate/",
        "/accounts/sessions/",
    )
    assert browser.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
    assert browser.get("/accounts/sessions/").status_code == 302
    answer = browser.post("/accounts/2fa/reauthenticate/?next=/accounts/sessions/", {"code": code(secret)})
    assert answer.headers["Location"] == "/accounts/sessions/"
    assert browser.get("/accounts/sessions/").status_code == 200
    assert browser.get("/accounts/2fa/recovery-codes/").status_code == 200


def test_the_record_of_another_user_does_not_count(alice: User, charlie: User) -> None:
    browser = Client()
    browser.force_login(alice)
    session = browser.session
    remember(session, charlie)
    session.save()
    assert browser.get("/accounts/sessions/").status_code == 302


def test_one_line_makes_a_door_sensitive(alice: User, settings: Any) -> None:
    settings.ROOT_URLCONF = __name__
    browser = signed_in(Client(), alice, seconds_ago=OLD)
    page = {"Referer": "http://testserver/activity/"}
    assert led_to(browser.post("/burn/", {"a": "b"}, headers=page)) == (
        "/accounts/reauthenticate/",
        "/activity/",
    )
    assert signed_in(browser, alice).post("/burn/").content == b"burnt"


def test_without_a_session_it_is_the_log_in_that_is_asked_for(db: None) -> None:
    assert led_to(Client().get("/accounts/sessions/")) == ("/accounts/login/", "/accounts/sessions/")
    assert Authenticator.objects.count() == 0
