"""Google Calendar, as far as it is asked. Events are handed on as Google says them: they are kept verbatim."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any

from integrations.google.client import Google, resource
from integrations.google.gmail import moment

CALENDARS, EVENTS = 250, 2500
"""The most that Google lists at once."""


@dataclass(frozen=True)
class Calendar:
    id: str
    name: str
    zone: str
    role: str
    is_primary: bool
    is_shown: bool
    is_deleted: bool


@dataclass(frozen=True)
class CalendarPage:
    """`sync_token` stands on the last page alone."""

    calendars: list[Calendar]
    next_page: str
    sync_token: str


@dataclass(frozen=True)
class EventPage:
    """`sync_token` stands on the last page alone; a page may be empty and still have a next one."""

    events: list[dict[str, Any]] = field(repr=False)
    next_page: str
    sync_token: str
    zone: str


@dataclass(frozen=True)
class Channel:
    """Where Google tells of changes, until it expires."""

    id: str
    resource_id: str
    expires_at: dt.datetime


def list_calendars(google: Google, *, sync_token: str = "", page: str = "") -> CalendarPage:
    asked = resource("calendar", "calendarList").list(
        maxResults=CALENDARS,
        showDeleted=True,
        showHidden=True,
        syncToken=sync_token or None,
        pageToken=page or None,
    )
    return google.call("calendars.list", asked, read_calendars)


def list_events(google: Google, calendar: str, *, sync_token: str = "", page: str = "") -> EventPage:
    """One page of a calendar: series as one event each, with their exceptions, and what was cancelled. All pages of
    one listing, and later ones with its token, ask with the same parameters, as Google demands."""
    return events_page(google, calendar, page, syncToken=sync_token or None)


def list_updated(google: Google, calendar: str, since: dt.datetime, *, page: str = "") -> EventPage:
    """One page of what was changed, made or cancelled since then. It has no token that could be followed."""
    return events_page(google, calendar, page, updatedMin=since.isoformat())


def events_page(google: Google, calendar: str, page: str, **since: str | None) -> EventPage:
    asked = resource("calendar", "events").list(
        calendarId=calendar,
        maxResults=EVENTS,
        singleEvents=False,
        showDeleted=True,
        pageToken=page or None,
        **since,
    )
    return google.call("events.list", asked, read_events)


def get_event(google: Google, calendar: str, id: str) -> dict[str, Any]:
    asked = resource("calendar", "events").get(calendarId=calendar, eventId=id)
    return google.call("events.get", asked, read_event)


def watch_events(google: Google, calendar: str, *, channel: str, token: str, address: str) -> Channel:
    """Google tells `address` of changes, with `token` so that others cannot."""
    body = {"id": channel, "type": "web_hook", "address": address, "token": token}
    asked = resource("calendar", "events").watch(calendarId=calendar, body=body)

    def read(said: dict[str, Any]) -> Channel:
        return Channel(said["id"], said["resourceId"], moment(said["expiration"]))

    return google.call("events.watch", asked, read)


def stop_channel(google: Google, channel: str, resource_id: str) -> None:
    asked = resource("calendar", "channels").stop(body={"id": channel, "resourceId": resource_id})
    google.call("channels.stop", asked, lambda _: None)


def read_calendars(said: dict[str, Any]) -> CalendarPage:
    rows = [read_calendar(row) for row in said.get("items", [])]
    return CalendarPage(rows, said.get("nextPageToken", ""), said.get("nextSyncToken", ""))


def read_calendar(row: dict[str, Any]) -> Calendar:
    return Calendar(
        row["id"],
        row.get("summaryOverride") or row.get("summary", ""),
        row.get("timeZone", ""),
        row.get("accessRole", ""),
        bool(row.get("primary")),
        bool(row.get("selected")),
        bool(row.get("deleted")),
    )


def read_events(said: dict[str, Any]) -> EventPage:
    events = [read_event(row) for row in said.get("items", [])]
    return EventPage(
        events, said.get("nextPageToken", ""), said.get("nextSyncToken", ""), said.get("timeZone", "")
    )


def read_event(said: dict[str, Any]) -> dict[str, Any]:
    """Every event has an id; what else it has depends on what became of it."""
    if not isinstance(said["id"], str):
        raise TypeError("An event whose id is no text.")
    return said
