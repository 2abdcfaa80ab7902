"""Plan an import: read the whole file, write down what would happen to each thing in it, and change nothing else."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from contacts.models import OwnAddress
from integrations.files import kinds
from integrations.models import SourceFile, SyncStream
from integrations.origins import source_file, stream_of
from integrations.readers import NORMALIZER
from integrations.sources import Me, sources
from integrations.uploading import refusal
from jobs.models import Batch, Job
from jobs.queue import GONE, GiveUp, enqueue
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.models import User

MATCHER = 1
"""Raise it when matching changes: a plan made by another version is stale."""

MAX_WHOLE = 200_000_000
"""Bytes of a calendar, card file or spreadsheet, which are parsed as a whole."""


class Refused(Exception):
    """The file is not taken; the message says why and what to do."""


@dataclass(frozen=True)
class Handed:
    """A file as it was handed over, before any of it is believed."""

    name: str
    size: int
    head: bytes


def start_plan(user: User, uploaded: File[Any], *, options: dict[str, Any] | None = None) -> Batch:
    """Store an upload and plan its import, by a job. Raises Refused. Opens its own transaction."""
    name = shown_name(uploaded.name or "")
    kind = refuse_or_kind(Handed(name, uploaded.size, head_of(uploaded)), (options or {}).get("kind", "auto"))
    stored_as = store(uploaded, f"uploads/{user.pk}/{uuid4().hex}.{kind}")
    try:
        with default_storage.open(stored_as) as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        file = SourceFile(
            user=user, name=name, kind=kind, size=uploaded.size, sha256=digest, stored_as=stored_as
        )
        return plan_file(user, file, options or {})
    except BaseException:
        default_storage.delete(stored_as)
        raise


def store(uploaded: File[Any], name: str) -> str:
    """Keep a copy; what it is called in the storage. Raises Refused when there is no room for it."""
    try:
        return str(default_storage.save(name, uploaded))
    except OSError as error:
        default_storage.delete(name)
        raise Refused(
            f"The file could not be stored ({error.strerror}). Make room on the disk, then try again."
        ) from error


def start_plan_in_place(user: User, path: Path, *, options: dict[str, Any] | None = None) -> Batch:
    """Plan the import of a file that stays where it is, as the commands do. Raises Refused."""
    place = path.resolve()
    try:
        with path.open("rb") as stream:
            if not is_text(str(place)):  # a name that the database cannot keep, so a copy
                return start_plan(user, File(stream, path.name), options=options)
            handed = Handed(shown_name(path.name), path.stat().st_size, stream.read(kinds.HEAD))
            kind = refuse_or_kind(handed, (options or {}).get("kind", "auto"), stored=False)
            stream.seek(0)
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        sentence = f"{shown_name(path.name)} cannot be read: {error.strerror}. Check the name and the rights."
        raise Refused(sentence) from error
    file = SourceFile(
        user=user, name=handed.name, kind=kind, size=handed.size, sha256=digest, path=str(place)
    )
    return plan_file(user, file, options or {})


def shown_name(name: str) -> str:
    """The last part of a file's name, for people to read: without what cannot be stored or turns a line around."""
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = last.encode("utf-8", "replace").decode()
    stem, dot, ending = "".join(char for char in printable if char.isprintable()).rpartition(".")
    return f"{stem[:180]}{dot}{ending[:20]}".strip() or "file"


def is_text(path: str) -> bool:
    """Whether a path is readable text; on Linux it may be any bytes."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def head_of(uploaded: File[Any]) -> bytes:
    uploaded.seek(0)
    head = uploaded.read(kinds.HEAD)
    uploaded.seek(0)
    return bytes(head)


def refuse_or_kind(file: Handed, asked: str, *, stored: bool = True) -> str:
    """The kind to read it as. Raises Refused for what cannot or should not be read."""
    if why := refusal(file.size, file.name, copies=int(stored)):
        raise Refused(why)
    kind = asked if asked in sources else kinds.detect(file.head, file.name)
    if kind not in sources and (why := kinds.refusal(file.head, file.name)):
        raise Refused(f"{file.name}: {why}")
    if kind != "mbox" and file.size > MAX_WHOLE:
        raise Refused(f"{file.name} is larger than {MAX_WHOLE // 1_000_000} MB. Split it into smaller files.")
    return kind


def plan_file(user: User, file: SourceFile, options: dict[str, Any]) -> Batch:
    with acting_as(user.pk):
        batch = Batch(user=user, kind="file_import", title=file.name, options=plan_options(user, options))
        batch.totals = {"kind": file.kind, "size": file.size}
        batch.total_steps = file.size
        batch.save(force_insert=True)
        file.batch = batch
        file.save(force_insert=True)
        note(user.pk, "import.planned", on=batch, batch_id=batch.pk, kind=file.kind, size=file.size)
        enqueue("plan_import", user, batch=batch, queue=Job.Queue.INTERACTIVE, priority=Job.Priority.HIGH)
    return batch


def plan_options(user: User, given: dict[str, Any]) -> dict[str, Any]:
    """The options a plan is bound to. `own` are the addresses taken to be the user's."""
    own = {user.email.lower(), *OwnAddress.objects.for_user(user).values_list("value", flat=True)}
    return {
        "people": given.get("people", "everyone"),
        "include_suppressed": bool(given.get("include_suppressed")),
        "own": sorted(own),
        "as_of": midnight(timezone.now() + dt.timedelta(days=1)).isoformat(),
        "normalizer": NORMALIZER,
        "matcher": MATCHER,
    }


def midnight(moment: dt.datetime) -> dt.datetime:
    """Plans of one day agree: meetings are unrolled until tonight, and undated mail is of tonight."""
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def replan(batch: Batch, **options: Any) -> Batch:
    """The same file planned again, because something has changed or other options are wanted. Raises Refused."""
    file = source_file(batch)
    if not file.path and not (file.stored_as and default_storage.exists(file.stored_as)):
        raise Refused(f"The copy of {file.name} is no longer here. Choose the file again.")
    chosen = {key: batch.options.get(key) for key in ("people", "include_suppressed")} | options
    if file.path:
        return start_plan_in_place(batch.user, Path(file.path), options={**chosen, "kind": file.kind})
    again = SourceFile(
        user=batch.user,
        name=file.name,
        kind=file.kind,
        size=file.size,
        sha256=file.sha256,
        stored_as=file.stored_as,
    )
    with transaction.atomic():
        SourceFile.objects.for_user(batch.user_id).filter(pk=file.pk).update(stored_as="")
        return plan_file(batch.user, again, chosen)


def discard(batch: Batch) -> bool:
    """Throw a plan away, and the stored copy of its file. Whether it was still only a plan."""
    states = (Batch.State.PLANNED, Batch.State.PLANNING, Batch.State.FAILED)
    rows = Batch.objects.for_user(batch.user_id).filter(pk=batch.pk, state__in=states, approved_at=None)
    if not rows.update(state=Batch.State.CANCELLED, finished_at=timezone.now(), updated_at=timezone.now()):
        return False
    forget_plan(batch)
    note(batch.user_id, "import.discarded", on=batch, batch_id=batch.pk)
    return True


def forget_plan(batch: Batch) -> None:
    """A plan that comes to nothing leaves nothing behind: no copy of its file, no stream that waits for it."""
    if batch.kind == "file_import":
        forget_file(source_file(batch))
    elif stream := stream_of(batch):
        rows = SyncStream.objects.for_user(batch.user_id).filter(pk=stream.pk)
        waits = (SyncStream.Phase.PREVIEW, SyncStream.Phase.AWAIT_APPROVAL)
        rows.filter(phase__in=waits).update(phase=SyncStream.Phase.NEW)


def batch_of(context: JobContext) -> Batch:
    """The batch that a job works for. Raises GiveUp when its owner has no such batch."""
    rows, batch_id = Batch.objects.for_user(context.user_id), context.job.batch_id
    batch = rows.filter(pk=batch_id).first() if batch_id else None
    if batch is None:
        raise GiveUp("not_found", GONE)
    return batch


def forget_file(file: SourceFile) -> None:
    """Delete the stored copy, once the change that makes it superfluous is committed."""
    if file.stored_as:
        stored_as = file.stored_as
        SourceFile.objects.for_user(file.user_id).filter(pk=file.pk).update(stored_as="")
        transaction.on_commit(lambda: default_storage.delete(stored_as))


def open_file(file: SourceFile) -> BinaryIO:
    """The file's bytes. Raises Refused when it is gone."""
    try:
        return Path(file.path).open("rb") if file.path else default_storage.open(file.stored_as)  # type: ignore[return-value]
    except OSError as error:
        raise Refused("The file is no longer there. Choose it again.") from error


def look(file: SourceFile) -> list[int]:
    """Which file it is, how large and how old: another answer means another content. Empty when it is gone."""
    try:
        if not file.path:
            kept = bool(file.stored_as) and default_storage.exists(file.stored_as)
            return [default_storage.size(file.stored_as)] if kept else []
        seen = Path(file.path).stat()
    except OSError:
        return []
    return [seen.st_ino, seen.st_size, seen.st_mtime_ns]


def me_of(batch: Batch) -> Me:
    return Me(frozenset(batch.options["own"]), dt.datetime.fromisoformat(batch.options["as_of"]))
