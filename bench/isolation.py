"""What row-level security costs: the same questions as the role that it binds, and as one that it does not."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection

from bench.pages import two_users
from contacts import timeline
from contacts.listing import PeopleList
from contacts.models import Contact
from omnicrm.acting import acting_as
from omnicrm.models import User

Measure = dict[str, Any]
ROUNDS, ASKED, WARMING = 12, 20, 3


def measures() -> Iterator[Measure]:
    _, big = two_users()
    with acting_as(big.pk):
        person = Contact.objects.for_user(big).get(slug="person-1")
    questions: dict[str, Callable[[], Any]] = {
        "list": lambda: PeopleList(big).load(),
        "search": lambda: PeopleList(big, words="person442@").load(),
        "timeline": lambda: timeline.page(person),
    }
    for name, question in questions.items():
        bound, free = in_turns(big, question)
        yield {
            "measure": f"{name} under row-level security (median)",
            "value": round(bound, 2),
            "unit": "ms",
            "against": f"{free:.2f} ms without",
            "ratio": round(bound / free, 2),
            "limit": "<= 1.15 x, or <= 0.2 ms more",
        }


def in_turns(user: User, question: Callable[[], Any]) -> tuple[float, float]:
    """Milliseconds with and without, each the median."""
    bound: list[float] = []
    free: list[float] = []
    for _ in range(ROUNDS):
        bound += milliseconds(user, question)
        with as_superuser():
            free += milliseconds(user, question)
    return statistics.median(bound), statistics.median(free)


def milliseconds(user: User, question: Callable[[], Any]) -> list[float]:
    took = []
    with acting_as(user.pk):
        for _ in range(ASKED):
            began = time.perf_counter()
            question()
            took.append((time.perf_counter() - began) * 1000)
    return took[WARMING:]


@contextmanager
def as_superuser() -> Iterator[None]:
    """A connection that no policy binds."""
    app = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = "postgres"
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = app
