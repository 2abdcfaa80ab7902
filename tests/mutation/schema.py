"""Every rule of the database that keeps users apart: how to take it away, and how to bring it back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg

from omnicrm.owned import OwnedModel
from omnicrm.rowsecurity import MINE, RowSecurity, SameOwner
from tests.isolation.census import OWNED


@dataclass(frozen=True)
class Change:
    """One rule taken away. `table` chooses the tests that look at it first."""

    table: str
    words: str
    do: str
    undo: str


def changes(database: psycopg.Connection) -> Iterator[Change]:
    for model in OWNED:
        yield from of_policies(model)
        yield from of_keys(model, database)
        yield from of_uniqueness(model, database)


def of_policies(model: type[OwnedModel]) -> Iterator[Change]:
    table = model._meta.db_table
    [rule] = [rule for rule in model._meta.constraints if isinstance(rule, RowSecurity)]
    for form, words in (("USING (true)", "shows all"), ("WITH CHECK (true)", "takes all")):
        undo = f"ALTER POLICY mine ON {table} USING ({MINE}) WITH CHECK ({MINE})"
        yield Change(table, f"the policy of {table} {words}", f"ALTER POLICY mine ON {table} {form}", undo)
    for made in rule.statements(model, lambda name: name):
        if made.startswith("CREATE POLICY"):
            name = made.split()[2]
            yield Change(table, f"{table} has no policy {name}", f"DROP POLICY {name} ON {table}", made)
    for on, off in (("ENABLE", "DISABLE"), ("FORCE", "NO FORCE")):
        says = "ALTER TABLE {} {} ROW LEVEL SECURITY"
        yield Change(table, f"{off} row security of {table}", says.format(table, off), says.format(table, on))


def of_keys(model: type[OwnedModel], database: psycopg.Connection) -> Iterator[Change]:
    table = model._meta.db_table
    for rule in model._meta.constraints:
        if isinstance(rule, SameOwner | RowSecurity):
            made = definition(
                database, "pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = %s", rule.name
            )
            yield Change(
                table,
                f"{table} has no key {rule.name}",
                f"ALTER TABLE {table} DROP CONSTRAINT {rule.name}",
                f"ALTER TABLE {table} ADD CONSTRAINT {rule.name} {made}",
            )


UNIQUE = """
SELECT i.indexrelid::regclass::text, pg_get_indexdef(i.indexrelid), c.oid IS NOT NULL
  FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype = 'u'
 WHERE i.indrelid = %s::regclass AND i.indisunique AND NOT i.indisprimary AND pg_get_indexdef(i.indexrelid) LIKE '%%user_id%%'
   AND NOT EXISTS (SELECT FROM pg_constraint f WHERE f.contype = 'f' AND f.conindid = i.indexrelid)
 ORDER BY 1
"""
"""Not those that a foreign key needs: they hold the id, which is unique without the owner too."""


def of_uniqueness(model: type[OwnedModel], database: psycopg.Connection) -> Iterator[Change]:
    """Each becomes one across all users, and none at all."""
    table = model._meta.db_table
    for name, made, is_constraint in database.execute(UNIQUE, [table]).fetchall():
        drop = f"ALTER TABLE {table} DROP CONSTRAINT {name}" if is_constraint else f"DROP INDEX {name}"
        back = (
            f"{made}; ALTER TABLE {table} ADD CONSTRAINT {name} UNIQUE USING INDEX {name}"
            if is_constraint
            else made
        )
        across = made.replace("(user_id, ", "(", 1)
        if across != made:  # one row of each user has nothing else that could be unique
            words, undo = f"{name} is unique across users", f"DROP INDEX {name}; {back}"
            yield Change(table, words, f"{drop}; {across}", undo)
        yield Change(table, f"{name} is not unique", drop, back)


def definition(database: psycopg.Connection, what: str, name: str) -> str:
    row = database.execute(f"SELECT {what}".encode(), [name]).fetchone()
    assert row is not None
    return str(row[0])
