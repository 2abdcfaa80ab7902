"""Asking to be told: `watch` and `stop` of Gmail, channels of Calendar."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from .answers import refuse
from .calendar import Calendar, Calendars
from .calendar_methods import calendar_of
from .handlers import Asked, answers
from .pushes import DAYS, Channel


@answers("gmail.users.watch")
def watch(asked: Asked) -> dict[str, Any]:
    told, pushes = asked.data, asked.google.pushes
    topic = told.get("topicName", "")
    if not re.fullmatch(r"projects/[^/]+/topics/[^/]+", topic):
        raise refuse(
            400, "invalidArgument", "Invalid topicName does not match projects/fake-project/topics/*"
        )
    if pushes.subscriptions and topic not in pushes.subscriptions:
        raise refuse(
            404, "notFound", f"Error sending test message to Cloud PubSub {topic} : Resource not found"
        )
    known = pushes.watching(asked.account)
    if known and known.topic != topic:
        words = "Only one user push notification client allowed per developer (call /stop then try again)"
        raise refuse(400, "failedPrecondition", words, status="FAILED_PRECONDITION")
    excludes = (
        "EXCLUDE" in str(told.get("labelFilterBehavior") or told.get("labelFilterAction") or "").upper()
    )
    expires = pushes.watch_mail(asked.account, topic, frozenset(told.get("labelIds") or ()), excludes)
    return {"historyId": str(asked.mailbox.history.last), "expiration": str(int(expires * 1000))}


@answers("gmail.users.stop")
def stop(asked: Asked) -> None:
    asked.google.pushes.stop_mail(asked.account)


@answers("calendar.events.watch")
def watch_events(asked: Asked) -> dict[str, Any]:
    calendar = calendar_of(asked)
    return opened(asked, calendar, f"calendars/{calendar.id}/events")


@answers("calendar.calendarList.watch")
def watch_calendars(asked: Asked) -> dict[str, Any]:
    return opened(asked, asked.account.calendars, "users/me/calendarList")


def opened(asked: Asked, watched: Calendar | Calendars, what: str) -> dict[str, Any]:
    told, pushes = asked.data, asked.google.pushes
    address = urlsplit(told.get("address", ""))
    if told.get("type") not in ("web_hook", "webhook") or not re.fullmatch(
        r"[\w\-+/=]{1,64}", told.get("id", "")
    ):
        raise refuse(400, "invalid", "Invalid channel")
    if address.scheme != "https" and address.hostname not in ("127.0.0.1", "localhost"):
        raise refuse(
            400, "push.webhookUrlNotHttps", f"WebHook callback must be HTTPS: {told.get('address', '')}"
        )
    if told["id"] in pushes.channels:
        raise refuse(400, "channelIdNotUnique", f"Channel id {told['id']} not unique")
    ends = asked.google.clock() + DAYS * 86_400
    if told.get("expiration"):
        ends = min(ends, int(told["expiration"]) / 1000)
    uri = f"https://www.googleapis.com/calendar/v3/{what}?alt=json"
    resource = f"resource-{asked.account.sub[-6:]}-{what.replace('/', '-')}"
    channel = Channel(told["id"], resource, uri, told["address"], told.get("token", ""), ends)
    pushes.open(channel, watched)
    answer = {"kind": "api#channel", "id": channel.id, "resourceId": resource, "resourceUri": uri}
    return answer | {"token": channel.token, "expiration": str(int(ends * 1000))}


@answers("calendar.channels.stop")
def stop_channel(asked: Asked) -> None:
    told, channels = asked.data, asked.google.pushes.channels
    known = channels.get(told.get("id", ""))
    if known is None or known.resource != told.get("resourceId"):
        raise refuse(
            404, "notFound", f"Channel '{told.get('id')}' not found for project '123456789012'", status=""
        )
    del channels[known.id]
