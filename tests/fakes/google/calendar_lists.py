"""Lists in pages, with the tokens that say where one was: those of pages, and those of the next sync."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from .answers import Refused, refuse, sync_token_expired
from .handlers import Asked
from .message import from_urlsafe, urlsafe

UNIMPORTANT = {"calendarId", "pageToken", "syncToken", "maxResults", "alt", "prettyPrint", "fields", "key", "quotaUser",
               "userIp", "oauth_token"}  # fmt: skip
"""Parameters that a later call may change."""
NO_TOKEN = {"iCalUID", "orderBy", "privateExtendedProperty", "q", "sharedExtendedProperty", "updatedMin"}
"""A list with one of these gives no sync token."""
NOT_WITH_TOKEN = NO_TOKEN | {"timeMin", "timeMax"}

Item = tuple[list[Any], dict[str, Any]]
"""Where it stands in the list, and the item itself."""


@dataclass(frozen=True)
class Place:
    """How far a list has come."""

    begun: int
    """The number of the last change when its first page was read."""
    generation: int
    filters: str
    since: int | None = None
    """Changes after this one; everything, without."""
    after: list[Any] | None = None
    empty: bool = False
    """The next page holds nothing, though more follow."""

    def written(self) -> str:
        return urlsafe(json.dumps(vars(self)).encode()).rstrip("=")


def read_place(token: str, name: str) -> Place:
    try:
        return Place(**json.loads(from_urlsafe(token)))
    except (ValueError, TypeError):
        raise refuse(400, "invalid", f"Invalid {name} value.", domain="global", location=name) from None


def place_of(asked: Asked, number: int, generation: int) -> Place:
    """Where this call begins; refuses expired tokens, and those of another list."""
    filters = json.dumps(
        {k: v for k, v in sorted(asked.parameters.items()) if k not in UNIMPORTANT}, default=str
    )
    if asked.get("pageToken"):
        return read_place(asked["pageToken"], "pageToken")
    if not asked.get("syncToken"):
        return Place(number, generation, filters)
    if NOT_WITH_TOKEN & asked.parameters.keys() or asked.get("showDeleted") is False:
        raise refuse(
            400,
            "syncTokenWithRequestRestrictions",
            "Sync token cannot be used with request restrictions.",
            domain="calendar",
        )
    last = read_place(asked["syncToken"], "syncToken")
    if last.generation != generation:
        raise Refused(sync_token_expired())
    if without_times(last.filters) != without_times(filters):
        raise refuse(
            400, "invalid", "The sync token is for a list with other parameters.", location="syncToken"
        )
    return Place(number, generation, filters, since=last.begun)


def without_times(filters: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(filters)
    told.pop("timeZone", None)
    return {name: value for name, value in told.items() if name not in ("timeMin", "timeMax", "showDeleted")}


def answer(
    asked: Asked, place: Place, items: Callable[[Place], list[Item]], *, default: int, most: int
) -> dict[str, Any]:
    """The page. Its sync token, on the last one, stands for what was there when the first was read."""
    if place.empty:
        return {"items": [], "nextPageToken": replace(place, empty=False).written()}
    found = [item for item in items(place) if place.after is None or item[0] > place.after]
    size = min(most, asked.get("maxResults") or default)
    told: dict[str, Any] = {"items": [item for _, item in found[:size]]}
    if len(found) > size:
        gap = asked.google.empty_pages and place.after is None
        told["nextPageToken"] = replace(place, after=found[size - 1][0], empty=gap).written()
    elif not NO_TOKEN & asked.parameters.keys():
        told["nextSyncToken"] = Place(place.begun, place.generation, place.filters).written()
    return told
