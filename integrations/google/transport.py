"""How requests leave for Google: through omnicrm.outgoing, each with its time and its largest answer."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import httplib2
from django.conf import settings

from omnicrm import outgoing
from omnicrm.outgoing import Patience

AGENT = "OmniCRM"
SILENCE = 10.0
"""Seconds without a byte, after which a call has failed."""
LONGEST = 60.0
"""Seconds for the whole of an answer: a batch of letters with attachments takes its time."""
LARGEST = 120_000_000
"""Bytes of an answer: a letter may have 50 MB, and is sent in base64."""
LARGEST_OF_SEVERAL = 30_000_000
"""Bytes of the answer to a batch: taking it apart needs eight times as much memory."""
PLACES = (
    "GOOGLE_API_ROOT",
    "GOOGLE_AUTH_URI",
    "GOOGLE_TOKEN_URI",
    "GOOGLE_REVOKE_URI",
    "GOOGLE_USERINFO_URI",
    "GOOGLE_CERTS_URI",
)
TOKENS = Patience(seconds=SILENCE, silence=SILENCE)
CALLS = Patience(seconds=LONGEST, silence=SILENCE, largest=LARGEST)
BATCHES = replace(CALLS, largest=LARGEST_OF_SEVERAL)


def session(patience: Patience = TOKENS) -> Any:
    """For asking Google, wherever whoever runs this server says that it is."""
    named = {outgoing.netloc(place) for name in PLACES if (place := getattr(settings, name))}
    return outgoing.session(allowed=named, patience=patience)


class Transport:
    """What googleapiclient asks through. It has `request` as httplib2 does, and shows no credentials: googleapiclient
    would renew them through a connection of its own. `used` is the access token of the last request."""

    def __init__(self, token: Callable[[], str], renew: Callable[[str], str]) -> None:
        """`token` gives the access token, `renew` another one for one that was refused."""
        self.token, self.renew = token, renew
        self.used = ""

    def request(
        self,
        uri: str,
        method: str = "GET",
        body: str | bytes | None = None,
        headers: Mapping[str, str] | None = None,
        **_: Any,
    ) -> tuple[httplib2.Response, bytes]:
        """The answer. A token that is refused is renewed once, and the request repeated once."""
        data = body.encode() if isinstance(body, str) else body
        self.used = self.token()
        answer = self.send(uri, method, data, headers or {})
        if answer.status_code == 401:
            self.used = self.renew(self.used)
            answer = self.send(uri, method, data, headers or {})
        found = {name.lower(): value for name, value in answer.headers.items()}
        response = httplib2.Response({**found, "status": str(answer.status_code)})
        response.reason = answer.reason
        return response, answer.content

    def send(self, uri: str, method: str, body: bytes | None, headers: Mapping[str, str]) -> Any:
        said = {**headers, "authorization": f"Bearer {self.used}", "user-agent": AGENT}
        is_batch = "batch" in urlsplit(uri).path.split("/")
        with session(BATCHES if is_batch else CALLS) as ours:
            return ours.request(method, uri, data=body, headers=said)
