"""Calendar: the list of calendars, lists of events, single events, instances."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from . import calendar_lists as lists
from .answers import refuse
from .calendar import Calendar
from .calendar_lists import Item, Place
from .handlers import Asked, answers
from .recurrence import instances, moment

ROLES = ["freeBusyReader", "reader", "writer", "owner"]


@answers("calendar.calendarList.list")
def list_calendars(asked: Asked) -> dict[str, Any]:
    known = asked.account.calendars

    def items(place: Place) -> list[Item]:
        found = sorted(known.known.values(), key=lambda each: known.changed[each.id])
        return [
            ([known.changed[each.id]], entry(each))
            for each in found
            if known.changed[each.id] > (place.since or 0)
            and (not each.deleted or asked.get("showDeleted") or place.since is not None)
            and at_least(each, asked.get("minAccessRole"))
        ]

    place = lists.place_of(asked, known.number, known.generation)
    told = lists.answer(asked, place, items, default=100, most=250)
    return {"kind": "calendar#calendarList", "etag": f'"p{known.number}"', **told}


def at_least(calendar: Calendar, role: str | None) -> bool:
    return role is None or ROLES.index(calendar.access_role) >= ROLES.index(role)


def entry(calendar: Calendar) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": "calendar#calendarListEntry", "id": calendar.id}
    if calendar.deleted:
        return told | {"deleted": True}
    told |= {
        "summary": calendar.summary or calendar.id,
        "timeZone": calendar.time_zone,
        "accessRole": calendar.access_role,
        "selected": True,
        "colorId": "14",
        "defaultReminders": [],
    }
    return told | ({"primary": True} if calendar.primary else {})


@answers("calendar.calendarList.get")
def get_calendar(asked: Asked) -> dict[str, Any]:
    return entry(calendar_of(asked))


def calendar_of(asked: Asked) -> Calendar:
    try:
        calendar = asked.account.calendars.get(asked["calendarId"])
    except KeyError:
        raise missing() from None
    if calendar.deleted:
        raise missing()
    return calendar


def missing() -> Exception:
    return refuse(404, "notFound", "Not Found", status="")


@answers("calendar.events.list")
def list_events(asked: Asked) -> dict[str, Any]:
    calendar = calendar_of(asked)
    if asked.get("orderBy") == "startTime" and not asked.get("singleEvents"):
        raise refuse(400, "badRequest", "The requested ordering is not available for the particular query.")
    place = lists.place_of(asked, calendar.number, calendar.generation)
    told = lists.answer(
        asked, place, lambda place: event_items(asked, calendar, place), default=250, most=2500
    )
    return {
        "kind": "calendar#events",
        "etag": f'"p{calendar.number}"',
        "summary": calendar.summary,
        "updated": calendar.clock.iso(),
        "timeZone": calendar.time_zone,
        "accessRole": calendar.access_role,
        "defaultReminders": [],
        **told,
    }


def event_items(asked: Asked, calendar: Calendar, place: Place) -> list[Item]:
    if place.since is None:
        found = [(calendar.born[id], id) for id in calendar.events]
    else:
        found = [(number, id) for id, number in calendar.changed.items() if number > place.since]
    items = [
        item
        for number, id in sorted(found)
        for item in unfolded(asked, calendar, number, calendar.events[id], place)
    ]
    wanted = [(order, event) for order, event in items if fits(asked, calendar, event, place)]
    if asked.get("orderBy"):
        wanted = [([sorting(asked["orderBy"], event), event["id"]], event) for _, event in wanted]
        wanted.sort(key=lambda item: item[0])
    return [(order, shown(asked, calendar, event)) for order, event in wanted]


def unfolded(
    asked: Asked, calendar: Calendar, number: int, event: dict[str, Any], place: Place
) -> list[Item]:
    """The event itself, or with `singleEvents` all meetings of the series that are no exceptions."""
    if not asked.get("singleEvents") or not event.get("recurrence"):
        return [([number, ""], event)]
    return [
        ([number, each["id"]], each)
        for each in instances(event, after=limit(asked, "timeMin"), before=limit(asked, "timeMax"))
        if each["id"] not in calendar.events
    ]


def fits(asked: Asked, calendar: Calendar, event: dict[str, Any], place: Place) -> bool:
    if event["status"] == "cancelled":
        of_series = "recurringEventId" in event and not asked.get("singleEvents")
        return place.since is not None or bool(asked.get("showDeleted")) or of_series
    return (
        in_time(asked, event)
        and event.get("eventType", "default")
        in (asked.get("eventTypes") or [event.get("eventType", "default")])
        and asked.get("iCalUID") in (None, event.get("iCalUID"))
        and has_words(event, asked.get("q"))
        and event.get("updated", "") >= (asked.get("updatedMin") or "")
    )


def limit(asked: Asked, name: str) -> datetime | None:
    value = asked.get(name)
    if not value:
        return None
    try:
        at = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        raise refuse(400, "badRequest", "Bad Request") from None
    if at.tzinfo is None:
        raise refuse(400, "badRequest", "Bad Request")
    return at


def in_time(asked: Asked, event: dict[str, Any]) -> bool:
    after, before = limit(asked, "timeMin"), limit(asked, "timeMax")
    if after is None and before is None:
        return True
    if event.get("recurrence"):
        return next(instances(event, after=after, before=before), None) is not None
    return (after is None or moment(event["end"]) > after) and (
        before is None or moment(event["start"]) < before
    )


def has_words(event: dict[str, Any], words: str | None) -> bool:
    if not words:
        return True
    people = [f"{each.get('displayName', '')} {each['email']}" for each in event.get("attendees", [])]
    text = " ".join([event.get(name, "") for name in ("summary", "description", "location")] + people).lower()
    return all(word in text for word in words.lower().split())


def sorting(order: str, event: dict[str, Any]) -> str:
    if order == "updated" or "start" not in event:
        return str(event.get("updated", ""))
    return moment(event["start"]).astimezone(UTC).isoformat()


def shown(asked: Asked, calendar: Calendar, event: dict[str, Any]) -> dict[str, Any]:
    """With what is "self" seen from this account."""
    mine = {asked.account.email.lower(), *(alias.lower() for alias in asked.account.aliases)}
    told = dict(event)
    for role, own in (("creator", mine), ("organizer", {calendar.id.lower()})):
        if role in told and told[role].get("email", "").lower() in own:
            told[role] = {**told[role], "self": True}
    if people := told.get("attendees"):
        people = [{**each, "self": True} if each["email"].lower() in mine else each for each in people]
        if len(people) > (asked.get("maxAttendees") or len(people)):
            told["attendeesOmitted"] = True
            people = [each for each in people if each.get("self")]
        told["attendees"] = people
    return told


@answers("calendar.events.get")
def get_event(asked: Asked) -> dict[str, Any]:
    calendar, id = calendar_of(asked), asked["eventId"]
    if id in calendar.events:
        return shown(asked, calendar, calendar.events[id])
    series = calendar.events.get(id.rpartition("_")[0])
    if series and series.get("recurrence"):
        for each in instances(series):
            if each["id"] == id:
                return shown(asked, calendar, each)
    raise missing()


@answers("calendar.events.instances")
def list_instances(asked: Asked) -> dict[str, Any]:
    calendar, id = calendar_of(asked), asked["eventId"]
    series = calendar.events.get(id)
    if series is None or not series.get("recurrence"):
        raise missing()

    def items(place: Place) -> list[Item]:
        usual = [each for each in instances(series) if each["id"] not in calendar.events]
        exceptions = [each for each in calendar.events.values() if each.get("recurringEventId") == id]
        kept = [
            each
            for each in usual + exceptions
            if (each["status"] != "cancelled" and in_time(asked, each))
            or (each["status"] == "cancelled" and asked.get("showDeleted"))
        ]
        order = sorted(
            ([moment(each["originalStartTime"]).astimezone(UTC).isoformat()], each["id"]) for each in kept
        )
        by_id = {each["id"]: each for each in kept}
        return [(place, shown(asked, calendar, by_id[name])) for place, name in order]

    place = lists.place_of(asked, calendar.number, calendar.generation)
    return {"kind": "calendar#events", **lists.answer(asked, place, items, default=250, most=2500)}
