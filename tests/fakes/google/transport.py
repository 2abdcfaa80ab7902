"""The fake without a socket: a transport shaped like httplib2's, for Google's own client libraries."""

from __future__ import annotations

import json
from io import BytesIO
from typing import Any

import httplib2
import requests
from google.oauth2.credentials import Credentials
from google_auth_httplib2 import AuthorizedHttp, Request
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc

from .core import Google
from .faults import Truncated

VERSIONS = {"gmail": "v1", "calendar": "v3"}
ROOT = "http://127.0.0.1:9"
"""Nobody listens there: what reaches for the network fails at once."""


class Transport:
    """Takes the place of an `httplib2.Http`."""

    def __init__(self, google: Google) -> None:
        self.google = google
        self.timeout: float | None = None
        self.connections: dict[str, Any] = {}
        self.redirect_codes = frozenset[int]()
        self.follow_redirects = False

    def request(
        self, uri: str, method: str = "GET", body: Any = None, headers: Any = None, redirections: int = 0,
        connection_type: Any = None, timeout: float | None = None,
    ) -> tuple[httplib2.Response, bytes]:  # fmt: skip
        content = body.read() if hasattr(body, "read") else body
        status, said, data = self.google.handle(method, uri, headers, content)
        return httplib2.Response({**said, "status": str(status)}), data

    def close(self) -> None:
        """There is nothing open."""


class Adapter(requests.adapters.BaseAdapter):
    """The same for a session of requests: `session.mount("http://", Adapter(google))`."""

    def __init__(self, google: Google) -> None:
        super().__init__()
        self.google = google

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        try:
            status, said, data = self.google.handle(
                str(request.method), str(request.url), request.headers, request.body
            )
        except Truncated as error:
            raise requests.exceptions.ChunkedEncodingError(str(error), request=request) from error
        except TimeoutError as error:
            raise requests.exceptions.ReadTimeout(str(error), request=request) from error
        except ConnectionError as error:
            raise requests.exceptions.ConnectionError(str(error), request=request) from error
        response = requests.Response()
        response.status_code, response.url, response.request = status, str(request.url), request
        response.headers.update(said)
        response.raw = BytesIO(data)
        return response

    def close(self) -> None:
        """There is nothing open."""


class Held(Credentials):
    """Credentials that refresh themselves in here. (Google's client would open a connection for that in a batch.)"""

    google: Google

    def refresh(self, request: Any) -> None:
        super().refresh(Request(Transport(self.google)))  # type: ignore[no-untyped-call]


def credentials(google: Google, email: str, *scopes: str) -> Held:
    """Of an account that consented to these scopes."""
    tokens = google.sign_in(email, *scopes)
    held = Held(  # type: ignore[no-untyped-call]
        tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        token_uri=f"{ROOT}/token",
        client_id=google.oauth.client_id,
        client_secret=google.oauth.client_secret,
    )
    held.google = google
    return held


def service(google: Google, api: str, email: str, *scopes: str) -> Any:
    """Google's own client for "gmail" or "calendar", on this fake, in this process."""
    http = AuthorizedHttp(credentials(google, email, *scopes), http=Transport(google))
    document = at_root(get_static_doc(api, VERSIONS[api]), ROOT)
    return build_from_document(document, http=http)


def at_root(document: str, root: str) -> dict[str, Any]:
    """A discovery document whose methods, and batches, are below this address."""
    told: dict[str, Any] = json.loads(document)
    return told | {
        "rootUrl": f"{root}/",
        "baseUrl": f"{root}/{told['servicePath']}",
        "mtlsRootUrl": f"{root}/",
    }
