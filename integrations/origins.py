"""What the things of a batch come from: a file that was handed over, or a stream of a connected account."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.models import SourceFile, SyncStream
from jobs.models import Batch

PLANNED = ("file_import", "google_import", "google_calendar_import")
"""Kinds of batches that begin as a plan, and list in it what they bring."""


@dataclass(frozen=True)
class Origin:
    """`source` is its name in raw events and suppressions, `kind` says how what it holds is read."""

    source: str
    kind: str


def origin(batch: Batch) -> Origin:
    """Of any batch that was planned from something, or that a stream writes into."""
    if "source" in batch.options:
        return Origin(batch.options["source"], batch.options["reads"])
    file = source_file(batch)
    return Origin(file.source, file.kind)


def source_file(batch: Batch) -> SourceFile:
    return SourceFile.objects.for_user(batch.user_id).get(batch=batch)


def stream_of(batch: Batch) -> SyncStream | None:
    """The stream that a batch belongs to; None where it is of another origin, or of another installation."""
    rows = SyncStream.objects.for_user(batch.user_id).filter(pk=batch.options.get("stream"))
    return rows.select_related("account").first() if "stream" in batch.options else None


def stream_options(stream: SyncStream) -> dict[str, str]:
    """What the options of a batch say of the stream that it belongs to."""
    return {"source": stream.source, "reads": stream.kind, "stream": str(stream.pk)}


def is_still_wanted(batch: Batch) -> bool:
    """A batch that a stream writes into may be taken back at any time; then nothing is added to it any more.

    The lock keeps an undo from beginning before we have committed.
    """
    rows = Batch.objects.for_user(batch.user_id).filter(pk=batch.pk)
    state = rows.select_for_update(no_key=True).values_list("state", flat=True).get()
    return state not in (Batch.State.UNDOING, Batch.State.UNDONE)
