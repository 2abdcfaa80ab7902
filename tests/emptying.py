"""The database of a test process as it was after its migrations, once a test has committed something.

Django's flush makes new files for every table and asks each app again what belongs there: half a second, a thousand
times. Most tables are empty, though, and what belongs there is a few hundred rows.
"""

from __future__ import annotations

from functools import cached_property
from typing import cast

import psycopg
from psycopg.sql import SQL, Identifier

Table = tuple[str, str]
MANY = 20_000


class Emptying:
    """`conninfo`: of somebody who may switch off triggers and keys while rows come and go."""

    def __init__(self, conninfo: str) -> None:
        self.postgres = psycopg.connect(conninfo, autocommit=True)
        self.postgres.execute("SET session_replication_role = replica")
        self.deleted = 0
        self.seeds = {table: self.copy(table) for table in self.filled()}

    @cached_property
    def tables(self) -> list[Table]:
        found = self.postgres.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        )
        return cast(list[Table], found.fetchall())

    def filled(self) -> set[Table]:
        each = [
            SQL("SELECT {}, {} WHERE EXISTS (SELECT FROM {})").format(*table, Identifier(*table))
            for table in self.tables
        ]
        return set(cast(list[Table], self.postgres.execute(SQL(" UNION ALL ").join(each)).fetchall()))

    def copy(self, table: Table) -> bytes:
        with self.postgres.cursor().copy(SQL("COPY {} TO STDOUT").format(Identifier(*table))) as copy:
            return b"".join(bytes(part) for part in copy)

    def empty(self) -> None:
        """Nothing is left but what the migrations wrote."""
        filled = self.filled()
        with self.postgres.transaction(), self.postgres.cursor() as cursor:
            for table in filled:
                cursor.execute(SQL("DELETE FROM {}").format(Identifier(*table)))
                self.deleted += cursor.rowcount
            for table, rows in self.seeds.items():
                with cursor.copy(SQL("COPY {} FROM STDIN").format(Identifier(*table))) as copy:
                    copy.write(rows)
        if self.deleted > MANY:  # nobody else sweeps a server that is thrown away
            self.postgres.execute("VACUUM")
            self.deleted = 0


def may_empty(conninfo: str) -> bool:
    with psycopg.connect(conninfo) as postgres:
        return postgres.info.parameter_status("is_superuser") == "on"
