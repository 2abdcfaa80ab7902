"""Finding whatever somebody has by the words in it: people, and what was written, met, called and noted.

People are found by parts of words (contacts.search); the rest by how its words begin, the newest first, as far as
`contacts_words` reads it. Private notes are sealed, and never found.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models.functions import Left
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from contacts.models import Contact, Interaction, Note
from contacts.models.people import initials
from contacts.quoting import own_words
from contacts.search import folded
from contacts.timeline import Position
from contacts.whom import page_of, parts_in, said_by
from omnicrm.models import User

PAGE, FEW_PEOPLE, LAST_PAGE = 20, 5, 50
READ = 10_000
"""Characters of a message that are searched."""
BEFORE, SHOWN = 70, 240
"""Characters of it that are shown, and how many of them before the first word that was looked for."""

KINDS = {
    "": "Everything",
    "people": "People",
    "email": "E-mail",
    "meeting": "Meetings",
    "call": "Calls",
    "note": "Notes",
}
"""What one may look among, by its name in the address."""
SAID = [*Interaction.Kind.values]
RUN = re.compile(r"\w+")


@dataclass(frozen=True)
class Hit:
    """One thing that was found. `address` is where it stands; empty where it is with nobody who is a contact."""

    type: str
    id: UUID
    title: str
    snippet: str
    words: tuple[str, ...]
    at: dt.datetime | None = None
    who: str = ""
    address: str = ""
    is_sent: bool = False

    @property
    def initials(self) -> str:
        return initials(self.title)

    @property
    def score(self) -> float:
        """1.0 where all words stand in the title; the fewer of them do, the nearer to 0.5."""
        title = folded(self.title)
        in_title = sum(word in title for word in self.words)
        return round(0.5 + 0.5 * in_title / len(self.words), 3) if self.words else 0.5

    @property
    def marked_title(self) -> SafeString:
        return marked(self.title, self.words)

    @property
    def marked_snippet(self) -> SafeString:
        return marked(self.snippet, self.words)


@dataclass(frozen=True)
class Chip:
    """One kind to look among: its name, the query that looks there, and whether this page does."""

    words: str
    address: str
    is_on: bool


@dataclass
class Found:
    """One page of what was found of a kind, or of everything; `people` come before the rest."""

    user: User
    text: str
    kind: str = ""
    number: int = 1
    size: int = PAGE
    few: int = FEW_PEOPLE
    people: list[Hit] = field(default_factory=list)
    said: list[Hit] = field(default_factory=list)
    more_people: bool = False
    has_next: bool = False

    @cached_property
    def words(self) -> tuple[str, ...]:
        return tuple(RUN.findall(folded(self.text)))

    @property
    def hits(self) -> list[Hit]:
        return [*self.people, *self.said]

    # --- addresses of the page, as queries

    @property
    def heading(self) -> str:
        return KINDS[self.kind]

    @property
    def chips(self) -> list[Chip]:
        return [Chip(name, self.address(kind=kind), kind == self.kind) for kind, name in KINDS.items()]

    @property
    def next_address(self) -> str:
        return self.address(kind=self.kind, page=self.number + 1)

    @property
    def previous_address(self) -> str:
        return self.address(kind=self.kind, page=self.number - 1)

    @property
    def first_address(self) -> str:
        return self.address(kind=self.kind)

    @property
    def everything_address(self) -> str:
        return self.address()

    def address(self, **state: Any) -> str:
        usual = {"kind": "", "page": 1}
        said = {name: value for name, value in state.items() if value != usual[name]}
        return "?" + urlencode({"q": self.text} | said)

    # --- what is found

    def look(self) -> Found:
        if not self.text:
            return self
        if self.kind == "people" or (not self.kind and self.number == 1):
            self.look_for_people()
        if self.kind != "people":
            self.look_at_what_was_said()
        return self

    def look_for_people(self) -> None:
        size = self.size if self.kind else self.few
        start = (self.number - 1) * size
        rows = Contact.objects.for_user(self.user).matching(self.text).select_related("company")
        found = list(rows.order_by("sort_name", "id")[start : start + size + 1])
        self.people = [person(contact, self.words) for contact in found[:size]]
        self.more_people = len(found) > size
        self.has_next = bool(self.kind) and self.more_people and self.number < LAST_PAGE

    def look_at_what_was_said(self) -> None:
        kinds = [self.kind] if self.kind else SAID
        start = (self.number - 1) * self.size
        rows = said(self.text, kinds, start + self.size + 1)[start:]
        self.has_next = len(rows) > self.size and self.number < LAST_PAGE
        shown = rows[: self.size]
        hits = {
            **interactions(self.user, [id for id, is_note in shown if not is_note], self.words),
            **notes(self.user, [id for id, is_note in shown if is_note], self.words),
        }
        self.said = [hits[id] for id, _ in shown if id in hits]


def find(user: User, text: str, *, kind: str = "", number: int = 1) -> Found:
    """What this user has that says all of these words, a page of it; with `kind`, of one kind alone (see KINDS)."""
    return Found(user, text, kind, min(number, LAST_PAGE)).look()


def best(user: User, text: str, most: int) -> list[Hit]:
    """Of everything, those first whose titles say the words; among equals people come first, then the newest."""
    found = Found(user, text, size=most, few=most).look()
    return sorted(found.hits, key=lambda hit: -hit.score)[:most]


def said(text: str, kinds: Sequence[str], most: int) -> list[tuple[UUID, bool]]:
    """The newest that say this, of whoever is asking: ids, and whether each is a note."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, is_note FROM contacts_said(%s, %s, %s)", [text, list(kinds), most])
        return list(cursor.fetchall())


def person(contact: Contact, words: tuple[str, ...]) -> Hit:
    facts = [contact.job_title, str(contact.company or ""), contact.primary_email]
    return Hit(
        type="contact",
        id=contact.pk,
        title=str(contact),
        snippet=" · ".join(filter(None, facts)),
        words=words,
        at=contact.last_interaction_at,
        address=contact.get_absolute_url(),
    )


def interactions(user: User, ids: Sequence[UUID], words: tuple[str, ...]) -> dict[UUID, Hit]:
    rows = Interaction.objects.for_user(user).filter(pk__in=ids).defer("text", "visible_text")
    parts = parts_in(user.pk, ids) if ids else {}
    found = {}
    for row in rows.annotate(said=Left("visible_text", READ)):
        slug = page_of(parts.get(row.pk, []))
        found[row.pk] = Hit(
            type=row.kind,
            id=row.pk,
            title=str(row),
            snippet=around(own_words(row.said), words),
            words=words,
            at=row.occurred_at,
            who=said_by(parts.get(row.pk, [])),
            address=reverse("contacts:message", args=[slug, row.pk]) if slug else "",
            is_sent=row.direction == Interaction.Direction.SENT,
        )
    return found


def notes(user: User, ids: Sequence[UUID], words: tuple[str, ...]) -> dict[UUID, Hit]:
    rows = Note.objects.for_user(user).filter(pk__in=ids).select_related("contact")
    return {
        row.pk: Hit(
            type="note",
            id=row.pk,
            title=f"Note on {row.contact}",
            snippet=around(" ".join(row.text.split()), words),
            words=words,
            at=row.created_at,
            address=place_of(row),
        )
        for row in rows
    }


def place_of(note: Note) -> str:
    """In the history of its contact, at the top of the page."""
    just_after = Position(note.created_at + dt.timedelta(microseconds=1), note.pk)
    before = str(just_after).replace("+", "%2B")
    return f"{note.contact.get_absolute_url()}?kind=note&before={before}#note-{note.pk}"


# --- the words in a text


def is_one_of(run: str, words: Sequence[str]) -> bool:
    said = folded(run)
    return any(said.startswith(word) for word in words)


def around(text: str, words: Sequence[str]) -> str:
    """So much of a text as is shown, around the first of the words."""
    first = next((run.start() for run in RUN.finditer(text) if is_one_of(run[0], words)), 0)
    start = text.rfind(" ", 0, first - BEFORE) + 1 if first > BEFORE + 30 else 0
    cut = text[start : start + SHOWN]
    return f"{'… ' if start else ''}{cut}{' …' if start + SHOWN < len(text) else ''}"


def marked(text: str, words: Sequence[str]) -> SafeString:
    """A text for a page, with what begins with one of the words marked."""
    return format_html_join("", "{}", ((piece,) for piece in pieces(text, words)))


def pieces(text: str, words: Sequence[str]) -> Iterator[str]:
    end = 0
    for run in RUN.finditer(text):
        if is_one_of(run[0], words):
            yield text[end : run.start()]
            yield format_html("<mark>{}</mark>", run[0])
            end = run.end()
    yield text[end:]
