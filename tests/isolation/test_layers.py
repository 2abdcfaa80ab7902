"""Each of the three layers may fail, and nothing leaks. Without two of them the census cries out, where it should."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product

import pytest
from django.db import models

from tests.isolation.accounts import ACCOUNT
from tests.isolation.census import OWNED
from tests.isolation.conftest import Without
from tests.isolation.planting import plant
from tests.isolation.site import Address, addresses
from tests.isolation.visiting import METHODS, Visitor, attempt, leaks, visitor
from tests.isolation.world import World, objections

SITE = addresses()
PAGES = [page for page in SITE if not page.route.startswith(("/admin/", "/accounts/"))]
LAYERS = ("scoping", "policies", "keys")


def tables_open_to_nobody(world: World) -> int:
    """How many tables show rows of Alice's to a query outside of `acting_as`."""
    return sum(models.QuerySet(model).filter(user_id=world.alice.pk).exists() for model in OWNED)


@pytest.mark.parametrize(
    ("site", "methods"),
    [
        pytest.param(PAGES, ("GET", "POST"), id="our pages"),
        pytest.param(SITE, METHODS, marks=pytest.mark.proof, id="every address"),
    ],
)
@pytest.mark.parametrize("layer", LAYERS)
def test_two_layers_hold_without_the_third(
    without: Without,
    layer: str,
    site: list[Address],
    methods: Sequence[str],
    record_property: Callable[[str, str], None],
) -> None:
    """Asked in every way, as with all of them in test_urls."""
    with without(layer) as world:
        assert tables_open_to_nobody(world) == (len(OWNED) if layer == "policies" else 0)
        stranger = visitor(world.charlie)
        assert "\n".join(objections(stranger, world, site, methods)) == ""
    record_property("isolation", f"a stranger, without {layer}: {stranger.asked} requests, 0 leaks")


def test_a_row_that_points_at_a_strangers_shows_nothing_of_it(without: Without) -> None:
    """Without keys it can be made; the policies hide what it points at from every page that follows it."""
    with without("keys") as world:
        assert leaking_pages(world) == set()


def test_policies_hold_alone(without: Without) -> None:
    with without("scoping", "keys") as world:
        assert list(objections(visitor(world.charlie), world, PAGES, ("GET", "POST"))) == []
        assert leaking_pages(world) == set()


def test_without_policies_and_keys_a_row_that_points_at_a_strangers_is_caught(without: Without) -> None:
    with without("policies", "keys") as world:
        assert {"contacts:detail", "home"} <= leaking_pages(world)


def leaking_pages(world: World) -> set[str]:
    """Pages on which Charlie reads words of Alice's, after each of his rows got a double that points at hers."""
    doubles, _ = plant(world.charlie, "d", at=world.hers)
    stranger, found = visitor(world.charlie), set()
    for rows, page in product((world.his, world.his | doubles), PAGES):
        path = page.path(page.of(rows, world.charlie))
        with attempt():
            if leaks(stranger.ask("GET", path, {}), path, "a"):
                found.add(page.name)
    return found


def test_without_scoping_and_policies_the_census_cries_out(without: Without) -> None:
    with without("scoping", "policies") as world:
        stranger, owner = visitor(world.charlie), visitor(world.alice)
        leaking = {address for address in PAGES if shows_rows(stranger, address, world)}
        assert leaking == {address for address in PAGES if shows_rows(owner, address, world)}
        assert {"contacts:list", "contacts:detail", "batches:detail", "jobs:list"} <= {
            page.name for page in leaking
        }
        found = list(objections(stranger, world, PAGES, ("GET", "POST")))
        for kind in ("shows", "changed", "differs from", "answered 200"):
            assert any(kind in objection for objection in found), kind


def shows_rows(visited: Visitor, address: Address, world: World) -> bool:
    """Whether the page shows words of Alice's rows; her own name is on every page of hers."""
    path = address.path(address.of(world.hers, world.alice))
    with attempt():
        return bool(leaks(visited.ask("GET", path, {}), path, "a").difference(ACCOUNT))
