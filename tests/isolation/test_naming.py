"""The census of what is sent: a row that a form or a query string names is looked for among one's own alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from uuid import uuid4

import pytest
from django import forms
from django.apps import apps
from django.db import connection

from omnicrm.acting import acting_as
from tests.isolation.census import OWNED
from tests.isolation.naming import ROWS, WORDS, meaning, names_asked_for
from tests.isolation.planting import OF_USERS, digest
from tests.isolation.site import addresses
from tests.isolation.visiting import METHODS, Way, attempt, leaks, tempting, told, visitor
from tests.isolation.world import World

PAGES = [page for page in addresses() if not page.route.startswith(("/admin/", "/accounts/"))]
NAMED = [
    (page, name)
    for page in PAGES
    for place in ROWS
    for route, name in [place.split("?")]
    if route == page.route
]


def our_forms() -> Iterator[type[forms.BaseForm]]:
    below = [forms.BaseForm]
    while below:
        form = below.pop()
        below += form.__subclasses__()
        if apps.get_containing_app_config(form.__module__) and form.__module__.split(".")[0] in OURS:
            yield form


OURS = ("omnicrm", "contacts", "integrations", "jobs", "ai")


def test_every_name_that_a_view_reads_is_a_row_or_words_for_a_reason(world: World) -> None:
    owner, named = visitor(world.alice), set()
    for page, method, way in product(PAGES, ("GET", "POST"), Way):
        path = page.path(page.of(world.hers, world.alice))
        with names_asked_for() as asked, attempt():
            owner.ask(method, path, tempting(world.hers), way)
        named |= {f"{page.route}?{name}" for name in asked if not isinstance(meaning(page.route, name), str)}
    assert named == ROWS.keys()


def test_every_field_of_a_form_is_words() -> None:
    """A view may not have come to read it above. One that names a row of a model says so with its address."""
    for form in our_forms():
        for name, field in form.base_fields.items():  # type: ignore[attr-defined]
            assert not isinstance(field, forms.ModelChoiceField), f"{form.__name__}.{name}"
            assert meaning(form.__name__, name), name


ON_RECORD = {"/contacts/export/": {"omnicrm_event"}}
"""That a list was taken along stands in the record of whoever took it."""


def wrote(world: World, his: dict[str, str], hers: dict[str, str]) -> set[str]:
    """The tables in which Charlie's rows have changed; none of Alice's may have."""
    assert digest(world.alice) == hers
    return {table for table, rows in digest(world.charlie).items() if rows != his[table]}


def test_a_strangers_row_is_a_row_that_nobody_has(world: World, record_property: Callable[..., None]) -> None:
    stranger = visitor(world.charlie)
    his, hers = digest(world.charlie), digest(world.alice)
    for (page, name), method, way in product(NAMED, METHODS, Way):
        row = world.hers[ROWS[f"{page.route}?{name}"]]
        path = page.path(page.of(world.his, world.charlie))
        with attempt():
            answer = stranger.ask(method, path, {name: str(row.pk)}, way)
            assert wrote(world, his, hers) <= ON_RECORD.get(page.route, set()), f"{method} {path}?{name}"
            nobodys = stranger.ask(method, path, {name: str(uuid4())}, way)
        assert told(answer, path) == told(nobodys, path)
        assert leaks(answer, path, "a") == set()
    record_property("isolation", f"ids in forms: {len(NAMED)} names, {stranger.asked} requests, 0 leaks")


def test_nothing_of_his_comes_to_point_at_hers(world: World) -> None:
    """With the right words and her ids under every name: his own pages take the words and none of the ids."""
    stranger, ids = visitor(world.charlie), {str(world.hers[model].pk) for model in OWNED}
    form = {name: "New" if name in WORDS else value for name, value in tempting(world.hers).items()}
    for page, way in product(PAGES, Way):
        path = page.path(page.of(world.his, world.charlie))
        with attempt():
            answer = stranger.ask("POST", path, form, way)
            assert leaks(answer, path, "a") == set(), path
            written = everything_of(world)
        pointing = {pk for pk in ids if pk in written}
        assert pointing == set(), path


def everything_of(world: World) -> str:
    """All rows of Charlie's, as text."""
    rows = " UNION ALL ".join(
        f"SELECT t::text FROM {table} t WHERE {column} = %(user)s" for table, column in OF_USERS
    )
    with acting_as(world.charlie.pk), connection.cursor() as cursor:
        cursor.execute(rows, {"user": world.charlie.pk})
        return "\n".join(row for (row,) in cursor.fetchall())


def test_a_new_name_fails_with_what_to_do() -> None:
    with pytest.raises(
        AssertionError, match=r"\?owner is new\. If its value is the id of a row, say in ROWS"
    ):
        meaning("/contacts/", "owner")
