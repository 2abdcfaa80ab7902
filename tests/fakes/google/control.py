"""The fake's own doors, below `/fake/`: what a script or a test in another process does to it, in JSON.

GET  /fake/state    accounts, their mail, letters sent, units used, faults that are still to come
GET  /fake/calls    the log; ?name=… and ?user=… choose
POST /fake/…        one of DOORS, with its keyword arguments as an object
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from . import sample
from .answers import Answer, said
from .core import Google

PREFIX = "/fake/"


def answer(google: Google, verb: str, url: str, body: bytes) -> Answer:
    parts = urlsplit(url)
    name = parts.path.removeprefix(PREFIX)
    query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
    try:
        with google.alone():
            if verb == "GET":
                return said(SIGHTS[name](google, **query))
            return said(DOORS[name](google, **json.loads(body or b"{}")) or {})
    except (KeyError, TypeError, ValueError) as error:
        return said({"error": f"{type(error).__name__}: {error}", "doors": sorted(DOORS)}, 400)


def state(google: Google) -> dict[str, Any]:
    return {
        "now": google.clock(),
        "accounts": {email: account_state(google, email) for email in google.accounts},
        "sent": [{"account": email, "raw": b64encode(raw).decode()} for email, raw in google.sent],
        "most_in_flight": max(google.calls.most_in_flight.values(), default=0),
        "faults": sum(fault.count for fault in google.faults.script),
    }


def account_state(google: Google, email: str) -> dict[str, Any]:
    account = google.account(email)
    return {
        "messages": [message.id for message in account.mailbox.newest_first()],
        "drafts": dict(account.mailbox.drafts),
        "historyId": str(account.mailbox.history.last),
        "calendars": {id: sorted(each.events) for id, each in account.calendars.known.items()},
        "units": google.quota.used[email],
        "rejected": google.quota.rejected[email],
        "consents": sum(
            g.account is account and not google.oauth.dead(g) for g in google.oauth.grants.values()
        ),
    }


def calls(google: Google, name: str = "", user: str = "") -> dict[str, Any]:
    return {"calls": [call.told() for call in google.calls.of(name, user)]}


SIGHTS: dict[str, Callable[..., Any]] = {"state": state, "calls": calls}


def clock(google: Google, advance: float) -> dict[str, Any]:
    google.clock.advance(advance)
    return {"now": google.clock()}


def account(google: Google, email: str, **more: Any) -> dict[str, Any]:
    return {"sub": google.add_account(email, **more).sub}


def deliver(google: Google, account: str, raw: str = "", labels: tuple[str, ...] = ("INBOX", "UNREAD"),
            at: float | None = None, **letter: Any) -> dict[str, Any]:  # fmt: skip
    """A letter as it is, or one from `sender`, `to`, `subject`, `text`, `message_id`, `references`."""
    content = raw.encode() if raw else sample.letter(at=at or google.clock(), **{"to": account, **letter})
    message = google.account(account).deliver(content, labels, at=at)
    return {"id": message.id, "threadId": message.thread}


def mailbox(google: Google, account: str, do: str, **how: Any) -> None:
    """`do`: trash, untrash, delete, relabel, add_label, expire_history, change_password."""
    if do not in ("trash", "untrash", "delete", "relabel", "add_label", "expire_history", "change_password"):
        raise ValueError(do)
    getattr(google.account(account), do)(**how)


def event(
    google: Google, account: str, calendar: str = "primary", do: str = "put", **how: Any
) -> dict[str, Any]:
    """`do`: put (an `event` as Google writes it), change, cancel, change_instance, cancel_instance, respond, expire_tokens."""
    if do not in (
        "put",
        "change",
        "cancel",
        "change_instance",
        "cancel_instance",
        "respond",
        "expire_tokens",
    ):
        raise ValueError(do)
    return {"id": getattr(google.account(account).calendar(calendar), do)(**how)}


def fault(google: Google, match: str, effect: str, **more: Any) -> None:
    google.faults.add(match, effect, **more)


def chance(google: Google, rate: float, seed: int = 0) -> None:
    google.faults.chance(rate, seed=seed)


def consents(google: Google, account: str = "", do: str = "revoke", testing: bool = False) -> None:
    """`do`: revoke all of an account's, expire all access tokens, or set the project's status."""
    if do == "revoke":
        google.oauth.revoke(google.account(account))
    elif do == "expire":
        google.oauth.expire_access()
    elif do == "status":
        google.oauth.testing = testing
    else:
        raise ValueError(do)


def quota(
    google: Google, per_user: int | None = None, punish: str = "", seconds: float | None = None
) -> None:
    if per_user is not None:
        google.quota.per_user["gmail"] = per_user
    if punish:
        google.quota.punish(punish, seconds)


def push(google: Google, do: str = "deliver", **how: Any) -> dict[str, Any]:
    """`do`: subscribe (a `topic` to a `url`), or deliver what is pending (`times`, `lose`, `shuffle`)."""
    if do == "subscribe":
        google.pushes.subscribe(**how)
        return {}
    if do != "deliver":
        raise ValueError(do)
    return {"answers": google.pushes.deliver(**how)}


def clear(google: Google) -> None:
    """Faults and the log of calls."""
    google.faults.clear()
    google.calls.clear()
    google.calls.most_in_flight.clear()


DOORS: dict[str, Callable[..., Any]] = {
    "clock": clock,
    "account": account,
    "deliver": deliver,
    "mailbox": mailbox,
    "event": event,
    "fault": fault,
    "chance": chance,
    "consents": consents,
    "quota": quota,
    "push": push,
    "clear": clear,
}
