"""Calls to one Google account: priced, told apart when they fail, and never repeated by the library.

The services are built from the documents that googleapiclient ships, with every address in them replaced by
GOOGLE_API_ROOT. (Its own `api_endpoint` would leave batches where they were.)
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Protocol, TypeVar

from django.conf import settings
from django.utils import timezone
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import Error
from googleapiclient.http import BatchHttpRequest
from httplib2 import HttpLib2Error

from integrations.google import oauth
from integrations.google.errors import UNEXPECTED, Failed, Failure, Garbled, TokenRefused, classify
from integrations.google.oauth import Grant
from integrations.google.transport import Transport

Item = TypeVar("Item")
APIS = {"gmail": "v1", "calendar": "v3"}
NOBODY = object()
"""In whose name a request leaves before somebody sends it."""
EXPECTED = (Error, HttpLib2Error, TokenRefused, Garbled, OSError, ValueError)
"""What a call may raise that is Google's, or the network's. Anything else is a mistake of ours."""


class Gate(Protocol):
    """Stands before every call, and hears how it went."""

    def admit(self, call: str, count: int) -> None:
        """Raises what its owner raises where the call must wait."""

    def heard(self, call: str, failures: Sequence[Failure | None]) -> None:
        """One for each item of the call: None, or how it failed."""


class Open:
    """A gate that lets everything through."""

    def admit(self, call: str, count: int) -> None:
        pass

    def heard(self, call: str, failures: Sequence[Failure | None]) -> None:
        pass


class Google:
    """One account at Google, for one task: not to be shared between threads. `grant` is the newest; whoever opened it
    keeps it when it is another than the one it was opened with."""

    def __init__(
        self,
        grant: Grant,
        *,
        gate: Gate | None = None,
        clock: Callable[[], dt.datetime] = timezone.now,
        granted_at: dt.datetime | None = None,
    ) -> None:
        self.grant, self.gate, self.clock, self.granted_at = grant, gate or Open(), clock, granted_at
        self.transport = Transport(self.token, self.renew)

    def token(self) -> str:
        if not self.grant.is_fresh(self.clock()):
            self.renew(self.grant.access_token)
        return self.grant.access_token

    def renew(self, refused: str) -> str:
        """Another access token than the one that was refused."""
        if self.grant.access_token == refused:
            self.grant = oauth.refresh(self.grant, now=self.clock())
        return self.grant.access_token

    def failure(self, error: Exception, call: str) -> Failure:
        now = self.clock()
        return classify(error, call, now=now, age=now - self.granted_at if self.granted_at else None)

    def prepare(self, request: Any) -> None:
        """It leaves in the name of this account, and what comes is read by us: one answer that cannot be read must not
        spoil others."""
        request.http, request.postproc = self.transport, lambda _, content: content

    def call(self, call: str, request: Any, read: Callable[[dict[str, Any]], Item]) -> Item:
        """What `read` finds in the answer. Raises Failed, or what the gate raises."""
        self.prepare(request)
        self.gate.admit(call, 1)
        found = self.ask(call, lambda: [self.found(call, request.execute(num_retries=0), read)], 1)
        self.gate.heard(call, failures(found))
        if isinstance(found[0], Failure):
            raise Failed(found[0])
        return found[0]

    def batch(
        self, call: str, api: str, requests: Sequence[Any], read: Callable[[dict[str, Any]], Item]
    ) -> list[Item | Failure]:
        """What `read` finds in the answer to each, asked in one request; a lone one needs none around it."""
        if not requests:
            return []
        self.gate.admit(call, len(requests))
        found = self.ask(call, lambda: self.collect(call, api, requests, read), len(requests))
        self.gate.heard(call, failures(found))
        return found

    def ask(self, call: str, asking: Callable[[], list[Item | Failure]], count: int) -> list[Item | Failure]:
        """What was found or, if there was no answer as a whole, that failure for each."""
        try:
            return asking()
        except EXPECTED as error:
            return [self.failure(error, call)] * count

    def collect(
        self, call: str, api: str, requests: Sequence[Any], read: Callable[[dict[str, Any]], Item]
    ) -> list[Item | Failure]:
        for request in requests:
            self.prepare(request)
        if len(requests) == 1:
            return [self.found(call, requests[0].execute(num_retries=0), read)]
        found: list[Item | Failure] = []

        def take(_: str, content: bytes, error: Exception | None) -> None:
            found.append(self.failure(error, call) if error else self.found(call, content, read))

        place = document(api, settings.GOOGLE_API_ROOT)
        batch = Batch(callback=take, batch_uri=place["rootUrl"] + place["batchPath"])
        for request in requests:
            batch.add(request)
        batch.send()
        return found

    def found(self, call: str, content: bytes, read: Callable[[dict[str, Any]], Item]) -> Item | Failure:
        """What is in one answer. Cut off, it may be whole the next time; of another form, it will not."""
        try:
            said = json.loads(content or b"{}")
        except ValueError as error:
            return self.failure(error, call)
        try:
            return read(said)
        except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
            return UNEXPECTED


def failures(found: Sequence[object]) -> list[Failure | None]:
    return [one if isinstance(one, Failure) else None for one in found]


class Batch(BatchHttpRequest):  # type: ignore[misc]
    """The library's. A token that is refused within it is renewed by the transport, and what cannot be taken apart is
    no mistake of ours."""

    def _refresh_and_apply_credentials(self, request: Any, http: Transport) -> None:
        http.renew(http.used)

    def send(self) -> None:
        try:
            self.execute()
        except (LookupError, TypeError, AttributeError) as error:
            raise Garbled("A batch whose answer has another form.") from error


def resource(api: str, *path: str) -> Any:
    """The methods of a part of an API, such as ("gmail", "users", "messages"). What they make is sent by a Google."""
    return built(settings.GOOGLE_API_ROOT, api, *path)


@cache
def built(place: str, api: str, *path: str) -> Any:
    """Made once: making the methods of a part takes fifty times as long as making a request."""
    if path:
        return getattr(built(place, api, *path[:-1]), path[-1])()
    return build_from_document(document(api, place), http=NOBODY)


@cache
def document(api: str, place: str) -> dict[str, Any]:
    """What the API is, with its addresses at `place`; by default at Google's own."""
    found: dict[str, Any] = json.loads(get_static_doc(api, APIS[api]))
    if place:
        found["rootUrl"] = place.rstrip("/") + "/"
        found["baseUrl"] = found["rootUrl"] + found["servicePath"]
    found.pop("mtlsRootUrl", None)
    return found
