"""What Google promises about lists, history and tokens, kept while everything changes and fails: who follows the rules
has, at the end, exactly what is there, and who breaks one does not. So a sync that passes here passed something."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.client import HTTPException
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.fakes.conftest import ADA, CALENDARS, EVENTS, READ_MAIL
from tests.fakes.google import Account, Clock, Google, sample, service

SEEDS = 12
Held = dict[str, Any]


def busy(google: Google, ada: Account, seed: int, *, expiring: bool) -> None:
    """Before every second request somebody does something with the mailbox."""
    chance = random.Random(seed)

    def happen(_: object) -> None:
        ids = list(ada.mailbox.messages)
        match chance.randrange(12):
            case 0 | 1:
                ada.deliver(sample.letter(at=google.clock() - chance.randrange(5_000)))
            case 2 if ids:
                ada.delete(chance.choice(ids))
            case 3 if ids:
                ada.relabel(chance.choice(ids), ["STARRED"], ["UNREAD"])
            case 4 if ids:
                ada.trash(chance.choice(ids))
            case 5 if expiring and chance.random() < 0.15:
                ada.expire_history()

    google.between.append(happen)


def insist(request: Any) -> dict[str, Any] | None:
    """The answer, however often it takes; None for 404 and 410."""
    while True:
        try:
            answer = request.execute()
            if isinstance(answer, dict):  # what is no JSON comes as text
                return answer
        except HttpError as error:
            if error.status_code in (404, 410):
                return None
        except (OSError, ValueError, HTTPException):
            pass


class Mail:
    """The rules: baseline first, then the list, then history from the baseline; on 404 all again, and compare."""

    baseline_first, relists = True, True

    def __init__(self, users: Any) -> None:
        self.users, self.held = users, Held()
        self.cursor = ""

    def baseline(self) -> str:
        profile = insist(self.users.getProfile(userId="me"))
        assert profile
        return str(profile["historyId"])

    def list(self) -> None:
        begin = self.baseline() if self.baseline_first else ""
        seen, token = set(), None
        while True:
            page = insist(
                self.users.messages().list(userId="me", maxResults=7, pageToken=token, includeSpamTrash=True)
            )
            assert page
            for each in page.get("messages", []):
                seen.add(each["id"])
                self.fetch(each["id"])
            token = page.get("nextPageToken")
            if token is None:
                break
        for id in self.held.keys() - seen:
            self.fetch(id)
        self.cursor = begin or self.baseline()

    def fetch(self, id: str) -> None:
        message = insist(self.users.messages().get(userId="me", id=id, format="minimal"))
        if message is None:
            self.held.pop(id, None)
        else:
            self.held[id] = message.get("labelIds", [])

    def step(self) -> None:
        """Everything up to now."""
        token = None
        while True:
            page = insist(
                self.users.history().list(
                    userId="me", startHistoryId=self.cursor, pageToken=token, maxResults=3
                )
            )
            if page is None:
                if self.relists:
                    self.list()
                else:
                    self.cursor = self.baseline()
                return
            for record in page.get("history", []):
                for message in record["messages"]:
                    self.fetch(message["id"])
            token = page.get("nextPageToken")
            if token is None:
                self.cursor = page["historyId"]
                return


class BaselineLast(Mail):
    baseline_first = False


class JumpsToTheNewest(Mail):
    relists = False


def wrong_runs(kind: type[Mail], *, expiring: bool = True) -> int:
    """Of SEEDS runs, in how many it ends with something else than what is there."""
    wrong = 0
    for seed in range(SEEDS):
        google = Google(clock=Clock.still(), seed=seed)
        ada = google.add_account(ADA)
        google.quota.per_user["gmail"] = 10**9
        for number in range(20):
            ada.deliver(sample.letter(at=google.clock() - 10_000 + number))
        google.faults.chance(0.06, seed=seed)
        google.short_pages = seed % 2 == 0
        mail = kind(service(google, "gmail", ADA, READ_MAIL).users())
        busy(google, ada, seed, expiring=expiring)
        mail.list()
        for _ in range(6):
            mail.step()
        google.between.clear()
        mail.step()
        mail.step()
        there = {message.id: sorted(message.labels) for message in ada.mailbox.messages.values()}
        wrong += {id: sorted(labels) for id, labels in mail.held.items()} != there
    return wrong


@pytest.mark.parametrize(
    ("kind", "fails"),
    [
        (Mail, lambda wrong: wrong == 0),
        (BaselineLast, lambda wrong: wrong > 3),
        (JumpsToTheNewest, lambda wrong: wrong > 3),
    ],
    ids=["rules", "baseline-last", "jumps"],
)
def test_mail(kind: type[Mail], fails: Callable[[int], bool]) -> None:
    assert fails(wrong_runs(kind, expiring=kind is not BaselineLast))


class Agenda:
    """The rules: all pages, the token of the last; on 410 all again, and drop what was not shown."""

    sweeps, resyncs = True, True

    def __init__(self, calendar: Any) -> None:
        self.calendar, self.held = calendar, Held()
        self.token: str | None = None

    def step(self) -> None:
        asked = {"calendarId": "primary", "singleEvents": False, "showDeleted": True, "maxResults": 4}
        page_token, seen, full = None, set(), self.token is None
        while True:
            page = insist(
                self.calendar.events().list(
                    **asked, syncToken=None if page_token else self.token, pageToken=page_token
                )
            )
            if page is None:
                self.token = None
                if self.resyncs:
                    self.step()
                return
            for event in page["items"]:
                seen.add(event["id"])
                self.keep(event)
            page_token = page.get("nextPageToken")
            if page_token is None:
                break
        if full and self.sweeps:
            self.held = {id: event for id, event in self.held.items() if id in seen}
        self.token = page["nextSyncToken"]

    def keep(self, event: dict[str, Any]) -> None:
        if event["status"] != "cancelled":
            self.held[event["id"]] = event["summary"]
            return
        self.held.pop(event["id"], None)
        if "recurringEventId" not in event:
            series = f"{event['id']}_"
            self.held = {id: kept for id, kept in self.held.items() if not id.startswith(series)}


class NeverSweeps(Agenda):
    sweeps = False


def wrong_agendas(kind: type[Agenda]) -> int:
    wrong = 0
    for seed in range(SEEDS):
        google = Google(clock=Clock.still(), seed=seed)
        own = google.add_account(ADA).calendar()
        chance = random.Random(seed)
        begin = datetime(2026, 3, 2, 9, tzinfo=UTC)

        def happen(
            _: object, own: Any = own, chance: random.Random = chance, begin: datetime = begin
        ) -> None:
            series = [id for id, event in own.events.items() if event.get("recurrence")]
            alive = [id for id, event in own.events.items() if event["status"] != "cancelled"]
            title = str(chance.random())
            match chance.randrange(8):
                case 0:
                    own.add(title, begin, recurrence=["RRULE:FREQ=WEEKLY"] if chance.random() < 0.4 else [])
                case 1 if alive:
                    own.cancel(chance.choice(alive))
                case 2 if alive:
                    own.change(chance.choice(alive), summary=title)
                case 3 if series:
                    own.change_instance(chance.choice(series), begin + timedelta(weeks=1), summary=title)
                case 4 if series:
                    own.cancel_instance(chance.choice(series), begin + timedelta(weeks=2))
                case 5:
                    own.expire_tokens()

        google.faults.chance(0.06, seed=seed)
        agenda = kind(service(google, "calendar", ADA, EVENTS, CALENDARS))
        for _ in range(20):
            happen(None)
        google.between.extend([happen] * 3)
        for _ in range(15):
            agenda.step()
        google.between.clear()
        agenda.step()
        there = {id: event["summary"] for id, event in own.events.items() if event["status"] != "cancelled"}
        wrong += agenda.held != there
    return wrong


def test_calendars() -> None:
    assert wrong_agendas(Agenda) == 0
    assert wrong_agendas(NeverSweeps) > 3
