"""Every page and state in light and dark, on a phone and a desk: accessible, no wider than the window, no policy broken."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Literal

import pytest
from django.test import Client
from django.urls import resolve
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from omnicrm.models import User
from tests.e2e.places import EMPTY, OUTSIDE, fill
from tests.e2e.seeing import Eyes, overflow, overfull, violations
from tests.factories import make_contact, make_identity
from tests.isolation.site import addresses

Schemes = dict[int, tuple[Literal["light", "dark"], ...]]
SIZES = {390: 844, 1440: 900}
CROSSED: Schemes = {390: ("light",), 1440: ("dark",)}
ALL: Schemes = dict.fromkeys(SIZES, ("light", "dark"))
PARTS = 4


def faults(page: Page, name: str, schemes: Schemes = CROSSED) -> list[str]:
    """What is wrong with the page as it stands, at either width, by day and by night."""
    found = []
    for width, height in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in schemes[width]:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{name}, {width} px, {scheme}: {problem}" for problem in violations(page)]
        found += [f"{name}, {width} px: {overflow(page)} px too wide"] if overflow(page) > 0 else []
        found += [f"{name}, {width} px: “{tag}” does not fit" for tag in overfull(page)]
    return found


def walk(page: Page, places: Iterable[str], schemes: Schemes = CROSSED) -> None:
    found = []
    for place in places:
        page.goto(place)
        found += faults(page, place, schemes)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("part", range(PARTS))
def test_every_page(page: Page, alice: User, part: int) -> None:
    """On a phone by day, at a desk by night."""
    walk(page, fill(alice)[part::PARTS])


@pytest.mark.proof
@pytest.mark.parametrize("part", range(PARTS))
def test_every_page_by_day_and_by_night(page: Page, alice: User, part: int) -> None:
    walk(page, fill(alice)[part::PARTS], ALL)


def test_an_empty_account(page: Page) -> None:
    walk(page, EMPTY)


def test_the_entrance(browser: Browser, live_server: LiveServer, db: None) -> None:
    window = browser.new_context(base_url=live_server.url)
    page = window.new_page()
    eyes = Eyes(page)
    walk(page, OUTSIDE)
    User.objects.create_user("somebody@example.org")
    walk(page, ["/", "/accounts/signup/"])  # closed now
    window.close()
    assert eyes.complaints == []


def open_menu(page: Page) -> None:
    page.goto("/contacts/add/")  # where it hides no small button in part, which axe would call too small
    page.get_by_label("Account: alice@example.org").click()


def edit_in_place(page: Page) -> None:
    page.goto("/contacts/ada/")
    page.get_by_role("link", name="Edit Ada").click()
    expect(page.get_by_role("button", name="Save")).to_be_visible()


def read_all(page: Page) -> None:
    page.goto("/contacts/ada/")
    page.get_by_role("link", name="Read all").first.click()
    expect(page.get_by_role("button", name="Show less")).to_be_visible()
    page.get_by_text("earlier message").first.click()


def delete_a_note(page: Page) -> None:
    page.goto("/contacts/ada/")
    page.get_by_label("Delete this note").click()
    expect(page.get_by_role("status").get_by_role("button", name="Undo")).to_be_visible()


def add_a_taken_address(page: Page) -> None:
    page.goto("/contacts/add/")
    page.get_by_label("Name").fill("Bo")
    page.get_by_label("E-mail address").fill("bo@example.com")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("already belongs to")


def mistype_an_address(page: Page) -> None:
    page.goto("/contacts/ada/")
    page.get_by_label("Another e-mail address or phone number").fill("nonsense@")
    page.locator("#identities").get_by_role("button", name="Add").click()
    expect(page.get_by_role("alert")).to_be_visible()


def tick(page: Page) -> None:
    page.goto("/contacts/")
    page.get_by_label("Tick everybody on this page").check()
    expect(page.get_by_role("button", name="Delete ticked")).to_be_visible()


def hand_over_a_picture(page: Page) -> None:
    page.goto("/import/")
    picture = {"name": "photo.mbox", "mimeType": "image/png", "buffer": b"\x89PNG\r\n\x1a\n" + b"\0" * 99}
    page.get_by_label("Drop a file here").set_input_files(files=picture)  # type: ignore[arg-type]
    page.get_by_role("button", name="See what would happen").click()
    expect(page.get_by_role("alert")).to_contain_text("photo.mbox")


def approve_a_stale_plan(page: Page) -> None:
    page.goto("/batches/")
    page.get_by_role("link", name=".mbox").and_(page.locator("a", has_text="Wolfe")).first.click()
    approve = page.get_by_role("button", name="Approve and import")
    expect(approve).to_be_visible()
    page.evaluate("document.querySelector('[name=plan_hash]').value = 'another'")
    approve.click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing was written.")


ACTS: tuple[Callable[[Page], None], ...] = (
    open_menu,
    edit_in_place,
    read_all,
    add_a_taken_address,
    mistype_an_address,
    tick,
    hand_over_a_picture,
    approve_a_stale_plan,
    delete_a_note,
)


def test_what_appears_on_the_way(page: Page, alice: User) -> None:
    fill(alice)
    make_identity(alice, value="bo@example.com", contact=make_contact(alice, display_name="Bo"))
    found = []
    for act in ACTS:
        act(page)
        found += faults(page, act.__name__)
    assert found == []


def test_no_page_is_left_out(client: Client, alice: User) -> None:
    """Whatever answers a GET with a page is looked at above; the rest is only posted to, or leads elsewhere."""
    seen = {
        resolve(place.partition("?")[0]).view_name
        for place in [*fill(alice), *OUTSIDE]
        if "nothing" not in place
    }
    left_out = []
    for address in addresses():
        if address.is_admin or address.name in seen:
            continue
        answer = client.get(address.path(address.of_nobody()))
        if answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/html"):
            left_out.append(address.name)
    assert left_out == []


def test_axe_sees_what_is_wrong(page: Page) -> None:
    page.goto("/")
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/x><button></button>')"
    )
    assert {found.split(":")[0] for found in violations(page)} >= {"image-alt", "button-name"}


def test_a_broken_policy_and_a_wide_page_are_seen(context: BrowserContext) -> None:
    page = context.new_page()
    eyes = Eyes(page)
    page.goto("/")
    assert (eyes.complaints, overflow(page)) == ([], 0)
    page.evaluate("document.querySelector('h1').setAttribute('style', 'color: red')")
    page.evaluate("document.querySelector('h1').style.minWidth = '5000px'")
    assert overflow(page) > 1000
    assert "Content Security Policy" in "".join(eyes.complaints)


@pytest.mark.parametrize("place", ["/", "/contacts/", "/import/", "/batches/", "/jobs/"])
def test_pages_work_without_javascript(
    browser: Browser, context: BrowserContext, live_server: LiveServer, place: str
) -> None:
    window = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    window.add_cookies(context.cookies())  # type: ignore[arg-type]
    page = window.new_page()
    page.goto(place)
    assert page.get_by_role("heading", level=1).is_visible()
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Contacts").click()
    assert page.url == f"{live_server.url}/contacts/"
    window.close()
