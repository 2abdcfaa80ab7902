"""What went wrong at Google, told apart by what is to be done about it. Pure: nothing here waits or writes."""

from __future__ import annotations

import datetime as dt
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from googleapiclient.errors import BatchError, HttpError, InvalidJsonError
from httplib2 import HttpLib2Error

from integrations.google.times import seconds_to_wait
from omnicrm.outgoing import TooLarge

TESTING = dt.timedelta(days=8)
"""A permission that ends before it is this old ended because the app's status is "Testing" (Google: 7 days)."""


class Kind(StrEnum):
    """What is to be done."""

    THROTTLE = "throttle"  # make no call until then, and smaller batches after that
    THROTTLE_SHORT = "throttle_short"  # the same, for seconds
    TRANSIENT = "transient"  # ask again after a while
    REAUTH = "reauth"  # stop: the person connects again
    NO_SCOPE = "no_scope"  # stop: the person gives a permission
    CONFIG = "config"  # stop: an operator or administrator changes something
    RESYNC = "resync"  # the cursor is too old: list everything, and compare
    GONE = "gone"  # the item is no longer there
    POISON = "poison"  # this one item or request will not do; others may


SLOWER = frozenset({Kind.THROTTLE, Kind.THROTTLE_SHORT})
STOPS = frozenset({Kind.REAUTH, Kind.NO_SCOPE, Kind.CONFIG})


@dataclass(frozen=True)
class Failure:
    """What to do, which signal it was, what people are told, and after how many seconds Google wants to be asked."""

    kind: Kind
    code: str
    sentence: str
    retry_after: float | None = None


class Failed(Exception):
    """A call did not bring what was asked for."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.code)
        self.failure = failure


class TokenRefused(Exception):
    """Google's token endpoint answered with something else than a token."""

    def __init__(self, error: str, *, status: int = 400, retry_after: str = "") -> None:
        super().__init__(error or str(status))
        self.error, self.status, self.retry_after = error, status, retry_after


class Garbled(Exception):
    """An answer that is not what it should be: cut off, or a page of HTML."""


BY_ITSELF = "Nothing is lost, and it goes on by itself."
THROTTLE = Failure(Kind.THROTTLE, "rate_limited", f"Google asks for a pause. {BY_ITSELF}")
CROWDED = Failure(
    Kind.THROTTLE_SHORT, "too_many_at_once", f"Google asks for fewer requests at a time. {BY_ITSELF}"
)
UNREACHABLE = Failure(Kind.TRANSIENT, "unreachable", f"Google cannot be reached. {BY_ITSELF}")
UNWELL = Failure(Kind.TRANSIENT, "unwell", f"Google has trouble of its own. {BY_ITSELF}")
GARBLED = Failure(Kind.TRANSIENT, "garbled", f"Google's answer could not be read. {BY_ITSELF}")
UNAUTHORIZED = Failure(Kind.TRANSIENT, "unauthorized", f"Google did not take our key. {BY_ITSELF}")
ENDED = Failure(
    Kind.REAUTH, "invalid_grant", "Google no longer lets us in. Connect again; it goes on where it stopped."
)
ENDED_YOUNG = Failure(
    Kind.REAUTH,
    "invalid_grant_young",
    "Google ended this permission after a few days, as it does while the app has the status “Testing”. "
    "Publish the app in the Google Cloud console (Audience, Publish app), then connect again.",
)
NO_SCOPE = Failure(
    Kind.NO_SCOPE,
    "no_scope",
    "A permission is missing. Connect again, and leave its box ticked on Google's page.",
)
MAIL_API_OFF = Failure(
    Kind.CONFIG,
    "gmail_api_off",
    "The Gmail API is off. Whoever runs this server enables it in the Google Cloud console.",
)
CALENDAR_API_OFF = Failure(
    Kind.CONFIG,
    "calendar_api_off",
    "The Google Calendar API is off. Whoever runs this server enables it in the Google Cloud console.",
)
POLICY = Failure(
    Kind.CONFIG, "policy", "Your organisation does not allow this. Ask its Google Workspace administrator to."
)
NO_MAILBOX = Failure(
    Kind.CONFIG,
    "no_mailbox",
    "This Google account has no Gmail. Connect one that has, or use its calendar only.",
)
NO_CALENDAR = Failure(
    Kind.CONFIG, "no_calendar", "This Google account has no calendar yet. Open Google Calendar with it once."
)
CLIENT = Failure(
    Kind.CONFIG,
    "client",
    "Google does not know this server. Whoever runs it looks at GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET.",
)
RESYNC = Failure(
    Kind.RESYNC,
    "cursor_expired",
    "Google no longer says what has changed since then. All is listed again and compared; nothing is lost.",
)
GONE = Failure(Kind.GONE, "gone", "It is no longer at Google.")
TOO_LARGE = Failure(Kind.POISON, "too_large", "It is larger than OmniCRM takes in at once.")
REFUSED = Failure(Kind.POISON, "refused", "Google does not take this request.")
UNEXPECTED = Failure(Kind.POISON, "unexpected", "This could not be read.")

RATES = {
    "ratelimitexceeded",
    "userratelimitexceeded",
    "quotaexceeded",
    "dailylimitexceeded",
    "resource_exhausted",
}
RATES |= {"rate_limit_exceeded"}
BY_REASON = {
    "insufficientpermissions": NO_SCOPE,
    "access_token_scope_insufficient": NO_SCOPE,
    "domainpolicy": POLICY,
    "notacalendaruser": NO_CALENDAR,
}
PRECONDITION = {"failedprecondition", "failed_precondition"}
OFF = {"accessnotconfigured", "service_disabled", "dailylimitexceededunreg"}
LISTS = {"history.list", "events.list", "calendars.list", "messages.list"}
TOO_OLD = re.compile(r"page ?token|sync ?token|start ?history ?id", re.IGNORECASE)


def classify(
    error: Exception, call: str = "", *, now: dt.datetime, age: dt.timedelta | None = None
) -> Failure:
    """What an exception of a call means. `call` is what the call is named in the prices; `age` that of the grant."""
    if isinstance(error, Failed):
        return error.failure
    if isinstance(error, TokenRefused):
        return of_token(error, now, age)
    if isinstance(error, HttpError) and not isinstance(error, BatchError):
        return of_answer(Answer.read(error, now), call)
    if isinstance(error, TooLarge):
        return TOO_LARGE
    if isinstance(error, BatchError | InvalidJsonError | Garbled | ValueError) and not isinstance(
        error, OSError
    ):
        return GARBLED
    return UNREACHABLE if isinstance(error, OSError | HttpLib2Error) else UNEXPECTED


@dataclass(frozen=True)
class Answer:
    """What an HTTP answer says about an error, whichever of Google's forms it has."""

    status: int
    reasons: frozenset[str]
    message: str
    wait: float | None
    is_json: bool

    @classmethod
    def read(cls, error: HttpError, now: dt.datetime) -> Answer:
        said = details(error.content)
        words = [*rows(said, "errors"), *rows(said, "details"), {"reason": said.get("status")}]
        reasons = {str(row["reason"]).lower() for row in words if row.get("reason")}
        message = str(said.get("message", ""))
        wait = seconds_to_wait(str(error.resp.get("retry-after", "")), message, now)
        return cls(int(error.resp.status), frozenset(reasons), message, wait, bool(said))


def details(content: bytes) -> dict[str, Any]:
    """The `error` object of an answer, or nothing where it is a page, or cut off."""
    try:
        said = json.loads(content)
    except ValueError:
        return {}
    said = said[0] if isinstance(said, list) and said else said
    error = said.get("error") if isinstance(said, dict) else None
    return error if isinstance(error, dict) else {}


def rows(said: dict[str, Any], name: str) -> list[dict[str, Any]]:
    listed = said.get(name)
    return [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []


def of_answer(answer: Answer, call: str) -> Failure:
    failure = of_limits(answer) or of_permission(answer, call) or of_absence(answer, call)
    if failure is None:
        is_ours = 400 <= answer.status < 500 and answer.status != 408 and answer.is_json
        failure = REFUSED if is_ours else UNWELL
    waits = failure.kind in SLOWER or failure.kind == Kind.TRANSIENT
    return replace(failure, retry_after=answer.wait) if waits else failure


def of_limits(answer: Answer) -> Failure | None:
    """Google names one and the same limit with 403 or 429."""
    if answer.status not in (403, 429):
        return None
    if "too many concurrent requests" in answer.message.lower():
        return CROWDED
    return THROTTLE if answer.status == 429 or answer.reasons & RATES else None


def of_permission(answer: Answer, call: str) -> Failure | None:
    if answer.status == 401:
        return UNAUTHORIZED
    if answer.status == 400 and answer.reasons & PRECONDITION:
        return NO_MAILBOX if "mail service not enabled" in answer.message.lower() else UNWELL
    if answer.status != 403:
        return None
    if answer.reasons & OFF:
        return CALENDAR_API_OFF if call.startswith(("events", "calendars", "channels")) else MAIL_API_OFF
    if "mail service not enabled" in answer.message.lower():
        return NO_MAILBOX
    return next((BY_REASON[reason] for reason in sorted(answer.reasons) if reason in BY_REASON), None)


def of_absence(answer: Answer, call: str) -> Failure | None:
    if answer.status == 404:
        return RESYNC if call == "history.list" else GONE
    if answer.status == 410:
        return RESYNC if call in LISTS else GONE
    return RESYNC if answer.status == 400 and call in LISTS and TOO_OLD.search(answer.message) else None


def of_token(error: TokenRefused, now: dt.datetime, age: dt.timedelta | None) -> Failure:
    wait = seconds_to_wait(error.retry_after, "", now)
    if error.error == "invalid_grant":
        return ENDED_YOUNG if age is not None and age < TESTING else ENDED
    if error.error in ("invalid_client", "unauthorized_client", "deleted_client", "disabled_client"):
        return CLIENT
    if error.error in ("admin_policy_enforced", "org_internal"):
        return POLICY
    if error.error == "invalid_scope":
        return NO_SCOPE
    return replace(THROTTLE if error.status == 429 else UNWELL, retry_after=wait)


def pause(failure: Failure, streak: int, chance: Callable[[], float] = random.random) -> float:
    """Seconds until the next call, after the `streak`-th failure of the kind in a row (from 1): what Google asks for,
    or longer and longer, each time by chance, so that not all come back at once."""
    said = failure.retry_after or 0.0
    if failure.kind == Kind.THROTTLE:
        return max(said, 1.0, chance() * min(900.0, 2.0 ** min(streak, 20)))
    if failure.kind == Kind.THROTTLE_SHORT:
        return max(said, 1.0 + 3.0 * chance())
    if failure.kind == Kind.TRANSIENT:
        return max(said, chance() * min(64.0, 2.0 ** min(streak, 20)))
    return 0.0
