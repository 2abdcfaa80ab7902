"""Where Google tells that something has changed, without a login. Both say little, and the same for what they do not
know. They carry no form of ours, so they need no token of a form: the signature, or the token of the channel, stands
for it, and nothing is done in the name of who is signed in."""

from __future__ import annotations

import base64
import json

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from integrations.google import signed
from integrations.streams import pushed
from omnicrm import problems
from omnicrm.acting import own_units
from omnicrm.ratelimits import limited

LARGEST = 10_000
"""Bytes of what Pub/Sub sends: an address and a number, wrapped."""


@csrf_exempt
@login_not_required
@require_POST
@own_units
@limited("push")
def gmail(request: HttpRequest) -> HttpResponse:
    """From Pub/Sub. Its token is checked before anything that it sends is read."""
    if not settings.GOOGLE_PUBSUB_TOPIC:
        raise Http404
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        signed.verify(
            token.strip() if kind.lower() == "bearer" else "",
            audience=settings.GOOGLE_PUSH_AUDIENCE,
            email=settings.GOOGLE_PUSH_ACCOUNT,
        )
    except signed.NotSigned:
        return HttpResponse(status=401, headers={"WWW-Authenticate": "Bearer"})
    except signed.NotForUs:
        return HttpResponse(status=403)
    except signed.NoKeys:
        return HttpResponse(status=503, headers={"Retry-After": "60"})
    if int(request.META.get("CONTENT_LENGTH") or 0) > LARGEST:
        return problems.too_large(request)
    if email := mailbox_in(request.body):
        pushed.heard(pushed.mailbox(email))
    return HttpResponse(status=204)


def mailbox_in(body: bytes) -> str:
    """Whose mailbox has changed. Empty where the message says something else; sent again, it would say no more."""
    try:
        said = json.loads(base64.b64decode(json.loads(body)["message"]["data"]))
        email = said["emailAddress"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return email if isinstance(email, str) and email.isascii() else ""


@csrf_exempt
@login_not_required
@require_POST
@own_units
@limited("push")
def calendar(request: HttpRequest) -> HttpResponse:
    """From a channel of Calendar. Its first message, "sync", says only that it is open."""
    if not settings.GOOGLE_CALENDAR_PUSH:
        raise Http404
    id = request.headers.get("X-Goog-Channel-ID", "")
    if id and request.headers.get("X-Goog-Resource-State") != "sync":
        said = request.headers.get("X-Goog-Channel-Token", "")
        pushed.heard(pushed.channel(id), pushed.token(said))
    return HttpResponse(status=204)
