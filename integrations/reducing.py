"""Holding less: the text, or the subject too, of messages of which less is to be kept goes for good.

Nothing of it can be put back here. It is at Google still, and can be fetched again once more is to be kept.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db import connection

from integrations.models import GoogleAccount, Provenance, RawEvent
from integrations.preferences import Keep, Preferences
from jobs.models import Job
from jobs.queue import GONE, Again, GiveUp, enqueue, handles
from jobs.runner import JobContext
from omnicrm.events import note

PAGE = 500
COUNTED = 10_000
"""How far messages are counted: beyond this the page says "more than"."""

# Messages of which this account alone is the source, and which say anything. Others have their words, too.
HELD = """
SELECT i.id, i.thread_key, i.text <> '' OR bool_or(r.payload IS NOT NULL), i.subject <> ''
FROM integrations_rawevent r
JOIN integrations_provenance v ON v.user_id = r.user_id AND v.raw_event_id = r.id
JOIN contacts_interaction i ON i.user_id = v.user_id AND i.id = v.interaction_id
WHERE r.user_id = %(user)s AND r.source = %(source)s AND i.id > %(after)s
  AND (%(thread)s = '' OR i.thread_key = %(thread)s)
  AND (i.text <> '' OR i.subject <> '' OR r.payload IS NOT NULL)
  AND NOT EXISTS (
      SELECT 1 FROM integrations_provenance o
      JOIN integrations_rawevent x ON x.user_id = o.user_id AND x.id = o.raw_event_id AND x.source <> r.source
      WHERE o.user_id = i.user_id AND o.interaction_id = i.id)
GROUP BY i.user_id, i.id ORDER BY i.id LIMIT %(limit)s
"""
NONE = UUID(int=0)
Row = tuple[UUID, str, bool, bool]


def held(account: GoogleAccount, *, limit: int, thread: str = "", after: UUID = NONE) -> list[Row]:
    """(interaction, thread, has a text, has a subject) of the account's messages, in order."""
    values: dict[str, Any] = {"user": account.user_id, "source": f"gmail:{account.google_sub}"}
    with connection.cursor() as cursor:
        cursor.execute(HELD, values | {"thread": thread, "after": after, "limit": limit})
        return list(cursor.fetchall())


def is_too_much(row: Row, wanted: Preferences) -> bool:
    """Whether more is held of this message than is to be kept."""
    _, thread, has_text, has_subject = row
    keep = wanted.kept_of(thread)
    return (has_text and keep != Keep.FULL) or (has_subject and keep == Keep.METADATA)


def too_much(account: GoogleAccount, *, thread: str = "") -> int:
    """Of how many messages more is held than is to be kept; of the first COUNTED, and one more if there are more."""
    wanted = Preferences.of(account)
    if wanted.keep == Keep.FULL and not wanted.threads:
        return 0
    return sum(is_too_much(row, wanted) for row in held(account, thread=thread, limit=COUNTED + 1))


def start_reducing(account: GoogleAccount, *, thread: str = "") -> Job:
    return enqueue(
        "reduce_kept",
        account.user_id,
        account=str(account.pk),
        thread=thread,
        mutex_key=f"reduce:{account.pk}",
    )


@handles("reduce_kept", queue="bulk")
def reduce_kept(context: JobContext) -> Again | None:
    """Take away a page of what is too much. Doing it again changes nothing."""
    rows = GoogleAccount.objects.for_user(context.user_id)
    account = rows.filter(pk=context.payload["account"]).first()
    if account is None:
        raise GiveUp("not_found", GONE)
    after = UUID(context.checkpoint["after"]) if "after" in context.checkpoint else NONE
    page = held(account, limit=PAGE, thread=context.payload.get("thread", ""), after=after)
    if not page:
        return None
    done = context.checkpoint.get("done", 0) + forget_words(account, page)
    context.progress(f"Took the words of {done:,} messages away")
    if len(page) == PAGE:
        return Again({"after": str(page[-1][0]), "done": done})
    note(account.user_id, "account.reduced", on=account, messages=done)
    return None


def forget_words(account: GoogleAccount, page: list[Row]) -> int:
    """Of those of these messages that say too much, leave what is to be kept; how many they were."""
    wanted = Preferences.of(account)
    rows = {row[0]: row[1] for row in page if is_too_much(row, wanted)}
    bare = [pk for pk, thread in rows.items() if wanted.kept_of(thread) == Keep.METADATA]
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_interaction SET text = '', visible_text = '', updated_at = now(),"
            " subject = CASE WHEN id = ANY(%(bare)s) THEN '' ELSE subject END"
            " WHERE user_id = %(user)s AND id = ANY(%(ids)s)",
            {"user": account.user_id, "ids": list(rows), "bare": bare},
        )
    told = Provenance.objects.for_user(account.user_id).filter(interaction__in=list(rows))
    RawEvent.objects.for_user(account.user_id).filter(pk__in=told.values("raw_event")).update(payload=None)
    return len(rows)
