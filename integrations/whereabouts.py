"""What became of whatever goes by a Message-ID, an id of Google's or an address: in files, and in what streams named."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

from integrations.answers import ON_ITS_WAY, PUT_ASIDE, answer_of
from integrations.batch_page import Line, answered
from integrations.ledger import lines_about, named_by_streams, said_of
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.streams.picking import can_be_picked
from integrations.streams.retrying import parked_of
from integrations.streams.steps import FOLLOWED
from jobs.models import Batch


def whereabouts(user_id: UUID, wanted: str) -> list[Line]:
    """Plans first, then what streams hold beyond them, then what they are still to fetch."""
    lines = lines_about(user_id, wanted)
    raws, work = named_by_streams(user_id, wanted)
    planned = {(line.batch_id, line.external_id) for line in lines}
    beyond = [raw for raw in raws if (raw.batch_id, raw.external_id) not in planned]
    named = {raw.external_id for raw in raws} | {line.external_id for line in lines}
    batches = Batch.objects.for_user(user_id).in_bulk([raw.batch_id for raw in beyond if raw.batch_id])
    answers = zip(lines, answered(user_id, lines), strict=True)
    offers = {raw.external_id: offer(raw) for raw in raws}
    again = retries(user_id, named | {one.external_id for one in work})
    return [
        *(
            replace(
                told, bring_in=offers.get(item.external_id, ""), try_again=again.get(item.external_id, "")
            )
            for item, told in answers
        ),
        *(
            replace(held(raw, batches.get(raw.batch_id)), try_again=again.get(raw.external_id, ""))
            for raw in beyond
        ),
        *(
            replace(waiting(one), try_again=again.get(one.external_id, ""))
            for one in work
            if one.external_id not in named
        ),
    ]


def retries(user_id: UUID, ids: set[str]) -> dict[str, str]:
    """Of what was put aside and can be tried again, the account with which it is."""
    streams = SyncStream.objects.for_user(user_id).filter(
        work__external_id__in=ids, work__state=SyncWork.State.PARKED, phase__in=FOLLOWED
    )
    return {
        one.external_id: str(stream.account_id)
        for stream in streams.select_related("account").distinct()
        if stream.account.is_connected
        for one in parked_of(stream).filter(external_id__in=ids)
    }


def held(raw: RawEvent, batch: Batch | None) -> Line:
    what = f"Mail from {raw.author}" if raw.author else f"Message {raw.external_id}"
    told = answer_of(said_of(raw), raw.reason)
    where = place(raw.source)
    return Line(
        what, raw.author, raw.occurred_at, answer=told, batch=batch, source=where, bring_in=offer(raw)
    )


def offer(raw: RawEvent) -> str:
    return str(raw.pk) if can_be_picked(raw) else ""


def waiting(work: SyncWork) -> Line:
    told = PUT_ASIDE if work.state == SyncWork.State.PARKED else ON_ITS_WAY
    return Line(f"Message {work.external_id}", "", answer=told, source=str(work.stream))


def place(source: str) -> str:
    """What a source is called where there is no change to name."""
    return {"gmail": "Gmail", "gcal": "Google Calendar"}.get(source.partition(":")[0], source)
