"""Which message it is that a stream brought: its Message-ID, as in files, unless another message has it already."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from contacts.drafts import InteractionDraft
from contacts.keeping_away import Unwanted
from contacts.models import Interaction, Participant
from integrations.models import RawEvent
from jobs.models import Batch


def keep_away(batch: Batch, drafts: dict[UUID, Any]) -> None:
    """Take out what comes from senders whom its owner, or whoever runs the server, keeps away."""
    unwanted = Unwanted(batch.user_id)
    written = {pk: author(draft) for pk, draft in drafts.items() if isinstance(draft, InteractionDraft)}
    for pk, email in written.items():
        if why := unwanted.why(email):
            rows = RawEvent.objects.for_user(batch.user_id).filter(pk=pk)
            rows.update(
                verdict=f"skipped:{why}", payload=None, author=email[:254], item_key=drafts[pk].source_key
            )
            del drafts[pk]


def wanted(user_id: UUID, drafts: Sequence[InteractionDraft]) -> list[InteractionDraft]:
    """Without what comes from senders who are kept away."""
    unwanted = Unwanted(user_id)
    return [draft for draft in drafts if not unwanted.why(author(draft))]


def name(batch: Batch, drafts: Mapping[UUID, InteractionDraft]) -> None:
    """Settle the key of each draft, and write it on its raw event, so that each is found by it from then on."""
    tell_apart(batch, drafts)
    rows = RawEvent.objects.for_user(batch.user_id).in_bulk(list(drafts))
    for raw in rows.values():
        raw.item_key, raw.author = drafts[raw.pk].source_key, author(drafts[raw.pk])[:254]
    RawEvent.unscoped.bulk_update(rows.values(), ["item_key", "author"])


def tell_apart(batch: Batch, drafts: Mapping[UUID, InteractionDraft]) -> None:
    """An identifier is only a claim: another author at another time means another message (deciding.OTHER_MESSAGE)."""
    first: dict[str, InteractionDraft] = {}
    held = held_under(batch, {draft.source_key for draft in drafts.values()})
    for draft in drafts.values():
        key, said = draft.source_key, (author(draft), draft.occurred_at)
        known = held.get(key) or said_of(first.setdefault(key, draft))
        if said[0] != known[0] and said[1] != known[1]:
            draft.source_key = apart(draft)


def said_of(draft: InteractionDraft) -> tuple[str, object]:
    return author(draft), draft.occurred_at


def held_under(batch: Batch, keys: set[str]) -> dict[str, tuple[str, object]]:
    """Author and time of what is recorded under these keys."""
    rows = Interaction.objects.for_user(batch.user_id).filter(source_key__in=keys)
    times = {pk: (key, at) for pk, key, at in rows.values_list("id", "source_key", "occurred_at")}
    parts = Participant.objects.for_user(batch.user_id).filter(interaction__in=times, role="from")
    authors = dict(parts.values_list("interaction_id", "identity__value"))
    return {key: (authors[pk], at) for pk, (key, at) in times.items() if pk in authors}


def author(draft: InteractionDraft) -> str:
    return next((m.email for m in draft.mentions if m.role in ("from", "organizer")), "")


def apart(draft: InteractionDraft) -> str:
    """As the plans of files name it."""
    told = f"{author(draft)}|{draft.occurred_at.isoformat()}"
    return f"{draft.source_key[:210]}#{hashlib.sha256(told.encode()).hexdigest()[:16]}"
