"""The page of a batch: the plan, its approval, its progress, its result, and the way back; and where all of them are."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from integrations import plan
from integrations.approval import Stale, approve
from integrations.batch_page import PAGE, BatchPage
from integrations.headline import removed_words
from integrations.origins import PLANNED, stream_of
from integrations.streams import calendar_plan
from integrations.streams.picking import pick_again
from integrations.streams.previewing import NO_ACCOUNT, start_preview
from jobs import batches, undo
from jobs.models import Batch
from omnicrm.http import AuthedRequest, page_number, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited
from omnicrm.toasts import go_to, with_toast


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
@limited("poll")
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
    context = {"page": BatchPage(request, batch), "batch": batch} | more
    return render(request, template, context, status=status)


def imports_of(request: AuthedRequest) -> QuerySet[Batch]:
    """Batches that began as a plan. Only these can be approved, planned again or discarded."""
    return Batch.objects.for_user(request.user).filter(kind__in=PLANNED)


@require_POST
def batch_approve(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Starts exactly the plan whose hash is posted; a plan that no longer fits is refused and nothing is written."""
    batch = owned_or_404(imports_of(request), pk=pk)
    try:
        approve(batch, request.POST.get("plan_hash", ""))
    except Stale as stale:
        batch.refresh_from_db()
        if batch.approved_at:  # pressed twice
            return go_to(request, address(batch))
        return show(request, batch, status=409, stale=str(stale))
    return go_to(request, address(batch))


@require_POST
def batch_plan_again(request: AuthedRequest, pk: UUID) -> HttpResponse:
    """Plans the same file or mailbox once more; with `include_suppressed=1` also what was taken back before."""
    batch = owned_or_404(imports_of(request), pk=pk)
    options = {"include_suppressed": True} if request.POST.get("include_suppressed") == "1" else {}
    try:
        again = planned_again(batch, options)
    except plan.Refused as refused:
        return show(request, batch, status=409, stale=str(refused))
    plan.discard(batch)
    return go_to(request, address(again))


def planned_again(batch: Batch, options: dict[str, bool]) -> Batch:
    """Raises Refused."""
    if batch.kind == "file_import":
        return plan.replan(batch, **options)
    stream = stream_of(batch)
    if stream is None:
        raise plan.Refused(NO_ACCOUNT)
    if batch.options.get("picked"):
        return pick_again(batch, stream)
    start = calendar_plan.start_plan if batch.kind == calendar_plan.IMPORT else start_preview
    return start(batch.user, stream, **options)


@require_POST
def batch_discard(request: AuthedRequest, pk: UUID) -> HttpResponse:
    batch = owned_or_404(imports_of(request), pk=pk)
    if plan.discard(batch):
        where = "integrations:import" if batch.kind == "file_import" else "batches:list"
        return go_to(request, reverse(where), "The plan is gone, and nothing was imported.")
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
