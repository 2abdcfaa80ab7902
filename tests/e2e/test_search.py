"""From a search, by way of a look into Gmail, to a message of long ago on the timeline."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from integrations.models import SyncStream
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.e2e.test_flows import worker as worker
from tests.e2e.test_looks import faults
from tests.factories import make_contact, make_identity, make_note
from tests.fakes.google import Google
from tests.google.mailboxes import ADA, connect, deliver, served


@pytest.fixture
def google(settings: Any) -> Iterator[Google]:
    stand_in = Google()
    stand_in.add_account(ADA, name="Ada Lovelace")
    with served(stand_in, settings):
        yield stand_in


def is_followed(alice: User, google: Google) -> None:
    stream = connect(alice, google)
    with acting_as(alice.pk):
        stream.phase, stream.cursor = SyncStream.Phase.LIVE, str(google.account(ADA).mailbox.history.last)
        stream.save()


def test_search_look_in_gmail_import_and_read(page: Page, alice: User, google: Google, worker: None) -> None:
    grace = make_contact(alice, display_name="Grace Hopper", slug="grace")
    make_identity(alice, value="grace@example.com", contact=grace)
    make_note(alice, contact=grace, text="Knows the compiler.")
    deliver(google, "Compiler of old", text="The compiler is ready.")
    deliver(google, "Compiler for sale", ["INBOX", "CATEGORY_PROMOTIONS"])
    is_followed(alice, google)
    page.goto("/connections/")
    page.keyboard.press("/")
    page.get_by_label("Search everything").press_sequentially("compil")
    expect(page.get_by_role("link", name="Note on Grace Hopper")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/search/\?q=compil$"))
    page.get_by_role("button", name="Look in Gmail too").click()
    expect(page.get_by_text("Gmail of ada@example.com finds nothing for “compil” either.")).to_be_visible()
    page.get_by_label("Search everything").fill("compiler")
    expect(page).to_have_url(re.compile(r"/search/\?q=compiler$"))
    page.get_by_role("button", name="Look in Gmail too").click()
    expect(page.get_by_text("2 messages that Gmail of ada@example.com finds.")).to_be_visible()
    page.get_by_label("Tick Compiler for sale").check()
    expect(page.get_by_text("1 ticked")).to_be_visible()
    found = faults(page, "what Gmail has")
    page.get_by_role("button", name="Import this Compiler of old").click()
    expect(page.get_by_text("This would add 1 e-mail")).to_be_visible()
    page.get_by_role("button", name="Approve and import").click()
    expect(page.get_by_text("Added 1 e-mail")).to_be_visible()
    page.goto("/contacts/grace/")
    expect(page.get_by_text("Compiler of old")).to_be_visible()
    page.goto("/search/?q=compiler&kind=email")
    page.get_by_role("link", name="Compiler of old").click()
    expect(page.get_by_text("The compiler is ready.")).to_be_visible()
    assert found == []
