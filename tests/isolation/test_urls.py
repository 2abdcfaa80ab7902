"""The census of addresses: everybody tries every one of them, in every way. What they do is undone each time."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import partial
from itertools import product
from typing import Any

import pytest
from django.http import HttpResponse

from omnicrm.rowsecurity import RowSecurity
from tests.factories import FACTORIES, make_operator
from tests.isolation.census import OWNED, PUBLIC, WITHOUT_A_FORM
from tests.isolation.planting import digest, digest_of_everything
from tests.isolation.site import Address, addresses
from tests.isolation.visiting import METHODS, SAFE, Visitor, Way, attempt, every_way, leaks, tempting, visitor
from tests.isolation.world import World, objections

SITE = addresses()
LOGIN = ("/accounts/login/?next=", "/admin/login/?next=")


Report = Callable[[str, str], None]


def report(record: Report, who: str, visited: Visitor, among: Collection[Way] = Way) -> None:
    ways = f"{len(SITE)} addresses × {len(METHODS)} methods"
    if len(among) > 1:
        ways += f", in {len(among)} ways ({', '.join(among)}) where one is taken"
    record("isolation", f"{who}: {len(OWNED)} owned models × {ways}: {visited.asked} requests, 0 leaks")
    record("edges", f"the headers of {visited.asked} answers to {who}")


def test_a_stranger_learns_and_changes_nothing(world: World, record_property: Report) -> None:
    stranger = visitor(world.charlie)
    assert "\n".join(objections(stranger, world, SITE, METHODS)) == ""
    report(record_property, "a stranger", stranger)


@pytest.mark.parametrize("ways", [(Way.PAGE,), pytest.param(tuple(Way), marks=pytest.mark.proof)])
def test_an_operator_is_a_stranger_who_may_read_metadata(
    world: World, record_property: Report, ways: Collection[Way]
) -> None:
    """Strangers have tried every way above, and nothing but the admin asks who is an operator."""
    operator = visitor(make_operator())
    metadata = {
        f"{model._meta.label}.{name}"
        for model in OWNED
        for rule in model._meta.constraints
        if isinstance(rule, RowSecurity)
        for name in rule.ops
    }
    accounts = {"omnicrm.User.name", "omnicrm.User.email"}
    assert "\n".join(objections(operator, world, SITE, METHODS, may_see=metadata | accounts, ways=ways)) == ""
    opened = operator.ask("GET", "/admin/jobs/job/", {})
    assert (opened.status_code, leaks(opened, "/admin/jobs/job/", "a") != set()) == (200, True)
    report(record_property, "an operator", operator, ways)


def test_nobody_is_asked_to_log_in(world: World, record_property: Report) -> None:
    nobody = visitor()
    public = set()
    for address, method in product(SITE, METHODS):
        path = address.path(address.of(world.hers, world.alice))
        for response in every_way(partial(asked, nobody, method, path, world)):
            assert leaks(response, path, "a") == set(), f"{method} {path}"
            assert response.status_code < 500, f"{method} {path}"
            is_refused = response.status_code == 405  # before anybody asks who it is
            if not is_refused and not response.headers.get("Location", "").startswith(LOGIN):
                public.add(address.name)
    assert sorted(public) == sorted(PUBLIC), (
        "Whoever opens a page to everybody says why in PUBLIC, tests/isolation/census.py."
    )
    report(record_property, "nobody", nobody)


OF_A_FACTOR = {"mfa_deactivate_totp", "mfa_view_recovery_codes", "mfa_download_recovery_codes"}
OF_A_FACTOR |= {"openid_connect_login", "openid_connect_callback", "settings:download", "connections:setup"}
OF_A_FACTOR |= {"push:gmail", "push:calendar"}
"""Not there for somebody who has no second factor yet, where no provider is named, once its file is gone, for whoever
does not run the server, or where Google is not asked to tell of changes."""


def expected(address: Address, method: str) -> set[int]:
    """What the owner may be answered: what they asked for, where it is now, why not, or not in this way."""
    if address.is_admin:
        return {302, 403, 405}
    if address.name == "socialaccount_login_error":
        return {200, 401, 405}
    if address.name in OF_A_FACTOR:
        return {200, 302, 404, 405}
    if method in ("GET", "HEAD", "OPTIONS"):
        return {200, 302, 405}
    if address.route.startswith("/accounts/"):
        return {200, 302, 400, 405}  # 400: a form with mistakes, as JSON
    return {200, 302, 405, 409, 422} if method == "POST" else {405}


def test_the_owner_opens_every_page_and_finds_their_own(world: World, record_property: Report) -> None:
    owner = visitor(world.alice)
    silent = []
    for address in SITE:
        if address.places and not address.names_rows:
            continue
        path = address.path(address.of(world.hers, world.alice))
        answers = {method: every_way(partial(asked, owner, method, path, world)) for method in METHODS}
        for method, given in answers.items():
            assert {one.status_code for one in given} <= expected(address, method), (
                f"{method} {path}: {given}"
            )
        assert {method for method in METHODS if answers[method][0].status_code != 405}, path
        page = answers["GET"][0]
        if address.names_rows and page.status_code == 200 and not leaks(page, path, "a"):
            silent.append(address.name)
    assert silent == [], (
        "These pages show nothing of the row they are about, so the census could not see a leak."
    )
    report(record_property, "the owner", owner)


def asked(who: Visitor, method: str, path: str, world: World, way: Way) -> Any:
    with attempt():
        return who.ask(method, path, tempting(world.hers), way)


WRITTEN_BY_LOOKING = {
    "django_session": "A page that asks a question, such as a passkey's, keeps it with the session.",
    "account_emailaddress": "allauth notes the address one signs in with when its list is opened first.",
}
"""Tables that GET may change, and why."""


def test_looking_changes_nothing(world: World) -> None:
    owner, before = visitor(world.alice), digest_of_everything(world.alice)
    for address in SITE:
        path = address.path(address.of(world.hers, world.alice))
        with attempt():
            for method, way in product(SAFE, Way):
                owner.ask(method, path, tempting(world.hers), way)
            after = digest_of_everything(world.alice)
        changed = {table for table in before if before[table] != after[table]}
        assert changed <= WRITTEN_BY_LOOKING.keys(), path


def test_the_digest_sees_every_table(world: World) -> None:
    """A row more of each model changes what the census compares."""
    for model, make in FACTORIES.items():
        before = digest(world.alice), digest_of_everything(world.alice)
        make(world.alice)
        after = digest(world.alice), digest_of_everything(world.alice)
        for then, now in zip(before, after, strict=True):
            assert then[model._meta.db_table] != now[model._meta.db_table]


def test_an_undeclared_parameter_fails_with_what_to_do(world: World) -> None:
    address = Address("contacts:photo", "/contacts/<slug>/photos/<photo_id>/", lambda request: HttpResponse())
    with pytest.raises(AssertionError, match=r"Say in PARAMETERS of tests/isolation/site\.py which model"):
        address.of(world.hers, world.alice)


def test_who_needs_no_token_of_a_form_says_why() -> None:
    exempt = {address.name for address in SITE if getattr(address.view, "csrf_exempt", False)}
    assert exempt == set(WITHOUT_A_FORM), (
        "Whoever takes what no form of ours sent says in tests/isolation/census.py what stands for its token."
    )
