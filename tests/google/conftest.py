from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from integrations.google.client import Google
from integrations.models import SyncStream
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.asking import GRANT, NOW, Noting
from tests.google.mailboxes import ADA, connect, served
from tests.google.scripted import Script, scripted


@pytest.fixture
def script(settings: Any) -> Iterator[Script]:
    """A Google that answers as the test says, and that the settings name."""
    with scripted() as running:
        settings.GOOGLE_CLIENT_ID, settings.GOOGLE_CLIENT_SECRET = "our-id", "our-secret"
        settings.GOOGLE_API_ROOT = running.place
        settings.GOOGLE_AUTH_URI = f"{running.place}/auth"
        settings.GOOGLE_TOKEN_URI = f"{running.place}/token"
        settings.GOOGLE_REVOKE_URI = f"{running.place}/revoke"
        settings.GOOGLE_USERINFO_URI = f"{running.place}/userinfo"
        yield running


@pytest.fixture
def gate() -> Noting:
    return Noting()


@pytest.fixture
def google(script: Script, gate: Noting) -> Google:
    return Google(GRANT, gate=gate, clock=lambda: NOW)


@pytest.fixture
def at(settings: Any) -> Iterator[fakes.Google]:
    google = fakes.Google(clock=fakes.Clock.still())
    google.add_account(ADA, name="Ada Lovelace")
    with served(google, settings):
        yield google


@pytest.fixture
def stream(at: fakes.Google, alice: User) -> SyncStream:
    return connect(alice, at)
