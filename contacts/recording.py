"""Write what a source told us, once: the same interaction recorded again changes nothing.

Works on many drafts at a time, because a mailbox has a hundred thousand of them. Rows are written in one order
everywhere (by value), so that two workers that meet wait for each other instead of deadlocking.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from contacts.drafts import InteractionDraft, Mention
from contacts.models import ContactIdentity, Interaction, Participant
from jobs.models import Batch

CHUNK = 500


@dataclass(frozen=True, slots=True)
class Recorded:
    """What became of a draft: the interaction that holds it now, and whether this call created it."""

    interaction_id: UUID
    created: bool


def record(batch: Batch, drafts: Sequence[InteractionDraft]) -> list[Recorded]:
    """Record these interactions in the caller's transaction; one answer a draft, in order."""
    user_id = batch.user_id
    mine = {draft.source_key: interaction_row(batch, draft) for draft in drafts}
    known = interaction_ids(user_id, mine)
    fresh = [mine[key] for key in sorted(mine.keys() - known.keys())]
    Interaction.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)
    ids = known | interaction_ids(user_id, {row.source_key for row in fresh})
    created = {row.source_key for row in fresh if ids[row.source_key] == row.pk}
    new = {draft.source_key: draft for draft in drafts if draft.source_key in created}
    write_participants(batch, [(ids[key], draft) for key, draft in new.items()])
    return [Recorded(ids[draft.source_key], draft.source_key in created) for draft in drafts]


def interaction_row(batch: Batch, draft: InteractionDraft) -> Interaction:
    return Interaction(
        user_id=batch.user_id,
        batch=batch,
        kind=draft.kind,
        direction=draft.direction,
        occurred_at=draft.occurred_at,
        subject=draft.subject,
        text=draft.text,
        visible_text=draft.visible_text,
        bulk=draft.bulk,
        thread_key=draft.thread_key[:255],
        source=draft.source,
        source_key=draft.source_key,
    )


def interaction_ids(user_id: UUID, keys: Iterable[str]) -> dict[str, UUID]:
    rows = Interaction.objects.for_user(user_id).filter(source_key__in=list(keys))
    return dict(rows.values_list("source_key", "id"))


def write_participants(batch: Batch, recorded: Sequence[tuple[UUID, InteractionDraft]]) -> list[Participant]:
    names = {m.email: m.name for _, draft in recorded for m in draft.mentions}
    identity_ids = email_identities(batch, names)
    rows = [
        Participant(
            user_id=batch.user_id,
            interaction_id=interaction_id,
            identity_id=identity_ids[mention.email],
            role=mention.role,
            name=mention.name[:200],
            kind=draft.kind,
            occurred_at=draft.occurred_at,
        )
        for interaction_id, draft in recorded
        for mention in once_per_role(draft.mentions)
    ]
    return Participant.unscoped.bulk_create(rows, batch_size=CHUNK)


def once_per_role(mentions: Iterable[Mention]) -> list[Mention]:
    """Somebody named twice in one header took part once."""
    return list({(m.email, m.role): m for m in mentions}.values())


def email_identities(batch: Batch, names: dict[str, str]) -> dict[str, UUID]:
    """The identity of each address; missing ones are made, leading to nobody yet."""
    emails = ContactIdentity.objects.for_user(batch.user_id).filter(kind=ContactIdentity.Kind.EMAIL)
    found = dict(emails.filter(value__in=list(names)).values_list("value", "id"))
    fresh = [
        ContactIdentity(
            user_id=batch.user_id, batch=batch, kind="email", value=value, display=names[value][:254]
        )
        for value in sorted(names.keys() - found.keys())
    ]
    if fresh:
        ContactIdentity.unscoped.bulk_create(fresh, ignore_conflicts=True, batch_size=CHUNK)
        # Another worker may have been first: ask again instead of trusting our own ids.
        found |= dict(emails.filter(value__in=[row.value for row in fresh]).values_list("value", "id"))
    return found
