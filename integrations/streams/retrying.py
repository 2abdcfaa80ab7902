"""Try once more what was put aside: from then on it counts as still to be fetched, as if it had never been tried."""

from __future__ import annotations

from collections import Counter

from django.db.models import Q, QuerySet

from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.streams.ticking import come_back
from jobs import batches
from jobs.models import Batch

WANTED = (Batch.State.RUNNING, Batch.State.DONE)


def parked_of(stream: SyncStream) -> QuerySet[SyncWork]:
    """What can be tried again. What an import brought that was taken back since is not wanted any more."""
    rows = SyncWork.objects.for_user(stream.user_id).filter(stream=stream, state=SyncWork.State.PARKED)
    return rows.filter(Q(batch=None) | Q(batch__state__in=WANTED))


def retry_parked(stream: SyncStream) -> int:
    """Fetch it once more, soon. Returns how much; nothing the second time. The caller has locked the stream."""
    found = list(parked_of(stream).select_related("batch"))
    if not found:
        return 0
    rows = SyncWork.objects.for_user(stream.user_id).filter(pk__in=[one.pk for one in found])
    rows.update(state=SyncWork.State.TODO, attempts=0, not_before=None, last_error="")
    forget_failures(stream, [one.external_id for one in found])
    count_undone(found)
    come_back(stream)
    return len(found)


def count_undone(found: list[SyncWork]) -> None:
    """In an import that is under way each was counted as done when it was put aside, and will be again."""
    running = [one for one in found if one.batch and one.batch.state == Batch.State.RUNNING]
    for batch_id, number in sorted(Counter(one.batch_id for one in running if one.batch_id).items()):
        batches.step(batch_id, -number)


def forget_failures(stream: SyncStream, ids: list[str]) -> None:
    """The lines that say it failed, which hold nothing else; the next try writes its own."""
    rows = RawEvent.objects.for_user(stream.user_id).filter(source=stream.source, external_id__in=ids)
    rows.filter(verdict__startswith="failed:", payload=None, remote=RawEvent.Remote.LIVE).delete()
