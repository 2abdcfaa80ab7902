"""Every page in light and dark, on a phone and a desk: accessible, nowhere wider than the window, no policy broken."""

from __future__ import annotations

from typing import Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from omnicrm.models import User
from tests.e2e.seeing import overflow, violations
from tests.factories import (
    NOON,
    make_batch,
    make_company,
    make_contact,
    make_contact_tag,
    make_identity,
    make_interaction,
    make_job,
    make_note,
    make_participant,
    make_plan_item,
    make_tag,
    make_task,
)

LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafe"
Scheme = Literal["light", "dark"]


@pytest.fixture
def places(alice: User) -> list[str]:
    """An account with something of everything, and the pages that show it."""
    ada = make_contact(
        alice,
        display_name=f"Ada {LONG}",
        slug="ada",
        stage="client",
        job_title="Countess",
        company=make_company(alice, name=LONG),
        primary_email=f"{LONG[:50]}@example.com",
        last_interaction_at=NOON,
    )
    make_contact_tag(alice, contact=ada, tag=make_tag(alice, name="Investor"))
    identity = make_identity(alice, value=f"{LONG[:50]}@example.com", contact=ada)
    for number, thread in enumerate(("a", "a", "b")):
        letter = make_interaction(
            alice, subject=f"Re: {LONG}", text=LONG * 9, visible_text=LONG * 4, thread_key=thread
        )
        make_participant(alice, identity=identity, interaction=letter)
        make_note(alice, contact=ada, text=f"{LONG} {number}")
    make_task(alice, contact=ada, title=LONG, due_on=NOON.date())
    make_task(alice, contact=ada, title="Done", done_at=NOON)
    totals = {
        "entries": 9,
        "create": 1,
        "skip": 2,
        "fail": 1,
        "interactions": 3,
        "kind": "mbox",
        "size": 12345,
    }
    totals["reasons"] = {"already_here": 1, "undone": 1, "unreadable": 1}
    plan = make_batch(
        alice, kind="file_import", title=f"{LONG}.mbox", state="planned", totals=totals, plan_hash="0" * 64
    )
    make_plan_item(
        alice, batch=plan, kind="person", data={"name": LONG, "email": f"{LONG[:50]}@example.com", "count": 3}
    )
    make_plan_item(
        alice, batch=plan, kind="email", outcome="skip", reason="undone", data={"subject": LONG, "from": LONG}
    )
    kept = [
        {"what": "contacts.contact", "id": str(ada.pk), "label": ada.display_name, "why": "it has a note"}
    ]
    undone = make_batch(
        alice, kind="file_import", state="undone", totals={"undo": {"removed": 3, "kept": kept}}
    )
    failed = make_batch(
        alice, kind="file_import", state="failed", error=f"The file {LONG} is gone.", approved_at=NOON
    )
    done = make_batch(
        alice, kind="file_import", state="done", totals={"result": {"created": 1}}, finished_at=NOON
    )
    make_job(alice, kind="file_import", state="dead", error=LONG, batch=failed)
    batches = [f"/batches/{batch.pk}/" for batch in (plan, undone, failed, done)]
    return [
        "/",
        "/contacts/",
        "/contacts/?q=nobody",
        "/contacts/?stage=client",
        "/contacts/add/",
        "/contacts/ada/",
        "/contacts/ada/edit/",
        "/contacts/ada/delete/",
        "/import/",
        "/batches/",
        *batches,
        f"/batches/{plan.pk}/?show=skip",
        f"/batches/{done.pk}/undo/",
        "/jobs/",
        "/accounts/password/change/",
        "/accounts/email/",
        "/nothing/",
    ]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_every_page(page: Page, places: list[str], width: int, scheme: Scheme) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    found = []
    for place in places:
        page.goto(place)
        found += [f"{place} {problem}" for problem in violations(page)]
        found += [f"{place} is {overflow(page)} px too wide"] if overflow(page) > 0 else []
    assert not found, "\n".join(found)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_entrance(browser: Browser, live_server: LiveServer, db: None, scheme: Scheme) -> None:
    window = browser.new_context(
        base_url=live_server.url, color_scheme=scheme, viewport={"width": 390, "height": 844}
    )
    page = window.new_page()
    found = []
    for place in ("/", "/accounts/login/", "/accounts/signup/", "/accounts/password/reset/"):
        page.goto(place)
        found += [f"{place} {problem}" for problem in violations(page)]
        found += [f"{place} is {overflow(page)} px too wide"] if overflow(page) > 0 else []
    window.close()
    assert not found, "\n".join(found)


def test_axe_sees_what_is_wrong(page: Page) -> None:
    page.goto("/")
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=/x><button></button>')"
    )
    assert {found.split(":")[0] for found in violations(page)} >= {"image-alt", "button-name"}


@pytest.mark.parametrize("place", ["/", "/contacts/", "/import/", "/jobs/"])
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
