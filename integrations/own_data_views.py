"""Your data: take all of it along, bring it in elsewhere, or have the account erased with everything in it."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from integrations.archive import jobs as archives
from integrations.models import Export
from jobs import erasing
from jobs.models import Job
from omnicrm.http import AuthedRequest, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited
from omnicrm.reauthentication import sensitive
from omnicrm.toasts import go_to, with_toast

KINDS = ("export", "bring_in")
ENDED = {
    Job.State.SUCCEEDED: "Done.",
    Job.State.DEAD: "It did not work; the page says why.",
    Job.State.CANCELLED: "Cancelled.",
}


@require_safe
@vary_on_headers("HX-Request")
@limited("poll")
def own_data(request: AuthedRequest) -> HttpResponse:
    """What can be done with all of it. While an export is made or brought in, the page asks how far it is."""
    job = Job.objects.for_user(request.user).filter(kind__in=KINDS).order_by("-created_at").first()
    exports = Export.objects.for_user(request.user).filter(expires_at__gt=timezone.now())
    context = {"job": job, "exports": list(exports.order_by("-created_at")), "hours": settings.EXPORT_HOURS}
    template = "settings/own_data.html#exports" if wants_fragment(request) else "settings/own_data.html"
    response = render(request, template, context)
    is_over = job is not None and job.is_finished and request.GET.get("was") == str(job.pk)
    return with_toast(request, response, ENDED[Job.State(job.state)]) if job and is_over else response


@require_POST
@sensitive
@limited("export")
def export(request: AuthedRequest) -> HttpResponse:
    archives.start_export(request.user)
    return go_to(request, reverse("settings:own_data"))


def one_of(request: AuthedRequest, pk: UUID) -> Export:
    return owned_or_404(Export.objects.for_user(request.user), pk=pk)


@require_safe
@sensitive
@limited("export")
def download(request: AuthedRequest, pk: UUID) -> HttpResponseBase:
    """The zip, for its owner alone, as long as it is kept."""
    made = one_of(request, pk)
    try:
        stream = default_storage.open(made.stored_as)
    except FileNotFoundError:
        return go_to(request, reverse("settings:own_data"), "The file is gone. Export everything once more.")
    name = f"omnicrm-{made.created_at:%Y-%m-%d}.zip"
    return FileResponse(stream, as_attachment=True, filename=name, content_type="application/zip")


@require_POST
def delete_export(request: AuthedRequest, pk: UUID) -> HttpResponse:
    archives.forget(one_of(request, pk))
    return go_to(request, reverse("settings:own_data"), "The export is deleted.")


@require_http_methods(["GET", "HEAD", "POST"])
@sensitive
def leave(request: AuthedRequest) -> HttpResponse:
    """Erases the account, once its address has been typed. There is no way back, and the page says so."""
    typed = request.POST.get("email", "").strip().lower()
    if request.method == "POST" and typed == request.user.email:
        return left(request)
    context: dict[str, Any] = {"typed": typed, "is_wrong": request.method == "POST"}
    return render(request, "settings/leave.html", context, status=422 if context["is_wrong"] else 200)


def left(request: AuthedRequest) -> HttpResponse:
    erasing.leave(request.user)
    logout(request)
    messages.success(request, "Your account is closed, and everything in it is being erased.")
    return redirect("home")
