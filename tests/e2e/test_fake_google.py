"""The stand-in for Google's page of consent, walked by a browser."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.fakes.google import Google, serving
from tests.fakes.google.server import Server

EVENTS, MAIL = (
    f"https://www.googleapis.com/auth/{name}" for name in ("calendar.events.readonly", "gmail.readonly")
)


@pytest.fixture
def there() -> Iterator[Server]:
    google = Google()
    for email in ("ada@example.com", "grace@example.com"):
        google.add_account(email)
    with serving(google) as server:
        yield server


def ask(page: Page, there: Server, back: str) -> None:
    asked = {
        "client_id": there.google.oauth.client_id,
        "redirect_uri": back,
        "response_type": "code",
        "scope": f"openid email {MAIL} {EVENTS}",
        "state": "a state with & in it",
    }
    page.goto(f"{there.environment()['GOOGLE_AUTH_URI']}?{urlencode(asked)}")


def test_an_account_is_chosen_boxes_are_unticked_and_the_browser_comes_back(
    page: Page, there: Server, live_server: LiveServer
) -> None:
    ask(page, there, f"{live_server.url}/livez")
    expect(page.get_by_role("note")).to_contain_text("This is not Google.")
    expect(page.get_by_label("ada@example.com")).to_be_checked()
    page.get_by_label("grace@example.com").check()
    page.get_by_label("gmail.readonly").uncheck()
    page.get_by_role("button", name="Allow").click()
    page.wait_for_url("**/livez?**")
    back = {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
    assert back["state"] == "a state with & in it"
    assert back["scope"].split() == [EVENTS, "https://www.googleapis.com/auth/userinfo.email", "openid"]
    assert there.google.oauth.codes[back["code"]].account.email == "grace@example.com"


def test_denying_comes_back_too(page: Page, there: Server, live_server: LiveServer) -> None:
    ask(page, there, f"{live_server.url}/livez")
    page.get_by_role("button", name="Deny").click()
    page.wait_for_url("**/livez?**")
    assert parse_qs(urlsplit(page.url).query)["error"] == ["access_denied"]
