"""What pages cost a user with a thousand interactions, and one with a million among others."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.test import Client

from bench.filling import fill
from omnicrm.embedded.home import DATABASE
from omnicrm.models import User

Measure = dict[str, Any]
REQUESTS = 40
SMALL, BIG = {"contacts": 1_000, "interactions": 1_000}, {"contacts": 100_000, "interactions": 1_000_000}
PAGES = {
    "list": ("/contacts/", 100),
    "list, by last interaction": ("/contacts/?sort=-last", 100),
    "search": ("/contacts/?q=person+77", 100),
    "timeline, long history": ("/contacts/person-1/", 100),
    "today": ("/", 150),
}


def measures() -> Iterator[Measure]:
    settings.ALLOWED_HOSTS = ["testserver"]
    admin = settings.HOME.postgres_url("postgres", DATABASE)
    for number in range(10):
        fill(admin, f"other{number}@example.org", contacts=1_000, interactions=5_000)
    small = fill(admin, "small@example.org", **SMALL)
    big = fill(admin, "big@example.org", **BIG)
    for name, (path, limit) in PAGES.items():
        fast, slow = p95(small, path), p95(big, path)
        yield {"measure": f"{name}: p95 at 1k", "value": round(fast, 1), "unit": "ms"}
        yield {
            "measure": f"{name}: p95 at 1M",
            "value": round(slow, 1),
            "unit": "ms",
            "ratio": round(slow / fast, 2),
            "limit": f"<= {limit} ms, <= 1.5 x 1k",
        }


def p95(user: User, path: str) -> float:
    """Milliseconds that 19 of 20 requests take at most, the whole request in this process."""
    client = Client()
    client.force_login(user)
    took = [milliseconds(client, path) for _ in range(REQUESTS)][5:]
    return statistics.quantiles(took, n=20)[-1]


def milliseconds(client: Client, path: str) -> float:
    began = time.perf_counter()
    response = client.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return (time.perf_counter() - began) * 1000
