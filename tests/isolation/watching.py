"""Everything that leaves the process while the census runs: what it logs, caches, stores, sends and connects to.

Whoever asked, nothing that a user wrote may be found in a log line or in Valkey, in the name of a stored file, or
in a letter to anybody else; and nothing may connect to the outside.
"""

from __future__ import annotations

import io
import logging
import logging.config
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import redis
from django.conf import settings
from django.core import mail
from django.core.cache.backends.base import BaseCache

from omnicrm import logs
from tests.isolation.planting import CANARY

USER = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass
class Watch:
    """What has been seen so far. `marks`: whose canaries are looked for, a letter each."""

    marks: str = "ac"
    log: io.StringIO = field(default_factory=io.StringIO)
    reached: list[str] = field(default_factory=list)
    cached: list[str] = field(default_factory=list)
    sent: list[Any] = field(default_factory=list)

    def objections(self) -> list[str]:
        """A sentence for each thing that should not have left."""
        return [
            *(f"A log line says {line}" for line in self.log.getvalue().splitlines() if self.minds(line)),
            *(f"Valkey holds {entry}" for entry in everything_in_valkey() if self.minds(entry)),
            *(
                f"The cache is asked for {key}, which names no user"
                for key in self.cached
                if not USER.search(key)
            ),
            *(f"A stored file is called {name}" for name in stored_names() if self.minds(name)),
            *(f"A letter to {one.to} says {one.message()}" for one in self.sent if self.tells_of_others(one)),
            *(f"Something connected to {host}" for host in self.reached),
        ]

    def minds(self, text: str) -> bool:
        return bool(marks_in(text.encode("utf-8", "replace")) & set(self.marks))

    def tells_of_others(self, letter: mail.EmailMessage) -> bool:
        """Whether it says something of a user to somebody else: each canary names its user by its letter."""
        entitled = marks_in(" ".join(letter.recipients()).encode())
        return bool((marks_in(letter.message().as_bytes()) - entitled) & set(self.marks))


def marks_in(text: bytes) -> set[str]:
    return {mark.decode().lower() for mark, _ in CANARY.findall(text)}


def everything_in_valkey() -> Iterator[str]:
    """Every key with its value, whatever it is."""
    client = redis.Redis.from_url(settings.REDIS_URL)
    read = {
        b"string": client.get,
        b"list": lambda key: client.lrange(key, 0, -1),
        b"hash": client.hgetall,
        b"set": client.smembers,
        b"zset": lambda key: client.zrange(key, 0, -1),
        b"none": lambda key: "",  # it has run out since
    }
    for key in client.scan_iter(count=1000):
        yield f"{key!r} {read[client.type(key)](key)!r}"


def stored_names() -> list[str]:
    root = Path(settings.MEDIA_ROOT)
    return [str(path.relative_to(root)) for path in root.rglob("*")]


@contextmanager
def watching(marks: str = "ac") -> Iterator[Watch]:
    """All of that is seen, with logs as talkative as they can be made."""
    watch = Watch(marks)
    logging.config.dictConfig(logs.config("DEBUG"))
    written = [
        handler for handler in logging.getLogger().handlers if isinstance(handler, logging.StreamHandler)
    ]
    for handler in written:
        handler.setStream(watch.log)
    make_key = BaseCache.make_key

    def noted(cache: BaseCache, key: str, version: int | None = None) -> str:
        watch.cached.append(str(key))
        return make_key(cache, key, version)

    with (
        mock.patch.object(socket.socket, "connect", noting(watch)),
        mock.patch.object(BaseCache, "make_key", noted),
    ):
        yield watch
    watch.sent += getattr(mail, "outbox", [])
    logging.config.dictConfig(settings.LOGGING)


def noting(watch: Watch) -> Any:
    """Connections to the outside are noted and refused; Valkey is ours."""
    ours = urlsplit(settings.REDIS_URL).hostname
    connect = socket.socket.connect

    def refuse(self: socket.socket, address: Any) -> None:
        if self.family == socket.AF_UNIX or address[0] == ours:
            return connect(self, address)
        watch.reached.append(str(address[0]))
        raise ConnectionRefusedError(address)

    return refuse
