"""Letters made to hurt, opened in a real browser: nothing runs, nothing is fetched, nothing leaves its frame."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Page, Request, expect

from contacts.models import Interaction
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.importing import import_file, letter, mailbox
from tests.integrations.test_safe_html import HOSTILE

HTML = "MIME-Version: 1.0\nContent-Type: text/html; charset=utf-8\n"
EVIL = """
<script>top.pwned = 1; parent.document.title = "pwned"</script>
<img src="https://evil.example/pixel.gif"><link rel=stylesheet href="https://evil.example/a.css">
<div style="position:fixed;inset:0;background:red;z-index:9999">over</div>
<form action="https://evil.example/"><button>Sign in</button></form>
<meta http-equiv=refresh content="0;url=https://evil.example/">
<a href="https://evil.example/">your-bank.com</a><p>The letter itself.</p>
<div style="font-size:0;line-height:0;color:#fff;letter-spacing:99px;text-indent:999px">
<a href="https://hidden.example/" style="font-size:16px">your-bank.com</a></div>
"""


@pytest.fixture
def place(alice: User, tmp_path: Path) -> str:
    text = EVIL + "\n".join(HOSTILE)
    import_file(alice, mailbox(tmp_path / "a.mbox", letter(1, text=text, headers=HTML)))
    with acting_as(alice.pk):
        found = Interaction.objects.for_user(alice).get()
    return f"/contacts/ada-lovelace/messages/{found.pk}/"


def test_a_hostile_letter(page: Page, place: str) -> None:
    foreign: list[str] = []

    def seen(request: Request) -> None:
        if "://localhost" not in request.url and "://127.0.0.1" not in request.url:
            foreign.append(request.url)

    page.on("request", seen)
    page.on("dialog", lambda dialog: foreign.append(dialog.message))
    page.goto(place)
    title = page.title()
    page.get_by_text("As it was sent", exact=True).click()
    inside = page.frame_locator("iframe.letter")
    expect(inside.get_by_text("The letter itself.")).to_be_visible()
    expect(inside.get_by_text("[evil.example]").first).to_be_visible()
    note = inside.get_by_text("[hidden.example]")
    size, colour = (note.evaluate(f"node => getComputedStyle(node).{one}") for one in ("fontSize", "color"))
    assert (size, colour) == ("12px", "rgb(92, 68, 0)")
    page.wait_for_timeout(500)
    assert foreign == []
    assert page.title() == title
    assert page.evaluate("window.pwned") is None
    expect(inside.locator("script, style, img, svg, form, input, iframe, meta[http-equiv]")).to_have_count(0)
    box = page.locator("iframe.letter").bounding_box()
    assert box is not None
    assert box["height"] < 600  # and what covers it covers nothing else


def test_opened_on_its_own_it_is_sandboxed_too(page: Page, place: str) -> None:
    pk = place.split("/")[-2]
    answer = page.goto(f"/import/letters/{pk}/")
    assert answer is not None
    policy = answer.headers["content-security-policy"]
    assert "sandbox allow-popups allow-popups-to-escape-sandbox" in policy
    assert "default-src 'none'" in policy
    assert "allow-scripts" not in policy
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert page.evaluate("window.origin") == "null"
