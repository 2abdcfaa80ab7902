"""What the page of a batch shows: its sentence, its numbers, and the lines of its plan."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from contacts.models import Contact, ContactIdentity
from integrations import reasons
from integrations.answers import Answer, answer
from integrations.headline import headline
from integrations.ledger import verdicts_of
from integrations.origins import PLANNED
from jobs.models import Batch, Job, PlanItem
from omnicrm.http import AuthedRequest, clean_text, page_number

PAGE = 50
SHOWS: dict[str, dict[str, Any]] = {
    "people": {"kind": "person", "outcome": "create"},
    "update": {"outcome": "update"},
    "messages": {"outcome": "create", "kind__in": ["email", "meeting", "event"]},
    "skip": {"outcome": "skip"},
    "fail": {"outcome": "fail"},
}
"""The tables of a plan by their name in the address, and the lines they hold."""
THINGS = {"ics": "Meetings", "calendar": "Calendar entries"}
SEARCHED = ("external_id", "data__subject", "data__from", "data__name", "data__email")
EARLY = dt.timedelta(seconds=5)
"""Before this nobody can tell how long something will take."""


@dataclass(frozen=True)
class Line:
    """One line of a plan as a table shows it."""

    what: str
    who: str
    at: dt.datetime | dt.date | None = None
    more: str = ""
    answer: Answer | None = None
    contact: Contact | None = None
    batch: Batch | None = None
    source: str = ""
    """Where it is, if it is in no batch."""
    bring_in: str = ""
    """The id of what was left out, where it can be brought in by itself."""
    try_again: str = ""
    """The id of the account whose failed messages can be tried again, where this is one of them."""


def line(item: PlanItem, **more: Any) -> Line:
    """From whatever the plan knows of this person, message or damaged entry."""
    data = item.data
    unnamed = "Erased" if "erased" in data else "(no subject)"
    if "thread" in data and "looked" not in data:  # of a mailbox, where a plan looks into a few letters only
        unnamed = f"Message {item.external_id}"
    what = data.get("name") or data.get("subject") or data.get("problem") or unnamed
    said = ""
    if item.outcome == PlanItem.Outcome.UPDATE:
        said = ", ".join(data.get("adds", []))
    elif count := data.get("count"):
        said = f"{count:,} times" if count != 1 else "once"
    return Line(what, data.get("from") or data.get("email", ""), moment(data.get("date", "")), said, **more)


def moment(text: str) -> dt.datetime | dt.date | None:
    """The day, or time, that a plan wrote down; None when there is none that can be read."""
    with suppress(ValueError):
        return dt.date.fromisoformat(text)
    with suppress(ValueError):
        at = dt.datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return None


class BatchPage:
    """Each part is fetched when it is drawn."""

    def __init__(self, request: AuthedRequest, batch: Batch) -> None:
        self.batch, self.user = batch, request.user
        self.headline = headline(batch)
        self.totals = batch.totals
        self.number = page_number(request)
        self.find = clean_text(request.GET.get("find", ""))
        self.reason = request.GET.get("reason", "")[:60]
        self.asked = request.GET.get("show", "")

    @cached_property
    def show(self) -> str:
        """Which table is open: the one asked for, else the first that has lines; none while something is looked for."""
        if self.find:
            return ""
        first = next((tab["name"] for tab in self.tabs if tab["count"]), "people")
        return self.asked if self.asked in SHOWS else first

    @cached_property
    def tabs(self) -> list[dict[str, Any]]:
        counts = {
            "people": self.totals.get("create", 0),
            "update": self.totals.get("update", 0),
            "messages": self.totals.get("interactions", 0) + self.totals.get("events", 0),
            "skip": self.totals.get("skip", 0),
            "fail": self.totals.get("fail", 0),
        }
        names = {
            "people": "New people",
            "update": "People to add to",
            "messages": THINGS.get(self.totals.get("kind", ""), "E-mails"),
            "skip": "Left out",
            "fail": "Cannot be read",
        }
        return [{"name": name, "label": names[name], "count": counts[name]} for name in SHOWS]

    @property
    def reasons(self) -> list[dict[str, Any]]:
        """Why lines are left out, or cannot be read, with how many there are of each."""
        return reasons.counted(self.totals.get("reasons", {}))

    @property
    def adds_nothing(self) -> bool:
        return not any(self.totals.get(name) for name in ("create", "update", "interactions", "events"))

    @cached_property
    def found(self) -> list[PlanItem]:
        """The lines of this page of the open table, and one more if there is another page."""
        rows = self.looked_for() if self.find else self.listed()
        looked_into = F("data__looked").desc(nulls_last=True)  # first: of the others only the number is known
        rows = rows.order_by(looked_into, "seq") if self.is_of_account else rows.order_by("seq")
        return list(rows[(self.number - 1) * PAGE : self.number * PAGE + 1])

    def listed(self) -> QuerySet[PlanItem]:
        rows = PlanItem.objects.for_user(self.user).filter(batch=self.batch, **SHOWS[self.show])
        return rows.filter(reason=self.reason) if self.reason else rows

    def looked_for(self) -> QuerySet[PlanItem]:
        words = self.find.strip("<>")
        mentions = Q()
        for name in SEARCHED:
            mentions |= Q(**{f"{name}__icontains": words})
        return PlanItem.objects.for_user(self.user).filter(mentions, batch=self.batch).select_related("batch")

    @property
    def lines(self) -> list[Line]:
        items = self.found[:PAGE]
        if self.find or self.show in ("skip", "fail"):
            return answered(self.user.pk, items)
        if self.show == "messages":
            return [line(item) for item in items]
        known = self.known(items)
        return [line(item, contact=known.get(first_address(item))) for item in items]

    def known(self, items: Iterable[PlanItem]) -> dict[str, Contact]:
        """Those of the people in these lines who have a page by now, by their address."""
        addresses = {first_address(item) for item in items}
        rows = ContactIdentity.objects.for_user(self.user).filter(kind="email", value__in=addresses)
        return {row.value: row.contact for row in rows.select_related("contact") if row.contact}

    @property
    def has_next(self) -> bool:
        return len(self.found) > PAGE

    @cached_property
    def job(self) -> Job | None:
        """The job that is or was at work on this batch last."""
        return Job.objects.for_user(self.user).filter(batch=self.batch).order_by("-created_at").first()

    @property
    def is_measured(self) -> bool:
        """Whether it is known how much there is to do."""
        return bool(self.batch.total_steps) and self.batch.state != Batch.State.UNDOING

    @property
    def is_of_account(self) -> bool:
        return self.batch.kind in PLANNED and self.batch.kind != "file_import"

    @property
    def is_of_calendar(self) -> bool:
        return self.batch.kind == "google_calendar_import"

    @property
    def estimates(self) -> dict[str, Any]:
        """What the plan of a mailbox cannot know from ids alone."""
        return dict(self.totals.get("estimates", {}))

    @property
    def a_second(self) -> float | None:
        """How many things are done in a second, lately and on the whole; None while it is too early to tell."""
        passed = timezone.now() - (self.batch.approved_at or self.batch.created_at)
        if not self.batch.done_steps or passed < EARLY or not self.batch.approved_at:
            return None
        return self.batch.done_steps / passed.total_seconds()

    @property
    def seconds_left(self) -> float | None:
        """Until the end, at the pace so far; None while it is too early to tell."""
        done, total = self.batch.done_steps, self.batch.total_steps
        passed = timezone.now() - (self.batch.approved_at or self.batch.created_at)
        if not done or passed < EARLY or not self.is_measured:
            return None
        return passed.total_seconds() * (total - done) / done

    @property
    def problem(self) -> str:
        """Why it failed, as far as anybody wrote it down."""
        said = self.batch.error or (self.job.error if self.job else "")
        return said or "The reason was not recorded. The Jobs page may say more."

    @property
    def errors(self) -> list[dict[str, Any]]:
        """What the import could not read, and why."""
        return list(self.totals.get("result", {}).get("errors", []))

    @cached_property
    def kept(self) -> list[dict[str, Any]]:
        """What an undo kept, and why; people with a link to them."""
        rows = self.totals.get("undo", {}).get("kept", [])
        people = [row["id"] for row in rows if row["what"] == "contacts.contact"]
        contacts = Contact.objects.for_user(self.user).filter(pk__in=people)
        links = {str(contact.pk): contact.get_absolute_url() for contact in contacts}
        return [row | {"url": links.get(row["id"], "")} for row in rows]

    @property
    def can_plan_again(self) -> bool:
        is_import = self.batch.kind in PLANNED and self.batch.approved_at is None
        return is_import and self.batch.state in (Batch.State.PLANNED, Batch.State.FAILED)

    @property
    def taken_back_before(self) -> int:
        """Lines that an undo keeps away, and that a new plan could bring back."""
        return int(self.totals.get("reasons", {}).get("undone", 0))


def answered(user_id: Any, items: list[PlanItem]) -> list[Line]:
    """These lines with what became of each. Their batches are loaded."""
    verdicts = verdicts_of(user_id, items)
    return [line(item, answer=answer(item, verdicts[item.pk]), batch=item.batch) for item in items]


def first_address(item: PlanItem) -> str:
    return str(item.data.get("email", "")).partition(",")[0].strip().lower()
