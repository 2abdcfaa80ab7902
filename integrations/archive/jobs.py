"""The browser's doors to archives: jobs that make one to be downloaded, forget it in time, and bring one in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from io import BufferedReader
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models.functions import Now
from django.utils import timezone

from integrations.archive import bringing
from integrations.archive.reading import BadArchive, Reading
from integrations.archive.writing import Archive
from integrations.models import Export
from integrations.plan import store
from jobs.models import Job
from jobs.queue import GiveUp, enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.models import User
from omnicrm.pieces import PieceReader

# --- out


def start_export(user: User) -> Job:
    """Ask for an export; where one waits already, that one. In the caller's transaction."""
    return enqueue("export", user, queue=Job.Queue.INTERACTIVE, dedupe_key="export", mutex_key="export")


def place_of(context: JobContext) -> str:
    """One name a job, so that a second attempt replaces the first."""
    return f"exports/{context.user_id}/{context.job.pk}.zip"


def make(context: JobContext) -> Archive:
    """Write the whole zip into the storage, outside of the job's transaction: it may take minutes."""
    with acting_as(context.user_id):
        archive = Archive(User.objects.get(pk=context.user_id), context.tell)
    name = place_of(context)
    default_storage.delete(name)
    try:
        default_storage.save(name, File(BufferedReader(PieceReader(archive.pieces())), name))
    except BaseException:
        default_storage.delete(name)
        raise
    return archive


def leave_nothing(context: JobContext, code: str, reason: str) -> None:
    default_storage.delete(place_of(context))


@handles("export", queue="interactive", prepare=make, unfinished=leave_nothing)
def export(context: JobContext) -> None:
    """Now it can be downloaded, for a while."""
    archive: Archive = context.prepared
    made = Export(
        user_id=context.user_id,
        stored_as=place_of(context),
        size=archive.size,
        content_hash=archive.content_hash,
        expires_at=timezone.now() + timedelta(hours=settings.EXPORT_HOURS),
    )
    made.save(force_insert=True)
    rows = sum(archive.rows.values())
    note(context.user_id, "export.made", on=made, rows=rows, content_hash=archive.content_hash)
    enqueue("purge", context.user_id, run_at=made.expires_at)
    context.progress(f"Wrote {rows:,} rows")


def forget(export: Export) -> None:
    """Delete an export, in the caller's transaction."""
    Export.objects.for_user(export.user_id).filter(pk=export.pk).delete()
    transaction.on_commit(partial(default_storage.delete, export.stored_as))


@handles("purge", queue="bulk")
def purge(context: JobContext) -> None:
    """Forget the exports whose time is over."""
    for expired in Export.objects.for_user(context.user_id).filter(expires_at__lte=Now()):
        forget(expired)


# --- in


def start_bringing_in(user: User, uploaded: File[Any]) -> Job:
    """Store an archive and bring it in by a job. Raises BadArchive for an account that is not empty, Refused where
    there is no room. Opens its own transactions."""
    with acting_as(user.pk):
        bringing.refuse_unless_empty(user)
    number = uuid4()
    stored_as = store(uploaded, upload_of(user.pk, number))
    try:
        with acting_as(user.pk):
            return enqueue(
                "bring_in", user, queue=Job.Queue.INTERACTIVE, mutex_key="bring_in", upload=str(number)
            )
    except BaseException:
        default_storage.delete(stored_as)
        raise


def upload_of(user_id: UUID, number: UUID | str) -> str:
    return f"uploads/{user_id}/{UUID(str(number)).hex}.zip"


@contextmanager
def reading(context: JobContext) -> Iterator[Reading]:
    """The archive that a job is about; what is wrong with it ends the job."""
    try:
        with default_storage.open(upload_of(context.user_id, context.payload["upload"])) as stream:
            yield Reading(stream, context.tell)
    except FileNotFoundError as error:
        raise GiveUp("file_gone", "The file is no longer there. Choose it again.") from error
    except BadArchive as bad:
        raise GiveUp("bad_archive", str(bad)) from bad


def check(context: JobContext) -> None:
    """Read all of the archive once, and compare it with what it says of itself."""
    with reading(context) as archive:
        archive.check()


def forget_upload(context: JobContext, code: str = "", reason: str = "") -> None:
    stored_as = upload_of(context.user_id, context.payload["upload"])
    transaction.on_commit(partial(default_storage.delete, stored_as))


@handles("bring_in", queue="interactive", prepare=check, unfinished=forget_upload, durable=True)
def bring_in(context: JobContext) -> None:
    """All of it, in this one transaction."""
    user = User.objects.get(pk=context.user_id)
    with reading(context) as archive:
        brought = bringing.write(user, archive)
    forget_upload(context)
    context.progress(f"Brought in {sum(brought.rows.values()):,} rows")
