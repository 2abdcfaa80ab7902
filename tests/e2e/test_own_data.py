"""Taking one's data along, seen: an export that is made while one watches, and the account that goes."""

from __future__ import annotations

import zipfile

import pytest
from playwright.sync_api import Page, expect

from contacts.models import Contact
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.e2e.seeing import violations
from tests.e2e.test_looks import faults
from tests.factories import make_contact, make_identity, make_job


def test_an_export_appears_when_it_is_made(page: Page, alice: User) -> None:
    make_contact(alice, display_name="Ada")
    page.goto("/settings/")
    page.get_by_role("button", name="Export everything").click()
    expect(page.get_by_text("It begins in a moment.")).to_be_visible()
    assert violations(page) == []
    run_one(None, "worker")
    link = page.get_by_role("link", name="Download the export")
    expect(link).to_be_visible()
    expect(page.locator("#toasts")).to_contain_text("Done.")
    with page.expect_download() as download:
        link.click()
    assert "data/contacts.Contact.jsonl" in zipfile.ZipFile(download.value.path()).namelist()
    page.get_by_role("button", name="Delete this export").click()
    expect(link).to_have_count(0)


@pytest.mark.parametrize(
    ("kind", "state", "words"),
    [
        ("bring_in", "succeeded", "Your export is in."),
        ("bring_in", "dead", "It was cut."),
        ("export", "queued", "It begins"),
    ],
)
def test_each_state(page: Page, alice: User, kind: str, state: str, words: str) -> None:
    make_job(
        alice,
        kind=kind,
        state=state,
        progress="Brought in 12 rows" if state == "succeeded" else "",
        error="It was cut.",
    )
    page.goto("/settings/")
    expect(page.get_by_text(words)).to_be_visible()
    assert faults(page, f"{kind}, {state}") == []


def test_somebody_is_erased_from_their_page(page: Page, alice: User) -> None:
    ada = make_contact(alice, display_name="Ada", slug="ada")
    make_identity(alice, value="ada@example.com", contact=ada)
    page.goto("/contacts/ada/")
    page.get_by_role("link", name="Erase for ever…").click()
    page.get_by_role("button", name="Erase for ever").click()
    expect(page.get_by_text("Ada is erased.")).to_be_visible()
    with acting_as(alice.pk):
        assert not Contact.objects.for_user(alice).exists()
    page.goto("/settings/ignored/")
    page.get_by_role("button", name="Let in again").click()
    expect(page.get_by_role("heading", name="Nothing stays away")).to_be_visible()


def test_leaving(page: Page, alice: User) -> None:
    page.goto("/settings/leave/")
    page.get_by_label("Type your address").fill("alice@example.org")
    page.get_by_role("button", name="Erase everything").click()
    expect(page.get_by_text("Your account is closed")).to_be_visible()
    run_one(None, "worker")
    assert not User.objects.exists()


def test_people_as_a_table(page: Page, alice: User) -> None:
    make_contact(alice, display_name="Ada", stage="client")
    page.goto("/contacts/?stage=client")
    with page.expect_download() as download:
        page.get_by_role("button", name="Download who is found as a table").click()
    assert download.value.path().read_text(encoding="utf-8-sig").splitlines()[1].startswith("Ada,")
