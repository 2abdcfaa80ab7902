"""What Google tells without being asked: Gmail through Pub/Sub, Calendar through channels.

Nothing leaves by itself: `deliver` sends what is pending, as often, as late and in the order that a test wants.
"""

from __future__ import annotations

import http.client
import json
import random
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from . import tokens
from .clock import Clock

if TYPE_CHECKING:
    from .accounts import Account
    from .calendar import Calendar, Calendars
    from .mailbox import Message

DAYS = 7
ROBOT = "push@fake-project.iam.gserviceaccount.com"
"""Who signs Pub/Sub's requests, unless a subscription says otherwise."""

Post = Callable[[str, dict[str, str], bytes], int]


@dataclass
class Subscription:
    """Where a topic's messages go, and for whom their tokens are."""

    url: str
    audience: str = ""
    robot: str = ROBOT


@dataclass
class Watch:
    topic: str
    labels: frozenset[str]
    excludes: bool
    expires: float


@dataclass
class Channel:
    id: str
    resource: str
    uri: str
    address: str
    token: str
    expires: float
    sent: int = 0


@dataclass
class Push:
    url: str
    headers: dict[str, str]
    body: bytes = b""
    audience: str = ""
    robot: str = ""


@dataclass
class Pushes:
    clock: Clock
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    """By topic, "projects/…/topics/…"."""
    watches: dict[str, Watch] = field(default_factory=dict)
    """By the address of the account."""
    channels: dict[str, Channel] = field(default_factory=dict)
    pending: list[Push] = field(default_factory=list)
    most_per_second: int = 1
    """Gmail's notifications for one account; more are dropped. 0: all are sent."""
    number: int = 0
    _last: dict[str, list[float]] = field(default_factory=dict)

    def subscribe(self, topic: str, url: str, *, audience: str = "", robot: str = ROBOT) -> None:
        self.subscriptions[topic] = Subscription(url, audience or url, robot)

    # Gmail

    def watch_mail(self, account: Account, topic: str, labels: frozenset[str], excludes: bool) -> float:
        """Until when."""
        if account.email not in self.watches:
            account.mailbox.changed.append(partial(self.mail_changed, account))
        expires = self.clock() + DAYS * 86_400
        self.watches[account.email] = Watch(topic, labels, excludes, expires)
        return expires

    def watching(self, account: Account) -> Watch | None:
        watch = self.watches.get(account.email)
        return watch if watch and watch.topic and self.clock() < watch.expires else None

    def stop_mail(self, account: Account) -> None:
        if watch := self.watches.get(account.email):
            watch.topic = ""

    def mail_changed(self, account: Account, message: Message) -> None:
        watch = self.watching(account)
        if watch is None or (watch.labels and bool(watch.labels & message.labels) is watch.excludes):
            return
        subscription = self.subscriptions.get(watch.topic)
        if subscription is None or not self._may(account.email):
            return
        self.number += 1
        told = {"emailAddress": account.email, "historyId": account.mailbox.history.last}
        body = {
            "message": {
                "data": b64encode(json.dumps(told).encode()).decode(),
                "messageId": str(self.number),
                "message_id": str(self.number),
                "publishTime": self.clock.iso(),
            },
            "subscription": watch.topic.replace("/topics/", "/subscriptions/"),
        }
        self.pending.append(
            Push(
                subscription.url,
                {"content-type": "application/json"},
                json.dumps(body).encode(),
                subscription.audience,
                subscription.robot,
            )
        )

    def _may(self, email: str) -> bool:
        now = self.clock()
        recent = [at for at in self._last.get(email, []) if at > now - 1]
        allowed = not self.most_per_second or len(recent) < self.most_per_second
        self._last[email] = [*recent, now] if allowed else recent
        return allowed

    # Calendar

    def open(self, channel: Channel, watched: Calendar | Calendars) -> None:
        """Begins with a message that nothing has changed yet."""
        self.channels[channel.id] = channel
        watched.told.append(partial(self._changed, channel.id))
        self._tell(channel, "sync")

    def _changed(self, id: str) -> None:
        channel = self.channels.get(id)
        if channel and self.clock() < channel.expires:
            self._tell(channel, "exists")

    def _tell(self, channel: Channel, state: str) -> None:
        channel.sent += 1
        headers = {
            "x-goog-channel-id": channel.id,
            "x-goog-message-number": str(channel.sent),
            "x-goog-resource-id": channel.resource,
            "x-goog-resource-uri": channel.uri,
            "x-goog-resource-state": state,
            "x-goog-channel-expiration": self.clock.http_date(channel.expires),
            "content-length": "0",
        }
        if channel.token:
            headers["x-goog-channel-token"] = channel.token
        self.pending.append(Push(channel.address, headers))

    # delivery

    def deliver(
        self, post: Post | None = None, *, times: int = 1, lose: bool = False, shuffle: int | None = None
    ) -> list[int]:
        """Sends what is pending; the answers. `times` each, or never (`lose`), in an order of chance (`shuffle`: its seed)."""
        going, self.pending = self.pending, []
        if lose:
            return []
        going = [push for push in going for _ in range(times)]
        if shuffle is not None:
            random.Random(shuffle).shuffle(going)
        send = post or to_loopback
        return [send(push.url, self._signed(push), push.body) for push in going]

    def _signed(self, push: Push) -> dict[str, str]:
        if not push.audience:
            return push.headers
        claims: dict[str, Any] = {
            "aud": push.audience,
            "azp": "113774264463038321964",
            "email": push.robot,
            "email_verified": True,
            "sub": "113774264463038321964",
        }
        return {**push.headers, "authorization": f"Bearer {tokens.signed(claims, now=self.clock())}"}


def to_loopback(url: str, headers: dict[str, str], body: bytes) -> int:
    """The status of the answer; 0 where nobody answers. Nothing goes to another machine."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname not in ("127.0.0.1", "localhost", "::1"):
        raise ValueError(f"The fake sends nothing to {url}.")
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=10)
    try:
        connection.request(
            "POST", f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers
        )
        return connection.getresponse().status
    except OSError:
        return 0
    finally:
        connection.close()
