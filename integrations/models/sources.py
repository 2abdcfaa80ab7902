"""Where things came from: files, the raw events they held, and which interaction each one vouches for."""

from __future__ import annotations

import zlib

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from contacts.models import Contact, Interaction
from jobs.models import Batch
from omnicrm.owned import OwnedManager, OwnedModel
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key
from omnicrm.sealed import SealedField


class SourceFile(OwnedModel):
    """A file that was handed over, known by its digest. The stored copy is deleted once all of it is normalized."""

    batch = models.ForeignKey(
        Batch, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="files"
    )
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=10)
    size = models.BigIntegerField()
    sha256 = models.CharField(max_length=64)
    stored_as = models.CharField(
        max_length=300, blank=True, help_text="Name in the storage; empty once deleted."
    )
    path = models.TextField(
        blank=True, help_text="Where a command read it in place, instead of a stored copy."
    )

    objects = OwnedManager["SourceFile"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            owner_key("integrations_sourcefile"),
            SameOwner("batch", name="integrations_sourcefile_batch"),
            RowSecurity(
                name="integrations_sourcefile_owner",
                ops=("id", "user", "batch", "kind", "size", "created_at", "updated_at"),
            ),
        ]
        indexes = [
            models.Index(fields=["user", "batch"], name="integrations_file_of_batch"),
            models.Index(fields=["user", "sha256"], name="integrations_file_by_digest"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def source(self) -> str:
        """The name of this source in suppressions and raw events: the same file is the same source."""
        return f"file:{self.sha256}"


class RawEvent(OwnedModel):
    """What a source said, word for word (compressed), and what became of it.

    `verdict` is pending, kept, skipped:<rule> or failed:<code>; the ledger counts them. An item that was left
    out or taken back keeps a stub without its payload. Files name their items by `external_id` alone. Streams have
    Google's id there, and say in `item_key` as what it is recorded, and in `author` whose mail was left out.
    """

    PENDING, KEPT = "pending", "kept"

    class Remote(models.TextChoices):
        LIVE = "live"
        TRASH = "trash"
        DELETED = "deleted"

    source = models.CharField(max_length=100)
    external_id = models.CharField(max_length=300)
    position = models.PositiveBigIntegerField(default=0)
    kind = models.CharField(max_length=20)
    batch = models.ForeignKey(
        Batch, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    payload = SealedField(null=True)
    occurred_at = models.DateTimeField(null=True)
    verdict = models.CharField(max_length=80, default=PENDING)
    reason = models.TextField(blank=True)
    normalizer = models.PositiveSmallIntegerField(default=0)
    item_key = models.CharField(max_length=300, blank=True)
    author = models.CharField(max_length=254, blank=True)
    version = models.DecimalField(max_digits=20, decimal_places=0, null=True)
    thread = models.CharField(max_length=64, blank=True)
    labels = ArrayField(models.CharField(max_length=255), default=list)
    remote = models.CharField(max_length=8, choices=Remote, blank=True)
    remote_at = models.DateTimeField(null=True, help_text="When Google said that it is in the bin, or gone.")
    seen_generation = models.PositiveIntegerField(default=0)

    objects = OwnedManager["RawEvent"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            owner_key("integrations_rawevent"),
            models.UniqueConstraint(
                fields=["user", "source", "external_id"], name="integrations_rawevent_once"
            ),
            SameOwner("batch", name="integrations_rawevent_batch", on_delete="SET NULL"),
            RowSecurity(
                name="integrations_rawevent_owner",
                ops=(
                    "id",
                    "user",
                    "source",
                    "kind",
                    "batch",
                    "occurred_at",
                    "verdict",
                    "normalizer",
                    "created_at",
                    "updated_at",
                    "position",
                ),
            ),
        ]
        indexes = [
            # None of these holds the verdict of what files bring, which is settled and undone by the hundred thousand.
            models.Index(fields=["user", "batch"], name="integrations_raw_of_batch"),
            models.Index(fields=["user", "source", "position"], name="integrations_raw_by_place"),
            models.Index(fields=["user", "external_id"], name="integrations_raw_by_id"),
            # Partial: files, which bring the most, have neither.
            models.Index(
                fields=["user", "item_key"], condition=~Q(item_key=""), name="integrations_raw_by_key"
            ),
            models.Index(
                fields=["user", "author"], condition=~Q(author=""), name="integrations_raw_by_author"
            ),
            # What a stream has fetched and nobody has read yet: asked whenever a card of an account looks again.
            models.Index(
                fields=["user", "source"],
                condition=Q(verdict="pending") & ~Q(remote=""),
                name="integrations_raw_unread",
            ),
        ]

    @property
    def content(self) -> bytes:
        """What the source said, as it said it. Raises CannotOpen, and zlib.error for what was never compressed."""
        return zlib.decompress(bytes(self.payload or b""))


class Export(OwnedModel):
    """All that a user has here, in one zip that they asked for: kept sealed in the storage until it expires."""

    stored_as = models.CharField(max_length=300)
    size = models.BigIntegerField()
    content_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField()

    objects = OwnedManager["Export"]()

    class Meta(OwnedModel.Meta):
        constraints = [RowSecurity(name="integrations_export_owner")]
        indexes = [models.Index(fields=["user", "-created_at"], name="integrations_export_newest")]


class Provenance(OwnedModel):
    """A raw event vouches for an interaction or a contact, in a batch. The last one to go takes it along."""

    raw_event = models.ForeignKey(
        RawEvent, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )
    batch = models.ForeignKey(Batch, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    interaction = models.ForeignKey(
        Interaction, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    contact = models.ForeignKey(
        Contact, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )

    objects = OwnedManager["Provenance"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["user", "raw_event", "batch"], name="integrations_provenance_once"
            ),
            SameOwner("raw_event", name="integrations_provenance_raw"),
            SameOwner("batch", name="integrations_provenance_batch"),
            SameOwner("interaction", name="integrations_provenance_inter"),
            SameOwner("contact", name="integrations_provenance_contact"),
            RowSecurity(name="integrations_provenance_owner"),
        ]
        indexes = [
            models.Index(fields=["user", "batch"], name="integrations_prov_of_batch"),
            # Partial: rows of one kind only, so that a cascade cannot mistake another index for a good one.
            models.Index(
                fields=["user", "interaction"],
                condition=Q(interaction__isnull=False),
                name="integrations_prov_of_inter",
            ),
            models.Index(
                fields=["user", "contact"],
                condition=Q(contact__isnull=False),
                name="integrations_prov_of_contact",
            ),
        ]
