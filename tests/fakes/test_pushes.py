"""What Google tells by itself: Pub/Sub with its signed tokens, and Calendar's channels."""

from __future__ import annotations

import base64
import json
from datetime import date
from email.utils import parsedate_to_datetime
from typing import Any

import jwt
import pytest
import requests

from tests.fakes.conftest import ADA
from tests.fakes.google import Account, Google, sample, serving, tokens
from tests.fakes.test_gmail import refused

TOPIC = "projects/ours/topics/gmail"
HOOK = "http://127.0.0.1:1/push"


class Mailman:
    """Takes pushes; answers 204."""

    def __init__(self) -> None:
        self.got: list[tuple[str, dict[str, str], Any]] = []

    def __call__(self, url: str, headers: dict[str, str], body: bytes) -> int:
        self.got.append((url, headers, json.loads(body) if body else None))
        return 204

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(base64.b64decode(body["message"]["data"])) for _, _, body in self.got]


@pytest.fixture
def mailman() -> Mailman:
    return Mailman()


def watch(gmail: Any, **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = gmail.watch(userId="me", body={"topicName": TOPIC, **more}).execute()
    return answer


def test_a_watch_tells_the_newest_history_id_with_a_signed_token(
    google: Google, ada: Account, gmail: Any, mailman: Mailman
) -> None:
    google.pushes.subscribe(
        TOPIC, HOOK, audience="https://crm.example/push", robot="robot@ours.iam.gserviceaccount.com"
    )
    said = watch(gmail)
    assert said["historyId"] == str(ada.mailbox.history.last)
    assert int(said["expiration"]) == int((google.clock() + 7 * 86_400) * 1000)
    ada.deliver(sample.letter())
    assert google.pushes.deliver(mailman) == [204]
    assert mailman.told() == [{"emailAddress": ADA, "historyId": ada.mailbox.history.last}]
    ((url, headers, body),) = mailman.got
    assert (url, body["subscription"]) == (HOOK, "projects/ours/subscriptions/gmail")
    claims = jwt.decode(
        headers["authorization"].removeprefix("Bearer "),
        jwt.PyJWK(tokens.keys()["keys"][0]).key,
        algorithms=["RS256"],
        audience="https://crm.example/push",
        options={"verify_exp": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["email"], claims["email_verified"]) == (
        "https://accounts.google.com", "robot@ours.iam.gserviceaccount.com", True,
    )  # fmt: skip
    assert google.pushes.deliver(mailman) == []


def test_watches_end_and_are_one_per_account(
    google: Google, ada: Account, gmail: Any, mailman: Mailman
) -> None:
    google.pushes.subscribe(TOPIC, HOOK)
    google.pushes.subscribe(f"{TOPIC}-2", HOOK)
    assert refused(gmail.watch(userId="me", body={"topicName": "gmail"}))[0] == 400
    assert refused(gmail.watch(userId="me", body={"topicName": "projects/no/topics/no"}))[0] == 404
    watch(gmail)
    watch(gmail)
    assert "Only one user push" in refused(gmail.watch(userId="me", body={"topicName": f"{TOPIC}-2"}))[2]
    google.clock.advance(7 * 86_400)
    ada.deliver(sample.letter())
    assert google.pushes.pending == []
    watch(gmail)
    ada.deliver(sample.letter())
    assert len(google.pushes.pending) == 1
    gmail.stop(userId="me").execute()
    google.clock.advance(2)
    ada.deliver(sample.letter())
    assert len(google.pushes.pending) == 1
    watch(gmail, topicName=f"{TOPIC}-2")


def test_labels_may_be_watched_alone_and_too_many_notifications_are_dropped(
    google: Google, ada: Account, gmail: Any, mailman: Mailman
) -> None:
    google.pushes.subscribe(TOPIC, HOOK)
    watch(gmail, labelIds=["INBOX"], labelFilterBehavior="INCLUDE")
    ada.deliver(sample.letter(), ["SENT"])
    assert google.pushes.pending == []
    for _ in range(3):
        ada.deliver(sample.letter(), ["INBOX"])
    assert len(google.pushes.pending) == 1
    google.pushes.most_per_second = 0
    for _ in range(3):
        ada.deliver(sample.letter(), ["INBOX"])
    assert len(google.pushes.pending) == 4


def test_pushes_come_twice_late_in_another_order_or_never(
    google: Google, ada: Account, gmail: Any, mailman: Mailman
) -> None:
    google.pushes.subscribe(TOPIC, HOOK)
    google.pushes.most_per_second = 0
    watch(gmail)
    for _ in range(4):
        ada.deliver(sample.letter())
    google.pushes.deliver(mailman, times=2, shuffle=1)
    told = [each["historyId"] for each in mailman.told()]
    assert (len(told), len(set(told))) == (8, 4)
    assert told != sorted(told)
    ada.deliver(sample.letter())
    assert google.pushes.deliver(mailman, lose=True) == []
    assert (len(mailman.got), google.pushes.pending) == (8, [])


def test_a_channel_begins_with_sync_and_tells_that_something_changed(
    google: Google, ada: Account, calendar: Any, mailman: Mailman
) -> None:
    body = {"id": "channel-1", "type": "web_hook", "address": HOOK, "token": "ours"}
    said = calendar.events().watch(calendarId="primary", body=body).execute()
    assert (said["kind"], said["id"], said["token"]) == ("api#channel", "channel-1", "ours")
    id = ada.calendar().add("Lunch", date(2026, 3, 5))
    ada.calendar().cancel(id)
    google.pushes.deliver(mailman)
    heard = [
        (h["x-goog-resource-state"], h["x-goog-message-number"], h["x-goog-channel-token"])
        for _, h, _ in mailman.got
    ]
    assert heard == [("sync", "1", "ours"), ("exists", "2", "ours"), ("exists", "3", "ours")]
    _, headers, content = mailman.got[0]
    assert (headers["x-goog-resource-id"], content) == (said["resourceId"], None)
    ends = parsedate_to_datetime(headers["x-goog-channel-expiration"]).timestamp()
    assert ends == int(said["expiration"]) // 1000
    assert refused(calendar.events().watch(calendarId="primary", body=body))[1] == "channelIdNotUnique"
    plain = {**body, "id": "channel-2", "address": "http://crm.example/"}
    assert refused(calendar.events().watch(calendarId="primary", body=plain))[1] == "push.webhookUrlNotHttps"
    stop = {"id": "channel-1", "resourceId": "another"}
    assert refused(calendar.channels().stop(body=stop))[0] == 404
    calendar.channels().stop(body={**stop, "resourceId": said["resourceId"]}).execute()
    ada.calendar().add("Tea", date(2026, 3, 5))
    assert google.pushes.pending == []


def test_the_list_of_calendars_has_channels_too_and_they_expire(
    google: Google, ada: Account, calendar: Any
) -> None:
    ends = str(int((google.clock() + 60) * 1000))
    body = {"id": "list", "type": "web_hook", "address": HOOK, "expiration": ends}
    assert calendar.calendarList().watch(body=body).execute()["expiration"] == ends
    ada.calendars.add("team@group.calendar.google.com", "Team")
    google.clock.advance(60)
    ada.calendars.remove("team@group.calendar.google.com")
    assert [push.headers["x-goog-resource-state"] for push in google.pushes.pending] == ["sync", "exists"]


def test_a_server_that_pushes_posts_to_loopback_and_nowhere_else(
    google: Google, ada: Account, gmail: Any
) -> None:
    with serving(google, pushing=True) as server:
        google.pushes.subscribe(TOPIC, f"{server.root}/taken?yes")
        watch(gmail)
        ada.deliver(sample.letter())
        for _ in range(100):
            if google.calls.of("oauth/taken"):
                break
            server.stopping.wait(0.05)
        (call,) = google.calls.of("oauth/taken")
        assert (call.verb, call.query) == ("POST", {"yes": [""]})
        requests.post(
            f"{server.root}/fake/push",
            json={"do": "subscribe", "topic": TOPIC, "url": "https://x.example/"},
            timeout=5,
        )
    google.clock.advance(5)
    ada.deliver(sample.letter())
    with pytest.raises(ValueError, match=r"The fake sends nothing to https://x\.example/"):
        google.pushes.deliver()
