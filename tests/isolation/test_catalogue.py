"""The census of the database: what Postgres itself says about tables, keys, policies, roles and functions."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection, models
from psycopg.conninfo import make_conninfo

from omnicrm.acting import acting_as
from omnicrm.database import APP, ENTERED, OWNER
from omnicrm.models import Erasure, EventLink, User
from omnicrm.owned import OwnedModel
from omnicrm.rowsecurity import RowSecurity, column_of
from tests.factories import make_company, make_contact, make_identity, make_interaction, make_note
from tests.isolation.census import APPEND_ONLY, OWNED, TABLES_OF_NO_MODEL, WORDS_FOR_OPERATORS

pytestmark = pytest.mark.django_db

TABLES = sorted(model._meta.db_table for model in OWNED)
MINE = "(user_id = (NULLIF(current_setting('app.user_id'::text, true), ''::text))::uuid)"
READ_AND_WRITE = {"SELECT", "INSERT", "UPDATE", "DELETE"}

GRANTS = """
SELECT c.relname, '', a.privilege_type, a.grantee::regrole::text
  FROM pg_class c, aclexplode(c.relacl) a WHERE c.relnamespace = 'public'::regnamespace AND c.relkind <> 'S'
UNION ALL
SELECT c.relname, t.attname, a.privilege_type, a.grantee::regrole::text
  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
 WHERE c.relnamespace = 'public'::regnamespace
"""

INDEXED = """
SELECT f.conrelid::regclass::text || '.' || f.conname FROM pg_constraint f
 WHERE f.contype = 'f' AND NOT EXISTS (
   SELECT FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE i.indrelid = f.conrelid AND m.amname = 'btree' AND i.indisvalid
      AND f.conkey @> (i.indkey::int2[])[0:cardinality(f.conkey) - 1]
      AND f.conkey <@ (i.indkey::int2[])[0:cardinality(f.conkey) - 1]
      AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) = ANY (
        SELECT format('(%I IS NOT NULL)', attname) FROM pg_attribute
         WHERE attrelid = f.conrelid AND attnum = ANY (f.conkey))))
"""
"""Foreign keys whose columns no index begins with. One of the columns that are not null is index enough."""

FUNCTIONS = """
SELECT p.oid::regprocedure::text, p.proowner::regrole::text, p.proconfig, p.prosrc FROM pg_proc p
 WHERE p.prosecdef AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = p.oid AND d.deptype = 'e')
"""


def ask(query: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values or None)
        return list(cursor.fetchall())


def column(query: str, *values: Any) -> list[Any]:
    return [row[0] for row in ask(query, *values)]


def security_of(model: type[OwnedModel]) -> RowSecurity:
    [found] = [c for c in model._meta.constraints if isinstance(c, RowSecurity)]
    return found


# --- tables and policies


def test_every_table_belongs_to_a_model() -> None:
    found = set(
        column(
            "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'f') AND relnamespace = 'public'::regnamespace"
        )
    )
    assert found - set(connection.introspection.django_table_names()) == set(TABLES_OF_NO_MODEL)


def test_row_security_is_on_and_binds_the_owner_too() -> None:
    query = (
        "SELECT relname, relrowsecurity, relforcerowsecurity, relowner::regrole::text"
        " FROM pg_class WHERE relname = ANY(%s) ORDER BY relname"
    )
    assert ask(query, TABLES) == [(table, True, True, OWNER) for table in TABLES]


def policies(model: type[OwnedModel]) -> Iterator[tuple[Any, ...]]:
    table, security = model._meta.db_table, security_of(model)
    yield table, "mine", "ALL", "{public}", MINE, MINE
    if security.dispatch:
        yield table, "dispatch", "ALL", "{omnicrm_dispatch}", "true", "true"
    for name in ("search", "ops"):
        if getattr(security, name):
            yield table, name, "SELECT", f"{{omnicrm_{name}}}", "true", None


def test_policies_are_those_declared_and_no_others() -> None:
    declared = {policy for model in OWNED for policy in policies(model)}
    found = ask("SELECT tablename, policyname, cmd, roles::text, qual, with_check FROM pg_policies")
    assert set(found) == declared


def test_nothing_shows_rows_around_the_policies() -> None:
    """A view would show what its owner sees, a materialized view what somebody once saw."""
    assert (
        column(
            "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm') AND relnamespace = 'public'::regnamespace"
        )
        == []
    )


# --- keys


def test_every_row_has_an_owner_who_takes_it_along() -> None:
    nullable = column(
        "SELECT table_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND column_name = 'user_id' AND is_nullable = 'YES'"
    )
    assert nullable == []
    owned = column(
        "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND convalidated"
        " AND confrelid = 'omnicrm_user'::regclass AND confdeltype = 'c' AND pg_get_constraintdef(oid) LIKE"
        " 'FOREIGN KEY (user\\_id) REFERENCES omnicrm\\_user(id)%%' AND conrelid::regclass::text = ANY(%s) ORDER BY 1",
        TABLES,
    )
    assert owned == TABLES


def test_keys_between_owned_tables_carry_the_owner() -> None:
    loose = column(
        "SELECT conname FROM pg_constraint WHERE contype = 'f' AND confrelid::regclass::text = ANY(%s)"
        " AND (NOT convalidated OR pg_get_constraintdef(oid) !~ "
        r" '^FOREIGN KEY \(user_id, \w+\) REFERENCES \w+\(user_id, id\) ON DELETE (CASCADE|SET NULL \(\w+\))$')",
        TABLES,
    )
    assert loose == []


def test_no_uniqueness_reaches_across_owners() -> None:
    """A unique index without the owner would tell one user what another has."""
    across = column(
        "SELECT indexrelid::regclass::text FROM pg_index i WHERE indisunique AND NOT indisprimary"
        " AND indrelid::regclass::text = ANY(%s) AND NOT EXISTS (SELECT FROM pg_attribute a WHERE"
        " a.attrelid = i.indrelid AND a.attname = 'user_id' AND a.attnum = ANY (i.indkey))",
        TABLES,
    )
    assert across == []


def test_what_is_unique_for_an_owner_is_unique_in_the_database() -> None:
    declared = {
        (rule.name, tuple(column_of(model, name) for name in rule.fields))
        for model in OWNED
        for rule in model._meta.constraints
        if isinstance(rule, models.UniqueConstraint)
    }
    found = ask(
        "SELECT indexrelid::regclass::text, array_agg(attname::text ORDER BY array_position(indkey::int2[], attnum))"
        " FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey::int2[])"
        " WHERE indisunique AND indisvalid AND NOT indisprimary AND indrelid::regclass::text = ANY(%s) GROUP BY indexrelid",
        TABLES,
    )
    assert {(name, tuple(columns)) for name, columns in found} == declared


def test_every_foreign_key_has_an_index() -> None:
    """Without one, deleting the row that is pointed at reads the whole table."""
    assert column(INDEXED) == []


# --- roles


def test_no_role_of_ours_is_above_the_policies() -> None:
    query = (
        "SELECT rolname, rolcanlogin, rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication"
        " FROM pg_roles WHERE rolname LIKE 'omnicrm%' ORDER BY rolname"
    )
    assert ask(query) == [(role, role in (APP, OWNER), False) for role in sorted((APP, OWNER, *ENTERED))]


def test_tests_run_as_the_app() -> None:
    assert column("SELECT current_user::text") == [APP]


def test_app_enters_other_roles_and_inherits_nothing() -> None:
    query = (
        "SELECT roleid::regrole::text, inherit_option, set_option, admin_option FROM pg_auth_members"
        " WHERE member = %s::regrole ORDER BY 1"
    )
    for role in (APP, OWNER):
        assert ask(query, role) == [(entered, False, True, False) for entered in sorted(ENTERED)]


def test_only_the_owner_owns_and_makes_things() -> None:
    others = [APP, *ENTERED]
    owned = "SELECT relname FROM pg_class WHERE relowner::regrole::text = ANY(%s)"
    may_make = (
        "SELECT r FROM unnest(%s::text[]) r WHERE has_schema_privilege(r, 'public', 'CREATE')"
        " OR has_database_privilege(r, current_database(), 'CREATE')"
        " OR has_database_privilege(r, current_database(), 'TEMPORARY')"
    )
    assert column(owned, others) == []
    assert column(may_make, others) == []


def declared_grants(model: type[OwnedModel]) -> Iterator[tuple[str, str, str, str]]:
    table, security = model._meta.db_table, security_of(model)
    yield from ((table, "", right, "omnicrm_dispatch") for right in security.dispatch)
    if security.search:
        yield table, "", "SELECT", "omnicrm_search"
    for name in security.ops:
        yield table, column_of(model, name), "SELECT", "omnicrm_ops"


def test_entered_roles_have_the_rights_declared_and_no_others() -> None:
    declared = {grant for model in OWNED for grant in declared_grants(model)}
    assert {grant for grant in ask(GRANTS) if grant[3] not in (APP, OWNER)} == declared


RESIGNING = ("omnicrm_eventanchor", "mac", "UPDATE")
"""After a change of keys the same is signed with the new one."""


def test_app_reads_and_writes_rows_and_no_more() -> None:
    rights: dict[str, set[str]] = {table: set() for table in TABLES}
    for table, named, right, role in ask(GRANTS):
        if role == APP and (table, named, right) != RESIGNING:
            assert (named, right in READ_AND_WRITE) == ("", True), (table, named, right)
            rights.setdefault(table, set()).add(right)
    append_only = {model._meta.db_table: {"SELECT", "INSERT"} for model in APPEND_ONLY}
    append_only[Erasure._meta.db_table] = {"SELECT", "INSERT"}
    append_only[EventLink._meta.db_table] = {"SELECT"}  # Postgres adds them itself
    assert rights == {table: append_only.get(table, READ_AND_WRITE) for table in rights}


def test_operators_read_no_words_of_users() -> None:
    """Metadata only: a column of free text needs a reason in the census."""
    free = (models.TextField, models.JSONField, models.BinaryField)
    shown = {
        f"{model._meta.label}.{name}"
        for model in OWNED
        for name in security_of(model).ops
        if isinstance(model._meta.get_field(name), free)
    }
    assert shown == WORDS_FOR_OPERATORS.keys()


# --- functions that run as another role than the one that calls them

SEARCH = {
    "contacts_matching(text[],text[],integer)": "SELECT cardinality(contacts_matching('{ada}', '{ad,da}', 9))",
    "contacts_said(text,text[],integer)": "SELECT count(*) FROM contacts_said('ada', '{email,note}', 9) WHERE is_note",
}
"""Those that see all rows, by a call that finds one thing of Alice's."""

BLIND = {
    "omnicrm_link_event()": "Chains the event that is being added, for its owner alone; cannot be called.",
    "jobs_reseal_log(uuid,jsonb,jsonb)": "Exchanges sealed values; as the owner, who is bound by the policies.",
    "jobs_forget_changes(uuid[],uuid[])": "Takes lines out of the log of changes of whoever is asking, and of nobody else.",
    "omnicrm_fresh_statistics(text)": "Only asks the planner to count again; as the owner, who is bound by the policies.",
}
"""Those that run as the owner of the tables, and why they show and change nothing."""


def test_privileged_functions_are_known_and_pin_their_path() -> None:
    known = dict.fromkeys(SEARCH, "omnicrm_search") | dict.fromkeys(BLIND, OWNER)
    found = ask(FUNCTIONS)
    assert {name: owner for name, owner, _, _ in found} == known, "Say in SEARCH or BLIND what it does."
    for name, owner, config, source in found:
        assert config == ["search_path=public, pg_temp"], name
        assert "current_setting('app.user_id', true)" in source or owner == OWNER, name


def test_search_functions_answer_the_owner_alone(alice: User, charlie: User) -> None:
    company = make_company(alice, name="Ada & Co")
    contact = make_contact(alice, display_name="Ada Lovelace", job_title="Ada", company=company)
    make_identity(alice, value="ada@example.org", contact=contact)
    make_note(alice, contact=contact, text="Ada")
    make_interaction(alice, subject="Ada")
    for call in SEARCH.values():
        assert column(call) == [0]
        with acting_as(charlie.pk):
            assert column(call) == [0]
        with acting_as(alice.pk):
            assert column(call) == [1]


# --- and the census can fail

SABOTAGE = [
    ("CREATE TABLE contacts_shadow (id uuid)", test_every_table_belongs_to_a_model),
    ("ALTER TABLE contacts_note DISABLE ROW LEVEL SECURITY", test_row_security_is_on_and_binds_the_owner_too),
    (
        "ALTER TABLE contacts_note NO FORCE ROW LEVEL SECURITY",
        test_row_security_is_on_and_binds_the_owner_too,
    ),
    ("CREATE POLICY everybody ON contacts_note USING (true)", test_policies_are_those_declared_and_no_others),
    ("ALTER POLICY mine ON contacts_note WITH CHECK (true)", test_policies_are_those_declared_and_no_others),
    ("ALTER POLICY dispatch ON jobs_job TO public", test_policies_are_those_declared_and_no_others),
    ("CREATE VIEW notes AS SELECT * FROM contacts_note", test_nothing_shows_rows_around_the_policies),
    ("CREATE MATERIALIZED VIEW notes AS SELECT 1", test_nothing_shows_rows_around_the_policies),
    ("ALTER TABLE contacts_note ALTER user_id DROP NOT NULL", test_every_row_has_an_owner_who_takes_it_along),
    (
        "ALTER TABLE contacts_note DROP CONSTRAINT contacts_note_owner",
        test_every_row_has_an_owner_who_takes_it_along,
    ),
    (
        "ALTER TABLE contacts_note ADD CONSTRAINT loose FOREIGN KEY (contact_id) REFERENCES contacts_contact (id)",
        test_keys_between_owned_tables_carry_the_owner,
    ),
    (
        "CREATE UNIQUE INDEX oracle ON contacts_contactidentity (value)",
        test_no_uniqueness_reaches_across_owners,
    ),
    (
        "ALTER TABLE contacts_company DROP CONSTRAINT contacts_company_name",
        test_what_is_unique_for_an_owner_is_unique_in_the_database,
    ),
    ("DROP INDEX contacts_note_of_contact", test_every_foreign_key_has_an_index),
    ("DROP INDEX contacts_note_batch", test_every_foreign_key_has_an_index),
    ("ALTER ROLE omnicrm_app BYPASSRLS", test_no_role_of_ours_is_above_the_policies),
    ("GRANT omnicrm_ops TO omnicrm_app WITH INHERIT TRUE", test_app_enters_other_roles_and_inherits_nothing),
    ("GRANT omnicrm_owner TO omnicrm_app", test_app_enters_other_roles_and_inherits_nothing),
    ("GRANT CREATE ON SCHEMA public TO omnicrm_search", test_only_the_owner_owns_and_makes_things),
    ("ALTER TABLE contacts_note OWNER TO omnicrm_app", test_only_the_owner_owns_and_makes_things),
    (
        "GRANT SELECT (payload) ON jobs_job TO omnicrm_ops",
        test_entered_roles_have_the_rights_declared_and_no_others,
    ),
    ("GRANT SELECT ON contacts_note TO PUBLIC", test_entered_roles_have_the_rights_declared_and_no_others),
    ("GRANT TRUNCATE ON contacts_note TO omnicrm_app", test_app_reads_and_writes_rows_and_no_more),
    ("GRANT DELETE ON omnicrm_event TO omnicrm_app", test_app_reads_and_writes_rows_and_no_more),
    (
        "ALTER FUNCTION contacts_matching RESET search_path",
        test_privileged_functions_are_known_and_pin_their_path,
    ),
    (
        "ALTER FUNCTION contacts_matching OWNER TO omnicrm_owner",
        test_privileged_functions_are_known_and_pin_their_path,
    ),
]


@pytest.mark.parametrize(("statement", "census"), SABOTAGE, ids=[statement for statement, _ in SABOTAGE])
def test_the_census_sees(statement: str, census: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    admin = make_conninfo(os.environ["DATABASE_ADMIN_URL"], dbname=connection.settings_dict["NAME"])
    with psycopg.connect(admin) as broken:
        monkeypatch.setattr(
            f"{__name__}.ask", lambda query, *values: broken.execute(query, values or None).fetchall()
        )
        census()
        broken.execute(statement.encode())
        with pytest.raises(AssertionError):
            census()
        broken.rollback()
