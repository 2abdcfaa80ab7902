"""The watch over the census cries out: something of a user in each place where it could leave."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

import pytest
import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.mail import send_mail

from tests.isolation.watching import watching

pytestmark = pytest.mark.xdist_group("watching")  # what one of these stores, another would find

SECRET = "canary-z001"
"""Of nobody else, so that a census in the next process does not mind it."""
USER = uuid4()


def stores() -> None:
    default_storage.save(f"uploads/{SECRET}.vcf", ContentFile(b""))


def connects() -> None:
    with suppress(ConnectionRefusedError), socket.socket() as outgoing:
        outgoing.connect(("192.0.2.7", 443))


LEAKS: dict[str, Callable[[], object]] = {
    "A log line says": lambda: structlog.get_logger("contacts.views").debug("opened", name=SECRET),
    "A log line says {": lambda: logging.getLogger("django.db").debug("%s", SECRET),
    "Valkey holds": lambda: cache.set(f"people:{USER}", [SECRET]),
    "Valkey holds b": lambda: cache.set(f"{SECRET}:{USER}", 1),
    "The cache is asked for people, which": lambda: cache.get("people"),
    "A stored file is called uploads": stores,
    "A letter to ['charlie@example.net'] says": lambda: send_mail(
        "News", SECRET, "us@example.org", ["charlie@example.net"]
    ),
    "Something connected to 192.0.2.7": connects,
}


@pytest.fixture(autouse=True)
def cleared() -> Iterator[None]:
    yield
    cache.clear()
    for path in Path(settings.MEDIA_ROOT).rglob(f"*{SECRET}*"):
        path.unlink()


@pytest.mark.parametrize("words", LEAKS)
def test_a_leak_is_seen(words: str) -> None:
    with watching("z") as watch:
        LEAKS[words]()
    [objection] = watch.objections()
    assert objection.startswith(words)


def test_what_may_leave_is_no_leak() -> None:
    with watching("z") as watch:
        send_mail("Your address", SECRET, "us@example.org", [f"{SECRET}@example.org"])
        cache.set(f"people:{USER}", ["canary"])
        logging.getLogger("django.db").debug("asked")
    assert watch.objections() == []
    assert len(watch.sent) == 1
    assert "asked" in watch.log.getvalue()
