"""A user with a given number of contacts and interactions, written by Postgres itself. For measuring only."""

from __future__ import annotations

from uuid import UUID

import psycopg

from contacts.derived import CHUNK, refresh_search
from contacts.models import Contact
from omnicrm.acting import acting_as
from omnicrm.models import User

# Fifty people in a company.
COMPANIES = """
INSERT INTO contacts_company (id, user_id, created_at, updated_at, name, name_key)
SELECT gen_random_uuid(), %(user)s, now(), now(), 'Company ' || n, 'company ' || n
FROM generate_series(0, %(contacts)s / 50) n
"""

CONTACTS = """
WITH made AS (
    INSERT INTO contacts_contact (id, user_id, created_at, updated_at, display_name, sort_name, given_name, family_name,
        slug, primary_email, primary_phone, job_title, stage, source, confidence, score, custom, last_interaction_at,
        company_id)
    SELECT gen_random_uuid(), %(user)s, now() - make_interval(secs => n), now(), 'Person ' || n,
        'person ' || lpad(n::text, 9, '0'), 'Person', n::text, 'person-' || n,
        'person' || n || '@example' || n %% 97 || '.com', '', 'Role ' || n %% 50,
        CASE n %% 3 WHEN 0 THEN 'client' WHEN 1 THEN 'lead' ELSE '' END, 'bench', 1, 0, '{}',
        now() - make_interval(mins => n), f.id
    FROM generate_series(1, %(contacts)s) n
    JOIN contacts_company f ON f.user_id = %(user)s AND f.name_key = 'company ' || n / 50
    RETURNING id, primary_email, created_at
)
INSERT INTO contacts_contactidentity (id, user_id, created_at, updated_at, kind, value, display, contact_id)
SELECT gen_random_uuid(), %(user)s, now(), now(), 'email', primary_email, '', id FROM made
"""

# One person in ten has a tag, and another tag is on every other.
TAGS = """
WITH made AS (
    INSERT INTO contacts_tag (id, user_id, created_at, updated_at, name, name_key)
    SELECT gen_random_uuid(), %(user)s, now(), now(), name, name FROM unnest(ARRAY['few', 'many']) name
    RETURNING id, name
)
INSERT INTO contacts_contacttag (id, user_id, created_at, updated_at, contact_id, tag_id)
SELECT gen_random_uuid(), %(user)s, now(), now(), c.id, made.id
FROM contacts_contact c JOIN made ON c.family_name::int %% CASE made.name WHEN 'few' THEN 10 ELSE 2 END = 0
WHERE c.user_id = %(user)s
"""

# Half of the history is with the first contact, the rest spread evenly.
INTERACTIONS = """
WITH people AS (
    SELECT array_agg(id ORDER BY length(value), value) AS ids FROM contacts_contactidentity WHERE user_id = %(user)s
), made AS (
    INSERT INTO contacts_interaction (id, user_id, created_at, updated_at, kind, direction, occurred_at, subject, text,
        visible_text, bulk, thread_key, source, source_key)
    SELECT gen_random_uuid(), %(user)s, now(), now(), 'email', 'received', now() - make_interval(mins => n),
        'Subject ' || n, 'A few words of text, as in most messages. ' || n, 'A few words of text. ' || n, '',
        'thread-' || n / 3, 'bench', 'bench-' || n
    FROM generate_series(1, %(interactions)s) n RETURNING id, occurred_at, source_key
)
INSERT INTO contacts_participant (id, user_id, created_at, updated_at, interaction_id, identity_id, role, name, kind,
    occurred_at)
SELECT gen_random_uuid(), %(user)s, now(), now(), id,
    ids[CASE WHEN n %% 2 = 0 THEN 1 ELSE 1 + n %% array_length(ids, 1) END], 'from', '', 'email', occurred_at
FROM (SELECT made.*, substr(source_key, 7)::int AS n FROM made) m, people
"""


def fill(admin_conninfo: str, email: str, *, contacts: int, interactions: int) -> User:
    """The user, with history; foreign keys are not checked while it is written."""
    user = User.objects.create_user(email)
    with psycopg.connect(admin_conninfo) as admin:
        admin.execute("SET session_replication_role = replica")
        values: dict[str, UUID | int] = {"user": user.pk, "contacts": contacts, "interactions": interactions}
        for statement in (COMPANIES, CONTACTS, TAGS, INTERACTIONS):
            admin.execute(statement, values)
    make_searchable(user)
    with psycopg.connect(admin_conninfo, autocommit=True) as admin:
        admin.execute("VACUUM ANALYZE")
    return user


def make_searchable(user: User) -> None:
    with acting_as(user.pk):
        ids = list(Contact.objects.for_user(user).values_list("pk", flat=True))
    for start in range(0, len(ids), CHUNK):
        with acting_as(user.pk):
            refresh_search(user.pk, ids[start : start + CHUNK])
