"""What can be said to a view besides its address, and which of it names a row.

Every name that a view looks up in a form or a query string is noted while the owner tries all of them; a name that
nobody has declared here fails the census.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from django.db import models
from django.http import QueryDict

from contacts.models import Company, Contact, Interaction, Suggestion, Tag
from jobs.models import Batch

ROWS: dict[str, type[models.Model]] = {
    "/contacts/?after": Contact,
    "/contacts/?batch": Batch,
    "/contacts/?before": Contact,
    "/contacts/?company": Company,
    "/contacts/?tag": Tag,
    "/contacts/<slug>/write/?answers": Interaction,
    "/contacts/delete/?contact": Contact,
    "/contacts/export/?after": Contact,
    "/contacts/export/?batch": Batch,
    "/contacts/export/?before": Contact,
    "/contacts/export/?company": Company,
    "/contacts/export/?tag": Tag,
    "/suggestions/accept/?one": Suggestion,
    "/suggestions/accept/?suggestion": Suggestion,
    "/suggestions/ignore/?one": Suggestion,
    "/suggestions/ignore/?suggestion": Suggestion,
}
"""Names whose value is the id of a row, with the address that reads them."""

WORDS = {
    "/activity/?before": "A moment in one's own record.",
    "/contacts/<slug>/?before": "A moment in the history of the contact in the address.",
    "category": "One of the kinds of calendar entries.",
    "day": "A day of the calendar.",
    "declined": "Whether the calendar also shows what was declined.",
    "known": "Whether the calendar shows only what is with contacts.",
    "/connections/<pk>/disconnect/?what": "Whether what an account brought stays.",
    "/connections/google/callback/?code": "What Google gives for the keys, once.",
    "/connections/google/callback/?state": "A number that only the session knows in which somebody left for Google.",
    "/search/gmail/<pk>/import/?message": "A message and its thread as Gmail numbers them; asked for of one's own mailbox.",
    "/search/gmail/<pk>/import/?one": "The same, of one alone.",
    "address": "An e-mail address or a number, as it is typed.",
    "body": "A letter, as it is written.",
    "content_hash": "What the letter in the address must hash to.",
    "everyone": "Whether an answer goes to all who had the letter.",
    "look": "Whether to look at a letter once more after it is saved.",
    "subject": "What a letter is about.",
    "to": "An address of the contact, as it is chosen.",
    "was_sent": "Whether somebody found a letter among the sent ones.",
    "categories_out": "Categories of Gmail.",
    "code": "A code of a second factor.",
    "company": "A company by its name, as it is typed; it is looked up among one's own.",
    "domain": "A domain by its name; those of one's own suggestions are looked at.",
    "creation": "One of the ways to make people.",
    "days": "How far back, one of a few.",
    "done": "Whether a task is to be ticked off.",
    "due_on": "A day.",
    "email": "An e-mail address, as it is typed.",
    "file": "A file that is handed over.",
    "file-clear": "Of the widget that takes the file.",
    "find": "Words to look for in a plan.",
    "include_suppressed": "Whether a plan brings back what was taken back.",
    "internal": "Domains, as they are typed.",
    "job_title": "What somebody is, as it is typed.",
    "keep": "How much is kept of a message.",
    "kind": "One of the kinds of a timeline, or of what is looked for.",
    "labels_out": "Labels of Gmail by their names, as they are typed.",
    "most_attendees": "A number.",
    "name": "What somebody is called, as it is typed.",
    "next": "Where a button stood: home, or the page of a contact.",
    "page": "A number.",
    "people": "One of three ways to take people from a file.",
    "phone": "A number, as it is typed.",
    "plan_hash": "What the plan in the address must hash to.",
    "private": "Whether a note is kept sealed.",
    "q": "Words to search for.",
    "reason": "One of the reasons of a plan.",
    "reduce": "Whether what is held beyond that goes.",
    "retroactive": "Whether what is here goes, too.",
    "sender": "An address or a domain, as it is typed.",
    "show": "One of the tables of a page.",
    "sort": "One of the orders of a list.",
    "stage": "One of the stages of a contact.",
    "tags": "Tags by their names, as they are typed; they are looked up among one's own.",
    "text": "A note.",
    "title": "A task.",
    "was": "One of the states of a batch.",
    "what": "One of the subjects of the record of what was done.",
    "who": "One of the hands that can do something.",
    "with": "E-mails or meetings.",
    "without_address": "Whether somebody is added without an address.",
}
"""Names whose value is no id, and what it is; those that are an id elsewhere with the address that reads them."""


def meaning(route: str, name: str) -> type[models.Model] | str:
    """The model that this name names a row of, for the view at this address, or what it is otherwise."""
    place = f"{route}?{name}"
    # The page of a contact is drawn by all addresses below it.
    below = (
        "/contacts/<slug>/?before" if place.startswith("/contacts/<slug>/") and name == "before" else place
    )
    known = ROWS.get(place) or WORDS.get(below) or WORDS.get(name)
    assert known is not None, (
        f"{place} is new. If its value is the id of a row, say in ROWS of tests/isolation/naming.py of which model; "
        "if not, say in WORDS there what it is."
    )
    return known


ITSELF = ("django.utils.datastructures", "django.http.request")
LOOK_UPS = ("__getitem__", "__contains__", "get", "getlist")


@contextmanager
def names_asked_for() -> Iterator[set[str]]:
    """The names that are looked up in forms and query strings inside."""
    asked: set[str] = set()

    def noting(name: str) -> Any:
        look_up = getattr(QueryDict, name)

        def noted(self: QueryDict, key: str, *args: Any) -> Any:
            if sys._getframe(1).f_globals["__name__"] not in ITSELF:
                asked.add(key)
            return look_up(self, key, *args)

        return noted

    with mock.patch.multiple(QueryDict, **{name: noting(name) for name in LOOK_UPS}):
        yield asked
