"""The list of people as its address describes it: search, filters, order, and where in the order we are.

Pages are found by the row they start after, not by counting rows, so the thousandth costs what the first does.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.http import urlencode

from contacts.models import Company, Contact, ContactTag, Tag
from jobs.models import Batch
from omnicrm.http import clean_text
from omnicrm.models import User
from omnicrm.personal import is_strict

PAGE = 50
COUNTED = 1_000
COUNTED_BY_WORD = 100
"""How far people, and people who match a search, are counted: beyond this the page says "more than"."""

COLUMNS = {"name": "sort_name", "last": "last_interaction_at", "created": "created_at"}
DEFAULT_SORT = "name"


@dataclass(frozen=True)
class Chip:
    """One filter that is on: its name in words, and the address of the list without it."""

    words: str
    without: str


@dataclass
class PeopleList:
    """One page of the list, and what it takes to draw the rest of the page."""

    user: User
    words: str = ""
    stage: str = ""
    tag: Tag | None = None
    company: Company | None = None
    batch: Batch | None = None
    sort: str = DEFAULT_SORT
    after: Contact | None = None
    before: Contact | None = None
    rows: list[Contact] = field(default_factory=list)
    has_next: bool = False
    has_previous: bool = False

    @property
    def column(self) -> str:
        return COLUMNS[self.sort.lstrip("-")]

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or self.stage or self.tag or self.company or self.batch)

    def address(self, **changes: str) -> str:
        """The query string of this list with these parameters changed; its first page unless they say otherwise."""
        state = {
            "q": self.words,
            "stage": self.stage,
            "tag": str(self.tag.pk) if self.tag else "",
            "company": str(self.company.pk) if self.company else "",
            "batch": str(self.batch.pk) if self.batch else "",
            "sort": "" if self.sort == DEFAULT_SORT else self.sort,
        }
        return "?" + urlencode({name: value for name, value in (state | changes).items() if value})

    def sort_address(self, name: str) -> str:
        """What a click on a column's header leads to: ascending, descending, and back to the usual order."""
        order = [name, f"-{name}", ""] if name != DEFAULT_SORT else ["", f"-{name}"]
        now = "" if self.sort == DEFAULT_SORT else self.sort
        following = order[(order.index(now) + 1) % len(order)] if now in order else order[0]
        return self.address(sort=following)

    @property
    def sort_links(self) -> dict[str, str]:
        return {name: self.sort_address(name) for name in COLUMNS}

    @property
    def sort_state(self) -> dict[str, str]:
        """For each column what `aria-sort` says."""
        way = "descending" if self.sort.startswith("-") else "ascending"
        return {name: way if self.sort.lstrip("-") == name else "none" for name in COLUMNS}

    @property
    def numbers_are_sealed(self) -> bool:
        """Then a search finds whole numbers alone, and the page says so."""
        return is_strict()

    @property
    def is_past_the_end(self) -> bool:
        return not self.rows and bool(self.after or self.before)

    def next_address(self) -> str:
        return self.address(after=str(self.rows[-1].pk))

    def previous_address(self) -> str:
        return self.address(before=str(self.rows[0].pk))

    def chips(self) -> list[Chip]:
        """The filters that are on, each with the way to be rid of it."""
        on = [
            (f"“{self.words}”" if self.words else "", "q"),
            (Contact.Stage(self.stage).label if self.stage else "", "stage"),
            (f"Tag: {self.tag}" if self.tag else "", "tag"),
            (f"Company: {self.company}" if self.company else "", "company"),
            (f"From: {self.batch}" if self.batch else "", "batch"),
        ]
        return [Chip(words, self.address(**{name: ""})) for words, name in on if words]

    @cached_property
    def matching(self) -> QuerySet[Contact]:
        """All who match, in no order."""
        rows: QuerySet[Contact] = Contact.objects.for_user(self.user).matching(self.words)
        if self.stage:
            rows = rows.filter(stage=self.stage)
        if self.company:
            rows = rows.filter(company=self.company)
        if self.batch:
            rows = rows.filter(batch=self.batch)
        if self.tag:
            tagged = ContactTag.objects.for_user(self.user).filter(tag=self.tag)
            rows = rows.filter(pk__in=tagged.values("contact"))
        return rows

    @property
    def counted(self) -> int:
        """How far those who match are counted."""
        return COUNTED_BY_WORD if self.words else COUNTED

    def count(self) -> int:
        """How many match, up to one more than `counted`: further, a search for a common word would look at everybody."""
        return self.matching[: self.counted + 1].count()

    def load(self) -> None:
        """Fetch the page's rows, with one more to know whether there is another page."""
        backwards = self.before is not None
        start = self.before or self.after
        descending = self.sort.startswith("-") != backwards
        rows = self.matching.select_related("company").prefetch_related("contact_tags__tag")
        if start is not None:
            rows = rows.filter(beyond(start, self.column, descending))
        found = list(rows.order_by(*ordering(self.column, descending))[: PAGE + 1])
        more = len(found) > PAGE
        self.rows = found[:PAGE][::-1] if backwards else found[:PAGE]
        self.has_next = more if not backwards else True
        self.has_previous = more if backwards else start is not None


def ordering(column: str, descending: bool) -> list[Any]:
    """Nobody-met-yet goes last when the newest come first, and first when the longest ago do. As the indexes have it."""
    if column != "last_interaction_at":  # never NULL, and an index is only used in the very order it has
        return [f"-{column}", "-id"] if descending else [column, "id"]
    if descending:
        return [F(column).desc(nulls_last=True), F("id").desc()]
    return [F(column).asc(nulls_first=True), F("id").asc()]


def beyond(start: Contact, column: str, descending: bool) -> Q:
    """The rows that come after `start` in this order."""
    value = getattr(start, column)
    than = "lt" if descending else "gt"
    same = Q(**{column: value}) if value is not None else Q(**{f"{column}__isnull": True})
    tied = same & Q(**{f"id__{than}": start.pk})
    if value is None:
        return tied if descending else tied | Q(**{f"{column}__isnull": False})
    later = Q(**{f"{column}__{than}": value}) | tied
    return (
        later | Q(**{f"{column}__isnull": True}) if descending and column == "last_interaction_at" else later
    )


def read_list(request: HttpRequest, user: User) -> PeopleList:
    """The list that the address asks for; what makes no sense there is left out."""
    ask = request.GET
    stage, sort = ask.get("stage", ""), ask.get("sort", "")
    people = PeopleList(
        user=user,
        words=clean_text(ask.get("q", "")),
        stage=stage if stage in Contact.Stage.values else "",
        tag=row_of(Tag.objects.for_user(user), ask.get("tag", "")),
        company=row_of(Company.objects.for_user(user), ask.get("company", "")),
        batch=row_of(Batch.objects.for_user(user), ask.get("batch", "")),
        sort=sort if sort.removeprefix("-") in COLUMNS and not sort.startswith("--") else DEFAULT_SORT,
        after=row_of(Contact.objects.for_user(user), ask.get("after", "")),
        before=row_of(Contact.objects.for_user(user), ask.get("before", "")),
    )
    people.load()
    return people


def row_of(rows: Any, key: str) -> Any:
    """The row with this id, or None when there is none or it is no id."""
    return rows.filter(pk__in=ids([key])).first() if key else None


def ids(texts: Iterable[str]) -> list[UUID]:
    """Those of the texts that are ids, each once."""
    found: dict[UUID, None] = {}
    for text in texts:
        with suppress(ValueError):
            found[UUID(text)] = None
    return list(found)
