"""No test speaks to another machine: a pytest plugin, loaded with `-p tests.loopback`.

Python tells an audit hook of every connection and of every name that is looked up. One that would leave this machine
is refused and, should somebody catch that, its test fails all the same. Processes that a test starts with our
environment load the same hook, by the file sitecustomize.py in tests/outposts/; they end with a refusal.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import sys
import unicodedata
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

OUTPOSTS = Path(__file__).parent / "outposts"
NAMES = {"localhost", ""}
INTERNET = (socket.AF_INET, socket.AF_INET6)
tried: list[str] = []


class OffLoopback(PermissionError):
    """A test wanted to speak to another machine. As an OSError, so that whoever holds a socket closes it."""


def watch(event: str, args: tuple[Any, ...]) -> None:
    if event in ("socket.connect", "socket.sendto", "socket.sendmsg"):
        sock, address = args
        if sock.family in INTERNET and isinstance(address, tuple) and not is_here(str(address[0])):
            refuse(f"{event} to {address[0]}")
    elif event == "socket.getaddrinfo" and isinstance(args[0], str | bytes) and not may_look_up(args[0]):
        refuse(f"looking up {args[0]!r}")


def refuse(what: str) -> None:
    tried.append(what)
    raise OffLoopback(f"{what}: tests speak to this machine alone.")


def is_here(host: str) -> bool:
    if host in NAMES:
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback or is_any(host)
    except ValueError:
        return False


def is_any(host: str) -> bool:
    """The address of no machine; connecting to it stays here."""
    return ipaddress.ip_address(host).is_unspecified


def may_look_up(host: str | bytes) -> bool:
    """A number, however it is written, needs nobody's answer."""
    text = unicodedata.normalize("NFKC", host.decode() if isinstance(host, bytes) else host).strip("[].")
    if text in NAMES or ":" in text:
        return True
    try:
        socket.inet_aton(text)
    except OSError:
        return False
    return True


def pytest_configure(config: pytest.Config) -> None:
    sys.addaudithook(watch)
    known = os.environ.get("PYTHONPATH", "")
    if str(OUTPOSTS) not in known.split(os.pathsep):
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(OUTPOSTS), known]))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None]:
    before = len(tried)
    try:
        return (yield)
    finally:
        if len(tried) > before and "off_loopback" not in item.keywords:
            pytest.fail(f"{item.name} wanted to leave this machine: {', '.join(tried[before:])}")
