"""The walk to Google's page and back, as a browser does it, and what it leaves behind."""

from __future__ import annotations

from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from django.test import Client

from integrations.models import GoogleAccount
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.fakes.google import Google

ADA, GRACE = "ada@example.com", "grace@example.com"


def way_out(browser: Client, place: str = "/connections/google/") -> str:
    page = browser.get(place).content.decode()
    (link,) = [part.partition('"')[0] for part in page.split('href="') if "/o/oauth2/v2/auth" in part]
    return unescape(link)


def allowed(google: Google, place: str, who: str = ADA, *granted: str, decision: str = "allow") -> str:
    """What Google's page sends the browser back to; by default all boxes stay ticked."""
    asked = {name: values[0] for name, values in parse_qs(urlsplit(place).query).items()}
    ticked = granted or asked["scope"].split()
    form = [
        *asked.items(),
        ("account", who),
        ("decision", decision),
        *(("granted", scope) for scope in ticked),
    ]
    answer = google.handle("POST", "/o/oauth2/v2/auth", {}, urlencode(form))
    assert answer.status == 302
    return answer.headers["location"].removeprefix("http://testserver")


def connect(
    browser: Client, google: Google, who: str = ADA, place: str = "/connections/google/", *granted: str
) -> Any:
    return browser.get(allowed(google, way_out(browser, place), who, *granted), follow=True)


def told(answer: Any) -> list[str]:
    return [str(message) for message in answer.context["messages"]]


def of(user: User) -> list[GoogleAccount]:
    with acting_as(user.pk):
        return list(GoogleAccount.objects.for_user(user).order_by("created_at"))


def actions(user: User) -> list[str]:
    with acting_as(user.pk):
        rows = Event.objects.for_user(user).filter(action__startswith="account.").order_by("pk")
        return [event.action for event in rows]
