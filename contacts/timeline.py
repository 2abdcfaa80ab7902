"""One page of what happened with a contact: interactions and notes, newest first, by month, threads together.

The cost does not grow with the length of the history: each address gives its newest few by one index
(Participant: user, identity, -occurred_at, -interaction), and only those are joined with what they say.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import Q
from django.db.models.functions import Left, Length
from django.utils import timezone

from contacts.models import Contact, Interaction, Note
from contacts.quoting import own_words
from contacts.whom import parts_in, said_by

READ = 3_000
"""Characters of a message that the timeline reads, to find what is not quoted."""
SHOWN = 600
"""Characters of it that the page gets; the style sheet cuts them to three lines."""
CLIPPED = 180
"""Characters that fit in those lines on a phone."""

KINDS = {"email": "E-mail", "meeting": "Meetings", "call": "Calls", "note": "Notes"}

NEWEST = """
SELECT p.interaction_id, max(p.occurred_at) AS at
FROM contacts_contactidentity y, LATERAL (
    SELECT DISTINCT p.occurred_at, p.interaction_id FROM contacts_participant p
    WHERE p.user_id = y.user_id AND p.identity_id = y.id
      AND (p.occurred_at, p.interaction_id) < (%(at)s, %(id)s) {kind}
    ORDER BY p.occurred_at DESC, p.interaction_id DESC LIMIT %(limit)s
) p
WHERE y.user_id = %(user)s AND y.contact_id = %(contact)s
GROUP BY 1 ORDER BY 2 DESC, 1 DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, order=True)
class Position:
    """A place in a history: everything older than it comes next. Written "2026-01-31T12:00:00+00:00_<id>"."""

    at: dt.datetime
    id: UUID

    def __str__(self) -> str:
        return f"{self.at.isoformat()}_{self.id}"

    @classmethod
    def read(cls, text: str) -> Position | None:
        """What `str()` wrote, or None for anything else."""
        at, _, key = text.partition("_")
        try:
            moment = dt.datetime.fromisoformat(at.replace(" ", "+"))
            return cls(moment, UUID(key)) if moment.tzinfo else None
        except ValueError:
            return None


@dataclass
class Moment:
    """One thing that happened: an interaction, with earlier ones of its thread, or a note."""

    at: dt.datetime
    id: UUID
    interaction: Interaction | None = None
    note: Note | None = None
    who: str = ""
    """Who wrote to whom, or who met, in words."""
    earlier: list[Moment] = field(default_factory=list)
    """Older messages of the same thread on this page, newest first."""

    @cached_property
    def snippet(self) -> str:
        """What the author wrote, on one line, as far as the page shows it; empty if all of it is quoted."""
        return own_words(self.interaction.said)[:SHOWN] if self.interaction else ""  # type: ignore[attr-defined]

    @property
    def has_more(self) -> bool:
        """Whether the message says more than the timeline shows of it: a long text, or something quoted."""
        it = self.interaction
        if it is None:
            return False
        is_cut = len(self.snippet) > CLIPPED or self.snippet != " ".join(it.said.split())  # type: ignore[attr-defined]
        return is_cut or it.whole > it.length + 1  # type: ignore[attr-defined]

    @property
    def position(self) -> Position:
        return Position(self.at, self.id)


@dataclass
class TimelinePage:
    """`groups`: (heading, moments) newest first. `older`: where the next page begins, or None at the end."""

    groups: list[tuple[str, list[Moment]]]
    older: Position | None
    kind: str


def page(
    contact: Contact, *, before: Position | None = None, kind: str = "", limit: int = 50
) -> TimelinePage:
    """What happened with this contact before `before`, of one kind or (empty) all, in at most four queries."""
    start = before or Position(timezone.now() + dt.timedelta(days=3650), UUID(int=2**128 - 1))
    moments = interactions(contact, start, kind, limit + 1)
    if kind in ("", "note"):
        moments += notes(contact, start, limit + 1)
    moments.sort(key=lambda moment: moment.position, reverse=True)
    older = moments[limit - 1].position if len(moments) > limit else None
    threads = list(by_thread(moments[:limit]))
    today = timezone.localdate()
    groups = [(name, list(rows)) for name, rows in groupby(threads, lambda m: heading(m.at, today))]
    return TimelinePage(groups, older, kind)


def interactions(contact: Contact, start: Position, kind: str, limit: int) -> list[Moment]:
    ids = newest_ids(contact, start, kind, limit)
    if not ids:
        return []
    rows = (
        Interaction.objects.for_user(contact.user_id)
        .filter(pk__in=ids)
        .defer("text", "visible_text")
        .annotate(said=Left("visible_text", READ), length=Length("visible_text"), whole=Length("text"))
    )
    parts = parts_in(contact.user_id, ids, contact)
    return [
        Moment(row.occurred_at, row.pk, interaction=row, who=said_by(parts.get(row.pk, []))) for row in rows
    ]


def newest_ids(contact: Contact, start: Position, kind: str, limit: int) -> list[UUID]:
    sql = NEWEST.format(kind="AND p.kind = %(kind)s" if kind else "")
    values: dict[str, Any] = {"user": contact.user_id, "contact": contact.pk, "at": start.at, "id": start.id}
    with connection.cursor() as cursor:
        cursor.execute(sql, values | {"kind": kind, "limit": limit})
        return [row[0] for row in cursor.fetchall()]


def notes(contact: Contact, start: Position, limit: int) -> list[Moment]:
    earlier = Q(created_at__lt=start.at) | Q(created_at=start.at, pk__lt=start.id)
    rows = Note.objects.for_user(contact.user_id).filter(earlier, contact=contact)
    return [Moment(row.created_at, row.pk, note=row) for row in rows.order_by("-created_at", "-pk")[:limit]]


def by_thread(moments: Iterable[Moment]) -> Iterator[Moment]:
    """Each thread stands where its newest message does, and holds the rest of it."""
    heads: dict[str, Moment] = {}
    for moment in moments:
        key = moment.interaction.thread_key if moment.interaction else ""
        if key and key in heads:
            heads[key].earlier.append(moment)
        elif key:
            heads[key] = moment
    members = {id(later) for head in heads.values() for later in head.earlier}
    yield from (moment for moment in moments if id(moment) not in members)


def heading(at: dt.datetime, today: dt.date) -> str:
    """ "Coming up", "This week" (from Monday), else the month."""
    day = timezone.localtime(at).date()
    if day > today:
        return "Coming up"
    return "This week" if day >= today - dt.timedelta(days=today.weekday()) else f"{day:%B %Y}"
