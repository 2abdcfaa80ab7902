"""The guard of the tests themselves: what leaves this machine is refused, in this process and in those it starts."""

from __future__ import annotations

import socket
import subprocess
import sys

import pytest

from tests.loopback import OffLoopback, may_look_up, tried


def ask(server: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"?", (server, 53))


@pytest.mark.off_loopback
@pytest.mark.parametrize(
    "act",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=1),
        lambda: socket.create_connection(("2001:db8::1", 80), timeout=1),
        lambda: ask("192.0.2.1"),
        lambda: socket.getaddrinfo("gmail.googleapis.example", 443),
    ],
)
def test_nothing_leaves_this_machine(act: object) -> None:
    before = len(tried)
    with pytest.raises(OffLoopback, match="this machine alone"):
        act()  # type: ignore[operator]
    assert len(tried) == before + 1


def test_this_machine_can_be_spoken_to() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, server.getsockname()[1]), timeout=5).close()


@pytest.mark.parametrize(
    ("host", "may"),
    [("127.1", True), ("①②⑦.⓪.⓪.①", True), ("[::1]", True), ("8.8.8.8", True), ("a.example", False)],
)
def test_only_names_are_nobody_to_ask(host: str, may: bool) -> None:
    assert may_look_up(host) is may


def test_a_process_that_a_test_starts_stays_here_too() -> None:
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (done.returncode, "this machine alone" in done.stderr) == (1, True)
