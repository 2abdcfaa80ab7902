"""What people do, in a browser: import, look, change, take back; and the small things that scripts add."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from jobs.runner import run_one
from omnicrm import ratelimits
from omnicrm.models import User
from omnicrm.ratelimits import Counters, limit_of
from tests.factories import (
    make_contact,
    make_contact_tag,
    make_identity,
    make_interaction,
    make_job,
    make_participant,
    make_tag,
)
from tests.importing import letter, mailbox


@pytest.fixture
def worker(transactional_db: None) -> Iterator[None]:
    """A worker in a thread, as long as the test lasts."""
    stop = Event()

    def work() -> None:
        while not stop.is_set():
            if run_one(None, "browser tests") is None:
                stop.wait(0.05)
        connection.close()

    thread = Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join(10)


def test_import_and_undo(page: Page, worker: None, tmp_path: Path) -> None:
    letters = [letter(1), letter(2, sender="Bo <bo@example.com>"), letter(1)]
    page.goto("/import/")
    page.get_by_label("Drop a file here").set_input_files(mailbox(tmp_path / "mail.mbox", *letters))
    expect(page.get_by_text("mail.mbox —")).to_be_visible()
    page.get_by_role("button", name="See what would happen").click()
    expect(page.get_by_text("This would add 2 people and 2 e-mails; 1 is left out.")).to_be_visible()
    page.get_by_role("button", name="Approve and import").click()
    expect(page.get_by_text("Added 2 people and 2 e-mails")).to_be_visible()
    expect(page.get_by_role("status")).to_contain_text("The import is done.")
    page.get_by_role("link", name="See the people").click()
    page.get_by_role("link", name="Ada Lovelace").click()
    expect(page.get_by_text("A line of text.")).to_be_visible()
    page.get_by_role("link", name="Undo").click()
    page.get_by_role("button", name="Undo it").click()
    expect(page.get_by_text("Taken back: removed")).to_be_visible()


def test_delete_with_undo_in_the_toast(page: Page, alice: User, worker: None) -> None:
    make_contact(alice, display_name="Ada", slug="ada")
    page.goto("/contacts/ada/")
    page.get_by_role("link", name="Delete Ada").click()
    expect(page.get_by_role("status")).to_contain_text("Deleted Ada.")
    page.get_by_role("status").get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="Undo it").or_(page.get_by_text("Taken back")).first.wait_for()
    expect(page.get_by_text("Taken back: put back")).to_be_visible()
    page.goto("/contacts/ada/")
    expect(page.get_by_role("heading", level=1, name="Ada")).to_be_visible()


def test_live_search_keeps_the_address(page: Page, alice: User) -> None:
    for name in ("Ada", "Bo", "Cy"):
        make_contact(alice, display_name=name)
    page.goto("/contacts/")
    page.get_by_label("Search people").press_sequentially("bo", delay=20)
    expect(page.get_by_role("link", name="Ada")).to_have_count(0)
    expect(page.get_by_text("1 person found")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=bo"))
    page.get_by_role("link", name="Remove the filter “bo”").click()
    expect(page.get_by_text("3 people")).to_be_visible()


def test_filters_combine_and_go_back(page: Page, alice: User) -> None:
    ada = make_contact(alice, display_name="Ada", stage="client")
    make_contact(alice, display_name="Bo", stage="client")
    make_contact_tag(alice, contact=ada, tag=make_tag(alice, name="Investor"))
    page.goto("/contacts/")
    page.get_by_label("Stage").first.select_option("Client")
    expect(page.get_by_text("2 people found")).to_be_visible()
    page.get_by_label("Tag", exact=True).select_option("Investor")
    expect(page.get_by_text("1 person found")).to_be_visible()
    page.go_back()
    expect(page.get_by_text("2 people found")).to_be_visible()


def test_ticks_and_ranges(page: Page, alice: User) -> None:
    for name in ("Ada", "Bo", "Cy", "Di"):
        make_contact(alice, display_name=name)
    page.goto("/contacts/")
    expect(page.get_by_role("button", name="Delete ticked")).to_be_hidden()
    page.get_by_label("Tick Ada").check()
    page.get_by_label("Tick Cy").click(modifiers=["Shift"])
    expect(page.get_by_text("3 ticked")).to_be_visible()
    page.get_by_role("button", name="Delete ticked").click()
    expect(page.get_by_role("status")).to_contain_text("Deleted 3 people.")
    expect(page.get_by_text("1 person")).to_be_visible()


def test_notes_tasks_and_addresses_in_place(page: Page, alice: User) -> None:
    make_contact(alice, display_name="Ada", slug="ada")
    page.goto("/contacts/ada/")
    page.get_by_label("Write a note about Ada").fill("Likes poetry.")
    page.get_by_label("Write a note about Ada").press("Control+Enter")
    expect(page.locator("#timeline")).to_contain_text("Likes poetry.")
    page.get_by_label("Edit this note").click()
    page.locator("#timeline").get_by_label("Note", exact=True).fill("Likes maths.")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#timeline")).to_contain_text("Likes maths.")
    page.get_by_label("New task").fill("Call her")
    page.locator("#tasks").get_by_role("button", name="Add").click()
    page.get_by_role("button", name="Done: Call her").click()
    expect(page.get_by_role("button", name="Open again: Call her")).to_be_visible()
    page.get_by_label("Another e-mail address or phone number").fill("nonsense@")
    page.locator("#identities").get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_contain_text("neither an e-mail address nor a phone number")
    assert page.url.endswith("/contacts/ada/")


def test_edit_in_place(page: Page, alice: User) -> None:
    make_contact(alice, display_name="Ada", slug="ada")
    page.goto("/contacts/ada/")
    page.get_by_role("link", name="Edit Ada").click()
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("Ada King")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ada King")
    assert page.url.endswith("/contacts/ada-king/")


def test_the_theme_is_remembered(page: Page) -> None:
    page.emulate_media(color_scheme="light")
    page.goto("/")
    page.get_by_label("Account: alice@example.org").click()
    page.get_by_role("button", name="Dark").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.goto("/contacts/")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_label("Account: alice@example.org").click()
    page.get_by_role("button", name="Like the system").click()
    expect(page.locator("html")).not_to_have_attribute("data-bs-theme", re.compile("."))


def test_the_keyboard_reaches_the_content_first(page: Page) -> None:
    page.goto("/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()


def test_sign_in_and_out(page: Page, alice: User) -> None:
    page.context.clear_cookies()
    page.goto("/contacts/")
    page.get_by_label("E-mail address").fill("Alice@Example.org")
    page.get_by_label("Password").fill("correct horse battery")
    page.get_by_role("main").get_by_role("button", name="Sign in", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Contacts")
    page.get_by_label("Account: alice@example.org").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()


def test_a_slash_goes_to_the_search_unless_switched_off(page: Page, alice: User) -> None:
    make_contact(alice, display_name="Ada")
    page.goto("/jobs/")
    page.keyboard.press("/")
    expect(page.get_by_label("Search everything")).to_be_focused()
    page.keyboard.type("a/b")
    expect(page.get_by_label("Search everything")).to_have_value("a/b")
    page.goto("/contacts/")
    page.keyboard.press("/")
    expect(page.get_by_label("Search people")).to_be_focused()
    page.get_by_label("Account: alice@example.org").click()
    page.get_by_role("button", name="goes to the search").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="goes to the search")).to_be_hidden()
    page.goto("/contacts/")
    page.keyboard.press("/")
    expect(page.get_by_label("Search people")).not_to_be_focused()


def test_a_message_opens_in_place_and_closes_again(page: Page, alice: User) -> None:
    ada = make_contact(alice, display_name="Ada", slug="ada")
    letter = make_interaction(
        alice, subject="Looms", visible_text="It weaves. " * 90, text="It weaves. " * 90
    )
    make_participant(alice, interaction=letter, identity=make_identity(alice, contact=ada))
    page.goto("/contacts/ada/")
    page.get_by_role("link", name="Read all of Looms").click()
    expect(page.locator(".said-whole .said")).to_contain_text("It weaves. " * 80)
    expect(page.locator(".said-clip")).to_be_hidden()
    page.get_by_role("button", name="Show less").click()
    expect(page.get_by_role("link", name="Read all of Looms")).to_be_focused()
    expect(page.locator(".said-clip")).to_be_visible()


def test_whoever_was_signed_out_signs_in_on_a_page_of_its_own(page: Page, alice: User) -> None:
    make_contact(alice, display_name="Ada", slug="ada")
    page.goto("/contacts/ada/")
    page.context.clear_cookies()
    page.get_by_role("link", name="Notes").click()
    expect(page).to_have_url(re.compile(r"/accounts/login/\?next=/contacts/ada/"))
    expect(page.get_by_role("navigation", name="Main")).to_have_count(0)


def test_a_dropped_file(page: Page) -> None:
    page.goto("/")
    dropped = page.evaluate_handle(
        "() => { const drop = new DataTransfer(); drop.items.add(new File(['x'.repeat(1500)], 'mail.mbox')); return drop; }"
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": dropped})
    expect(page.get_by_text("mail.mbox — 1.5 KB")).to_be_visible()
    assert page.evaluate("document.querySelector('input[type=file]').files.length") == 1


def test_a_passkey_opens_the_account(page: Page) -> None:
    keys = page.context.new_cdp_session(page)
    keys.send("WebAuthn.enable")
    kind = {"protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True}
    kind |= {"isUserVerified": True, "automaticPresenceSimulation": True}
    keys.send("WebAuthn.addVirtualAuthenticator", {"options": kind})
    page.goto("/accounts/2fa/webauthn/add/")
    page.get_by_label("Name").fill("My laptop")
    passwordless = page.get_by_label("passwordless", exact=False)
    if passwordless.count():
        passwordless.check()
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("ecovery")
    page.context.clear_cookies()
    page.goto("/accounts/login/")
    page.get_by_role("button", name="Sign in with a passkey").click()
    expect(page.get_by_label("Account: alice@example.org")).to_be_visible()


def test_a_busy_minute_of_one_person_stays_within_the_limits(
    page: Page, alice: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the limits of an installation: a name is typed, twenty people are opened, and a page renews itself."""
    settings.RATE_LIMITS = {
        "default": "60/minute",
        "poll": "240/minute",
        "login": "10/minute",
        "search": "40/minute",
    }
    settings.RATE_LIMITS |= {"import": "20/minute", "export": "10/minute", "guess": "5/5minutes"}
    limit_of.cache_clear()
    monkeypatch.setattr(ratelimits, "counters", Counters())
    refused: list[str] = []
    page.on("response", lambda answer: refused.append(answer.url) if answer.status == 429 else None)
    people = [make_contact(alice, display_name=f"Wolfgang Amadeus {n}") for n in range(20)]
    make_job(alice, kind="normalize", state="queued")
    for _ in range(2):
        page.goto("/contacts/")
        page.get_by_role("searchbox").press_sequentially("Wolfgang Ama", delay=120)
        expect(page.get_by_role("link", name="Wolfgang Amadeus 7")).to_be_visible()
    for person in people:
        page.goto("/contacts/")
        page.goto(f"/contacts/{person.slug}/")
    page.goto("/jobs/")
    page.wait_for_timeout(5000)
    limit_of.cache_clear()
    assert refused == []
