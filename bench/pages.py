"""What pages cost a user with a thousand interactions, and one with a million among others."""

from __future__ import annotations

import datetime as dt
import statistics
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

from bench.filling import fill
from contacts.models import Company, Contact, Tag
from contacts.timeline import Position
from omnicrm.acting import acting_as
from omnicrm.embedded.home import DATABASE
from omnicrm.models import User

Measure = dict[str, Any]
REQUESTS, WARMING = 200, 5
SMALL, BIG = {"contacts": 1_000, "interactions": 1_000}, {"contacts": 100_000, "interactions": 1_000_000}
PAGES = {
    "list": "/contacts/",
    "list, longest ago first": "/contacts/?sort=last",
    "list, latest first": "/contacts/?sort=-last",
    "list, newest first": "/contacts/?sort=-created",
    "list, a page halfway": "/contacts/?after={middle}",
    "list, a stage many have": "/contacts/?stage=client",
    "list, a stage nobody has": "/contacts/?stage=other",
    "list, a tag some have": "/contacts/?tag={few}",
    "list, a tag many have": "/contacts/?tag={many}&sort=-last",
    "list, a company": "/contacts/?company={company}",
    "search, a word all have": "/contacts/?q=person",
    "search, words some have": "/contacts/?q=person+7",
    "search, an address": "/contacts/?q=person442@",
    "search, two letters nobody has": "/contacts/?q=zq",
    "search, many words, latest first": "/contacts/?q=company+1+role+7&sort=-last",
    "search of everything, a word all have": "/search/?q=words",
    "search of everything, a word one in ten thousand has": "/search/?q=subject+77",
    "search of everything, words nobody has": "/search/?q=zq+nothing",
    "search of everything, page 5 of a kind": "/search/?q=most&kind=email&page=5",
    "contact with a long history": "/contacts/person-1/",
    "contact, far back in it": "/contacts/person-1/?before={then}",
    "contact, its notes alone": "/contacts/person-1/?kind=note",
    "today": "/",
}
LIMITS = {"today": 150}


def measures() -> Iterator[Measure]:
    settings.ALLOWED_HOSTS = ["testserver"]
    small, big = two_users()
    for name, path in PAGES.items():
        fast, slow = p95(small, big, path)
        yield {
            "measure": f"{name}: p95 with 1,000,000 interactions",
            "value": round(slow, 1),
            "unit": "ms",
            "against": f"{fast:.1f} ms with 1,000",
            "ratio": round(slow / fast, 2),
            "limit": f"<= {LIMITS.get(name, 100)} ms, <= 1.5 x",
        }


def two_users() -> tuple[User, User]:
    """The user with little and the one with much, among others; made if they are not there yet."""
    there = User.objects.in_bulk(["small@example.org", "big@example.org"], field_name="email")
    if len(there) == 2:
        return there["small@example.org"], there["big@example.org"]
    admin = settings.HOME.postgres_url("postgres", DATABASE)
    for number in range(10):
        fill(admin, f"other{number}@example.org", contacts=1_000, interactions=5_000)
    return fill(admin, "small@example.org", **SMALL), fill(admin, "big@example.org", **BIG)


def p95(small: User, big: User, path: str) -> tuple[float, float]:
    """Milliseconds that 19 of 20 requests take at most, for the one and the other: in turns, so that what else the
    machine does hits both alike. The whole request, in this process."""
    visits = [(signed_in(user), path.format(**places(user)), list[float]()) for user in (small, big)]
    for _ in range(REQUESTS):
        for client, address, took in visits:
            took.append(milliseconds(client, address))
    fast, slow = (statistics.quantiles(took[WARMING:], n=20)[-1] for _, _, took in visits)
    return fast, slow


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def places(user: User) -> dict[str, str]:
    """What stands in addresses: somebody and some time halfway, tags, a company."""
    with acting_as(user.pk):
        people, tags = Contact.objects.for_user(user), Tag.objects.for_user(user)
        middle = people.order_by("sort_name")[people.count() // 2]
        history = 1_000_000 if people.count() > SMALL["contacts"] else 1_000
        then = dt.datetime.now(dt.UTC) - dt.timedelta(minutes=history // 2)
        return {
            "middle": str(middle.pk),
            "few": str(tags.get(name="few").pk),
            "many": str(tags.get(name="many").pk),
            "company": str(Company.objects.for_user(user).get(name="Company 7").pk),
            "then": urlencode({"": str(Position(then, middle.pk))})[1:],
        }


def milliseconds(client: Client, path: str) -> float:
    began = time.perf_counter()
    response = client.get(path)
    assert response.status_code == 200, (path, response.status_code)
    return (time.perf_counter() - began) * 1000
