"""A calendar at the stand-in for Google, a stream that follows it, and the truth that both are held to."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from google_auth_httplib2 import AuthorizedHttp

from contacts import series
from contacts.appointments import changed
from contacts.models import CalendarEvent, Interaction, Participant
from contacts.when import as_moment
from integrations.google import oauth
from integrations.google.client import Google as Client
from integrations.google.errors import Failed
from integrations.models import GoogleAccount, SyncStream
from integrations.streams import steps
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_google_account, make_stream
from tests.fakes.google import Clock, Google, Transport, credentials
from tests.fakes.google.calendar import Calendar
from tests.fakes.google.recurrence import instances, moment
from tests.google.asking import GRANT

ME, ADA = "alice@example.org", "ada@example.com"
NOW = dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC)
AHEAD = dt.timedelta(days=40)


class Crash(Exception):
    """The worker is gone."""


@dataclass
class Following:
    """One calendar and the stream that follows it, in this process."""

    user: User
    google: Google
    calendar: Calendar
    stream_id: Any
    client: Client
    now: dt.datetime = NOW
    crash: Callable[[str], None] = field(default=lambda place: None)
    """May raise Crash: before asking, before applying, within the transaction, after it."""

    @classmethod
    def begin(
        cls, user: User, *, account: GoogleAccount | None = None, seed: int = 0, **stream: Any
    ) -> Following:
        google = Google(clock=Clock.still(NOW.timestamp()), seed=seed)
        person = google.add_account(ME)
        client = Client(GRANT, clock=lambda: NOW)
        signed = credentials(google, ME, *oauth.SCOPES if hasattr(oauth, "SCOPES") else ALL)
        client.transport = AuthorizedHttp(signed, http=Transport(google))
        account = account or make_google_account(user, email=ME)
        given = {"kind": "calendar", "remote_id": ME, "phase": "list", "account": account} | stream
        return cls(user, google, person.calendar(), make_stream(user, **given).pk, client)

    @property
    def stream(self) -> SyncStream:
        with acting_as(self.user.pk):
            return (
                SyncStream.objects.for_user(self.user)
                .select_related("account", "user")
                .get(pk=self.stream_id)
            )

    def step(self) -> bool:
        """One step, as the job does it. False when there is nothing to ask."""
        self.crash("before")
        with acting_as(self.user.pk):
            step = steps.next_step(self.stream, self.now)
        if step is None:
            return False
        follower = steps.follower_of(self.stream)
        answer = follower.ask(step, self.client)
        self.crash("asked")
        with acting_as(self.user.pk), transaction.atomic():
            stream = (
                SyncStream.objects.for_user(self.user)
                .select_related("account", "user")
                .get(pk=self.stream_id)
            )
            steps.apply(stream, step, answer, self.now)
            self.crash("applied")
        self.crash("committed")
        return True

    def catch_up(self, most: int = 400) -> None:
        """Until nothing is left to ask, whatever fails in between."""
        self.due()
        for _ in range(most):
            try:
                if not self.step():
                    return
            except (Crash, Failed):
                continue
        raise AssertionError("It never comes to an end.")

    def due(self) -> None:
        with acting_as(self.user.pk):
            SyncStream.objects.for_user(self.user).filter(pk=self.stream_id).update(next_sync_at=None)

    # --- what is here

    def places(self) -> set[tuple[str, str]]:
        """(title, when) of all that takes place until AHEAD, as our rows say."""
        since, before = NOW - dt.timedelta(days=60), NOW + AHEAD
        with acting_as(self.user.pk):
            rows = list(CalendarEvent.objects.for_user(self.user).exclude(status="cancelled"))
            masters = [row for row in rows if row.recurring and not row.recurrence_id]
            found = [
                (one.event.title, one.start)
                for one in series.unroll(masters, changed(self.user, masters), since, before).occurrences
            ]
            found += [(row.title, series.begins(row)) for row in rows if row not in masters]  # type: ignore[misc]
        return {(title, when.isoformat()) for title, when in found if since <= as_time(when) < before}

    def meetings(self) -> dict[tuple[str, str], list[str]]:
        """Who took part in each meeting of the history."""
        with acting_as(self.user.pk):
            rows = Interaction.objects.for_user(self.user).filter(kind="meeting")
            parts = Participant.objects.for_user(self.user).select_related("identity", "interaction")
            found: dict[tuple[str, str], list[str]] = {
                (r.subject, r.occurred_at.isoformat()): [] for r in rows
            }
            assert len(found) == rows.count(), "the same meeting twice"
            for part in parts:
                found[part.interaction.subject, part.interaction.occurred_at.isoformat()].append(
                    part.identity.value
                )
        return {one: sorted(set(people)) for one, people in found.items()}

    # --- what Google has

    def truth(self) -> set[tuple[str, str]]:
        since, before = NOW - dt.timedelta(days=60), NOW + AHEAD
        return {
            (title, when.isoformat())
            for title, when, _ in self.taking_place()
            if since <= as_time(when) < before
        }

    def taking_place(self) -> Iterator[tuple[str, dt.datetime | dt.date, dict[str, Any]]]:
        known = self.calendar.events
        for event in known.values():
            if event["status"] == "cancelled" or "start" not in event:
                continue
            if not event.get("recurrence"):
                yield event.get("summary", ""), when(event["start"]), event
                continue
            for one in instances(event, after=NOW - dt.timedelta(days=61), before=NOW + AHEAD):
                if one["id"] not in known:
                    yield one.get("summary", ""), when(one["start"]), one

    def true_meetings(self) -> dict[tuple[str, str], list[str]]:
        found = {}
        for title, at, event in self.taking_place():
            people = {
                one["email"] for one in event.get("attendees", []) if one["responseStatus"] != "declined"
            }
            if as_time(at) <= self.now and people - {ME}:
                found[title, as_time(at).isoformat()] = sorted(people | {event["organizer"]["email"]})
        return found


ALL = (
    "https://www.googleapis.com/auth/calendar.events.readonly",
    "https://www.googleapis.com/auth/calendar.calendarlist.readonly",
)


def when(said: dict[str, Any]) -> dt.datetime | dt.date:
    return dt.date.fromisoformat(said["date"]) if "date" in said else moment(said).astimezone(dt.UTC)


def as_time(at: dt.datetime | dt.date) -> dt.datetime:
    return as_moment(at)
