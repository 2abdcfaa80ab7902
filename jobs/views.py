"""A person's jobs: what runs, what waits, what failed and why."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from jobs import cancelling, retrying
from jobs.models import Job
from omnicrm.http import AuthedRequest, page_number, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited
from omnicrm.toasts import go_to

PAGE = 50
SHOWS = {
    "all": ("Everything", list(Job.State)),
    "working": ("Not finished", [state for state in Job.State if state not in Job.FINISHED]),
    "failed": ("Failed", [Job.State.DEAD]),
}
"""What can be listed, by its name in the address: its label, and the states it holds."""


@require_safe
@vary_on_headers("HX-Request")
@limited("poll")
def job_list(request: AuthedRequest) -> HttpResponse:
    """The newest jobs first; while one of them is unfinished the page asks for the list again."""
    show, number = request.GET.get("show", ""), page_number(request)
    show = show if show in SHOWS else "all"
    rows = Job.objects.for_user(request.user).filter(state__in=SHOWS[show][1])
    found = list(
        rows.select_related("batch").order_by("-created_at")[(number - 1) * PAGE : number * PAGE + 1]
    )
    context = {
        "jobs": found[:PAGE],
        "shows": {name: label for name, (label, _) in SHOWS.items()},
        "show": show,
        "number": number,
        "has_next": len(found) > PAGE,
        "is_live": any(not job.is_finished for job in found[:PAGE]),
    }
    return render(request, "jobs/list.html#jobs" if wants_fragment(request) else "jobs/list.html", context)


@require_POST
def job_retry(request: AuthedRequest, pk: UUID) -> HttpResponse:
    job = owned_or_404(Job.objects.for_user(request.user), pk=pk)
    retried = retrying.retry(job)
    text = "Queued again." if retried else "There is nothing to try again here any more."
    return go_to(request, back(job), text)


@require_POST
def job_cancel(request: AuthedRequest, pk: UUID) -> HttpResponse:
    job = owned_or_404(Job.objects.for_user(request.user), pk=pk)
    text = "Cancelled, or about to be." if cancelling.cancel(job) else "This job had ended already."
    return go_to(request, reverse("jobs:list"), text)


def back(job: Job) -> str:
    return reverse("batches:detail", args=[job.batch_id]) if job.batch_id else reverse("jobs:list")
