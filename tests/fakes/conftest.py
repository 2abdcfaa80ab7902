"""A fake Google with one account, Ada's, on a clock that stands still; and Google's own clients on it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.google import Account, Clock, Google, service

AUTH = "https://www.googleapis.com/auth/"
READ_MAIL, SEND_MAIL, METADATA = f"{AUTH}gmail.readonly", f"{AUTH}gmail.send", f"{AUTH}gmail.metadata"
COMPOSE, MODIFY = f"{AUTH}gmail.compose", f"{AUTH}gmail.modify"
EVENTS, CALENDARS = f"{AUTH}calendar.events.readonly", f"{AUTH}calendar.calendarlist.readonly"
ADA = "ada@example.com"


@pytest.fixture
def google() -> Google:
    return Google(clock=Clock.still())


@pytest.fixture
def ada(google: Google) -> Account:
    return google.add_account(ADA, name="Ada Lovelace")


@pytest.fixture
def gmail(google: Google, ada: Account) -> Any:
    """users() of Gmail, allowed to read."""
    return service(google, "gmail", ADA, "openid", "email", READ_MAIL).users()


@pytest.fixture
def writing(google: Google, ada: Account) -> Any:
    """users() of Gmail, allowed everything."""
    return service(google, "gmail", ADA, MODIFY).users()


@pytest.fixture
def calendar(google: Google, ada: Account) -> Any:
    return service(google, "calendar", ADA, EVENTS, CALENDARS)
