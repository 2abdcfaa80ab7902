"""The list of suggested people as its address describes it: search, filters, order and page."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import Q
from django.db.models.fields.json import KT
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime
from django.utils.http import urlencode

from contacts.listing import COUNTED, Chip, ids
from contacts.models import Interaction, Suggestion
from contacts.shared_addresses import is_free_mail
from contacts.suggesting import names_of, open_suggestions
from omnicrm.http import clean_text, page_number
from omnicrm.models import User

PAGE = 25
SORTS = {"": "Most in touch", "last": "Latest first", "name": "Address, A to Z"}
ORDERS: dict[str, list[Any]] = {"": ["-score", "key"], "last": ["-last", "key"], "name": ["key"]}
WITH = {"mail": "E-mails only", "meetings": "With meetings"}
COUNTED_AS = {
    "received": ("e-mail from them", "e-mails from them"),
    "sent": ("e-mail to them", "e-mails to them"),
    "met": ("meeting", "meetings"),
    "invited": ("invitation from them", "invitations from them"),
}
"""What evidence counts, one and many."""
WITH_MEETINGS = Q(evidence__met__gt=0) | Q(evidence__invited__gt=0)


@dataclass
class Proposed:
    """One suggestion as the page shows it: what they would be called, and what it rests on."""

    row: Suggestion
    name: str
    domain: str
    """Empty for one at which anybody can have an address: it cannot be ignored as a whole."""
    interactions: list[Interaction] = field(default_factory=list)

    @property
    def initials(self) -> str:
        words = [word for word in self.name.split() if word[:1].isalnum()]
        return "".join(word[0] for word in (words[:1] + words[1:][-1:])).upper() or "?"

    @property
    def counts(self) -> list[str]:
        """ "7 e-mails from them", "1 meeting"."""
        numbers = ((self.row.evidence.get(name, 0), one, many) for name, (one, many) in COUNTED_AS.items())
        return [f"{n:,} {one if n == 1 else many}" for n, one, many in numbers if n]

    @property
    def first(self) -> Any:
        return parse_datetime(self.row.evidence.get("first", ""))

    @property
    def last(self) -> Any:
        return parse_datetime(self.row.evidence.get("last", ""))


@dataclass
class SuggestedList:
    user: User
    words: str = ""
    domain: str = ""
    having: str = ""
    sort: str = ""
    number: int = 1

    @property
    def is_filtered(self) -> bool:
        return bool(self.words or self.domain or self.having)

    def address(self, **changes: str) -> str:
        """The query string of this list with these parameters changed; its first page unless they say otherwise."""
        state = {"q": self.words, "domain": self.domain, "with": self.having, "sort": self.sort}
        return "?" + urlencode({name: value for name, value in (state | changes).items() if value})

    @property
    def here(self) -> str:
        return self.address(page=str(self.number) if self.number > 1 else "")

    def chips(self) -> list[Chip]:
        """The filters that are on, each with the way to be rid of it."""
        on = [
            (f"“{self.words}”" if self.words else "", "q"),
            (f"At {self.domain}" if self.domain else "", "domain"),
            (WITH.get(self.having, ""), "with"),
        ]
        return [Chip(words, self.address(**{name: ""})) for words, name in on if words]

    @cached_property
    def matching(self) -> Any:
        rows: Any = open_suggestions(self.user)
        if self.words:
            rows = rows.filter(key__contains=self.words.lower())
        if self.domain:
            rows = rows.filter(domain=self.domain)
        if self.having:
            rows = rows.filter(WITH_MEETINGS if self.having == "meetings" else ~WITH_MEETINGS)
        return rows

    @cached_property
    def count(self) -> int:
        """How many match, up to one more than COUNTED."""
        return int(self.matching[: COUNTED + 1].count())

    @cached_property
    def found(self) -> list[Suggestion]:
        """Those of this page, and one more if there is another page."""
        rows = self.matching.annotate(last=KT("evidence__last")).order_by(*ORDERS[self.sort])
        return list(rows[(self.number - 1) * PAGE : self.number * PAGE + 1])

    @property
    def has_next(self) -> bool:
        return len(self.found) > PAGE

    @cached_property
    def rows(self) -> list[Proposed]:
        rows = self.found[:PAGE]
        if not rows:
            return []
        names = names_of(self.user.pk, [row.key for row in rows])
        named = [pk for row in rows for pk in ids(row.evidence.get("interactions", []))]
        history = Interaction.objects.for_user(self.user).defer("text", "visible_text").in_bulk(named)
        return list(proposed(rows, names, history))


def proposed(
    rows: list[Suggestion], names: dict[str, str], history: dict[UUID, Interaction]
) -> Iterator[Proposed]:
    for row in rows:
        named = ids(row.evidence.get("interactions", []))
        domain = row.key.rpartition("@")[2]
        shown = "" if is_free_mail(domain) else domain
        yield Proposed(row, names[row.key], shown, [history[pk] for pk in named if pk in history])


def read_suggested(request: HttpRequest, user: User) -> SuggestedList:
    """The list that the address asks for; what makes no sense there is left out."""
    ask = request.GET
    having, sort = ask.get("with", ""), ask.get("sort", "")
    return SuggestedList(
        user=user,
        words=clean_text(ask.get("q", "")),
        domain=clean_text(ask.get("domain", "")).lower(),
        having=having if having in WITH else "",
        sort=sort if sort in SORTS else "",
        number=page_number(request),
    )
