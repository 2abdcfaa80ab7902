"""A world of two users, watched, with all three layers or without some."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest

from tests.isolation.layers import Copies, connected_to, without_scoping
from tests.isolation.watching import Watch, watching
from tests.isolation.world import World, make_world


@pytest.fixture
def watch() -> Iterator[Watch]:
    """Fails the test in which something of a user left by another way than an answer."""
    with watching() as watch:
        yield watch
    assert watch.objections() == []


@pytest.fixture
def world(db: None, watch: Watch) -> World:
    return make_world()


@pytest.fixture(scope="session")
def copies(django_db_setup: None, django_db_blocker: Any) -> Iterator[Copies]:
    made = Copies()
    yield made
    made.drop()


Without = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def without(
    copies: Copies, watch: Watch, monkeypatch: pytest.MonkeyPatch, django_db_blocker: Any
) -> Iterator[Without]:
    """A world without some of the three layers: `with without("policies", "scoping") as world:`."""

    @contextmanager
    def enter(*layers: str) -> Iterator[World]:
        database = copies.lacking(frozenset(layers) - {"scoping"})
        with connected_to(database), monkeypatch.context() as patch:
            if "scoping" in layers:
                without_scoping(patch)
            yield make_world()

    with django_db_blocker.unblock():
        yield enter
