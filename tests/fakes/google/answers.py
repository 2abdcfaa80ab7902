"""What the fake answers, and how Google words a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, NamedTuple

JSON = {"content-type": "application/json; charset=UTF-8"}
STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ALREADY_EXISTS",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    501: "UNIMPLEMENTED",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
SERVICES = {"gmail": "gmail.googleapis.com", "calendar": "calendar-json.googleapis.com"}
UNHAPPY_PAGE = """<!DOCTYPE html>
<html lang=en><meta charset=utf-8><title>Error {code}</title>
<p><b>{code}.</b> <ins>That's an error.</ins><p>The server encountered an error. Please try again in 30 seconds.</html>
"""


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        return json.loads(self.body)


class Refused(Exception):
    """Ends a request with this answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.body.decode(errors="replace"))
        self.answer = answer


def said(data: Any, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {**JSON, **named}, json.dumps(data, separators=(",", ":")).encode())


def page(html: str, status: int = 200, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, {"content-type": "text/html; charset=utf-8", **named}, html.encode())


def nothing() -> Answer:
    """204, for what has no words in return."""
    return Answer(204, {}, b"")


def error(
    code: int, reason: str, message: str, *, domain: str = "global", status: str = "", retry_after: int | None = None,
    short: str = "", details: list[dict[str, Any]] | None = None, **where: str,
) -> Answer:  # fmt: skip
    """Google's JSON for something that went wrong. `short` is what `errors` says where it differs from `message`."""
    one = {"message": short or message, "domain": domain, "reason": reason, **where}
    told: dict[str, Any] = {"code": code, "message": message, "errors": [one]}
    if domain != "calendar" and (name := status or STATUS.get(code)):
        told["status"] = name
    if details:
        told["details"] = details
    headers = {} if retry_after is None else {"retry_after": str(retry_after)}
    return said({"error": told}, code, **headers)


def refuse(code: int, reason: str, message: str, **more: Any) -> Refused:
    return Refused(error(code, reason, message, **more))


def not_found(message: str = "Requested entity was not found.") -> Refused:
    return refuse(404, "notFound", message)


def info(reason: str, service: str, **metadata: str) -> list[dict[str, Any]]:
    return [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": "googleapis.com",
            "metadata": {"service": service, **metadata},
        }
    ]


def unauthorized() -> Answer:
    words = (
        "Request had invalid authentication credentials. Expected OAuth 2 access token, login cookie or other valid "
        "authentication credential. See https://developers.google.com/identity/sign-in/web/devconsole-project."
    )
    answer = error(
        401, "authError", words, short="Invalid Credentials", location="Authorization", locationType="header"
    )
    answer.headers["www-authenticate"] = 'Bearer realm="https://accounts.google.com/", error="invalid_token"'
    return answer


def insufficient_scopes(method: str) -> Answer:
    service = f"{method.partition('.')[0]}.googleapis.com"
    return error(
        403,
        "insufficientPermissions",
        "Request had insufficient authentication scopes.",
        short="Insufficient Permission",
        details=info("ACCESS_TOKEN_SCOPE_INSUFFICIENT", service, method=method),
    )


def rate_limited(
    code: int = 429, *, reason: str = "rateLimitExceeded", retry_after: int | None = None, api: str = "gmail"
) -> Answer:
    service = SERVICES[api]
    message = (
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service "
        f"'{service}' for consumer 'project_number:123456789012'."
    )
    return error(
        code,
        reason,
        message,
        domain="usageLimits",
        status="RESOURCE_EXHAUSTED",
        retry_after=retry_after,
        details=info("RATE_LIMIT_EXCEEDED", service, quota_metric=f"{service}/default"),
    )


def penalty(until: str) -> Answer:
    return error(
        429, "userRateLimitExceeded", f"User-rate limit exceeded.  Retry after {until}", domain="usageLimits"
    )


def too_concurrent() -> Answer:
    return error(429, "rateLimitExceeded", "Too many concurrent requests for user.")


def quota_exceeded() -> Answer:
    return error(403, "quotaExceeded", "Quota exceeded.", domain="usageLimits")


def domain_policy() -> Answer:
    return error(403, "domainPolicy", "The domain administrators have disabled Gmail apps.")


def not_configured(api: str = "gmail") -> Answer:
    title = {"gmail": "Gmail API", "calendar": "Google Calendar API"}[api]
    service = SERVICES[api]
    message = (
        f"{title} has not been used in project 123456789012 before or it is disabled. Enable it by visiting "
        f"https://console.developers.google.com/apis/api/{service}/overview?project=123456789012 then retry. If you "
        "enabled this API recently, wait a few minutes for the action to propagate to our systems and retry."
    )
    return error(
        403, "accessNotConfigured", message, domain="usageLimits", details=info("SERVICE_DISABLED", service)
    )


def mail_not_enabled() -> Answer:
    return error(400, "failedPrecondition", "Mail service not enabled", status="FAILED_PRECONDITION")


def failed_precondition() -> Answer:
    return error(400, "failedPrecondition", "Precondition check failed.", status="FAILED_PRECONDITION")


def sync_token_expired() -> Answer:
    return error(
        410,
        "fullSyncRequired",
        "Sync token is no longer valid, a full sync is required.",
        domain="calendar",
        locationType="parameter",
        location="syncToken",
    )


def backend_error(code: int = 503) -> Answer:
    return error(code, "backendError", "The service is currently unavailable.")


def unhappy_page(code: int = 502) -> Answer:
    return page(UNHAPPY_PAGE.format(code=code), code)


NAMED: dict[str, Callable[[], Answer]] = {
    "rateLimitExceeded": lambda: rate_limited(403),
    "userRateLimitExceeded": lambda: rate_limited(403, reason="userRateLimitExceeded"),
    "429": rate_limited,
    "tooConcurrent": too_concurrent,
    "quotaExceeded": quota_exceeded,
    "insufficientPermissions": lambda: insufficient_scopes("gmail.users.messages.get"),
    "domainPolicy": domain_policy,
    "accessNotConfigured": not_configured,
    "calendarNotConfigured": lambda: not_configured("calendar"),
    "mailNotEnabled": mail_not_enabled,
    "failedPrecondition": failed_precondition,
    "authError": unauthorized,
    "notFound": lambda: not_found().answer,
    "gone": sync_token_expired,
    "500": lambda: backend_error(500),
    "503": backend_error,
    "html": unhappy_page,
}
"""Answers that a fault can name (`faults.add(..., "domainPolicy")`), also over the control endpoint."""
