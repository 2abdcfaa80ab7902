"""What follows when Google says that a message is gone, and when it is back from the bin.

A raw event that is gone vouches for nothing. An interaction that nothing else vouches for goes with it, and is logged
in the stream's batch of the day: undoing that batch brings it back, and so does Google.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from contacts.derived import refresh_contacts
from contacts.models import Interaction, Participant
from integrations.models import Provenance, RawEvent, SyncStream
from integrations.traces import forget_changes
from jobs import restore
from jobs.changes import log_deleted
from jobs.models import Batch, BatchItem
from jobs.tracking import Tracked, after_undo, tracked
from omnicrm.events import note

PROVENANCE = "integrations.provenance"
KEPT = dt.timedelta(days=30)
"""How long what went is kept, so that it can come back."""
ORPHANS = """
SELECT i.id FROM contacts_interaction i WHERE i.user_id = %s AND i.id = ANY(%s) AND NOT EXISTS (
    SELECT 1 FROM integrations_provenance v WHERE v.user_id = i.user_id AND v.interaction_id = i.id)
"""
PEOPLE = """
SELECT DISTINCT y.contact_id FROM contacts_participant p
JOIN contacts_contactidentity y ON y.user_id = p.user_id AND y.id = p.identity_id
WHERE p.user_id = %s AND p.interaction_id = ANY(%s) AND y.contact_id IS NOT NULL
"""


def register() -> None:
    after_undo["streams"] = vouch_again


def withdraw(batch: Batch, raws: Sequence[RawEvent]) -> None:
    """These vouch for nothing any more; what only they vouched for goes, logged in this batch."""
    rows = Provenance.objects.for_user(batch.user_id).filter(raw_event__in=[raw.pk for raw in raws])
    vouched = dict(rows.values_list("id", "interaction_id"))
    log_deleted(batch, Provenance, list(vouched))
    rows.filter(pk__in=list(vouched)).delete()
    orphans = ids(ORPHANS, batch.user_id, [pk for pk in vouched.values() if pk])
    if orphans:
        remove(batch, orphans)


def remove(batch: Batch, interactions: list[UUID]) -> None:
    people = ids(PEOPLE, batch.user_id, interactions)
    parts = Participant.objects.for_user(batch.user_id).filter(interaction__in=interactions)
    log_deleted(batch, Interaction, interactions)
    log_deleted(batch, Participant, list(parts.values_list("pk", flat=True)))
    parts.delete()
    Interaction.objects.for_user(batch.user_id).filter(pk__in=interactions).delete()
    refresh_contacts(batch.user_id, sorted(people))
    note(batch.user_id, "interaction.removed", on=batch, batch_id=batch.pk, count=len(interactions))


def bring_back(batch: Batch, raws: Sequence[RawEvent]) -> list[RawEvent]:
    """Put back what went when these were thrown away; those that the log cannot bring back."""
    by_id = {str(raw.pk): raw for raw in raws}
    items = BatchItem.objects.for_user(batch.user_id).filter(
        object_type=PROVENANCE, before__raw_event_id__in=list(by_id), after__isnull=True
    )
    items = items.exclude(batch__state=Batch.State.UNDONE)
    for logged_in in {item.batch_id for item in items}:
        of_batch = [item for item in items if item.batch_id == logged_in]
        put_back(Batch.objects.for_user(batch.user_id).get(pk=logged_in), of_batch)
    there = Provenance.objects.for_user(batch.user_id).filter(raw_event__in=[raw.pk for raw in raws])
    found = {str(pk) for pk in there.exclude(interaction=None).values_list("raw_event_id", flat=True)}
    return [raw for pk, raw in by_id.items() if pk not in found]


def put_back(batch: Batch, items: Sequence[BatchItem]) -> None:
    """Interactions with their participants as this batch's log holds them, and what vouched for them."""
    wanted = [item.before["interaction_id"] for item in items if item.before["interaction_id"]]
    parts = BatchItem.objects.for_user(batch.user_id).filter(
        batch=batch, object_type="contacts.participant", before__interaction_id__in=wanted, after__isnull=True
    )
    restore.reinsert(batch, tracked["contacts.interaction"], [UUID(pk) for pk in wanted])
    restore.reinsert(batch, tracked["contacts.participant"], list(parts.values_list("object_id", flat=True)))
    revouch(batch, items)
    refresh_contacts(batch.user_id, sorted(ids(PEOPLE, batch.user_id, [UUID(pk) for pk in wanted])))


def revouch(batch: Batch, items: Sequence[BatchItem]) -> None:
    """What vouched does so again, where what it vouched for is there and its own batch stands."""
    interactions = {item.before["interaction_id"] for item in items} - {None}
    there = Interaction.objects.for_user(batch.user_id).filter(pk__in=interactions)
    found = {str(pk) for pk in there.values_list("pk", flat=True)}
    stand = Batch.objects.for_user(batch.user_id).filter(pk__in={item.before["batch_id"] for item in items})
    standing = {str(pk) for pk in stand.exclude(state=Batch.State.UNDONE).values_list("pk", flat=True)}
    wanted = [
        item.object_id
        for item in items
        if item.before["interaction_id"] in found and item.before["batch_id"] in standing
    ]
    restore.reinsert(batch, Tracked(PROVENANCE, name="t.id::text"), wanted)


def let_go(stream: SyncStream, now: dt.datetime) -> None:
    """What went long ago is kept no longer, neither as it came nor in the log. From the bin it is fetched again."""
    gone = RawEvent.objects.for_user(stream.user_id).filter(
        source=stream.source,
        remote__in=[RawEvent.Remote.TRASH, RawEvent.Remote.DELETED],
        remote_at__lt=now - KEPT,
    )
    raws = list(gone.exclude(payload=None).values_list("pk", flat=True))
    items = BatchItem.objects.for_user(stream.user_id).filter(after__isnull=True)
    vouched = list(items.filter(object_type=PROVENANCE, before__raw_event_id__in=[str(pk) for pk in raws]))
    letters = [item.before["interaction_id"] for item in vouched if item.before["interaction_id"]]
    parts = items.filter(object_type="contacts.participant", before__interaction_id__in=letters)
    logged = {item.object_id for item in vouched} | {UUID(pk) for pk in letters}
    forget_changes(logged | set(parts.values_list("object_id", flat=True)), [])
    gone.filter(pk__in=raws).update(payload=None)


def vouch_again(batch: Batch, memory: dict[str, Any]) -> None:
    """The undo of a batch that withdrew something: what came back is vouched for as before."""
    items = BatchItem.objects.for_user(batch.user_id).filter(
        batch=batch, object_type=PROVENANCE, after__isnull=True
    )
    if found := list(items):
        revouch(batch, found)


def ids(statement: str, user_id: UUID, among: Sequence[UUID]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [user_id, list(among)])
        return [pk for (pk,) in cursor.fetchall()]
