"""A real browser on a real server: Debian's Chromium, driven by Playwright. Skips where there is none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, BrowserContext, Page, Playwright, expect, sync_playwright
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from omnicrm.models import User
from tests.e2e.seeing import FLAGS, Eyes
from tests.signing_in import remember

# Playwright keeps an event loop in this thread, which Django takes for async code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

# A busy machine takes its time, and nothing is said here about how long anything may take.
PATIENCE = 20_000
expect.set_options(timeout=PATIENCE)

# The shell is the same browser without a window, and does the same in four fifths of the time.
INSTALLED = map(shutil.which, ("chromium-headless-shell", "chromium", "chromium-browser"))
CHROMIUM = os.environ.get("CHROMIUM") or next(filter(None, INSTALLED), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if not CHROMIUM:
                item.add_marker(pytest.mark.skip(reason="no Chromium: apt install chromium, or set CHROMIUM"))


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(playwright: Playwright) -> Iterator[Browser]:
    started = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield started
    started.close()


@pytest.fixture
def context(browser: Browser, live_server: LiveServer, alice: User) -> Iterator[BrowserContext]:
    """A window in which Alice has signed in."""
    window = browser.new_context(base_url=live_server.url, locale="en-GB", timezone_id="Europe/Berlin")
    window.add_cookies([{"name": "sessionid", "value": session_of(alice), "url": live_server.url}])
    window.set_default_timeout(PATIENCE)
    yield window
    window.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab that tells, at the end of the test, what it complained of: scripts that failed, a policy that was broken."""
    tab = context.new_page()
    eyes = Eyes(tab)
    yield tab
    assert eyes.complaints == []


@pytest.fixture(autouse=True)
def _media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def session_of(user: User) -> str:
    """The key of a session in which this user has signed in, a moment ago."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = django_settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    remember(session, user)
    session.create()
    assert session.session_key
    return session.session_key
