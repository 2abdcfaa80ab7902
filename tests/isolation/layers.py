"""The three layers, each with a switch: copies of the database without policies or without composite keys, and
models whose manager forgets whose rows are asked for."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction
from psycopg import sql
from psycopg.conninfo import make_conninfo

from omnicrm import database
from omnicrm.owned import OwnedManager, OwnedQuerySet
from omnicrm.rowsecurity import SameOwner
from tests.conftest import TEMPLATE
from tests.isolation.census import OWNED
from tests.servers import clone_database


def without_scoping(monkeypatch: pytest.MonkeyPatch) -> None:
    """`for_user` and everything else give the rows of all users."""

    def everything(manager: Any, user: Any = None) -> Any:
        return manager._queryset_class(manager.model, using=manager._db)

    monkeypatch.setattr(OwnedManager, "get_queryset", everything)
    monkeypatch.setattr(OwnedManager, "for_user", everything)
    monkeypatch.setattr(OwnedQuerySet, "for_user", lambda rows, user: rows)


def no_policies() -> Iterator[sql.Composed]:
    for model in OWNED:
        table = sql.Identifier(model._meta.db_table)
        yield sql.SQL("ALTER TABLE {} NO FORCE ROW LEVEL SECURITY").format(table)
        yield sql.SQL("ALTER TABLE {} DISABLE ROW LEVEL SECURITY").format(table)


def no_keys() -> Iterator[sql.Composed]:
    for model in OWNED:
        for rule in model._meta.constraints:
            if isinstance(rule, SameOwner):
                table, name = sql.Identifier(model._meta.db_table), sql.Identifier(rule.name)
                yield sql.SQL("ALTER TABLE {} DROP CONSTRAINT {}").format(table, name)


SWITCHES: dict[str, Callable[[], Iterator[sql.Composed]]] = {"policies": no_policies, "keys": no_keys}


class Copies:
    """Copies of the migrated database by what they lack, each made once and then only looked into."""

    def __init__(self) -> None:
        self.names: dict[frozenset[str], str] = {}

    def lacking(self, layers: frozenset[str]) -> str:
        if layers not in self.names:
            name = "_".join([connection.settings_dict["NAME"], "without", *sorted(layers)])
            connection.close()
            clone_database(TEMPLATE, name)  # nobody is ever in it, as a copy demands
            with psycopg.connect(make_conninfo(os.environ["DATABASE_ADMIN_URL"], dbname=name)) as admin:
                for layer in layers:
                    for statement in SWITCHES[layer]():
                        admin.execute(statement)
            self.names[layers] = name
        return self.names[layers]

    def drop(self) -> None:
        with psycopg.connect(os.environ["DATABASE_ADMIN_URL"], autocommit=True) as admin:
            for name in self.names.values():
                database.drop(admin, name)


@contextmanager
def connected_to(name: str) -> Iterator[None]:
    """Everything inside happens in this database, and is forgotten."""
    usual = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        with transaction.atomic():
            yield
            transaction.set_rollback(True)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = usual
