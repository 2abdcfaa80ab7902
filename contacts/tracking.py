"""What undo has to know about our rows: which there are, what they are called, and what still needs them."""

from __future__ import annotations

from typing import Any

from django.db import connection

from contacts.derived import BATCH_CONTACTS, refresh_contacts
from contacts.events import Whose, refresh_due
from contacts.models import CalendarEvent, Suppression
from contacts.suggesting import weigh_again
from jobs.models import Batch, BatchItem
from jobs.tracking import Use, after_undo, before_undo, keep_while, track

EVENT = "contacts.calendarevent"
IS_BLIND = "t.kind = 'phone' AND t.value ~ '^[A-P]{64}$'"
OF_OTHERS = "x.batch_id IS DISTINCT FROM t.batch_id"
TAG_NAME = (
    "coalesce((SELECT x.name FROM contacts_tag x WHERE x.user_id = t.user_id AND x.id = t.tag_id), 'a tag')"
)
NO_SUBJECT = "coalesce(nullif(t.subject, ''), '(no subject)')"
NUMBER = f"CASE WHEN {IS_BLIND} THEN 'a phone number' ELSE t.value END"
NOTE = "CASE WHEN t.private THEN 'a private note' ELSE left(t.text, 60) END"
INVITED = "coalesce(nullif(t.name, ''), 'somebody invited')"
# What Google has cancelled of a series is a row, so that the series leaves it out, and nothing that anybody would count.
IS_AN_ENTRY = "NOT (t.status = 'cancelled' AND t.google_id <> '')"
NO_TITLE = "coalesce(nullif(t.title, ''), '(no title)')"


def register() -> None:
    """Parents first: rows can be put back in this order and removed in reverse."""
    track("contacts.Company", name="t.name", plural="companies")
    track("contacts.Tag", name="t.name", plural="tags")
    track("contacts.OwnAddress", name="t.value", plural="own addresses")
    track("contacts.Suggestion", name="t.key", plural="suggestions", derived=("score", "evidence"))
    track(
        "contacts.Contact",
        name="t.display_name",
        plural="people",
        derived=("last_interaction_at", "score"),
        renewed={"slug": "t.slug || '-' || left(md5(t.id::text), 6)"},
    )
    track("contacts.ContactSlug", name="t.slug", plural="links")
    track("contacts.ContactIdentity", name=NUMBER, plural="addresses", part_of="contact")
    track("contacts.ContactTag", name=TAG_NAME, plural="tags on people", part_of="contact")
    track("contacts.Interaction", name=NO_SUBJECT, plural="interactions", derived=("thread_key",))
    track("contacts.Participant", name="t.role", plural="participants")
    track("contacts.CalendarEvent", name=NO_TITLE, plural="events", derived=("due_at",), counted=IS_AN_ENTRY)
    track("contacts.EventAttendee", name=INVITED, plural="invitations", part_of="event")
    track("contacts.Note", name=NOTE, plural="notes", part_of="contact")
    track("contacts.Task", name="t.title", plural="tasks")
    keep_while(
        "contacts.Company",
        Use(
            "somebody works there",
            refers("contacts_contact", "company_id"),
            of("contacts_contact", "company_id"),
        ),
    )
    keep_while(
        "contacts.Tag",
        Use(
            "it is on somebody", refers("contacts_contacttag", "tag_id"), of("contacts_contacttag", "tag_id")
        ),
    )
    keep_while(
        "contacts.Contact",
        Use(
            "it has a note",
            refers("contacts_note", "contact_id", OF_OTHERS),
            of("contacts_note", "contact_id", OF_OTHERS),
        ),
        Use(
            "it has a task",
            refers("contacts_task", "contact_id", OF_OTHERS),
            of("contacts_task", "contact_id", OF_OTHERS),
        ),
        Use(
            "it has a tag of yours",
            refers("contacts_contacttag", "contact_id", OF_OTHERS),
            of("contacts_contacttag", "contact_id", OF_OTHERS),
        ),
        Use("other e-mails or meetings are with them", HAS_HISTORY, heir=HISTORY_HEIR),
    )
    keep_while(
        "contacts.ContactIdentity",
        Use(
            "other e-mails or meetings name it",
            refers("contacts_participant", "identity_id"),
            heir=IDENTITY_HEIR,
        ),
        Use(
            "other calendar entries invite it",
            refers("contacts_eventattendee", "identity_id"),
            heir=of("contacts_eventattendee", "identity_id"),
        ),
    )
    keep_while("contacts.Participant", Use("", INVITED_TO_IT))
    keep_while(
        "contacts.Suggestion", Use("", IS_NAMED, heir=f"(SELECT i.batch_id {NAMING} ORDER BY 1 LIMIT 1)")
    )
    before_undo["contacts"] = remember_contacts
    before_undo["suggestions"] = remember_suggestions
    before_undo["suppressions"] = lift_suppressions
    after_undo["contacts"] = refresh_remembered
    after_undo["calendar"] = refresh_restored_events
    after_undo["suggestions"] = weigh_remembered


# The entry that a meeting is of: the occurrence that was changed, or else the whole series.
INVITED_TO_IT = """
EXISTS (
    SELECT 1 FROM contacts_interaction i
    JOIN contacts_calendarevent e ON e.user_id = i.user_id AND left(e.ical_uid, 200) = substr(i.thread_key, 6)
    JOIN contacts_eventattendee a ON a.user_id = e.user_id AND a.event_id = e.id AND a.identity_id = t.identity_id
    WHERE i.user_id = t.user_id AND i.id = t.interaction_id AND e.status <> 'cancelled' AND a.kind = ''
      AND CASE t.role WHEN 'organizer' THEN a.is_organizer
          ELSE a.response <> 'declined' AND (a.response <> '' OR NOT a.is_organizer) END
      AND e.recurrence_id = coalesce((
          SELECT o.recurrence_id FROM contacts_calendarevent o
          WHERE o.user_id = e.user_id AND o.ical_uid = e.ical_uid AND o.recurrence_id <> ''
            AND i.source_key = i.thread_key || ':' || o.recurrence_id), ''))
"""


def refers(table: str, column: str, condition: str = "true") -> str:
    return (
        f"EXISTS (SELECT 1 FROM {table} x WHERE x.user_id = t.user_id AND x.{column} = t.id AND {condition})"
    )


def of(table: str, column: str, condition: str = "true") -> str:
    """The batch of a row that refers to `t`; none if one of them is the person's own."""
    return (
        f"(SELECT x.batch_id FROM {table} x WHERE x.user_id = t.user_id AND x.{column} = t.id"
        f" AND {condition} ORDER BY x.batch_id NULLS FIRST LIMIT 1)"
    )


MADE_BY = "(SELECT b.kind FROM jobs_batch b WHERE b.user_id = t.user_id AND b.id = t.batch_id)"
HISTORY = """
FROM contacts_contactidentity y JOIN contacts_participant p ON p.user_id = y.user_id AND p.identity_id = y.id
"""
# A file names its people itself, and any history with them is reason enough. Whom mail of an account made a contact,
# what came before did not; and somebody who was accepted by hand goes by hand. Their address leads to nobody by then.
THEIR_ADDRESS = """
y.user_id = t.user_id AND y.kind = 'email' AND y.value = t.primary_email AND coalesce(y.contact_id, t.id) = t.id
"""
HAS_HISTORY = f"""
CASE {MADE_BY}
    WHEN 'accept' THEN false
    WHEN 'file_import' THEN EXISTS (
        SELECT 1 {HISTORY} WHERE y.user_id = t.user_id AND y.contact_id = t.id)
    ELSE EXISTS (
        SELECT 1 {HISTORY} JOIN contacts_interaction i ON i.user_id = p.user_id AND i.id = p.interaction_id
        WHERE {THEIR_ADDRESS} AND i.created_at > t.created_at)
END
"""
NAMING = f"""
{HISTORY} JOIN contacts_interaction i ON i.user_id = p.user_id AND i.id = p.interaction_id
WHERE y.user_id = t.user_id AND y.kind = 'email' AND y.value = t.key
"""
IS_NAMED = f"t.kind = 'contact' AND EXISTS (SELECT 1 {NAMING})"
# The row passes to a batch that made one of the interactions which still need it.
HISTORY_HEIR = (
    "(SELECT i.batch_id FROM contacts_contactidentity y"
    " JOIN contacts_participant p ON p.user_id = y.user_id AND p.identity_id = y.id"
    " JOIN contacts_interaction i ON i.user_id = p.user_id AND i.id = p.interaction_id"
    " WHERE y.user_id = t.user_id AND y.contact_id = t.id ORDER BY i.batch_id LIMIT 1)"
)
IDENTITY_HEIR = (
    "(SELECT i.batch_id FROM contacts_participant p"
    " JOIN contacts_interaction i ON i.user_id = p.user_id AND i.id = p.interaction_id"
    " WHERE p.user_id = t.user_id AND p.identity_id = t.id ORDER BY i.batch_id LIMIT 1)"
)


# Whom it changed or deleted, whose addresses it made, gave or took away, and who takes part in other meetings by it.
TOUCHED_CONTACTS = """
SELECT object_id FROM jobs_batchitem WHERE user_id = %s AND batch_id = %s AND object_type = 'contacts.contact'
UNION SELECT contact_id FROM contacts_contactidentity
    WHERE user_id = %s AND batch_id = %s AND contact_id IS NOT NULL
UNION SELECT (side->>'contact_id')::uuid FROM jobs_batchitem, LATERAL (VALUES (before), (after)) AS sides (side)
    WHERE user_id = %s AND batch_id = %s AND object_type = 'contacts.contactidentity' AND side->>'contact_id' <> ''
UNION SELECT y.contact_id FROM jobs_batchitem i, LATERAL (VALUES (i.before), (i.after)) AS sides (side)
    JOIN contacts_contactidentity y ON y.id = (side->>'identity_id')::uuid
    WHERE i.user_id = %s AND i.batch_id = %s AND i.object_type = 'contacts.participant'
        AND y.user_id = i.user_id AND y.contact_id IS NOT NULL
"""


def remember_contacts(batch: Batch, memory: dict[str, Any]) -> None:
    """Whose derived columns may change, while that can still be told."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"{BATCH_CONTACTS} UNION {TOUCHED_CONTACTS}",
            [batch.user_id, batch.pk] * 5,
        )
        memory["contacts"] = [row[0] for row in cursor.fetchall()]


def lift_suppressions(batch: Batch, memory: dict[str, Any]) -> None:
    """What a deletion keeps away may come again once the deletion is taken back."""
    Suppression.objects.for_user(batch.user_id).filter(batch=batch).delete()


def refresh_remembered(batch: Batch, memory: dict[str, Any]) -> None:
    refresh_contacts(batch.user_id, memory["contacts"])


def refresh_restored_events(batch: Batch, memory: dict[str, Any]) -> None:
    """Entries that are as they were before may be due at another time."""
    items = BatchItem.objects.for_user(batch.user_id).filter(batch=batch, object_type=EVENT)
    events = CalendarEvent.objects.for_user(batch.user_id).filter(pk__in=items.values("object_id"))
    if rows := list(events):
        refresh_due(rows, Whose.mine(batch.user))


WEIGHED = f"""
SELECT t.key FROM contacts_suggestion t WHERE t.user_id = %s AND t.kind = 'contact'
AND (t.batch_id = %s OR EXISTS (SELECT 1 {NAMING} AND i.batch_id = %s))
"""


def remember_suggestions(batch: Batch, memory: dict[str, Any]) -> None:
    """Whose evidence the batch added to."""
    with connection.cursor() as cursor:
        cursor.execute(WEIGHED, [batch.user_id, batch.pk, batch.pk])
        memory["suggestions"] = [key for (key,) in cursor.fetchall()]


def weigh_remembered(batch: Batch, memory: dict[str, Any]) -> None:
    if memory["suggestions"]:
        weigh_again(batch.user, memory["suggestions"])
