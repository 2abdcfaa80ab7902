"""Every signal of Google's, and what is done about it."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import httplib2
import pytest
import requests
from googleapiclient.errors import BatchError, HttpError

from integrations.google.errors import (
    Failed,
    Failure,
    Garbled,
    Kind,
    TokenRefused,
    classify,
    pause,
)
from integrations.google.times import LONGEST_WAIT
from omnicrm.outgoing import NotAllowed, TooLarge, TooMuch

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
HTML = b"<html><title>Error 502 (Server Error)!!1</title></html>"


def said(status: int, reason: str = "", message: str = "No.", **more: Any) -> HttpError:
    """An error as Google's older APIs put it."""
    error = {"code": status, "message": message, "errors": [{"domain": "global", "reason": reason}], **more}
    return answered(status, json.dumps({"error": error}).encode())


def answered(status: int, content: bytes, **headers: str) -> HttpError:
    return HttpError(
        httplib2.Response({"status": str(status), **headers}), content, uri="https://google.example/"
    )


def newer(status: int, name: str, reason: str = "") -> HttpError:
    """An error as Google's newer APIs put it."""
    more = [{"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": reason}] if reason else []
    error = {"code": status, "message": "No.", "status": name, "details": more}
    return answered(status, json.dumps({"error": error}).encode())


OFF = "Gmail API has not been used in project 1 before or it is disabled."
TABLE = [
    (said(429, "rateLimitExceeded"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (said(429, "rateLimitExceeded", "Too many concurrent requests for user"), "messages.get", Kind.THROTTLE_SHORT, "too_many_at_once"),
    (said(403, "rateLimitExceeded", "Too many concurrent requests for user"), "messages.get", Kind.THROTTLE_SHORT, "too_many_at_once"),
    (said(403, "rateLimitExceeded"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (said(403, "userRateLimitExceeded"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (said(403, "quotaExceeded"), "events.list", Kind.THROTTLE, "rate_limited"),
    (said(403, "dailyLimitExceeded"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (newer(429, "RESOURCE_EXHAUSTED"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (newer(403, "RESOURCE_EXHAUSTED"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (newer(403, "PERMISSION_DENIED", "RATE_LIMIT_EXCEEDED"), "messages.get", Kind.THROTTLE, "rate_limited"),
    (answered(429, HTML), "messages.get", Kind.THROTTLE, "rate_limited"),
    (said(500, "backendError"), "messages.get", Kind.TRANSIENT, "unwell"),
    (said(502, "badGateway"), "messages.get", Kind.TRANSIENT, "unwell"),
    (said(503, "backendError"), "messages.get", Kind.TRANSIENT, "unwell"),
    (said(504), "messages.get", Kind.TRANSIENT, "unwell"),
    (said(408), "messages.get", Kind.TRANSIENT, "unwell"),
    (answered(502, HTML), "messages.get", Kind.TRANSIENT, "unwell"),
    (answered(403, HTML), "messages.get", Kind.TRANSIENT, "unwell"),
    (answered(400, HTML), "messages.get", Kind.TRANSIENT, "unwell"),
    (answered(302, b""), "messages.get", Kind.TRANSIENT, "unwell"),
    (answered(503, b'{"error": {"co'), "messages.get", Kind.TRANSIENT, "unwell"),
    (said(400, "failedPrecondition", "Precondition check failed."), "messages.get", Kind.TRANSIENT, "unwell"),
    (newer(400, "FAILED_PRECONDITION"), "messages.get", Kind.TRANSIENT, "unwell"),
    (said(400, "failedPrecondition", "Mail service not enabled"), "profile.get", Kind.CONFIG, "no_mailbox"),
    (said(403, "forbidden", "Mail service not enabled"), "profile.get", Kind.CONFIG, "no_mailbox"),
    (said(401, "authError"), "messages.get", Kind.TRANSIENT, "unauthorized"),
    (answered(401, HTML), "messages.get", Kind.TRANSIENT, "unauthorized"),
    (said(403, "insufficientPermissions"), "events.list", Kind.NO_SCOPE, "no_scope"),
    (newer(403, "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"), "events.list", Kind.NO_SCOPE, "no_scope"),
    (said(403, "domainPolicy"), "messages.list", Kind.CONFIG, "policy"),
    (said(403, "notACalendarUser"), "calendars.list", Kind.CONFIG, "no_calendar"),
    (said(403, "accessNotConfigured", OFF), "messages.list", Kind.CONFIG, "gmail_api_off"),
    (said(403, "accessNotConfigured"), "events.list", Kind.CONFIG, "calendar_api_off"),
    (newer(403, "PERMISSION_DENIED", "SERVICE_DISABLED"), "calendars.list", Kind.CONFIG, "calendar_api_off"),
    (said(404, "notFound"), "history.list", Kind.RESYNC, "cursor_expired"),
    (said(404, "notFound"), "messages.get", Kind.GONE, "gone"),
    (said(404, "notFound"), "events.list", Kind.GONE, "gone"),
    (answered(404, HTML), "messages.get", Kind.GONE, "gone"),
    (said(410, "fullSyncRequired"), "events.list", Kind.RESYNC, "cursor_expired"),
    (said(410, "updatedMinTooLongAgo"), "calendars.list", Kind.RESYNC, "cursor_expired"),
    (said(410, "deleted"), "events.get", Kind.GONE, "gone"),
    (said(400, "invalid", "Invalid pageToken"), "messages.list", Kind.RESYNC, "cursor_expired"),
    (said(400, "invalid", "Invalid sync token value."), "events.list", Kind.RESYNC, "cursor_expired"),
    (said(400, "invalidArgument", "Invalid startHistoryId"), "history.list", Kind.RESYNC, "cursor_expired"),
    (said(400, "invalidArgument", "Invalid id value"), "messages.get", Kind.POISON, "refused"),
    (said(403, "forbidden"), "events.get", Kind.POISON, "refused"),
    (said(409, "duplicate"), "events.watch", Kind.POISON, "refused"),
    (TokenRefused("invalid_grant"), "messages.get", Kind.REAUTH, "invalid_grant"),
    (TokenRefused("invalid_client", status=401), "messages.get", Kind.CONFIG, "client"),
    (TokenRefused("unauthorized_client", status=401), "messages.get", Kind.CONFIG, "client"),
    (TokenRefused("admin_policy_enforced"), "messages.get", Kind.CONFIG, "policy"),
    (TokenRefused("org_internal", status=403), "messages.get", Kind.CONFIG, "policy"),
    (TokenRefused("invalid_scope"), "messages.get", Kind.NO_SCOPE, "no_scope"),
    (TokenRefused("", status=503), "messages.get", Kind.TRANSIENT, "unwell"),
    (TokenRefused("internal_failure", status=500), "messages.get", Kind.TRANSIENT, "unwell"),
    (TokenRefused("rate_limit_exceeded", status=429), "messages.get", Kind.THROTTLE, "rate_limited"),
    (requests.ConnectionError("ConnectionResetError"), "messages.get", Kind.TRANSIENT, "unreachable"),
    (ConnectionResetError(104, "reset"), "messages.get", Kind.TRANSIENT, "unreachable"),
    (TimeoutError(), "messages.get", Kind.TRANSIENT, "unreachable"),
    (TooMuch("late"), "messages.get", Kind.TRANSIENT, "unreachable"),
    (NotAllowed("inside"), "messages.get", Kind.TRANSIENT, "unreachable"),
    (httplib2.ServerNotFoundError(), "messages.get", Kind.TRANSIENT, "unreachable"),
    (json.JSONDecodeError("x", "x", 0), "messages.get", Kind.TRANSIENT, "garbled"),
    (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"), "messages.get", Kind.TRANSIENT, "garbled"),
    (BatchError("Response not in multipart/mixed format."), "messages.get", Kind.TRANSIENT, "garbled"),
    (Garbled(), "messages.get", Kind.TRANSIENT, "garbled"),
    (TooLarge("large"), "messages.get", Kind.POISON, "too_large"),
    (KeyError("id"), "messages.get", Kind.POISON, "unexpected"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "call", "kind", "code"), TABLE)
def test_what_a_signal_means(error: Exception, call: str, kind: Kind, code: str) -> None:
    found = classify(error, call, now=NOW)
    assert (found.kind, found.code, found.retry_after) == (kind, code, None)
    assert found.sentence.endswith(".")


def test_a_failure_that_is_told_on_stays_what_it_is() -> None:
    failure = Failure(Kind.GONE, "gone", "It is gone.")
    assert classify(Failed(failure), now=NOW) is failure


@pytest.mark.parametrize(
    ("days", "code"), [(0, "invalid_grant_young"), (7.9, "invalid_grant_young"), (8, "invalid_grant")]
)
def test_a_young_permission_that_ends_says_what_to_do(days: float, code: str) -> None:
    found = classify(TokenRefused("invalid_grant"), now=NOW, age=dt.timedelta(days=days))
    assert (found.kind, found.code) == (Kind.REAUTH, code)
    assert ("Publish the app" in found.sentence) is (code == "invalid_grant_young")


@pytest.mark.parametrize(
    ("header", "message", "seconds"),
    [
        ("", "No.", None),
        ("30", "No.", 30),
        (" 30 ", "No.", 30),
        ("-1", "No.", None),
        ("soon", "No.", None),
        ("Mon, 01 Jun 2026 12:01:00 GMT", "No.", 60),
        ("Mon, 01 Jun 2026 11:00:00 GMT", "No.", 0),
        ("", "User-rate limit exceeded.  Retry after 2026-06-01T12:15:00.000Z", 905),
        ("", "User-rate limit exceeded. Retry after 2026-06-01T14:15:00+02:00 (Mail sending)", 905),
        ("", "Retry after 2026-06-01T12:15:00", 905),
        ("", "Retry after 2026-13-01T12:15:00Z", None),
        ("", "Retry after 2026-06-01T11:00:00Z", 0),
        ("30", "Retry after 2026-06-01T12:15:00Z", 905),
        ("1000", "Retry after 2026-06-01T12:15:00Z", 1000),
        ("", "Retry after 2027-06-01T12:15:00Z", LONGEST_WAIT),
        ("99999999999999999999", "No.", LONGEST_WAIT),
    ],
)
def test_when_google_wants_to_be_asked_again(header: str, message: str, seconds: float | None) -> None:
    for status in (429, 503):
        content = json.dumps({"error": {"code": status, "message": message}}).encode()
        error = answered(status, content, **{"retry-after": header})
        assert classify(error, now=NOW).retry_after == seconds


def test_a_token_endpoint_that_asks_for_a_pause() -> None:
    assert classify(TokenRefused("", status=503, retry_after="7"), now=NOW).retry_after == 7


@pytest.mark.parametrize(
    ("kind", "said", "streak", "least", "most"),
    [
        (Kind.THROTTLE, None, 1, 1, 2),
        (Kind.THROTTLE, None, 5, 1, 32),
        (Kind.THROTTLE, None, 10, 1, 900),
        (Kind.THROTTLE, None, 10_000, 1, 900),
        (Kind.THROTTLE, 905.0, 1, 905, 905),
        (Kind.THROTTLE_SHORT, None, 9, 1, 4),
        (Kind.THROTTLE_SHORT, 6.0, 9, 6, 6),
        (Kind.TRANSIENT, None, 1, 0, 2),
        (Kind.TRANSIENT, None, 9, 0, 64),
        (Kind.TRANSIENT, 30.0, 1, 30, 30),
        (Kind.REAUTH, None, 3, 0, 0),
        (Kind.POISON, None, 3, 0, 0),
    ],
)
def test_how_long_we_wait(kind: Kind, said: float | None, streak: int, least: float, most: float) -> None:
    failure = Failure(kind, "x", "X.", said)
    assert (pause(failure, streak, lambda: 0.0), pause(failure, streak, lambda: 1.0)) == (least, most)
