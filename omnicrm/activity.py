"""What was done with a person's data: when, by whom and to what, from the events; and whether the record is whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from contacts.models import Contact
from jobs.models import Batch
from omnicrm import audit
from omnicrm.http import AuthedRequest, page_number
from omnicrm.models import Event
from omnicrm.ratelimits import limited

PAGE = 50

WORDS = {
    "batch.cancelled": "A change was cancelled",
    "batch.done": "A change was completed",
    "batch.failed": "A change stopped before its end",
    "batch.undo_failed": "A change could not be taken back",
    "batch.undo_requested": "A change was asked to be taken back",
    "batch.undone": "A change was taken back",
    "contact.created": "A person was added",
    "contact.deleted": "A person was deleted",
    "contact.edited": "A person was edited",
    "contact.updated": "An import added to a person",
    "export.brought_in": "An export was brought in",
    "export.made": "All data was exported",
    "identity.added": "An address or number was added",
    "identity.removed": "An address or number was removed",
    "import.approved": "A plan was approved",
    "import.discarded": "A plan was thrown away",
    "import.planned": "An import was planned",
    "interaction.added": "E-mails and meetings were added",
    "job.dead": "A job was given up",
    "job.retried": "A job was started again",
    "note.added": "A note was added",
    "note.deleted": "A note was deleted",
    "note.edited": "A note was edited",
    "task.added": "A task was added",
    "task.deleted": "A task was deleted",
    "task.done": "A task was done",
    "task.reopened": "A task was opened again",
}
WHO = {
    Event.Actor.WEB: "You, in the browser",
    Event.Actor.API: "A program, with a key of yours",
    Event.Actor.WORKER: "A job",
    Event.Actor.OPERATOR: "Whoever runs this server",
    Event.Actor.MODEL: "A language model",
}


@dataclass(frozen=True)
class Entry:
    event: Event
    contact: Contact | None
    batch: Batch | None

    @property
    def words(self) -> str:
        said = WORDS.get(self.event.action, self.event.action)
        if count := self.event.data.get("count"):
            said += f" ({intcomma(count)})"
        return said

    @property
    def who(self) -> str:
        return WHO[Event.Actor(self.event.actor)]

    @property
    def columns(self) -> str:
        """Which columns an edit changed; their contents are nobody's business here."""
        return ", ".join(name.replace("_", " ") for name in self.event.data.get("columns", []))


@require_safe
@limited("poll")
def activity(request: AuthedRequest) -> HttpResponse:
    """The newest entries first; with ?check=1, whether all of them are in their places and unchanged."""
    number = page_number(request)
    rows = Event.objects.for_user(request.user).order_by("-created_at", "-id")
    events = list(rows[(number - 1) * PAGE : number * PAGE + 1])
    context = {
        "entries": entries(events[:PAGE]),
        "number": number,
        "has_next": len(events) > PAGE,
        "verdict": audit.verify(request.user.pk) if "check" in request.GET else None,
    }
    return render(request, "activity.html", context)


def entries(events: Sequence[Event]) -> list[Entry]:
    """With the people and batches they are about, as far as they are still there."""
    if not events:
        return []
    user_id = events[0].user_id
    contacts = Contact.objects.for_user(user_id).in_bulk({person_of(event) for event in events} - {None})
    batches = Batch.objects.for_user(user_id).in_bulk({event.batch_id for event in events} - {None})
    by_key = {str(pk): contact for pk, contact in contacts.items()}
    return [Entry(event, by_key.get(str(person_of(event))), batches.get(event.batch_id)) for event in events]


def person_of(event: Event) -> object:
    """The id of the contact that an event is about, itself or through a note or a task."""
    return event.object_id if event.object_type == Contact._meta.label_lower else event.data.get("contact")
