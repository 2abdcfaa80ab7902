"""The one way out to the web. Nothing else in here speaks HTTP to others (`make imports` sees to it).

An address comes from outside often enough, and a name may lead anywhere. So a name is resolved once, every address it
has must be a public one, and the connection goes to that very address. Redirects are not followed, answers are
bounded in size and time, and nothing waits for the network inside a transaction.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from omnicrm import acting

SECONDS = 7.0
"""For all of it: finding the address, connecting, sending and reading."""
LARGEST = 100_000
"""Bytes of an answer, unless a session names more."""
RESOLVERS = ThreadPoolExecutor(4, "resolver")
"""The system's resolver knows no time limit of ours."""
PORTS = {"http": 80, "https": 443}
NAT64 = ipaddress.ip_network("64:ff9b::/96")
UNICAST = ipaddress.ip_network("2000::/3")
CLOSED = [
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
        "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
        "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
        "2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
    )
]  # fmt: skip
"""What no public server has: private, shared, local, reserved, for documentation, or wrapped around another address."""


class NotAllowed(requests.RequestException):
    """This address is none that we speak to."""


class TooMuch(requests.RequestException):
    """The answer is too long, or takes too long."""


class TooLarge(TooMuch):
    """The answer is too long."""


@dataclass(frozen=True)
class Patience:
    """What an answer may cost: seconds for all of it, seconds without a byte of it, and its length in bytes."""

    seconds: float = SECONDS
    silence: float = SECONDS
    largest: int = LARGEST


USUAL = Patience()


def session(*, allowed: Collection[str] = (), patience: Patience = USUAL) -> requests.Session:
    """For asking others. `allowed`: hosts with their ports that whoever runs this server named, wherever they are."""
    ours = requests.Session()
    ours.trust_env = False
    ours.max_redirects = 0
    ours.adapters.clear()
    for scheme in PORTS:
        ours.mount(f"{scheme}://", Careful(frozenset(allowed), patience))
    return ours


def is_public(address: str) -> bool:
    """Whether this is the address of one machine on the public internet."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if ip in NAT64:
        ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    if isinstance(ip, ipaddress.IPv6Address) and ip not in UNICAST:
        return False
    return not any(ip in network for network in CLOSED)


def netloc(url: str) -> str:
    """The host with its port, as `allowed` names it."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or PORTS[parts.scheme]}"


class Careful(BaseAdapter):
    """Carries one request of a session to one address."""

    def __init__(self, allowed: frozenset[str], patience: Patience) -> None:
        super().__init__()
        self.allowed, self.patience = allowed, patience

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, timeout: float | None = None, **_: Any
    ) -> requests.Response:
        if acting.current_user_id() is not None:
            raise RuntimeError("A transaction must not wait for the network: leave acting_as first.")
        longest = self.patience.seconds
        ends = time.monotonic() + min(longest, timeout or longest)
        connection = connected(str(request.url), self.allowed, ends)
        connection.sock.settimeout(min(self.patience.silence, longest))
        watch = threading.Timer(ends - time.monotonic(), hang_up, [connection])
        watch.start()
        try:
            return exchange(connection, request, self.patience.largest)
        except requests.RequestException:
            raise
        except (OSError, http.client.HTTPException, ValueError) as error:
            late = isinstance(error, TimeoutError) or time.monotonic() >= ends
            raise (TooMuch if late else requests.ConnectionError)(
                type(error).__name__, request=request
            ) from error
        finally:
            watch.cancel()
            connection.close()

    def close(self) -> None:
        """Connections do not outlive their request."""


def connected(url: str, allowed: Collection[str], ends: float) -> http.client.HTTPConnection:
    """A connection to the first address of this host that takes it."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or PORTS[parts.scheme]
    named = f"{host}:{port}" in allowed
    if not named and port != PORTS[parts.scheme]:
        raise NotAllowed("Only the usual ports are spoken to.")
    places = addresses(host, port, ends)
    if not named and not all(is_public(str(place[0])) for place in places):
        raise NotAllowed("This host is not on the public internet.")
    connection = http.client.HTTPConnection(host, port)
    try:
        connection.sock = first_of(places, ends)
    except OSError as error:
        raise requests.ConnectionError(type(error).__name__) from error
    return connection


def addresses(host: str, port: int, ends: float) -> list[Any]:
    """All that the name leads to, asked for once."""
    asked = RESOLVERS.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    try:
        return [place[4] for place in asked.result(timeout=max(0, ends - time.monotonic()))]
    except TimeoutError as error:
        raise TooMuch("Nobody says where this host is.") from error
    except (OSError, UnicodeError) as error:
        raise requests.ConnectionError("This host has no address.") from error


def first_of(places: list[Any], ends: float) -> socket.socket:
    failed: OSError = TimeoutError()
    for place in places:
        try:
            return socket.create_connection(place[:2], timeout=max(0.01, ends - time.monotonic()))
        except OSError as error:
            failed = error
    raise failed


def hang_up(connection: http.client.HTTPConnection) -> None:
    """Ends whatever waits for this connection, also an answer that comes drop by drop."""
    with suppress(OSError, AttributeError):
        connection.sock.shutdown(socket.SHUT_RDWR)


def encrypt(connection: http.client.HTTPConnection) -> None:
    """The certificate must be of the host that was asked for, whatever its address."""
    context = ssl.create_default_context()
    sock = context.wrap_socket(
        connection.sock, server_hostname=connection.host, do_handshake_on_connect=False
    )
    connection.sock = sock
    sock.do_handshake()


def exchange(
    connection: http.client.HTTPConnection, request: requests.PreparedRequest, largest: int
) -> requests.Response:
    if str(request.url).startswith("https:"):
        encrypt(connection)
    headers: Mapping[str, str] = {**request.headers, "Accept-Encoding": "identity", "Connection": "close"}
    connection.request(str(request.method), request.path_url, body=request.body, headers=headers)
    answer = connection.getresponse()
    content = answer.read(largest + 1)
    if len(content) > largest:
        raise TooLarge(f"The answer is longer than {largest} bytes.", request=request)
    if answer.length:
        raise requests.ConnectionError("The answer broke off.", request=request)
    response = requests.Response()
    response.status_code, response.reason, response.url = answer.status, answer.reason, str(request.url)
    response.headers = CaseInsensitiveDict(answer.getheaders())
    response.encoding = requests.utils.get_encoding_from_headers(response.headers)
    response.raw, response.request = io.BytesIO(content), request
    response._content = content
    return response
