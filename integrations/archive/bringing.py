"""Bringing an archive into an empty account: all of it in one transaction, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import IO

from django.db import DatabaseError, connection, transaction

from contacts.derived import refresh_contacts
from contacts.models import Contact
from integrations.archive import tables
from integrations.archive.portable import Ids
from integrations.archive.reading import BadArchive, Reading
from integrations.models import OutboxMessage
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.models import User

CHUNK, CHUNK_BYTES = 500, 8_000_000
STOPPED = "It was not finished when the archive was made."
PERHAPS_SENT = (
    "This comes from an archive, and may have been sent after it was made."
    " Look in Gmail under Sent, then say here what you found."
)
ONGOING = (Batch.State.PLANNING, Batch.State.APPROVED, Batch.State.RUNNING, Batch.State.UNDOING)

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Brought:
    """What came in."""

    rows: dict[str, int]
    content_hash: str


def bring_in(user: User, stream: IO[bytes], tell: Tell = lambda words: None) -> Brought:
    """All that the archive holds becomes this user's. Raises BadArchive, and then nothing has been written."""
    reading = Reading(stream, tell)
    with acting_as(user.pk):
        refuse_unless_empty(user)
    reading.check()
    with acting_as(user.pk):
        return write(user, reading)


def refuse_unless_empty(user: User) -> None:
    """In the caller's transaction, which has the account to itself from then on."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [str(user.pk)])
    if any(table.count(user.pk) for table in tables.tables() if table.label != tables.RECORD):
        raise BadArchive(
            "This account has data already, and an archive goes into an empty one only."
            " Make another account for it, or import its mail.mbox and contacts.vcf instead."
        )


def write(user: User, reading: Reading) -> Brought:
    """In the caller's transaction: the rows, and what follows from them."""
    refuse_unless_empty(user)
    ids, rows = Ids(user.pk), dict[str, int]()
    for table in tables.tables():
        rows[table.label] = write_table(table, ids, reading, sum(rows.values()))
    contacts = list(Contact.objects.for_user(user).values_list("pk", flat=True))
    reading.tell("Preparing the search")
    refresh_contacts(user.pk, contacts)
    note(user.pk, "export.brought_in", rows=sum(rows.values()), content_hash=reading.content_hash)
    return Brought(rows, reading.content_hash)


def write_table(table: tables.Table, ids: Ids, reading: Reading, before: int) -> int:
    written, lines = 0, reading.lines(table)
    try:
        while rows := [table.row(ids, line) for line in portion(lines)]:
            with transaction.atomic():
                table.insert([RESTING.get(table.label, as_it_is)(row) for row in rows])
            written += len(rows)
            reading.tell(f"Brought in {before + written:,} of {reading.rows:,} rows")
    except (tables.BadRow, DatabaseError) as error:
        raise BadArchive(
            f"{table.name} in this archive does not fit this OmniCRM ({why(error)})."
            " Bring it in with the OmniCRM that made it."
        ) from error
    return written


def why(error: Exception) -> str:
    """What was wrong with a row, without what it holds."""
    return str(error) if isinstance(error, tables.BadRow) else type(error).__name__


def portion(lines: Iterator[bytes]) -> list[bytes]:
    """The next lines, as many as are written at once: not too many, and not too much."""
    taken: list[bytes] = []
    size = 0
    for line in islice(lines, CHUNK):
        taken.append(line)
        size += len(line)
        if size > CHUNK_BYTES:
            break
    return taken


def as_it_is(row: tables.Row) -> tables.Row:
    return row


def stopped(row: tables.Row) -> tables.Row:
    """A change that was at work: here nobody works on it."""
    return row | {"state": Batch.State.CANCELLED, "error": STOPPED} if row["state"] in ONGOING else row


def asked_about(row: tables.Row) -> tables.Row:
    """A letter that was about to be sent: elsewhere it may have been, so here it never goes by itself."""
    if row["state"] not in OutboxMessage.ON_ITS_WAY:
        return row
    return row | {"state": OutboxMessage.State.UNKNOWN, "step": "", "problem": PERHAPS_SENT}


RESTING = {"jobs.Batch": stopped, "integrations.OutboxMessage": asked_about}
"""What a row becomes where nothing of it may be at work."""
