"""What is changed on the page of a person: addresses, notes and tasks.

Without JavaScript each change leads back to the page; htmx gets the part that changed.
"""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from contacts import editing
from contacts.forms import IdentityForm, NoteForm, TaskForm
from contacts.models import Contact, ContactIdentity, Note, Task
from contacts.views import contacts_of, show, undo_address
from omnicrm.http import AuthedRequest, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.toasts import go_to, with_toast


def changed(
    request: AuthedRequest, contact: Contact, part: str, text: str, *, undo: str = ""
) -> HttpResponse:
    """The changed part for htmx, else back to the page; either way the reader is told."""
    response = show(request, contact, part) if wants_fragment(request) else redirect(contact)
    return with_toast(request, response, text, undo=undo)


def mistaken(request: AuthedRequest, contact: Contact, part: str, **form: object) -> HttpResponse:
    """The form with its mistakes, where it stood."""
    return show(request, contact, part if wants_fragment(request) else "", status=422, **form)


@require_POST
def identity_add(request: AuthedRequest, slug: str) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    form = IdentityForm(request.POST)
    if form.is_valid():
        try:
            editing.add_identity(request.user, contact=contact, text=form.cleaned_data["address"])
            return changed(request, contact, "identities", "Address added.")
        except editing.AddressTaken as error:
            form.add_error("address", str(error))
            return mistaken(request, contact, "identities", identity_form=form, taken=error.contact)
        except editing.NotAnAddress as error:
            form.add_error("address", str(error))
    return mistaken(request, contact, "identities", identity_form=form)


@require_POST
def identity_remove(request: AuthedRequest, slug: str, identity_id: UUID) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    rows = ContactIdentity.objects.for_user(request.user).select_related("contact")
    identity = owned_or_404(rows, pk=identity_id, contact=contact)
    editing.remove_identity(request.user, identity=identity)
    return changed(request, contact, "identities", f"{identity} leads to nobody now.")


@require_POST
def note_add(request: AuthedRequest, slug: str) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    form = NoteForm(request.POST)
    if not form.is_valid():
        return mistaken(request, contact, "timeline", note_form=form)
    editing.add_note(request.user, contact=contact, **form.cleaned_data)
    return changed(request, contact, "timeline", "Note added.")


@require_http_methods(["GET", "HEAD", "POST"])
def note_edit(request: AuthedRequest, slug: str, note_id: UUID) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    written = owned_or_404(Note.objects.for_user(request.user), pk=note_id, contact=contact)
    # Ids of its own: it opens on a page that has the form for a new note.
    said = {"text": written.text, "private": written.private}
    form = NoteForm(request.POST or None, initial=said, auto_id="edited_%s")
    if form.is_valid():
        editing.edit_note(request.user, written=written, **form.cleaned_data)
        return changed(request, contact, "timeline", "Note saved.")
    template = "contacts/note.html#form" if wants_fragment(request) else "contacts/note.html"
    context = {"contact": contact, "note": written, "form": form}
    return render(request, template, context, status=422 if form.is_bound else 200)


@require_POST
def note_delete(request: AuthedRequest, slug: str, note_id: UUID) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    rows = Note.objects.for_user(request.user).select_related("contact")
    written = owned_or_404(rows, pk=note_id, contact=contact)
    batch = editing.delete_note(request.user, written=written)
    return changed(request, contact, "timeline", "Note deleted.", undo=undo_address(batch))


@require_POST
def task_add(request: AuthedRequest, slug: str) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    form = TaskForm(request.POST)
    if not form.is_valid():
        return mistaken(request, contact, "tasks", task_form=form)
    editing.add_task(request.user, contact=contact, **form.cleaned_data)
    return changed(request, contact, "tasks", "Task added.")


@require_POST
def task_done(request: AuthedRequest, slug: str, task_id: UUID) -> HttpResponse:
    """Ticks a task off, or (`done=0`) opens it again."""
    contact = owned_or_404(contacts_of(request), slug=slug)
    task = owned_or_404(Task.objects.for_user(request.user), pk=task_id, contact=contact)
    done = request.POST.get("done", "1") == "1"
    editing.set_task_done(request.user, task=task, done=done)
    if request.POST.get("next") == "home":
        return go_to(request, reverse("home"), "Done.")
    return changed(request, contact, "tasks", "Done." if done else "Open again.")


@require_POST
def task_delete(request: AuthedRequest, slug: str, task_id: UUID) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    task = owned_or_404(Task.objects.for_user(request.user), pk=task_id, contact=contact)
    batch = editing.delete_task(request.user, task=task)
    return changed(request, contact, "tasks", "Task deleted.", undo=undo_address(batch))
