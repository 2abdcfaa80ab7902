"""The calendar as its address describes it: which days, which entries of them, and where one can go from there."""

from __future__ import annotations

import calendar
import datetime as dt
from dataclasses import dataclass, field
from functools import cached_property

from django.http import HttpRequest
from django.utils import timezone
from django.utils.http import urlencode

from contacts.appointments import MOST_LINES, Entry, on_days_of, wanted, with_people
from contacts.models import CalendarEvent
from omnicrm.models import User

SHOWN = {"": "Coming up", "week": "Week", "month": "Month", "past": "Past"}
"""What a page can show, by its name in the address."""
DAYS = 28
"""How many days are shown of what comes up, and of what is past."""
FIRST, LAST = dt.date(1990, 1, 1), dt.date(2150, 1, 1)


@dataclass
class Day:
    date: dt.date
    entries: list[Entry]


@dataclass
class Agenda:
    """One page of the calendar, and what it takes to draw the rest of the page."""

    user: User
    today: dt.date
    show: str = ""
    day: dt.date = dt.date.max
    category: str = ""
    is_known: bool = False
    with_declined: bool = False
    is_cut: bool = False
    """Whether there is more on these days than a page holds."""
    incomplete: list[CalendarEvent] = field(default_factory=list)

    @cached_property
    def span(self) -> tuple[dt.date, dt.date]:
        """The first of its days, and the day after the last."""
        if self.show == "week":
            monday = self.day - dt.timedelta(days=self.day.weekday())
            return monday, monday + dt.timedelta(days=7)
        if self.show == "month":
            return self.day.replace(day=1), following_month(self.day)
        days = dt.timedelta(days=DAYS)
        return (self.day - days, self.day) if self.show == "past" else (self.day, self.day + days)

    @cached_property
    def days(self) -> list[Day]:
        """The days on which something is, in the order of the page."""
        rows = wanted(self.user, self.category, is_known=self.is_known, with_declined=self.with_declined)
        found = on_days_of(self.user, rows, *self.span)
        self.is_cut, self.incomplete = found.is_cut, found.incomplete
        entries = found.entries[-MOST_LINES:] if self.show == "past" else found.entries[:MOST_LINES]
        with_people(self.user, entries)
        by_day: dict[dt.date, list[Entry]] = {}
        for entry in entries:
            by_day.setdefault(entry.day, []).append(entry)
        return [Day(date, by_day[date]) for date in sorted(by_day, reverse=self.show == "past")]

    @property
    def is_filtered(self) -> bool:
        return bool(self.category or self.is_known or self.with_declined)

    @cached_property
    def has_any(self) -> bool:
        """Whether there is any entry at all, on whatever day."""
        return CalendarEvent.objects.for_user(self.user).exists()

    # --- where one can go from here

    def address(self, **changes: str) -> str:
        """The query string of this page with these parameters changed."""
        state = {
            "show": self.show,
            "day": "" if self.day == self.today else self.day.isoformat(),
            "category": self.category,
            "known": "1" if self.is_known else "",
            "declined": "1" if self.with_declined else "",
        }
        return "?" + urlencode({name: value for name, value in (state | changes).items() if value})

    @property
    def shows(self) -> list[tuple[str, str, bool]]:
        """(words, address, whether it is on) of what can be shown. Week and month keep the day, the others begin today."""
        return [
            (
                words,
                self.address(show=name, **({} if name in ("week", "month") else {"day": ""})),
                name == self.show,
            )
            for name, words in SHOWN.items()
        ]

    @property
    def categories(self) -> list[tuple[str, str, bool]]:
        every = [("", "Everything"), *CalendarEvent.Category.choices]
        return [(str(words), self.address(category=name), name == self.category) for name, words in every]

    @property
    def switches(self) -> list[tuple[str, str, bool]]:
        """What can be switched on and off."""
        return [
            ("With people I know", self.address(known="" if self.is_known else "1"), self.is_known),
            (
                "Declined ones too",
                self.address(declined="" if self.with_declined else "1"),
                self.with_declined,
            ),
        ]

    @property
    def unfiltered(self) -> str:
        return self.address(category="", known="", declined="")

    @property
    def earlier(self) -> str:
        """The page before this one; empty at the end of the calendar."""
        first, _ = self.span
        day = first if self.show == "past" else first - dt.timedelta(days=self.stride_back)
        return self.address(day=day.isoformat()) if day >= FIRST else ""

    @property
    def later(self) -> str:
        _, end = self.span
        day = end + dt.timedelta(days=DAYS) if self.show == "past" else end
        return self.address(day=day.isoformat()) if day <= LAST else ""

    @property
    def stride_back(self) -> int:
        """So many days before its first one, the page before begins: with any day of a week or month, it is found."""
        return 1 if self.show in ("week", "month") else DAYS

    @property
    def last(self) -> dt.date:
        return self.span[1] - dt.timedelta(days=1)

    @property
    def zone(self) -> str:
        return str(timezone.get_current_timezone_name())


def following_month(day: dt.date) -> dt.date:
    return day.replace(day=1) + dt.timedelta(days=calendar.monthrange(day.year, day.month)[1])


def read_agenda(request: HttpRequest, user: User) -> Agenda:
    """The calendar that the address asks for; what makes no sense there is left out."""
    ask, today = request.GET, timezone.localdate()
    show, category = ask.get("show", ""), ask.get("category", "")
    return Agenda(
        user=user,
        today=today,
        show=show if show in SHOWN else "",
        day=read_day(ask.get("day", "")) or today,
        category=category if category in CalendarEvent.Category.values else "",
        is_known=ask.get("known") == "1",
        with_declined=ask.get("declined") == "1",
    )


def read_day(text: str) -> dt.date | None:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST <= day <= LAST else None
