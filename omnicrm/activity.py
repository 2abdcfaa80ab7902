"""What was done with a person's data: when, by whom and to what, from the events; and whether the record is whole."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from contacts.models import Contact
from contacts.timeline import Position
from jobs.models import Batch
from omnicrm import audit
from omnicrm.http import AuthedRequest
from omnicrm.models import Event, User
from omnicrm.ratelimits import limited
from omnicrm.wording import WHAT, WHERE, WHO, WORDS

LINES, READ = 50, 500
"""Lines of a page, and the events that are read for them: those of one kind and hand in a row are one line."""
NAMED = 5
"""People and changes that a line names."""


@dataclass(frozen=True)
class Line:
    """Events in a row that say the same, newest first, with the people and batches they are about."""

    events: Sequence[Event]
    contacts: list[Contact]
    batches: list[Batch]
    operator: User | None

    @property
    def newest(self) -> Event:
        return self.events[0]

    @property
    def words(self) -> str:
        action = self.newest.action  # of an export that was brought in it may be one we do not know
        said = WORDS.get(action, action).format(where=WHERE.get(self.place, "your data"))
        if self.count > 1:
            said += f" ({intcomma(self.count)})"
        return said

    @property
    def place(self) -> str:
        return str(self.newest.data.get("what") or self.newest.object_type)

    @property
    def count(self) -> int:
        """How many things were done: an event may speak of many."""
        looks = self.newest.actor == Event.Actor.OPERATOR
        return sum(1 if looks else event.data.get("count", 1) for event in self.events)

    @property
    def who(self) -> str:
        if self.operator:
            return f"{self.operator.get_full_name()}, an operator"
        return WHO[Event.Actor(self.newest.actor)]

    @property
    def columns(self) -> str:
        """Which columns an edit changed; their contents are nobody's business here."""
        return ", ".join(name.replace("_", " ") for name in self.newest.data.get("columns", []))

    @property
    def named(self) -> list[Contact]:
        return self.contacts[:NAMED]

    @property
    def unnamed(self) -> int:
        return len(self.contacts) - len(self.named)


class Record:
    """One page of the record, as its address describes it."""

    def __init__(self, request: AuthedRequest) -> None:
        self.user_id = request.user.pk
        self.who = choice(request.GET.get("who", ""), WHO)
        self.what = choice(request.GET.get("what", ""), WHAT)
        self.before = Position.read(request.GET.get("before", ""))
        events = list(self.events()[:READ])
        self.lines = lines(events)[:LINES]
        shown = sum(len(line.events) for line in self.lines)
        self.last = events[shown - 1] if shown and (shown < len(events) or len(events) == READ) else None

    def events(self) -> Any:
        rows = Event.objects.for_user(self.user_id)
        if self.who:
            rows = rows.filter(actor=self.who)
        if self.what:
            rows = rows.filter(action__in=WHAT[self.what].actions)
        if self.before:
            at = self.before.at
            rows = rows.filter(Q(created_at__lt=at) | Q(created_at=at, pk__lt=self.before.id))
        return rows.order_by("-created_at", "-id")

    @property
    def days(self) -> list[tuple[dt.date, list[Line]]]:
        by_day = groupby(self.lines, lambda line: timezone.localdate(line.newest.created_at))
        return [(day, list(rows)) for day, rows in by_day]

    @property
    def older(self) -> str:
        """The address of the next page; empty at the end."""
        return self.address(before=str(Position(self.last.created_at, self.last.pk))) if self.last else ""

    def address(self, **changes: str) -> str:
        state = {"who": self.who, "what": self.what} | changes
        return "?" + urlencode({name: value for name, value in state.items() if value})

    @property
    def hands(self) -> list[tuple[str, str, bool]]:
        """(words, address, whether it is on) of each hand that the record can be narrowed to."""
        everybody = ("Anybody", self.address(who=""), not self.who)
        return [
            everybody,
            *((str(words), self.address(who=name), name == self.who) for name, words in WHO.items()),
        ]

    @property
    def subjects(self) -> list[tuple[str, str, bool]]:
        everything = ("Everything", self.address(what=""), not self.what)
        kinds = [(kind.label, self.address(what=name), name == self.what) for name, kind in WHAT.items()]
        return [everything, *kinds]


def choice(value: str, among: Iterable[str]) -> str:
    return value if value in among else ""


@require_http_methods(["GET", "HEAD", "POST"])
@limited("poll")
def activity(request: AuthedRequest) -> HttpResponse:
    """The newest entries first. A POST checks whether all of them are in their places and unchanged."""
    if request.method == "POST":
        found = audit.check(request.user.pk)
        if not found.faults:
            messages.info(request, "The record was checked, and is whole.")
        return redirect("activity")
    context = {"record": Record(request), "checked": audit.last_check(request.user.pk)}
    return render(request, "activity.html", context)


def lines(events: Sequence[Event]) -> list[Line]:
    """Those that say the same in a row are one line."""
    if not events:
        return []
    user_id = events[0].user_id
    contacts = Contact.objects.for_user(user_id).in_bulk({person_of(event) for event in events} - {None})
    batches = Batch.objects.for_user(user_id).in_bulk({event.batch_id for event in events} - {None})
    operators = User.objects.in_bulk({by for event in events if (by := operator_of(event))})
    people = {str(pk): contact for pk, contact in contacts.items()}
    return [
        Line(
            row,
            known(people, (str(person_of(event)) for event in row)),
            known(batches, (event.batch_id for event in row)),
            operators.get(operator_of(row[0])) if operator_of(row[0]) else None,
        )
        for row in runs(events)
    ]


def runs(events: Sequence[Event]) -> list[list[Event]]:
    found = [[events[0]]]
    for event, following in pairwise(events):
        if sameness(event) == sameness(following):
            found[-1].append(following)
        else:
            found.append([following])
    return found


def sameness(event: Event) -> tuple[object, ...]:
    """What two events have in common that are told in one line."""
    day = timezone.localdate(event.created_at)
    return event.action, event.actor, event.batch_id, day, event.data.get("what"), operator_of(event)


def known(rows: dict[Any, Any], keys: Iterable[Any]) -> list[Any]:
    """Each of these once, as far as it is still there."""
    return [rows[key] for key in dict.fromkeys(keys) if key in rows]


def person_of(event: Event) -> object:
    """The id of the contact that an event is about, itself or through a note or a task."""
    return event.object_id if event.object_type == Contact._meta.label_lower else event.data.get("contact")


def operator_of(event: Event) -> UUID | None:
    """The account of the operator who did it, where it was one in the admin."""
    by = event.data.get("by")
    return UUID(by) if by else None
