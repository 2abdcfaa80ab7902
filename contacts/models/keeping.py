"""What should stay away, and what is only proposed."""

from __future__ import annotations

from django.db import models

from contacts.models.people import BatchMade, batch_index, made_by_batch
from omnicrm.owned import OwnedManager, OwnedModel
from omnicrm.rowsecurity import RowSecurity, owner_key
from omnicrm.sealed import SealedField


class Suppression(BatchMade):
    """Something that was taken back or is ignored for ever, and must not come back from its source."""

    class Scope(models.TextChoices):
        ITEM = "item"
        ADDRESS = "address"
        DOMAIN = "domain"

    DELETED, IGNORED, UNDONE, ERASED, PASSED = "deleted", "ignored", "undone", "erased", "passed"
    """Reasons: a person who was deleted, or was suggested and passed over, is not made again; what is ignored is not
    imported at all; of a person who was erased nothing comes back, and `key` is a digest that says nothing
    (contacts.erased)."""

    scope = models.CharField(max_length=10, choices=Scope)
    key = models.CharField(max_length=300)
    source = models.CharField(
        max_length=100, blank=True, help_text="An account or a file's digest; empty: all."
    )
    reason = models.CharField(max_length=40)

    objects = OwnedManager["Suppression"]()

    class Meta(BatchMade.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["user", "scope", "source", "key"], name="contacts_suppression_once"
            ),
            RowSecurity(name="contacts_suppression_owner"),
            *made_by_batch("contacts_suppression"),
        ]
        indexes = [batch_index("contacts_suppression")]


class SuppressionKey(OwnedModel):
    """What the digests of erased addresses are made with, so that nobody can try addresses until one fits."""

    secret = SealedField()

    objects = OwnedManager["SuppressionKey"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user"], name="contacts_suppressionkey_once"),
            RowSecurity(name="contacts_suppressionkey_owner"),
        ]


class Suggestion(BatchMade):
    """Something OmniCRM proposes and a person decides: a new contact, a merge. Evidence holds ids, not text."""

    class State(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        IGNORED = "ignored"

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=300)
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    score = models.FloatField(default=0)
    evidence = models.JSONField(default=dict)

    objects = OwnedManager["Suggestion"]()

    class Meta(BatchMade.Meta):
        constraints = [
            owner_key("contacts_suggestion"),
            models.UniqueConstraint(fields=["user", "kind", "key"], name="contacts_suggestion_once"),
            RowSecurity(name="contacts_suggestion_owner"),
            *made_by_batch("contacts_suggestion"),
        ]
        indexes = [batch_index("contacts_suggestion")]
