"""What follows from other rows. It is recomputed, never logged: undo leaves it to this module."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from contacts.models import ContactIdentity, SearchText
from contacts.search import parts, search_text, tokens
from omnicrm.personal import is_strict

CHUNK = 1_000

# The contact is locked before anything is read, so that of two who change its addresses, the second sees the first's.
LOCK = """
SELECT id FROM contacts_contact WHERE user_id = %s AND id = ANY(%s) ORDER BY id FOR NO KEY UPDATE
"""

LAST_INTERACTION = """
UPDATE contacts_contact c SET last_interaction_at = last.at
FROM (
    SELECT c.id, (
        SELECT max(newest.at) FROM contacts_contactidentity y, LATERAL (
            SELECT p.occurred_at AS at FROM contacts_participant p
            WHERE p.user_id = y.user_id AND p.identity_id = y.id ORDER BY p.occurred_at DESC LIMIT 1
        ) newest WHERE y.user_id = c.user_id AND y.contact_id = c.id
    ) AS at
    FROM contacts_contact c WHERE c.user_id = %s AND c.id = ANY(%s)
) last
WHERE c.user_id = %s AND c.id = last.id AND c.last_interaction_at IS DISTINCT FROM last.at
"""

SEARCHED = """
SELECT c.id, s.text, ARRAY[c.display_name, c.job_title, coalesce(f.name, '')] || ARRAY(
    SELECT y.value::text FROM contacts_contactidentity y
    WHERE y.user_id = c.user_id AND y.contact_id = c.id AND NOT (y.kind = 'phone' AND y.value ~ '^[A-P]{64}$')
    ORDER BY y.created_at, y.id
)
FROM contacts_contact c
LEFT JOIN contacts_company f ON f.user_id = c.user_id AND f.id = c.company_id
LEFT JOIN contacts_searchtext s ON s.user_id = c.user_id AND s.contact_id = c.id
WHERE c.user_id = %s AND c.id = ANY(%s) ORDER BY c.id
"""

BATCH_CONTACTS = """
SELECT DISTINCT y.contact_id FROM contacts_interaction i
JOIN contacts_participant p ON p.user_id = i.user_id AND p.interaction_id = i.id
JOIN contacts_contactidentity y ON y.user_id = i.user_id AND y.id = p.identity_id
WHERE i.user_id = %s AND i.batch_id = %s AND y.contact_id IS NOT NULL
"""

# A reply that names only its parent joins the conversation that the parent belongs to.
JOIN_THREADS = """
UPDATE contacts_interaction i SET thread_key = parent.thread_key
FROM contacts_interaction parent
WHERE i.user_id = %(user)s AND parent.user_id = i.user_id AND parent.source_key = i.thread_key
  AND parent.thread_key <> i.thread_key AND parent.thread_key <> ''
  AND (i.batch_id = %(batch)s OR parent.batch_id = %(batch)s)
"""
DEEPEST_THREAD = 50


def refresh_contacts(user_id: UUID, contact_ids: Sequence[UUID]) -> None:
    """When each of these contacts was last in touch, and what a search for them looks at."""
    for start in range(0, len(contact_ids), CHUNK):
        ids = list(contact_ids[start : start + CHUNK])
        with connection.cursor() as cursor:
            cursor.execute(LOCK, [user_id, ids])
            cursor.execute(LAST_INTERACTION, [user_id, ids, user_id])
        refresh_search(user_id, ids)


def refresh_search(user_id: UUID, contact_ids: list[UUID]) -> None:
    """What a search for these contacts looks at. Of a sealed number that is what the whole number becomes."""
    numbers = sealed_numbers(user_id, contact_ids)
    with connection.cursor() as cursor:
        cursor.execute(SEARCHED, [user_id, contact_ids])
        texts = [
            (contact_id, was, search_text(said, tokens(user_id, [*said, *numbers.get(contact_id, [])])))
            for contact_id, was, said in cursor.fetchall()
        ]
    SearchText.unscoped.bulk_create(
        [
            SearchText(user_id=user_id, contact_id=contact_id, text=text, parts=parts(text))
            for contact_id, was, text in texts
            if text != was
        ],
        update_conflicts=True,
        unique_fields=["user", "contact"],
        update_fields=["text", "parts", "updated_at"],
    )


def sealed_numbers(user_id: UUID, contact_ids: list[UUID]) -> dict[UUID, list[str]]:
    """The numbers of these contacts that stand sealed in the database."""
    if not is_strict():
        return {}
    numbers: dict[UUID, list[str]] = {}
    rows = ContactIdentity.objects.for_user(user_id).filter(contact__in=contact_ids, kind="phone")
    for row in rows.order_by("created_at", "id"):
        numbers.setdefault(row.contact_id, []).append(row.readable)  # type: ignore[arg-type]
    return numbers


def refresh_after_batch(user_id: UUID, batch_id: UUID) -> None:
    """All derived columns that the interactions of one batch touch."""
    with connection.cursor() as cursor:
        for _ in range(DEEPEST_THREAD):
            cursor.execute(JOIN_THREADS, {"user": user_id, "batch": batch_id})
            if not cursor.rowcount:
                break
        cursor.execute(BATCH_CONTACTS, [user_id, batch_id])
        contact_ids = [row[0] for row in cursor.fetchall()]
    refresh_contacts(user_id, contact_ids)
