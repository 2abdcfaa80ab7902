"""Which batch a calendar's stream writes into: the import that was approved, or that of the day."""

from __future__ import annotations

from collections.abc import Callable, Collection
from uuid import UUID

from integrations.models import SyncStream
from integrations.origins import is_still_wanted
from integrations.streams.standing import live_batch
from jobs import batches
from jobs.models import Batch, PlanItem


def planned(stream: SyncStream, ids: Collection[str]) -> set[str]:
    """Those of these events that stand in the plan whose list this is."""
    if not (batch_id := importing(stream)):
        return set()
    lines = PlanItem.objects.for_user(stream.user_id).filter(batch=UUID(batch_id), external_id__in=list(ids))
    return set(lines.values_list("external_id", flat=True))


def importing(stream: SyncStream) -> str:
    """The id of the import that is under way, or empty."""
    is_listing = stream.phase == SyncStream.Phase.LIST
    return str(stream.listing.get("batch", "")) if is_listing else ""


def batch_of(stream: SyncStream, *, is_planned: bool) -> Callable[[], Batch]:
    """Asked when there is something to write. One that is being taken back is written into no more."""
    if not is_planned:
        return lambda: todays(stream)
    approved = Batch.objects.for_user(stream.user_id).get(pk=importing(stream))
    return lambda: approved if is_still_wanted(approved) else todays(stream)


def todays(stream: SyncStream) -> Batch:
    batch = live_batch(stream)
    return batch if is_still_wanted(batch) else live_batch(stream)


def finish_import(stream: SyncStream) -> None:
    """The list has been read to its end. The caller saves the stream."""
    if batch_id := stream.listing.pop("batch", ""):
        stream.save()
        approved = Batch.objects.for_user(stream.user_id).filter(pk=batch_id).first()
        if approved is not None:
            batches.advance(approved.pk)
