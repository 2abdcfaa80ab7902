"""Deciding about suggested people with the keyboard, with the mouse, and with the way back."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from omnicrm.models import User
from tests.factories import make_identity, make_interaction, make_participant, make_suggestion


def suggest(user: User, address: str, name: str, score: int) -> None:
    letter = make_interaction(user)
    make_participant(user, interaction=letter, identity=make_identity(user, value=address), name=name)
    evidence = {"received": score, "sent": 0, "met": 0, "invited": 0, "interactions": [str(letter.pk)]}
    make_suggestion(user, key=address, score=score, evidence=evidence)


def test_the_keyboard_is_enough(page: Page, alice: User) -> None:
    for number, name in enumerate(["Charlie", "Grace", "Ada"]):
        suggest(alice, f"{name.lower()}@example.com", name, number + 1)
    page.goto("/suggestions/")
    page.keyboard.press("j")
    expect(page.get_by_label("Tick Ada, ada@example.com")).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.keyboard.press("j")
    page.keyboard.press("j")  # no further than the last
    page.keyboard.press("x")
    expect(page.get_by_text("2 ticked")).to_be_visible()
    page.keyboard.press("x")
    expect(page.get_by_text("1 ticked")).to_be_visible()
    page.keyboard.press("k")
    page.keyboard.press("a")
    expect(page.get_by_text("Added Grace.")).to_be_visible()
    page.keyboard.press("j")
    page.keyboard.press("i")
    expect(page.get_by_text("Ignored ada@example.com.")).to_be_visible()
    expect(page.get_by_label("Tick Charlie, charlie@example.com")).to_be_visible()
    expect(page.get_by_text("1 person", exact=True)).to_be_visible()


def test_several_at_once_and_the_search(page: Page, alice: User) -> None:
    for name in ("Ada", "Grace", "Charlie"):
        suggest(alice, f"{name.lower()}@{name.lower()}.example", name, 2)
    page.goto("/suggestions/")
    page.get_by_label("Search addresses").fill("ada")
    expect(page.get_by_text("1 person found")).to_be_visible()
    assert page.url.endswith("?q=ada&with=&sort=")
    page.get_by_label("Remove the filter “ada”").click()
    page.get_by_label("All on this page").check()
    expect(page.get_by_text("3 ticked")).to_be_visible()
    page.get_by_role("button", name="Ignore ticked").click()
    expect(page.get_by_text("Ignored 3 people.")).to_be_visible()
    expect(page.get_by_role("heading", name="Nobody to decide about")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Ignored 3 people")


def test_a_domain_is_ignored_in_two_clicks(page: Page, alice: User) -> None:
    for name in ("ada", "grace"):
        suggest(alice, f"{name}@news.example", name, 2)
    page.goto("/suggestions/")
    page.get_by_label("More about ada@news.example").click()
    page.get_by_role("button", name="Ignore all of news.example").first.click()
    expect(page.get_by_role("heading", name="Nobody to decide about")).to_be_visible()
