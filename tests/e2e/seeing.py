"""What a browser sees and complains of."""

from __future__ import annotations

from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import ConsoleMessage, Page

FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",  # this machine alone (tests/loopback.py)
]
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


class Eyes:
    """Collects the complaints of a page: errors of scripts, and what the Content-Security-Policy refused."""

    def __init__(self, page: Page) -> None:
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self.console)

    def console(self, message: ConsoleMessage) -> None:
        """A refused policy is a console error; an answer like 422 or 404 is one too, and is meant. So is a request that
        was cut off because somebody went on to another page."""
        is_meant = message.text.startswith(("Failed to load resource", "htmx:afterRequest", "htmx:sendError"))
        if message.type == "error" and not is_meant:
            self.complaints.append(message.text)


def violations(page: Page) -> list[str]:
    """What axe finds against WCAG 2.2 AA: rule and element. Its script stays in the page for the next look at it."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate(AXE, WCAG)
    return [f"{rule['id']}: {node['html'][:150]}" for rule in found for node in rule["nodes"]]


AXE = "only => axe.run({runOnly: only, resultTypes: ['violations']}).then(({violations}) => violations)"


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def overfull(page: Page) -> list[str]:
    """Tags that are lower than their words are high, so that these lie on what stands around."""
    return list(page.evaluate(TALLER_INSIDE))


TALLER_INSIDE = """() => {
  const height = (one) => one.getBoundingClientRect().height
  const words = document.createRange()
  const is_taller = (tag) => { words.selectNodeContents(tag); return height(words) > height(tag) + 2 }
  return [...document.querySelectorAll('.tag')].filter(is_taller).map((tag) => tag.textContent.trim())
}"""
