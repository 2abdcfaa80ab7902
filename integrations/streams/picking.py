"""Import exactly these messages of a mailbox, whatever its rules say: a plan like any other, of ids that somebody chose.

The ids may never have been listed. What they are is seen when the plan looks at them: what lies in the bin or under spam,
is gone, or comes from somebody who is kept away stays out, and the plan says why.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from integrations.models import RawEvent, SyncStream
from integrations.plan import Refused
from integrations.streams.previewing import start_preview
from integrations.streams.steps import FOLLOWED
from jobs.models import Batch, PlanItem
from omnicrm.models import User

PICKED = ("skipped:category:", "skipped:label:")
"""Verdicts that somebody may overrule for a single message. What is spam or in the bin is taken out of there first."""
ENDED = ("skipped:undone", "skipped:cancelled", "skipped:failed")
"""Verdicts of what an earlier import left behind: whoever chooses such a message wants it again."""
MOST = 50
"""Messages of one choice: as many as a plan looks at."""
NAMED = re.compile(r"([0-9A-Za-z]{1,64})-([0-9A-Za-z]{1,64})")
"""How a page names a message and its thread."""


def start_picked(user: User, stream: SyncStream, ids: Mapping[str, str]) -> Batch:
    """Plan the import of these ids, each with its thread. Raises Refused. In the caller's transaction."""
    if stream.phase not in FOLLOWED:
        raise Refused("Follow this mailbox first: look at what it would bring, then approve.")
    batch = start_preview(user, stream, include_suppressed=True)
    batch.title = f"{len(ids):,} chosen from {batch.title}" if len(ids) > 1 else f"One from {batch.title}"
    batch.options |= {"picked": True, "filter": {"after": stream.listing.get("after", "")}}
    batch.save(update_fields=["title", "options", "updated_at"])
    lines = [
        PlanItem(
            user_id=user.pk,
            batch=batch,
            seq=seq,
            kind="email",
            external_id=id,
            outcome=PlanItem.Outcome.CREATE,
            data={"thread": thread},
        )
        for seq, (id, thread) in enumerate(ids.items(), start=1)
    ]
    PlanItem.unscoped.bulk_create(lines, batch_size=500)
    return batch


def pick_again(batch: Batch, stream: SyncStream) -> Batch:
    """The same messages, planned once more. Raises Refused."""
    lines = PlanItem.objects.for_user(batch.user_id).filter(batch=batch).order_by("seq")
    return start_picked(batch.user, stream, {line.external_id: line.data["thread"] for line in lines})


def read_choice(texts: Iterable[str]) -> dict[str, str]:
    """The messages that a form names, each with its thread; what is no name is passed over."""
    found = (NAMED.fullmatch(text) for text in texts)
    return dict([(name[1], name[2]) for name in found if name][:MOST])


def may_be_chosen(raw: RawEvent) -> bool:
    """Whether a message that is at Google can be imported in spite of this verdict."""
    return raw.verdict.startswith(PICKED) or raw.verdict in ENDED


def can_be_picked(raw: RawEvent) -> bool:
    return raw.remote == RawEvent.Remote.LIVE and raw.verdict.startswith(PICKED)


def stream_of_raw(raw: RawEvent) -> SyncStream | None:
    """The mailbox that it was left out of, where that is connected."""
    rows = SyncStream.objects.for_user(raw.user_id).filter(kind=SyncStream.Kind.GMAIL)
    return next((one for one in rows.select_related("account") if one.source == raw.source), None)
