"""Each layer holds alone: without the scoped manager, and without row security. Without both, the census cries out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, models, transaction
from psycopg import sql
from psycopg.conninfo import make_conninfo

from omnicrm import database
from omnicrm.owned import OwnedManager, OwnedQuerySet
from tests.conftest import TEMPLATE
from tests.isolation.census import OWNED
from tests.isolation.site import Address, addresses
from tests.isolation.visiting import Visitor, attempt, leaks, visitor
from tests.isolation.world import ALICE_HERSELF, World, make_world, objections
from tests.servers import clone_database

PAGES = [page for page in addresses() if not page.route.startswith(("/admin/", "/accounts/"))]
METHODS = ("GET", "POST")


@pytest.fixture
def no_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    """`for_user` and everything else give the rows of all users."""

    def everything(manager: Any, user: Any = None) -> Any:
        return manager._queryset_class(manager.model, using=manager._db)

    monkeypatch.setattr(OwnedManager, "get_queryset", everything)
    monkeypatch.setattr(OwnedManager, "for_user", everything)
    monkeypatch.setattr(OwnedQuerySet, "for_user", lambda rows, user: rows)


@pytest.fixture(scope="module")
def open_database(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """A copy of the database whose policies are switched off."""
    name = f"{connection.settings_dict['NAME']}_open"
    with django_db_blocker.unblock():
        connection.close()
    clone_database(TEMPLATE, name)  # nobody is ever in it, as a copy demands
    with psycopg.connect(make_conninfo(os.environ["DATABASE_ADMIN_URL"], dbname=name)) as admin:
        for model in OWNED:
            table = sql.Identifier(model._meta.db_table)
            admin.execute(sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table))
            admin.execute(sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table))
    yield name
    with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as admin:
        database.drop(admin, name)


@pytest.fixture
def no_row_security(open_database: str, django_db_blocker: Any) -> Iterator[None]:
    """This test's connection leads to the open copy. What the test does there is forgotten."""
    closed = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.close()
        connection.settings_dict["NAME"] = open_database
        try:
            with transaction.atomic():
                yield
                transaction.set_rollback(True)
        finally:
            connection.close()
            connection.settings_dict["NAME"] = closed


@pytest.fixture
def quietly() -> Iterator[None]:
    logging.disable(logging.ERROR)  # the third layer, composite keys, answers some attempts with an error
    yield
    logging.disable(logging.NOTSET)


def tables_open_to_nobody(world: World) -> int:
    """How many tables show rows of Alice's to a query outside of `acting_as`."""
    return sum(models.QuerySet(model).filter(user_id=world.alice.pk).exists() for model in OWNED)


def test_row_security_holds_alone(db: None, no_manager: None, quietly: None) -> None:
    world = make_world()
    assert tables_open_to_nobody(world) == 0
    assert "\n".join(objections(visitor(world.charlie), world, PAGES, METHODS)) == ""


def test_the_manager_holds_alone(no_row_security: None, quietly: None) -> None:
    world = make_world()
    assert tables_open_to_nobody(world) == len(OWNED)
    assert "\n".join(objections(visitor(world.charlie), world, PAGES, METHODS)) == ""


def test_without_both_the_census_cries_out(no_row_security: None, no_manager: None, quietly: None) -> None:
    world = make_world()
    stranger, owner = visitor(world.charlie), visitor(world.alice)
    leaking = {address for address in PAGES if shows_rows(stranger, address, world)}
    assert leaking == {address for address in PAGES if shows_rows(owner, address, world)}
    assert {"contacts:list", "contacts:detail", "batches:detail", "jobs:list"} <= {
        page.name for page in leaking
    }
    found = list(objections(stranger, world, PAGES, METHODS))
    for kind in ("shows", "changed", "differs from", "answered 200"):
        assert any(kind in objection for objection in found), kind


def shows_rows(visited: Visitor, address: Address, world: World) -> bool:
    """Whether the page shows words of Alice's rows; her own name is on every page of hers."""
    path = address.path(address.of(world.hers, world.alice))
    with attempt():
        return bool(leaks(visited.ask("GET", path, {}), path, "a").difference(ALICE_HERSELF))
