"""Connecting an account and letting it go, in a browser, by way of the stand-in for Google's page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from omnicrm.models import User
from tests.e2e.test_looks import faults
from tests.fakes.google import Google, serving

pytestmark = pytest.mark.e2e
ADA = "ada@example.com"


@pytest.fixture
def google(settings: Any, live_server: LiveServer) -> Iterator[Google]:
    stand_in = Google()
    stand_in.add_account(ADA, name="Ada Lovelace")
    with serving(stand_in) as running:
        for name, value in running.environment().items():
            setattr(settings, name, value)
        settings.SITE_URL = live_server.url
        yield stand_in


def test_connect_and_let_go(page: Page, alice: User, google: Google) -> None:
    page.goto("/connections/")
    found = faults(page, "no account")
    page.get_by_role("link", name="Connect a Google account").click()
    found += faults(page, "the way to Google")
    page.get_by_role("link", name="Continue to Google").click()
    page.get_by_role("button", name="Allow").click()
    expect(page.get_by_text(f"{ADA} is connected.")).to_be_visible()
    found += faults(page, "an account")
    page.get_by_role("link", name="Disconnect").click()
    found += faults(page, "letting go")
    page.get_by_role("button", name="Disconnect and keep them").click()
    expect(page.get_by_text("What it brought stays.")).to_be_visible()
    expect(page.get_by_text("Disconnected", exact=True)).to_be_visible()
    assert found == []
    assert all(google.oauth.dead(grant) for grant in google.oauth.grants.values())
