"""Constraints that make the database keep users apart; `makemigrations` carries them like any other.

`RowSecurity` forces row-level security and ties a row to its owner. `SameOwner` is a foreign key over
`(user_id, id)`: a row can only point at a row of the same user. Each of the three layers (scoped manager,
composite keys, row security) holds alone: docs/how-it-fits-together.md.
"""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models.constraints import BaseConstraint

MINE = "user_id = nullif(current_setting('app.user_id', true), '')::uuid"


def column_of(model: type[models.Model], name: str) -> str:
    field = model._meta.get_field(name)
    assert isinstance(field, models.Field)
    return str(field.column)


class SchemaConstraint(BaseConstraint):
    """A constraint that Postgres enforces on its own and Django has nothing to validate."""

    def statements(self, model: type[models.Model], quote: Any) -> list[str]:
        raise NotImplementedError

    def drop_statements(self, model: type[models.Model], quote: Any) -> list[str]:
        raise NotImplementedError

    def constraint_sql(
        self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None
    ) -> str:
        # Called while CREATE TABLE is being put together: what we need comes after it.
        assert model is not None
        assert schema_editor is not None
        schema_editor.deferred_sql.extend(self.statements(model, schema_editor.quote_name))
        return ""

    def create_sql(
        self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None
    ) -> str:
        assert model is not None
        assert schema_editor is not None
        return "; ".join(self.statements(model, schema_editor.quote_name))

    def remove_sql(
        self, model: type[models.Model] | None, schema_editor: BaseDatabaseSchemaEditor | None
    ) -> str:
        assert model is not None
        assert schema_editor is not None
        return "; ".join(self.drop_statements(model, schema_editor.quote_name))

    def validate(self, *args: Any, **kwargs: Any) -> None:
        """The database refuses what is wrong; asking it first would be a race."""

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SchemaConstraint) and self.deconstruct() == other.deconstruct()

    __hash__ = BaseConstraint.__hash__


class RowSecurity(SchemaConstraint):
    """Row-level security, forced, and a cascade from the owner.

    `dispatch`: what the job dispatcher may do with all rows of this table. `search`: the search functions
    may read them. `ops`: columns that operators may read in the admin (metadata, never bodies or tokens).
    """

    def __init__(
        self, *, name: str, dispatch: tuple[str, ...] = (), search: bool = False, ops: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name=name)
        self.dispatch, self.search, self.ops = tuple(dispatch), search, tuple(ops)

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, args, kwargs = super().deconstruct()
        given = {"dispatch": self.dispatch, "search": self.search, "ops": self.ops}
        return path, args, kwargs | {key: value for key, value in given.items() if value}

    def statements(self, model: type[models.Model], quote: Any) -> list[str]:
        table = quote(model._meta.db_table)
        made = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY mine ON {table} USING ({MINE}) WITH CHECK ({MINE})",
            f"ALTER TABLE {table} ADD CONSTRAINT {quote(self.name)} FOREIGN KEY (user_id)"
            " REFERENCES omnicrm_user (id) ON DELETE CASCADE",
        ]
        if self.dispatch:
            made += [
                f"CREATE POLICY dispatch ON {table} TO omnicrm_dispatch USING (true) WITH CHECK (true)",
                f"GRANT {', '.join(self.dispatch)} ON {table} TO omnicrm_dispatch",
            ]
        if self.search:
            made += [
                f"CREATE POLICY search ON {table} FOR SELECT TO omnicrm_search USING (true)",
                f"GRANT SELECT ON {table} TO omnicrm_search",
            ]
        if self.ops:
            columns = ", ".join(quote(column_of(model, name)) for name in self.ops)
            made += [
                f"CREATE POLICY ops ON {table} FOR SELECT TO omnicrm_ops USING (true)",
                f"GRANT SELECT ({columns}) ON {table} TO omnicrm_ops",
            ]
        return made

    def drop_statements(self, model: type[models.Model], quote: Any) -> list[str]:
        table = quote(model._meta.db_table)
        policies = ["mine", *(n for n in ("dispatch", "search", "ops") if getattr(self, n))]
        return [
            *(f"DROP POLICY {policy} ON {table}" for policy in policies),
            *(f"REVOKE ALL ON {table} FROM omnicrm_{name}" for name in policies[1:]),
            f"ALTER TABLE {table} DROP CONSTRAINT {quote(self.name)}",
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
        ]


class SameOwner(SchemaConstraint):
    """A foreign key over `(user_id, <field>)`: the row pointed at has the same owner.

    The field itself is declared with `db_constraint=False` and `DO_NOTHING`: this constraint replaces both.
    `on_delete` is CASCADE, or SET NULL, which empties the column and leaves the owner. The row pointed at
    carries `owner_key`, and the referencing columns need an index that begins with them (declared beside it).
    """

    def __init__(self, field: str, *, name: str, on_delete: str = "CASCADE") -> None:
        super().__init__(name=name)
        self.field, self.on_delete = field, on_delete

    def deconstruct(self) -> tuple[str, Any, dict[str, Any]]:
        path, _, kwargs = super().deconstruct()
        return path, (self.field,), kwargs | {"on_delete": self.on_delete}

    def statements(self, model: type[models.Model], quote: Any) -> list[str]:
        field = model._meta.get_field(self.field)
        assert isinstance(field, models.ForeignKey)
        column, target = quote(field.column), quote(field.remote_field.model._meta.db_table)
        action = f"SET NULL ({column})" if self.on_delete == "SET NULL" else self.on_delete
        return [
            f"ALTER TABLE {quote(model._meta.db_table)} ADD CONSTRAINT {quote(self.name)}"
            f" FOREIGN KEY (user_id, {column}) REFERENCES {target} (user_id, id) ON DELETE {action}"
        ]

    def drop_statements(self, model: type[models.Model], quote: Any) -> list[str]:
        return [f"ALTER TABLE {quote(model._meta.db_table)} DROP CONSTRAINT {quote(self.name)}"]


def owner_key(table: str) -> models.UniqueConstraint:
    """The key that `SameOwner` of other tables refers to."""
    return models.UniqueConstraint(fields=["user", "id"], name=f"{table}_owner_key")
