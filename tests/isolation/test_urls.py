"""The census of addresses: everybody tries every one of them, in every way. What they do is undone each time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.http import HttpResponse

from omnicrm.rowsecurity import RowSecurity
from tests.factories import make_operator
from tests.isolation.census import OWNED, PUBLIC
from tests.isolation.site import Address, addresses
from tests.isolation.visiting import METHODS, Visitor, attempt, leaks, tempting, visitor
from tests.isolation.world import World, make_world, objections

SITE = addresses()
ADMIN = [address for address in SITE if address.is_admin]
PAGES = [address for address in SITE if not address.is_admin]
LOGIN = ("/accounts/login/?next=", "/admin/login/?next=")


@pytest.fixture
def world(db: None) -> Iterator[World]:
    logging.disable(logging.WARNING)  # thousands of "Not Found"
    yield make_world()
    logging.disable(logging.NOTSET)


Report = Callable[[str, str], None]


def report(record: Report, who: str, visited: Visitor) -> None:
    ways = f"{len(METHODS)} methods, page and htmx"
    record(
        "isolation",
        f"{who}: {visited.asked} requests; {len(OWNED)} owned models, {len(SITE)} addresses, {ways}",
    )


def test_a_stranger_learns_and_changes_nothing(world: World, record_property: Report) -> None:
    stranger = visitor(world.charlie)
    assert "\n".join(objections(stranger, world, SITE, METHODS)) == ""
    report(record_property, "a stranger", stranger)


def test_an_operator_is_a_stranger_who_may_read_metadata(world: World, record_property: Report) -> None:
    operator = visitor(make_operator())
    metadata = {
        f"{model._meta.label}.{name}"
        for model in OWNED
        for rule in model._meta.constraints
        if isinstance(rule, RowSecurity)
        for name in rule.ops
    }
    accounts = {"omnicrm.User.name", "omnicrm.User.email"}
    for site, methods in ((ADMIN, METHODS), (PAGES, ("GET", "POST"))):
        assert "\n".join(objections(operator, world, site, methods, may_see=metadata | accounts)) == ""
    opened = operator.ask("GET", "/admin/jobs/job/", {})
    assert (opened.status_code, leaks(opened, "/admin/jobs/job/", "a") != set()) == (200, True)
    report(record_property, "an operator", operator)


def test_nobody_is_asked_to_log_in(world: World, record_property: Report) -> None:
    nobody = visitor()
    public = set()
    for address, method, htmx in every_way(SITE):
        path = address.path(address.of(world.hers, world.alice))
        with attempt():
            response = nobody.ask(method, path, tempting(world.hers), htmx=htmx)
        assert leaks(response, path, "a") == set(), f"{method} {path}"
        assert response.status_code < 500, f"{method} {path}"
        if not response.headers.get("Location", "").startswith(LOGIN):
            public.add(address.name)
    assert sorted(public) == sorted(PUBLIC), (
        "Whoever opens a page to everybody says why in PUBLIC, tests/isolation/census.py."
    )
    report(record_property, "nobody", nobody)


def every_way(site: Iterable[Address]) -> list[tuple[Address, str, bool]]:
    return [(address, method, htmx) for address in site for method in METHODS for htmx in address.ways]


OF_A_FACTOR = {"mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes"}
"""Not there for somebody who has no second factor yet."""


def expected(address: Address, method: str) -> set[int]:
    """What the owner may be answered: what they asked for, where it is now, why not, or not in this way."""
    if address.is_admin:
        return {302, 403}
    if address.name in OF_A_FACTOR:
        return {200, 302, 404, 405}
    if method in ("GET", "HEAD", "OPTIONS"):
        return {200, 302, 405}
    return {200, 302, 405, 409, 422} if method == "POST" or address.route.startswith("/accounts/") else {405}


def test_the_owner_opens_every_page_and_finds_their_own(world: World, record_property: Report) -> None:
    owner = visitor(world.alice)
    silent = []
    for address in SITE:
        if address.places and not address.names_rows:
            continue
        path = address.path(address.of(world.hers, world.alice))
        answers = {
            (method, htmx): asked(owner, method, path, world, htmx)
            for _, method, htmx in every_way([address])
        }
        for (method, htmx), response in answers.items():
            assert response.status_code in expected(address, method), (
                f"{method} {path} {htmx=}: {response.status_code}"
            )
        assert {response.status_code for response in answers.values()} != {405}, path
        page = answers["GET", False]
        if address.names_rows and page.status_code == 200 and not leaks(page, path, "a"):
            silent.append(address.name)
    assert silent == [], (
        "These pages show nothing of the row they are about, so the census could not see a leak."
    )
    report(record_property, "the owner", owner)


def asked(owner: Visitor, method: str, path: str, world: World, htmx: bool) -> Any:
    with attempt():
        return owner.ask(method, path, tempting(world.hers), htmx=htmx)


def test_an_undeclared_parameter_fails_with_what_to_do(world: World) -> None:
    address = Address("contacts:photo", "/contacts/<slug>/photos/<photo_id>/", lambda request: HttpResponse())
    with pytest.raises(AssertionError, match=r"Say in PARAMETERS of tests/isolation/site\.py which model"):
        address.of(world.hers, world.alice)
