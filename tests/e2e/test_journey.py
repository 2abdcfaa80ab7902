"""The whole way of an account, in a browser: connected, planned, approved, followed, written from, and gone again."""

from __future__ import annotations

import datetime as dt
import email
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from contacts.models import CalendarEvent, Contact, Interaction, Suggestion
from integrations.models import GoogleAccount, OutboxMessage, RawEvent, SyncStream
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.e2e.test_flows import worker as worker
from tests.e2e.test_looks import faults
from tests.fakes.google import Account, Google, serving
from tests.fakes.google.sample import letter

ADA, GRACE = "ada@example.com", "Grace Hopper <grace@example.org>"
DAY = 86_400


@pytest.fixture
def google(settings: Any, live_server: LiveServer) -> Iterator[Google]:
    stand_in = Google()
    fill(stand_in.add_account(ADA, name="Ada Lovelace"), stand_in.clock())
    with serving(stand_in) as running:
        for name, value in running.environment().items():
            setattr(settings, name, value)
        settings.SITE_URL = live_server.url
        yield stand_in


def fill(ada: Account, now: float) -> None:
    """A conversation of two letters, an offer, a meeting that was and one that comes, and a calendar with nothing in it."""
    deliver(ada, "Engine", "Shall we build it?", now - 3 * DAY, id="<1@example.org>")
    deliver(ada, "Re: Engine", "Yes, with cards.", now - 2 * DAY, sent=True, references=["<1@example.org>"])
    ada.deliver(
        letter(sender="Shop <shop@example.net>", to=ADA, subject="Offer", at=now - DAY),
        ["INBOX", "CATEGORY_PROMOTIONS"],
        at=now - DAY,
    )
    both = [{"email": address, "responseStatus": "accepted"} for address in (ADA, "grace@example.org")]
    nine = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0)
    ada.calendar().add("Kick-off", nine - dt.timedelta(days=7), attendees=both)
    ada.calendar().add("Review", nine + dt.timedelta(days=3), attendees=both)
    ada.calendars.add("team@group.calendar.google.com", "Team", access_role="reader")


def deliver(ada: Account, subject: str, text: str, at: float, *, sent: bool = False, **more: Any) -> None:
    sender, to = ("Ada Lovelace <ada@example.com>", GRACE) if sent else (GRACE, ADA)
    raw = letter(
        sender=sender,
        to=to,
        subject=subject,
        text=text,
        at=at,
        message_id=more.pop("id", ""),
        **more,
    )
    ada.deliver(raw, ["SENT"] if sent else ["INBOX"], at=at)


class Journey:
    """One browser that goes the whole way; what is wrong with a page on the way is collected."""

    def __init__(self, page: Page, user: User, google: Google) -> None:
        self.page, self.user, self.google = page, user, google
        self.ada = google.account(ADA)
        self.found: list[str] = []

    def see(self, name: str) -> None:
        """At both widths, in light and dark."""
        self.found += faults(self.page, name)

    def click(self, role: Any, name: str) -> None:
        self.page.get_by_role(role, name=name).first.click()

    def connect(self) -> None:
        self.page.goto("/connections/")
        self.click("link", "Connect a Google account")
        self.see("the way to Google")
        self.click("link", "Continue to Google")
        expect(self.page.get_by_text("This is a stand-in for Google.")).to_be_visible()
        self.click("button", "Allow")
        expect(self.page.get_by_text(f"{ADA} is connected.")).to_be_visible()
        expect(
            self.page.get_by_text("Team", exact=True)
        ).to_be_visible()  # the worker has asked which there are
        self.see("an account")

    def bring_mail(self) -> None:
        self.click("button", "See what its mail would bring")
        expect(self.page.get_by_text("This would add 2 e-mails; 1 is left out.")).to_be_visible()
        expect(self.page.get_by_text("exactly these 2 messages are fetched")).to_be_visible()
        self.see("a plan of mail")
        assert self.here() == (0, 0, 0)
        self.click("button", "Approve and import")
        expect(self.page.get_by_text("Added 1 person and 2 e-mails; 1 left out.")).to_be_visible()
        self.see("mail that came")
        assert self.here() == (1, 2, 0)

    def bring_calendar(self) -> None:
        self.page.goto("/connections/")
        self.click("button", "See what it would bring")  # the main calendar, which stands first
        expect(self.page.get_by_text("This would add 2 calendar entries.")).to_be_visible()
        expect(self.page.get_by_text("exactly these 2 entries come in")).to_be_visible()
        self.see("a plan of a calendar")
        self.click("button", "Approve and import")
        expect(self.page.get_by_text("Added 1 meeting and 2 calendar entries.")).to_be_visible()
        assert self.here() == (1, 3, 2)  # what was is a meeting

    def look_around(self) -> None:
        self.page.goto("/contacts/")
        self.click("link", "Grace Hopper")
        history = self.page.locator("#timeline")
        expect(history.get_by_text("Yes, with cards.").first).to_be_visible()
        history.get_by_text("1 earlier message in this thread").click()
        for text in ("Shall we build it?", "Kick-off"):
            expect(history.get_by_text(text).first).to_be_visible()
        self.see("a contact")
        self.page.goto("/calendar/")
        expect(self.page.get_by_text("Review")).to_be_visible()
        self.see("the calendar")

    def receive(self, text: str) -> None:
        deliver(self.ada, "Re: Engine", text, self.google.clock(), references=["<1@example.org>"])
        self.look_now(text)

    def look_now(self, text: str) -> None:
        """What has come or gone at Google meanwhile stands on the page of its contact."""
        self.page.goto("/connections/")
        self.click("button", "Look now")
        expect(self.page.get_by_text("Looking for what is new.")).to_be_visible()
        for _ in range(80):
            self.page.goto("/contacts/grace-hopper/")
            if self.page.get_by_text(text).count():
                break
            self.page.wait_for_timeout(250)
        expect(self.page.locator("#timeline").get_by_text(text).first).to_be_visible()

    def allow_writing(self) -> None:
        self.page.goto("/connections/")
        self.click("link", "Allow writing")
        self.click("link", "Continue to Google")
        self.click("button", "Allow")
        expect(self.page.get_by_text(f"{ADA} is connected.")).to_be_visible()

    def answer(self, text: str) -> None:
        """As far as the moment in which it can still be taken back."""
        self.page.goto("/contacts/grace-hopper/")
        self.page.get_by_role("link", name="Answer Re: Engine").first.click()
        self.page.get_by_label("Letter").fill(text)
        self.click("button", "Look at it and send…")
        expect(self.page.get_by_role("heading", name="Send this letter?")).to_be_visible()
        expect(self.page.get_by_text(text)).to_be_visible()
        self.see("a letter")
        self.click("button", "Send")
        expect(self.page.get_by_text("Goes out in")).to_be_visible()

    def write(self) -> None:
        self.answer("Not this one.")
        self.click("button", "Take it back")
        expect(
            self.page.get_by_text("Taken back. It is a draft again, and nothing was sent.")
        ).to_be_visible()
        self.click("button", "Throw away")
        self.answer("Send me the cards.")
        expect(self.page.get_by_role("heading", name="Sent", exact=True)).to_be_visible()
        ((sender, raw),) = self.google.sent
        went = email.message_from_bytes(raw)
        assert (sender, went["To"], went["In-Reply-To"] != "") == (ADA, "grace@example.org", True)
        assert "Send me the cards." in raw.decode()
        assert len(self.ada.mailbox.drafts) == 0

    def let_go(self) -> None:
        self.page.goto("/connections/")
        self.click("link", "Disconnect")
        self.see("letting go")
        said = self.page.get_by_text("From this account alone came")
        expect(said).to_contain_text(re.compile(r"4 e-mails, 1\s+meeting and\s+1 person"))
        self.click("button", "Disconnect and remove them")
        expect(self.page.get_by_text("What it brought is being removed.")).to_be_visible()
        for _ in range(80):
            if self.is_forgotten():
                break
            self.page.wait_for_timeout(250)

    def is_forgotten(self) -> bool:
        with acting_as(self.user.pk):
            return not GoogleAccount.objects.for_user(self.user).exists()

    def here(self) -> tuple[int, int, int]:
        """People, e-mails with meetings, and calendar entries."""
        with acting_as(self.user.pk):
            people, moments, entries = (
                rows.objects.for_user(self.user).count() for rows in (Contact, Interaction, CalendarEvent)
            )
        return people, moments, entries


def test_the_whole_journey(page: Page, alice: User, google: Google, worker: None) -> None:
    way = Journey(page, alice, google)
    way.connect()
    way.bring_mail()
    way.bring_calendar()
    way.look_around()
    way.receive("I have the cards.")
    way.allow_writing()
    way.write()
    way.look_now("Send me the cards.")
    way.let_go()
    assert way.here() == (0, 0, 0)
    with acting_as(alice.pk):
        for rows in (GoogleAccount, SyncStream, RawEvent, OutboxMessage, Suggestion):
            assert rows.objects.for_user(alice).count() == 0, rows
    page.goto("/contacts/")
    expect(page.get_by_text("Grace Hopper")).to_have_count(0)
    assert all(google.oauth.dead(grant) for grant in google.oauth.grants.values())
    assert way.found == []
