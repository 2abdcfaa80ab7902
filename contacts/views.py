"""The list of people, and the page of one person."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from contacts import editing, listing, timeline
from contacts.appointments import Entry, coming_up_with
from contacts.forms import ContactForm, IdentityForm, NewContactForm, NoteForm, TaskForm
from contacts.models import Contact, ContactIdentity, ContactSlug, Interaction, Participant, Tag, Task
from contacts.quoting import passages
from contacts.table import table
from jobs.models import Batch
from omnicrm.events import note
from omnicrm.http import AuthedRequest, wants_fragment
from omnicrm.owned import owned_or_404
from omnicrm.ratelimits import limited, searching
from omnicrm.reauthentication import sensitive
from omnicrm.toasts import go_to

MOST_TAGS = 200
MOST_MEETINGS = 5
SORTS = {
    "name": "Name, A to Z",
    "-name": "Name, Z to A",
    "-last": "Latest contact",
    "last": "Longest without contact",
    "-created": "Newest here",
    "created": "Longest here",
}
"""The orders of the list by their name in the address."""


@require_safe
@vary_on_headers("HX-Request")
@limited(searching)
def contact_list(request: AuthedRequest) -> HttpResponse:
    """Everybody, searched, filtered and sorted as the address says; htmx gets the rows alone."""
    people = listing.read_list(request, request.user)
    context = {"people": people, "count": people.count(), "counted": people.counted, "sorts": SORTS}
    if wants_fragment(request):
        return render(request, "contacts/list.html#rows", context)
    tags = Tag.objects.for_user(request.user).order_by("name")[:MOST_TAGS]
    return render(request, "contacts/list.html", context | {"tags": tags, "stages": Contact.Stage.choices})


@require_POST
@limited("export")
@sensitive
def contact_export(request: AuthedRequest) -> StreamingHttpResponse:
    """The people of the list that the address describes, as a table to download."""
    people = listing.read_list(request, request.user)
    note(request.user.pk, "export.made", what="people", filtered=people.is_filtered)
    answer = StreamingHttpResponse(table(people), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="contacts-{timezone.localdate():%Y-%m-%d}.csv"'
    return answer


@require_http_methods(["GET", "HEAD", "POST"])
def contact_add(request: AuthedRequest) -> HttpResponse:
    form = NewContactForm(request.POST or None)
    taken = None
    if form.is_valid():
        addresses = [] if "without_address" in request.POST else form.addresses()
        try:
            contact = editing.create_contact(request.user, addresses=addresses, **written(form))
        except editing.AddressTaken as error:
            taken = error
        except editing.NotAnAddress as error:
            form.add_error(None, str(error))
        else:
            return go_to(request, contact.get_absolute_url(), f"Added {contact}.")
    context = {"form": form, "taken": taken}
    return render(request, "contacts/add.html", context, status=422 if form.is_bound else 200)


def written(form: ContactForm) -> dict[str, Any]:
    return {name: form.cleaned_data[name] for name in ("name", "company", "job_title", "stage", "tags")}


@require_safe
@vary_on_headers("HX-Request")
def contact_detail(request: AuthedRequest, slug: str) -> HttpResponse:
    """Who somebody is, and what happened with them; htmx gets the timeline alone."""
    contact = contacts_of(request).filter(slug=slug).first()
    if contact is None:
        old = owned_or_404(ContactSlug.objects.for_user(request.user).select_related("contact"), slug=slug)
        return redirect(old.contact)
    return show(request, contact, "timeline" if wants_fragment(request) else "")


def contacts_of(request: AuthedRequest) -> Any:
    rows = Contact.objects.for_user(request.user)
    return rows.select_related("company", "batch").prefetch_related("contact_tags__tag")


class ContactPage:
    """What the page of a contact shows. Each part is fetched when it is drawn, so a fragment costs its own part."""

    def __init__(self, request: AuthedRequest, contact: Contact) -> None:
        self.request, self.contact, self.user = request, contact, request.user
        self.kinds = timeline.KINDS
        self.is_older = "before" in request.GET
        self.today = timezone.localdate()

    @cached_property
    def timeline(self) -> timeline.TimelinePage:
        kind = self.request.GET.get("kind", "")
        before = timeline.Position.read(self.request.GET.get("before", ""))
        return timeline.page(self.contact, before=before, kind=kind if kind in timeline.KINDS else "")

    @cached_property
    def identities(self) -> list[ContactIdentity]:
        rows = ContactIdentity.objects.for_user(self.user).filter(contact=self.contact)
        return list(rows.order_by("kind", "created_at"))

    @cached_property
    def tasks(self) -> list[Task]:
        return list(Task.objects.for_user(self.user).filter(contact=self.contact).in_order()[:100])

    @cached_property
    def meetings(self) -> list[Entry]:
        """Those that come next."""
        return coming_up_with(self.user, self.contact, limit=MOST_MEETINGS)

    @cached_property
    def batch(self) -> Batch | None:
        return self.contact.batch


def show(
    request: AuthedRequest, contact: Contact, part: str = "", *, status: int = 200, **forms: Any
) -> HttpResponse:
    """The page of a contact, or one named part of it. `forms` are those with mistakes."""
    fresh = {"note_form": NoteForm(), "task_form": TaskForm(), "identity_form": IdentityForm()}
    context = {"page": ContactPage(request, contact), "contact": contact} | fresh | forms
    template = f"contacts/detail.html#{part}" if part else "contacts/detail.html"
    return render(request, template, context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@vary_on_headers("HX-Request")
def contact_edit(request: AuthedRequest, slug: str) -> HttpResponse:
    contact = owned_or_404(contacts_of(request), slug=slug)
    form = ContactForm.about(contact, request.POST or None)
    if form.is_valid():
        editing.update_contact(request.user, contact=contact, **written(form))
        return go_to(request, contact.get_absolute_url(), "Saved.")
    template = "contacts/edit.html#form" if wants_fragment(request) else "contacts/edit.html"
    return render(request, template, {"form": form, "contact": contact}, status=422 if form.is_bound else 200)


@require_http_methods(["GET", "HEAD", "POST"])
def contact_delete(request: AuthedRequest, slug: str) -> HttpResponse:
    """Asks first when it is opened as a page; what is deleted can be put back."""
    contact = owned_or_404(contacts_of(request), slug=slug)
    if request.method != "POST":
        return render(request, "contacts/delete.html", {"contact": contact})
    batch = editing.delete_contacts(request.user, contacts=[contact])
    return go_to(request, reverse("contacts:list"), f"{batch.title}.", undo=undo_address(batch))


@require_POST
def contact_delete_many(request: AuthedRequest) -> HttpResponse:
    """Deletes the ticked people. Ids that are nobody's, or somebody else's, are passed over."""
    ticked = listing.ids(request.POST.getlist("contact"))[: listing.PAGE]
    contacts = list(Contact.objects.for_user(request.user).filter(pk__in=ticked))
    url = reverse("contacts:list")
    if not contacts:
        return go_to(request, url, "Nobody was ticked, so nobody was deleted.")
    batch = editing.delete_contacts(request.user, contacts=contacts)
    return go_to(request, url, f"{batch.title}.", undo=undo_address(batch))


def undo_address(batch: Batch) -> str:
    return reverse("batches:undo", args=[batch.pk])


@require_safe
@vary_on_headers("HX-Request")
def message(request: AuthedRequest, slug: str, message_id: Any) -> HttpResponse:
    """One interaction in full: what the author wrote, and what they quoted."""
    contact = owned_or_404(Contact.objects.for_user(request.user), slug=slug)
    interaction = owned_or_404(Interaction.objects.for_user(request.user), pk=message_id)
    people = Participant.objects.for_user(request.user).filter(interaction=interaction)
    context = {
        "contact": contact,
        "interaction": interaction,
        "people": people.select_related("identity__contact").order_by("id"),
        "passages": list(passages(interaction.visible_text.strip())),
        "rest": rest_of(interaction),
    }
    template = "contacts/message.html#body" if wants_fragment(request) else "contacts/message.html"
    return render(request, template, context)


def rest_of(interaction: Interaction) -> str:
    """What stands below (or around) the newly written part: quoted messages and the signature."""
    visible, text = interaction.visible_text.strip(), interaction.text.strip()
    return text[len(visible) :].strip() if text.startswith(visible) else text
