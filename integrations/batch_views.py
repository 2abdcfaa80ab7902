"""The page of a batch: the plan, its approval, its progress, its result, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from contacts.models import Contact
from integrations import plan, reasons
from integrations.approval import Stale, approve
from integrations.headline import headline, removed_words
from jobs import batches, undo
from jobs.models import Batch, Job, PlanItem
from omnicrm.http import AuthedRequest, page_number, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.toasts import go_to, with_toast

PAGE = 50
SHOWS: dict[str, dict[str, Any]] = {
    "people": {"kind": "person", "outcome": "create"},
    "update": {"outcome": "update"},
    "messages": {"outcome": "create", "kind__in": ["email", "meeting", "event"]},
    "skip": {"outcome": "skip"},
    "fail": {"outcome": "fail"},
}
"""The tables of a plan by their name in the address, and the lines they hold."""


@require_safe
def batch_list(request: AuthedRequest) -> HttpResponse:
    """Everything that was imported or deleted, newest first."""
    number = page_number(request)
    rows = Batch.objects.for_user(request.user).order_by("-created_at")
    found = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    context = {"batches": found[:PAGE], "number": number, "has_next": len(found) > PAGE}
    return render(request, "batches/list.html", context)


@require_safe
@vary_on_headers("HX-Request")
def batch_detail(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """The batch as it is now. While it works the page asks for its panel each second, and says when it is over."""
    batch = owned_or_404(Batch.objects.for_user(request.user), pk=pk)
    response = show(request, batch)
    was = request.GET.get("was", batch.state)
    return with_toast(request, response, CHANGED[Batch.State(batch.state)]) if moved(was, batch) else response


CHANGED = {
    Batch.State.PLANNED: "The plan is ready.",
    Batch.State.DONE: "The import is done.",
    Batch.State.FAILED: "This stopped before its end.",
    Batch.State.CANCELLED: "Cancelled.",
    Batch.State.UNDONE: "Taken back.",
}


def moved(was: str, batch: Batch) -> bool:
    return was != batch.state and batch.state in CHANGED


def show(request: AuthedRequest, batch: Batch, *, status: int = 200, **more: Any) -> HttpResponse:
    template = "batches/detail.html#panel" if wants_fragment(request) else "batches/detail.html"
    return render(
        request, template, {"page": BatchPage(request, batch), "batch": batch} | more, status=status
    )


@dataclass(frozen=True)
class Line:
    """One line of a plan as the table shows it."""

    what: str
    who: str
    more: str
    why: str


def line(item: PlanItem) -> Line:
    """From whatever the plan knows of this person, message or damaged entry."""
    data = item.data
    what = data.get("name") or data.get("subject") or data.get("problem") or "(no subject)"
    more = str(data.get("date", ""))[:10]
    if item.outcome == PlanItem.Outcome.UPDATE:
        more = ", ".join(data.get("adds", []))
    elif count := data.get("count"):
        more = f"{count:,} times" if count != 1 else "once"
    why = reasons.reason(item.reason).title if item.reason else ""
    return Line(what, data.get("from") or data.get("email", ""), more, why)


class BatchPage:
    """What the page of a batch shows; each part is fetched when it is drawn."""

    def __init__(self, request: AuthedRequest, batch: Batch) -> None:
        self.request, self.batch, self.user = request, batch, request.user
        self.headline = headline(batch)
        self.totals = batch.totals
        self.number = page_number(request)
        self.limit = PAGE

    @cached_property
    def show(self) -> str:
        """Which table is open: the one asked for, else the first that has lines."""
        asked = self.request.GET.get("show", "")
        return asked if asked in SHOWS else next((tab["name"] for tab in self.tabs if tab["count"]), "people")

    @cached_property
    def reason(self) -> str:
        return self.request.GET.get("reason", "")[:60]

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
            "messages": "Meetings" if self.totals.get("kind") == "ics" else "E-mails",
            "skip": "Left out",
            "fail": "Cannot be read",
        }
        return [{"name": name, "label": names[name], "count": counts[name]} for name in SHOWS]

    @cached_property
    def reasons(self) -> list[dict[str, Any]]:
        return reasons.counted(self.totals.get("reasons", {}))

    @cached_property
    def found(self) -> list[PlanItem]:
        """The lines of this page of the open table, and one more if there is another page."""
        rows = PlanItem.objects.for_user(self.user).filter(batch=self.batch, **SHOWS[self.show])
        if self.reason:
            rows = rows.filter(reason=self.reason)
        return list(rows.order_by("seq")[(self.number - 1) * PAGE : self.number * PAGE + 1])

    @property
    def lines(self) -> list[Line]:
        return [line(item) for item in self.found[:PAGE]]

    @property
    def has_next(self) -> bool:
        return len(self.found) > PAGE

    @cached_property
    def job(self) -> Job | None:
        """The job that is or was at work on this batch last."""
        return Job.objects.for_user(self.user).filter(batch=self.batch).order_by("-created_at").first()

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
    def people(self) -> list[Contact]:
        """Some of those whom the batch added."""
        rows = Contact.objects.for_user(self.user).filter(batch=self.batch)
        return list(rows.order_by("sort_name", "id")[:12])

    @cached_property
    def kept(self) -> list[dict[str, Any]]:
        """What an undo kept, and why; people with a link to them."""
        rows = self.totals.get("undo", {}).get("kept", [])
        people = [row["id"] for row in rows if row["what"] == "contacts.contact"]
        links = {
            str(c.pk): c.get_absolute_url() for c in Contact.objects.for_user(self.user).filter(pk__in=people)
        }
        return [row | {"url": links.get(row["id"], "")} for row in rows]

    @property
    def can_plan_again(self) -> bool:
        never_started = self.batch.approved_at is None
        return (
            self.batch.kind == "file_import" and never_started and self.batch.state in ("planned", "failed")
        )

    @property
    def taken_back_before(self) -> int:
        """Lines that an undo keeps away, and that a new plan could bring back."""
        return int(self.totals.get("reasons", {}).get("undone", 0))


def imports_of(request: AuthedRequest) -> QuerySet[Batch]:
    """Batches that began as a plan. Only these can be approved, planned again or discarded."""
    return Batch.objects.for_user(request.user).filter(kind="file_import")


@require_POST
def batch_approve(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Starts exactly the plan whose hash is posted; a plan that no longer fits is refused and nothing is written."""
    batch = owned_or_404(imports_of(request), pk=pk)
    try:
        approve(batch, request.POST.get("plan_hash", ""))
    except Stale as stale:
        return show(request, batch, status=409, stale=str(stale))
    return go_to(request, address(batch))


@require_POST
def batch_plan_again(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Plans the same file once more; with `include_suppressed=1` also what was taken back before."""
    batch = owned_or_404(imports_of(request), pk=pk)
    options = {"include_suppressed": True} if request.POST.get("include_suppressed") == "1" else {}
    try:
        again = plan.replan(batch, **options)
    except plan.Refused as refused:
        return show(request, batch, status=409, stale=str(refused))
    plan.discard(batch)
    return go_to(request, address(again))


@require_POST
def batch_discard(request: AuthedRequest, pk: UUID) -> HttpResponse:
    batch = owned_or_404(imports_of(request), pk=pk)
    if plan.discard(batch):
        return go_to(request, reverse("integrations:import"), "The plan is gone, and nothing was imported.")
    return go_to(request, address(batch), "This is no longer just a plan.")


@require_POST
def batch_cancel(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Asks the jobs of this batch to stop at the next safe point. What is done stays, and can be undone."""
    batch = owned_or_404(Batch.objects.for_user(request.user), pk=pk)
    batches.cancel(batch)
    return go_to(request, address(batch))


@require_http_methods(["GET", "HEAD", "POST"])
def batch_undo(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Shows what an undo would remove, restore and keep; posting does it."""
    batch = owned_or_404(Batch.objects.for_user(request.user), pk=pk)
    if not batch.is_undoable:
        return go_to(request, address(batch), "This cannot be undone now.")
    if request.method != "POST":
        preview = undo.preview(batch)
        removed = removed_words(batch.totals, preview["removed_by_kind"])
        kept = len(preview["kept"]) + preview["kept_more"]
        context = {"batch": batch, "preview": preview, "removed": removed, "kept": kept}
        return render(request, "batches/undo.html", context)
    try:
        undo.start_undo(batch)
    except undo.NotUndoable as refused:
        return go_to(request, address(batch), str(refused))
    return go_to(request, address(batch))


def address(batch: Batch) -> str:
    return reverse("batches:detail", args=[batch.pk])
