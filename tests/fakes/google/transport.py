"""The fake without a socket: a transport shaped like httplib2's, for Google's own client libraries."""

from __future__ import annotations

import json
from typing import Any

import google.oauth2.credentials
import httplib2
from google_auth_httplib2 import AuthorizedHttp
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc

from .core import Google

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


def credentials(google_: Google, email: str, *scopes: str) -> google.oauth2.credentials.Credentials:
    """Of an account that consented to these scopes; they refresh themselves."""
    tokens = google_.sign_in(email, *scopes)
    return google.oauth2.credentials.Credentials(  # type: ignore[no-untyped-call]
        tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        token_uri=f"{ROOT}/token",
        client_id=google_.oauth.client_id,
        client_secret=google_.oauth.client_secret,
    )


def service(google_: Google, api: str, email: str, *scopes: str) -> Any:
    """Google's own client for "gmail" or "calendar", on this fake, in this process."""
    http = AuthorizedHttp(credentials(google_, email, *scopes), http=Transport(google_))
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
