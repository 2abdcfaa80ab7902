"""The end of an account: everything that belongs to a user goes, wherever it is kept, and nothing brings it back.

First the account is shut and its jobs go, so that whoever works for it can commit nothing more. Then its rows go, some
at a time. At last the user goes, and Postgres takes along what is left of theirs and refuses whatever comes too late.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from uuid import UUID

import structlog
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session
from django.core.files.storage import default_storage
from django.db import connection, models, transaction

from jobs.models import Job
from jobs.periodic import every
from jobs.queue import Again, enqueue, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as, as_role
from omnicrm.models import Erasure, EventLink, User
from omnicrm.owned import OwnedModel

CHUNK = 20_000
FOLDERS = ("uploads", "exports")
"""Of the storage; in each, every user has a folder that is called as their id."""

log = structlog.get_logger(__name__)


@transaction.atomic
def leave(user: User) -> Job:
    """Shut this account now, and ask for everything in it to be erased, by a job. There is no way back."""
    shut(user.pk)
    return enqueue(
        "erase", user, queue=Job.Queue.INTERACTIVE, priority=Job.Priority.URGENT, idempotency_key="erase"
    )


@handles("erase", queue="interactive", durable=True)
def erase_job(context: JobContext) -> Again | None:
    """Some rows at a time. This job is itself a row of the user, so the user goes when its end is committed."""
    if table := erase_some(context.user_id, but=context.job.pk):
        context.progress("Erasing")
        return Again({"table": table})
    transaction.on_commit(partial(remove, context.user_id))
    return None


def erase(user: User) -> None:
    """Erase this account here and now, for a command."""
    with acting_as(user.pk):
        shut(user.pk)
    finish(user.pk)


def finish(user_id: UUID) -> None:
    more = True
    while more:
        with acting_as(user_id):
            more = bool(erase_some(user_id))
    remove(user_id)


def shut(user_id: UUID) -> None:
    """Nobody can sign in any more, and nobody is."""
    user = User.objects.get(pk=user_id)
    User.objects.filter(pk=user_id).update(is_active=False)
    for session in Session.objects.iterator(1000):
        if is_of(session, user):
            session.delete()


def is_of(session: Session, user: User) -> bool:
    """Whether somebody is signed in there as this user, or is about to."""
    said = str(session.get_decoded())
    return repr(str(user.pk)) in said or repr(user.email) in said


def erase_some(user_id: UUID, but: UUID | None = None) -> str:
    """Erase rows of one table that has some left; its name, or nothing after the last. `but`: a job that stays."""
    for table in tables():
        kept = "AND id <> %(but)s" if table == Job._meta.db_table else ""
        with connection.cursor() as cursor:
            cursor.execute(
                f"DELETE FROM {table} WHERE id IN"
                f" (SELECT id FROM {table} WHERE user_id = %(user)s {kept} LIMIT {CHUNK})",
                {"user": user_id, "but": but or UUID(int=0)},
            )
            if cursor.rowcount:
                return table
    return ""


def tables() -> list[str]:
    """Tables of owned rows: jobs first, then each before those that it points at. Histories that only grow are not
    ours to empty: Postgres does when what they are about goes."""
    found = [Job._meta.db_table, *reversed([model._meta.db_table for model in by_reference()])]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM unnest(%s::text[]) WITH ORDINALITY t (name, place)"
            " WHERE has_table_privilege(name, 'DELETE') ORDER BY place",
            [list(dict.fromkeys(found))],
        )
        return [name for (name,) in cursor.fetchall()]


def by_reference() -> list[type[OwnedModel]]:
    """The owned models, each after those that it points at."""
    ordered: dict[type[OwnedModel], None] = {}

    def visit(model: type[models.Model]) -> Iterator[None]:
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model not in (model, *ordered):
                yield from visit(field.related_model)
        if issubclass(model, OwnedModel):
            ordered[model] = None

    for model in apps.get_models():
        if issubclass(model, OwnedModel):
            list(visit(model))
    return list(ordered)


def remove(user_id: UUID) -> None:
    """The user, and with them all that is left; what remains is that there was an account, and how long its record."""
    with acting_as(user_id):
        user = User.objects.select_for_update().filter(pk=user_id).first()
        if user is None:
            return
        links = EventLink.objects.for_user(user_id)
        head = links.order_by("-seq").first()
        Erasure(account=user_id, events=head.seq if head else 0, head=head.hash if head else b"").save(
            force_insert=True
        )
        # What operators noted about the account calls it by its address.
        LogEntry.objects.filter(object_id=str(user_id)).update(
            object_repr="an erased account", change_message=""
        )
        user.delete()
    forget_files(user_id)
    log.info("account.erased", account=str(user_id))


def forget_files(user_id: UUID) -> None:
    for folder in FOLDERS:
        empty(f"{folder}/{user_id}")


def empty(folder: str) -> None:
    folders, names = default_storage.listdir(folder) if default_storage.exists(folder) else ([], [])
    for inner in folders:
        empty(f"{folder}/{inner}")
    for name in names:
        default_storage.delete(f"{folder}/{name}")
    default_storage.delete(folder)


@every(timedelta(hours=1), "finish erasures")
def finish_erasures() -> int:
    """Accounts whose erasure was cut short, and files that outlived their account; how many."""
    with as_role("dispatch"):
        ended = Job.unscoped.filter(kind="erase", state__in=[Job.State.SUCCEEDED, Job.State.DEAD])
        unfinished = set(ended.values_list("user_id", flat=True))
    for user_id in unfinished:
        finish(user_id)
    left = {owner for folder in FOLDERS for owner in owners_of(folder)}
    gone = left - set(User.objects.filter(pk__in=left).values_list("pk", flat=True))
    for user_id in gone:
        forget_files(user_id)
    return len(unfinished | gone)


def owners_of(folder: str) -> Iterator[UUID]:
    names = default_storage.listdir(folder)[0] if default_storage.exists(folder) else []
    return (UUID(name) for name in names if is_id(name))


def is_id(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return True
