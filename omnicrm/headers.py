"""What every answer says to browsers besides what Django's own middleware has them told.

Nothing of ours is for other sites, nothing needs a camera, and no cache may keep what somebody saw signed in.
"""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from omnicrm import problems

PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in (
        "accelerometer", "autoplay", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
        "microphone", "midi", "payment", "usb", "browsing-topics",
    )
)  # fmt: skip
OURS = {"GET", "HEAD", "POST", "OPTIONS"}
"""Methods that any page of ours knows; the admin and allauth would take others for one of these."""


class HeadersMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        response.headers.setdefault("Cache-Control", "no-store")  # static files have said already
        patch_vary_headers(response, ["HX-Request"])  # one address has a page and fragments of it
        return response


class MethodMiddleware:
    """Answers 405 to methods that no page has, and gives every such answer words: somebody may have typed the address."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        return worded(request, response) if response.status_code == 405 and not response.content else response

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponse | None:
        if request.method in OURS:
            return None
        return HttpResponse(status=405, headers={"Allow": "GET, HEAD, POST"})


def worded(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    answer = problems.wrong_method(request)
    answer["Allow"] = response["Allow"]
    return answer
