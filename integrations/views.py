"""Hand over a file, the first step of every import; and ask what became of something in one."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from integrations import sample
from integrations.archive.jobs import start_bringing_in
from integrations.archive.reading import BadArchive
from integrations.archive.writing import is_archive
from integrations.forms import ImportForm
from integrations.plan import Refused, head_of, start_plan
from integrations.whereabouts import whereabouts
from jobs.models import Batch
from omnicrm.acting import acting_as, own_units
from omnicrm.http import AuthedRequest, clean_text, takes_files
from omnicrm.ratelimits import limited, searching
from omnicrm.toasts import go_to

RECENT = 5


@require_safe
def import_page(request: AuthedRequest) -> HttpResponse:
    return render(request, "integrations/import.html", import_context(request, ImportForm()))


def import_context(request: AuthedRequest, form: ImportForm) -> dict[str, Any]:
    imports = Batch.objects.for_user(request.user).filter(kind="file_import").order_by("-created_at")
    return {"form": form, "recent": list(imports[:RECENT]), "limit": settings.MAX_UPLOAD}


@require_POST
@own_units
@takes_files
@limited("import")
def upload(request: AuthedRequest) -> HttpResponse:
    """Takes the file and plans its import. Opens its own transactions: reading a large file takes a while."""
    sent = (request.POST, request.FILES)  # reads the body, or refuses to
    refused_unread = getattr(request, "upload_refusal", "")
    form = ImportForm(*sent, no_file=refused_unread)
    if form.is_valid() and is_archive(head_of(form.cleaned_data["file"])):
        return bring_in(request, form)
    if form.is_valid():
        options = {"people": form.cleaned_data["people"]}
        try:
            batch = start_plan(request.user, form.cleaned_data["file"], options=options)
        except Refused as refused:
            form.add_error("file", str(refused))
        else:
            return go_to(request, reverse("batches:detail", args=[batch.pk]))
    return ask_again(request, form, 413 if refused_unread else 422)


def ask_again(request: AuthedRequest, form: ImportForm, status: int) -> HttpResponse:
    with acting_as(request.user.pk):
        return render(request, "integrations/import.html", import_context(request, form), status=status)


def bring_in(request: AuthedRequest, form: ImportForm) -> HttpResponse:
    """The file is an export of OmniCRM: all of it goes into this account, which must be empty."""
    try:
        start_bringing_in(request.user, form.cleaned_data["file"])
    except (BadArchive, Refused) as refused:
        form.add_error("file", str(refused))
        return ask_again(request, form, 422)
    return go_to(request, reverse("settings:own_data"))


@require_POST
@limited("import")
def sample_mailbox(request: AuthedRequest) -> HttpResponse:
    """Plans the import of a small made-up mailbox, to try things with."""
    try:
        batch = sample.start(request.user)
    except Refused as refused:
        return go_to(request, reverse("integrations:import"), str(refused))
    return go_to(request, reverse("batches:detail", args=[batch.pk]))


@require_safe
@limited(searching)
def why(request: AuthedRequest) -> HttpResponse:
    """What became of a message, or of all mail from an address: in every file, and in every mailbox that is followed."""
    asked = clean_text(request.GET.get("q", ""), 300)
    lines = whereabouts(request.user.pk, asked) if asked else []
    return render(request, "integrations/why.html", {"asked": asked, "lines": lines})
