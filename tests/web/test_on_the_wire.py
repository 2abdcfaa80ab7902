"""What gunicorn itself makes of requests, before any of our code sees them: a real server, raw sockets."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from django.conf import settings

pytestmark = pytest.mark.xdist_group("limits")


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = int(free.getsockname()[1])
    given = {
        "PORT": str(number),
        "TRUSTED_PROXIES": "1",
        "RATE_LIMIT_LOGIN": "3/minute",
        "WEB_CONCURRENCY": "1",
    }
    command = [sys.executable, "-m", "gunicorn", "-c", "python:omnicrm.serving"]
    server = subprocess.Popen(
        command, cwd=settings.BASE_DIR, env={**os.environ, **given}, stderr=subprocess.DEVNULL
    )
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            socket.create_connection(("127.0.0.1", number), timeout=1).close()
            break
        except OSError:
            time.sleep(0.1)
    yield number
    server.terminate()
    server.wait(timeout=30)


def say(port: int, said: bytes) -> bytes:
    """The answer to these bytes."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as wire:
        wire.sendall(said)
        answer = wire.recv(65536)
        while b"\r\n\r\n" not in answer and (more := wire.recv(65536)):
            answer += more
    return answer


@pytest.mark.parametrize(
    "line",
    [
        b"<script>alert(1)</script>",
        b"GET / HTTP/9.9",
        b"GET <script>alert(1)</script> HTTP/1.1 x",
        b"\x00\x01",
    ],
)
def test_a_line_that_is_no_request(port: int, line: bytes) -> None:
    answer = say(port, line + b"\r\nHost: localhost\r\n\r\n")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 505"))
    assert b"<script>alert" not in answer
    assert b"Traceback" not in answer


def test_too_much_is_refused_before_it_is_sent(port: int) -> None:
    head = b"POST /accounts/login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 50000000\r\n\r\n"
    answer = say(port, head + b"a" * 1000)  # and no more: whoever waited for it would wait for ever
    assert answer.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "lengths", [b"Content-Length: 5\r\nContent-Length: 6\r\n", b"Content-Length: five\r\n"]
)
def test_lengths_that_make_no_sense(port: int, lengths: bytes) -> None:
    assert say(port, b"POST / HTTP/1.1\r\nHost: localhost\r\n" + lengths + b"\r\nhello").startswith(
        b"HTTP/1.1 400"
    )


def test_of_two_headers_the_last_word_is_our_proxys(port: int) -> None:
    answers = []
    for n in range(5):
        said = f"X-Forwarded-For: 6.6.6.{n}\r\nX-Forwarded-For: 198.51.100.7\r\nX-Real-IP: 7.7.7.{n}\r\n"
        request = f"GET /accounts/signup/ HTTP/1.1\r\nHost: localhost\r\n{said}Connection: close\r\n\r\n"
        answers.append(say(port, request.encode())[:12])
    assert [answer == b"HTTP/1.1 429" for answer in answers] == [False] * 3 + [True] * 2
