"""What a person adds of their own: notes and tasks."""

from __future__ import annotations

from django.db import models
from django.db.models import F

from contacts.models.people import BatchMade, Contact, batch_index, made_by_batch
from omnicrm.owned import OwnedManager, OwnedQuerySet
from omnicrm.personal import PersonalText
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key


class Note(BatchMade):
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="notes"
    )
    private = models.BooleanField(default=False, help_text="Kept sealed.")
    text = PersonalText(when=lambda note: note.private)

    objects = OwnedManager["Note"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_note"),
            SameOwner("contact", name="contacts_note_contact"),
            RowSecurity(name="contacts_note_owner", search=True),
            *made_by_batch("contacts_note"),
        ]
        indexes = [
            models.Index(fields=["user", "contact", "-created_at"], name="contacts_note_of_contact"),
            batch_index("contacts_note"),
        ]


class TaskQuerySet(OwnedQuerySet["Task"]):
    def open(self) -> TaskQuerySet:
        return self.filter(done_at=None)

    def in_order(self) -> TaskQuerySet:
        """What is to do first: by when it is due, what has no date after that, what is done last."""
        return self.order_by(
            F("done_at").desc(nulls_first=True), F("due_on").asc(nulls_last=True), "created_at"
        )


class Task(BatchMade):
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="tasks"
    )
    title = models.CharField(max_length=300)
    due_on = models.DateField(null=True)
    done_at = models.DateTimeField(null=True)

    objects = OwnedManager.from_queryset(TaskQuerySet)()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_task"),
            SameOwner("contact", name="contacts_task_contact"),
            RowSecurity(name="contacts_task_owner"),
            *made_by_batch("contacts_task"),
        ]
        indexes = [
            models.Index(fields=["user", "contact"], name="contacts_task_of_contact"),
            batch_index("contacts_task"),
        ]

    def __str__(self) -> str:
        return self.title
