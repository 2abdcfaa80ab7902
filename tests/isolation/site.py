"""Every address of the site, and what its parameters stand for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import uuid4

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.contrib.admindocs.views import simplify_regex
from django.contrib.contenttypes.models import ContentType
from django.db import models
from django.urls import URLPattern, URLResolver, get_resolver

from contacts.models import Contact, ContactIdentity, Interaction, Note, Suppression, Task
from integrations.models import Export, GoogleAccount, OutboxMessage, RawEvent, SyncStream
from jobs.models import Batch, Job
from omnicrm.models import User
from omnicrm.owned import OwnedModel
from tests.isolation.planting import Rows

PARAMETERS: dict[str, tuple[type[models.Model], str]] = {
    "/accounts/2fa/webauthn/keys/<pk>": (Authenticator, "pk"),
    "/batches/<pk>": (Batch, "pk"),
    "/connections/<pk>": (GoogleAccount, "pk"),
    "/connections/<pk>/calendars/<stream_id>": (SyncStream, "pk"),
    "/connections/threads/<pk>": (Interaction, "pk"),
    "/contacts/<slug>": (Contact, "slug"),
    "/contacts/<slug>/addresses/<identity_id>": (ContactIdentity, "pk"),
    "/contacts/<slug>/messages/<message_id>": (Interaction, "pk"),
    "/contacts/<slug>/notes/<note_id>": (Note, "pk"),
    "/contacts/<slug>/tasks/<task_id>": (Task, "pk"),
    "/import/letters/<pk>": (Interaction, "pk"),
    "/import/why/<pk>": (RawEvent, "pk"),
    "/jobs/<pk>": (Job, "pk"),
    "/letters/<pk>": (OutboxMessage, "pk"),
    "/search/gmail/<pk>": (SyncStream, "pk"),
    "/settings/exports/<pk>": (Export, "pk"),
    "/settings/ignored/<pk>": (Suppression, "pk"),
}
"""What fills a parameter, by the path that leads to it: a model and the column of its row."""

NOBODYS = {
    "/accounts/confirm-email/<key>": "MQ:1tQqqq:nonsense",
    "/accounts/password/reset/key/<uidb36>": "1",
    "/accounts/password/reset/key/<uidb36>-<key>": "set-password",
    "/admin/<app_label>": "jobs",
    "/admin/<url>": "nowhere/",
}
"""Parameters that name no row of a user, and something to fill them with."""

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True)
class Address:
    """One pattern of the URLconf, without converters: `/contacts/<slug>/notes/<note_id>/`."""

    name: str
    route: str
    view: Callable[..., Any]

    def __str__(self) -> str:
        return self.route

    @cached_property
    def places(self) -> list[str]:
        """Its parameters, each with the path that leads to it."""
        return [self.route[: found.end()] for found in PARAMETER.finditer(self.route)]

    @property
    def names_rows(self) -> bool:
        return any(place not in NOBODYS for place in self.places)

    @property
    def is_admin(self) -> bool:
        return self.route.startswith("/admin/")

    def path(self, values: Sequence[str]) -> str:
        given = iter(values)
        return PARAMETER.sub(lambda _: next(given), self.route)

    def of(self, rows: Rows, user: User) -> list[str]:
        """What this user's rows put in the places of the parameters."""
        return [value(place, rows, user) for place in self.places]

    def of_nobody(self) -> list[str]:
        """Ids that no row has."""
        return [NOBODYS.get(place) or nobodys(place) for place in self.places]


def nobodys(place: str) -> str:
    """An id of the form that this place takes, and that no row has."""
    if place.endswith("<slug>"):
        return f"nobody-{uuid4().hex[:8]}"
    model = PARAMETERS[place][0] if place in PARAMETERS else OwnedModel
    return str(uuid4()) if issubclass(model, OwnedModel) else "987654321"


def value(place: str, rows: Rows, user: User) -> str:
    if place in NOBODYS:
        return NOBODYS[place]
    if place in PARAMETERS:
        model, column = PARAMETERS[place]
        return str(getattr(rows[model], column))
    row = administered(place, rows, user)
    assert row is not None, (
        f"The parameter at the end of {place} is new. Say in PARAMETERS of tests/isolation/site.py which model and "
        "column fill it, or in NOBODYS that it names no row of a user."
    )
    return str(row.pk)


def administered(place: str, rows: Rows, user: User) -> models.Model | None:
    """The row that a page of the admin is about."""
    if place == "/admin/r/<content_type_id>":
        return ContentType.objects.get_for_model(Contact)
    if place == "/admin/r/<content_type_id>/<object_id>":
        return rows[Contact]
    found = re.fullmatch(r"/admin/(\w+)/(\w+)/<object_id>", place)
    if found is None:
        return None
    model = apps.get_model(found[1], found[2])
    return rows[model] if issubclass(model, OwnedModel) else user


def addresses() -> list[Address]:
    """The whole URLconf."""
    return list(walk(get_resolver()))


def walk(resolver: URLResolver, before: str = "", namespace: str = "") -> Iterator[Address]:
    for pattern in resolver.url_patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLPattern):
            plain = PARAMETER.sub(r"<\1>", simplify_regex(route))
            yield Address(namespace + (pattern.name or plain), plain, pattern.callback)
        else:
            inner = f"{namespace}{pattern.namespace}:" if pattern.namespace else namespace
            yield from walk(pattern, route, inner)
