"""The one way out: where it goes, and where it does not. Real sockets on the loopback; names are answered by the test."""

from __future__ import annotations

import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.conf import settings as django_settings

from omnicrm.acting import acting_as
from omnicrm.outgoing import NotAllowed, Patience, TooLarge, TooMuch, is_public, netloc, session

PRIVATE = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9", "169.254.169.254",
    "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1",
    "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:10.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8", "64:ff9b::10.0.0.1",
    "64:ff9b::127.0.0.1", "64:ff9b:1::8.8.8.8", "100::1", "2001::1", "2001:db8::1", "2002:0a00:0001::1",
    "2002:0808:0808::1", "3fff::1", "fc00::1", "fd12::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1",
    "", "localhost", "127.1",
]  # fmt: skip
PUBLIC = [
    "8.8.8.8",
    "1.1.1.1",
    "100.63.255.255",
    "100.128.0.1",
    "172.32.0.1",
    "198.17.0.1",
    "2606:4700::1111",
]
PUBLIC += ["2a00:1450:4001::1", "64:ff9b::8.8.8.8"]


@pytest.mark.parametrize("address", PRIVATE)
def test_not_public(address: str) -> None:
    assert is_public(address) is False


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address) is True


class Web(BaseHTTPRequestHandler):
    """A server that answers by the path it is asked for, and notes what it is asked."""

    asked: list[tuple[str, str, str]]

    def do_GET(self) -> None:
        self.asked.append((self.command, self.path, self.headers["Host"]))
        if self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest/")
            self.end_headers()
        elif self.path == "/drip":
            self.drip()
        else:
            said = b"a" * int(self.path.rpartition("=")[2]) if "size=" in self.path else b'{"hello": "you"}'
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(said) + (9 if "short" in self.path else 0)))
            self.end_headers()
            self.wfile.write(said)

    do_POST = do_GET

    def drip(self) -> None:
        try:
            for _ in range(200):
                self.wfile.write(b"H")
                time.sleep(0.05)
        except OSError:
            return

    def log_message(self, *_: Any) -> None:
        """Not among the lines of the test."""


@contextmanager
def web() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    asked: list[tuple[str, str, str]] = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Here", (Web,), {"asked": asked}))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def here() -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    with web() as running:
        yield running


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1", "localhost", "127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "[::1]",
        "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::]", "0", "0.0.0.0", "127.0.0.1.", "①②⑦.⓪.⓪.①", "169.254.169.254",
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_our_own_machine_however_it_is_written(host: str, scheme: str) -> None:
    with pytest.raises((NotAllowed, requests.RequestException)) as refused:
        session().get(f"{scheme}://{host}/")
    assert (
        isinstance(refused.value, NotAllowed)
        or "no address" in str(refused.value)
        or "Invalid" in repr(refused.value)
    )


@pytest.mark.parametrize(
    "url", ["http://8.8.8.8:22/", "https://8.8.8.8:80/", "http://8.8.8.8:6379/", "https://8.8.8.8:8443/"]
)
def test_unusual_ports(url: str) -> None:
    with pytest.raises(NotAllowed, match="usual ports"):
        session().get(url)


@pytest.mark.parametrize(
    "url",
    ["file:" + "///etc/passwd", "ftp://8.8.8.8/", "gopher://8.8.8.8/", "data:text/plain,x", "//8.8.8.8/"],
)
def test_other_schemes(url: str) -> None:
    with pytest.raises(requests.RequestException):
        session().get(url)


def answering(monkeypatch: pytest.MonkeyPatch, *answers: list[str]) -> list[str]:
    """Names are answered with these addresses, one list a question; returns what was asked."""
    asked: list[str] = []
    system = socket.getaddrinfo

    def resolver(host: str, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host.replace(".", "").isdigit():
            return system(host, port, *args, **kwargs)
        asked.append(host)
        found = answers[min(len(asked), len(answers)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in found]

    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    return asked


@pytest.mark.parametrize("found", [["127.0.0.1"], ["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["169.254.169.254"]])
def test_a_name_that_leads_inside(monkeypatch: pytest.MonkeyPatch, found: list[str]) -> None:
    answering(monkeypatch, found)
    for name in ("127.0.0.1.nip.example", "rebind.example"):
        with pytest.raises(NotAllowed, match="public internet"):
            session().get(f"http://{name}/")


def test_a_name_that_leads_elsewhere_the_second_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked for once, and the connection goes to the address that was looked at."""
    asked = answering(monkeypatch, ["8.8.8.8"], ["127.0.0.1"])
    connected_to = []

    def refused(address: tuple[str, int], **_: Any) -> socket.socket:
        connected_to.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "create_connection", refused)
    with pytest.raises(requests.ConnectionError):
        session().get("http://rebind.example/")
    assert (asked, connected_to) == (["rebind.example"], [("8.8.8.8", 80)])


def test_who_is_named_is_spoken_to_by_the_name(here: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    place, asked = here
    port = place.partition(":")[2]
    answering(monkeypatch, ["127.0.0.1"])
    ours = session(allowed={f"login.example:{port}"})
    answer = ours.post(f"http://login.example:{port}/token?a=b", data={"code": "x"}, auth=("me", "secret"))
    assert (answer.status_code, answer.json()) == (200, {"hello": "you"})
    assert asked == [("POST", "/token?a=b", f"login.example:{port}")]
    with pytest.raises(NotAllowed):
        ours.get(f"http://other.example:{port}/")
    with pytest.raises(NotAllowed):
        ours.get(f"http://login.example:{int(port) + 1}/")


def test_redirects_are_not_followed(here: Any) -> None:
    place, asked = here
    with pytest.raises(requests.TooManyRedirects):
        session(allowed={place}).get(f"http://{place}/away")
    assert len(asked) == 1


def test_as_much_as_is_read(here: Any) -> None:
    place, _ = here
    ours = session(allowed={place})
    assert len(ours.get(f"http://{place}/?size=100000").content) == 100_000
    with pytest.raises(TooLarge):
        ours.get(f"http://{place}/?size=100001")
    more = session(allowed={place}, patience=Patience(largest=100_001))
    assert len(more.get(f"http://{place}/?size=100001").content) == 100_001
    with pytest.raises(requests.ConnectionError):
        ours.get(f"http://{place}/short")


def test_an_answer_that_comes_drop_by_drop(here: Any) -> None:
    place, _ = here
    began = time.monotonic()
    with pytest.raises(requests.RequestException):
        session(allowed={place}, patience=Patience(seconds=0.5)).get(f"http://{place}/drip")
    assert time.monotonic() - began < 5  # of ten


def test_a_server_that_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = f"127.0.0.1:{silent.getsockname()[1]}"
        began = time.monotonic()
        with pytest.raises(TooMuch):
            session(allowed={place}, patience=Patience(seconds=60, silence=0.2)).get(f"http://{place}/")
        assert time.monotonic() - began < 5


def test_a_resolver_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    leave = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: leave.wait(10))
    with pytest.raises(TooMuch):
        session(patience=Patience(seconds=0.3)).get("http://slow.example/")
    leave.set()


def test_no_certificate_of_somebody_else(here: Any) -> None:
    place, _ = here
    with pytest.raises(requests.ConnectionError):
        session(allowed={place}).get(f"https://{place}/")


def test_never_inside_a_transaction(here: Any, db: None) -> None:
    place, asked = here
    with acting_as(uuid4()), pytest.raises(RuntimeError, match="must not wait for the network"):
        session(allowed={place}).get(f"http://{place}/")
    assert asked == []


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://a.example/x", "a.example:443"),
        ("http://A.example", "a.example:80"),
        ("http://[::1]:81/", "::1:81"),
    ],
)
def test_how_an_address_is_named(url: str, named: str) -> None:
    assert netloc(url) == named


@pytest.mark.parametrize(
    "line", ["import requests", "import httpx", "from urllib.request import urlopen", "import http.client"]
)
def test_nothing_else_may_speak_http(line: str, tmp_path: Path) -> None:
    root = Path(django_settings.BASE_DIR)
    command = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--stdin-filename",
        "contacts/new.py",
        "--select",
        "TID251",
        "-",
    ]
    done = subprocess.run(command, input=f"{line}\n", cwd=root, capture_output=True, text=True, check=False)
    assert (done.returncode, "omnicrm.outgoing" in done.stdout) == (1, True)
