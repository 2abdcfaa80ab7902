"""Letters of the user's own, from the first word until Gmail has said that they are sent."""

from __future__ import annotations

import hashlib
import json
from typing import Any, ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils import timezone

from contacts.models import Contact, Interaction
from integrations.models.google import GoogleAccount
from omnicrm.owned import OwnedManager, OwnedModel
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key


class OutboxMessage(OwnedModel):
    """A letter. Only a draft can be changed, and only its approval, by the hash of exactly this text, lets it go.

    It belongs to its writer, not to the account that it goes from: without one it is kept, and cannot be sent. `step`
    says how far the sending has come: before `sending` nothing can have left; from then on it may have.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "Draft"
        QUEUED = "queued", "About to be sent"
        ATTEMPTING = "attempting", "Being sent"
        CONFIRMED = "confirmed", "Sent"
        UNKNOWN = "unknown", "Perhaps sent"
        FAILED = "failed", "Not sent"

    class Step(models.TextChoices):
        NONE = ""
        DRAFTING = "drafting"
        SENDING = "sending"

    ON_ITS_WAY = (State.QUEUED, State.ATTEMPTING)
    UNAPPROVED: ClassVar[dict[str, Any]] = {"approved_hash": "", "approved_at": None, "send_at": None}
    """What every draft has in these columns."""

    account = models.ForeignKey(
        GoogleAccount, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    answers = models.ForeignKey(
        Interaction, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    sender = models.CharField(max_length=254)
    to = ArrayField(models.CharField(max_length=254), default=list)
    cc = ArrayField(models.CharField(max_length=254), default=list)
    subject = models.TextField(blank=True)
    body = models.TextField(blank=True)
    references = ArrayField(models.CharField(max_length=255), default=list)
    remote_thread = models.CharField(max_length=64, blank=True, help_text="Gmail's id of the conversation.")
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    step = models.CharField(max_length=10, choices=Step, blank=True)
    approved_hash = models.CharField(max_length=64, blank=True)
    approved_at = models.DateTimeField(null=True)
    approvals = models.PositiveIntegerField(default=0)
    send_at = models.DateTimeField(null=True)
    remote_draft = models.CharField(max_length=64, blank=True)
    remote_id = models.CharField(max_length=64, blank=True)
    problem = models.TextField(blank=True, help_text="What went wrong and what to do, for its owner.")
    settled_at = models.DateTimeField(null=True)

    objects = OwnedManager["OutboxMessage"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            owner_key("integrations_outboxmessage"),
            SameOwner("account", name="integrations_outbox_account", on_delete="SET NULL"),
            SameOwner("contact", name="integrations_outbox_contact", on_delete="SET NULL"),
            SameOwner("answers", name="integrations_outbox_answers", on_delete="SET NULL"),
            models.CheckConstraint(
                condition=Q(state="draft", approved_hash="", approved_at__isnull=True, send_at__isnull=True)
                | ~Q(state="draft") & Q(approved_at__isnull=False, send_at__isnull=False) & ~Q(approved_hash=""),
                name="integrations_outbox_approved",
            ),
            RowSecurity(
                name="integrations_outbox_owner",
                ops=("id", "user", "account", "state", "step", "approved_at", "send_at", "settled_at", "created_at",
                     "updated_at"),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(fields=["user", "-updated_at"], name="integrations_outbox_newest"),
            models.Index(
                fields=["user", "account"],
                condition=Q(account__isnull=False),
                name="integrations_outbox_account_ix",
            ),
            models.Index(
                fields=["user", "contact"],
                condition=Q(contact__isnull=False),
                name="integrations_outbox_contact_ix",
            ),
            models.Index(
                fields=["user", "answers"],
                condition=Q(answers__isnull=False),
                name="integrations_outbox_answers_ix",
            ),
        ]

    def __str__(self) -> str:
        return self.subject or "(no subject)"

    @property
    def is_new(self) -> bool:
        """Whether nothing of it has been saved yet."""
        return self._state.adding

    @property
    def is_on_its_way(self) -> bool:
        return self.state in self.ON_ITS_WAY

    def become_draft(self) -> None:
        """In memory. What was approved of it before is not approved any more."""
        self.state, self.step = self.State.DRAFT, self.Step.NONE
        for name, value in self.UNAPPROVED.items():
            setattr(self, name, value)

    @property
    def seconds_left(self) -> int:
        """In which it can be taken back; at least one, until somebody begins to send it."""
        left = (self.send_at - timezone.now()).total_seconds() if self.send_at else 0
        return max(1, round(left))

    @property
    def message_id(self) -> str:
        """The Message-ID it goes out with: another one for each approval, so that each can be found again."""
        return f"{self.pk.hex}.{self.approvals}@{self.sender.rpartition('@')[2] or 'localhost'}"

    @property
    def content_hash(self) -> str:
        """sha256 of all that its recipients would see, and of whom it goes to. What is approved is this."""
        said = [str(self.pk), str(self.account_id), self.sender, self.to, self.cc, self.subject, self.body]
        said += [self.references, self.remote_thread]
        return hashlib.sha256(json.dumps(said, ensure_ascii=False).encode()).hexdigest()
