"""A Google account that somebody connected, its streams, what is left to fetch, and what may be asked of Google when."""

from __future__ import annotations

import hashlib

from django.contrib.postgres.fields import ArrayField
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from integrations.google.oauth import COMPOSE, Grant
from jobs.models import Batch
from omnicrm.owned import OwnedManager, OwnedModel
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key
from omnicrm.sealed import SealedField


class GoogleAccount(OwnedModel):
    """An account at Google, known by its `sub`: addresses change hands, that number does not.

    A disconnected one keeps its row and loses its tokens, so that what it brought still says where it came from.
    """

    class Health(models.TextChoices):
        OK = "ok", "Connected"
        REAUTH = "reauth", "Connect again"
        CONFIG = "config", "Needs the operator"
        DISCONNECTED = "disconnected", "Disconnected"

    google_sub = models.CharField(max_length=64)
    email = models.CharField(max_length=254)
    name = models.CharField(max_length=200, blank=True)
    aliases = ArrayField(models.CharField(max_length=254), default=list)
    scopes = ArrayField(models.CharField(max_length=120), default=list)
    refresh_token = SealedField(null=True)
    access_token = SealedField(null=True)
    access_expires_at = models.DateTimeField(null=True)
    granted_at = models.DateTimeField(null=True)
    health = models.CharField(max_length=12, choices=Health, default=Health.OK)
    health_reason = models.TextField(blank=True, help_text="What is wrong and what to do, for its owner.")
    preferences = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = OwnedManager["GoogleAccount"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            owner_key("integrations_googleaccount"),
            models.UniqueConstraint(fields=["user", "google_sub"], name="integrations_googleaccount_once"),
            RowSecurity(
                name="integrations_googleaccount_owner",
                ops=("id", "user", "scopes", "granted_at", "health", "created_at", "updated_at"),
            ),
        ]

    def __str__(self) -> str:
        return self.email

    @property
    def grant(self) -> Grant:
        """Its keys; empty ones where it has none."""
        return Grant(
            bytes(self.access_token or b"").decode(),
            self.access_expires_at or self.created_at,
            bytes(self.refresh_token or b"").decode(),
            frozenset(self.scopes),
        )

    @property
    def is_connected(self) -> bool:
        return self.health != self.Health.DISCONNECTED

    @property
    def may_write(self) -> bool:
        return self.is_connected and COMPOSE in self.scopes


class SyncStream(OwnedModel):
    """One thing of an account that is kept in step: its mail, its list of calendars, or one calendar.

    `phase` says how far it has come and `health` whether it can go on; health never loses the position. `cursor`,
    `baseline` and `page_token` are Google's words, changed only in the transaction that stores what they cover.
    """

    class Kind(models.TextChoices):
        GMAIL = "gmail", "Gmail"
        CALENDAR_LIST = "calendars", "Calendars"
        CALENDAR = "calendar", "Calendar"

    class Phase(models.TextChoices):
        NEW = "new"
        PREVIEW = "preview"
        AWAIT_APPROVAL = "approval"
        LIST = "list"
        LIVE = "live"

    class Health(models.TextChoices):
        OK = "ok"
        THROTTLED = "throttled"
        REAUTH = "reauth"
        NO_SCOPE = "no_scope"
        PAUSED = "paused"
        FAILED = "failed"

    account = models.ForeignKey(
        GoogleAccount, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="streams"
    )
    kind = models.CharField(max_length=12, choices=Kind)
    remote_id = models.CharField(max_length=255)
    title = models.CharField(max_length=255, blank=True)
    phase = models.CharField(max_length=12, choices=Phase, default=Phase.NEW)
    health = models.CharField(max_length=12, choices=Health, default=Health.OK)
    health_reason = models.TextField(blank=True)
    not_before = models.DateTimeField(null=True, help_text="No call before this moment.")
    generation = models.PositiveIntegerField(default=1)
    cursor = models.TextField(blank=True)
    baseline = models.TextField(blank=True)
    page_token = models.TextField(blank=True)
    listing = models.JSONField(
        default=dict, encoder=DjangoJSONEncoder, help_text="What a full list asks for, as it was approved."
    )
    fail_streak = models.PositiveIntegerField(default=0)
    last_ok_at = models.DateTimeField(null=True)
    last_progress_at = models.DateTimeField(null=True)
    next_sync_at = models.DateTimeField(null=True)
    watch_expires_at = models.DateTimeField(null=True, help_text="Until then Google tells of changes.")
    watch_again_at = models.DateTimeField(null=True, help_text="Before that moment it is not asked to.")
    watch_channel = models.CharField(max_length=64, blank=True)
    watch_resource = models.TextField(blank=True)
    reconciled_at = models.DateTimeField(null=True)
    missing = models.PositiveIntegerField(
        null=True, help_text="Ids of the last week at Google, neither held nor left out for a reason."
    )
    tally = models.JSONField(
        default=dict, help_text="What became of the ids of the last week, in numbers, as of `reconciled_at`."
    )

    objects = OwnedManager["SyncStream"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            owner_key("integrations_syncstream"),
            models.UniqueConstraint(
                fields=["user", "account", "kind", "remote_id"], name="integrations_syncstream_once"
            ),
            SameOwner("account", name="integrations_syncstream_account"),
            RowSecurity(
                name="integrations_syncstream_owner",
                dispatch=("SELECT",),
                ops=(
                    "id", "user", "account", "kind", "phase", "health", "not_before", "generation", "fail_streak",
                    "last_ok_at", "last_progress_at", "next_sync_at", "watch_expires_at", "reconciled_at", "missing",
                    "created_at", "updated_at",
                ),
            ),
        ]  # fmt: skip
        indexes = [
            models.Index(
                fields=["next_sync_at"],
                condition=Q(next_sync_at__isnull=False),
                name="integrations_stream_due",
            )
        ]

    def __str__(self) -> str:
        return self.title or self.get_kind_display()

    @property
    def source(self) -> str:
        """The name of this source in suppressions and raw events: the same mailbox connected anew is the same source."""
        if self.kind == self.Kind.GMAIL:
            return f"gmail:{self.account.google_sub}"
        # Ids of events are those of one calendar; a calendar's own may be longer than the column.
        calendar = hashlib.sha256(self.remote_id.encode()).hexdigest()[:16]
        return f"gcal:{self.account.google_sub}:{calendar}"


class SyncWork(OwnedModel):
    """An id that Google named and that is still to be fetched or looked at. It goes in the transaction that keeps the answer."""

    class Op(models.TextChoices):
        FETCH = "fetch"
        STUB = "stub"
        VERIFY = "verify"

    class State(models.TextChoices):
        TODO = "todo"
        PARKED = "parked"

    DELTA, BACKFILL = 10, 50
    """Priorities: mail that arrives goes before mail that has waited for years."""

    stream = models.ForeignKey(
        SyncStream, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="work"
    )
    external_id = models.CharField(max_length=300)
    op = models.CharField(max_length=8, choices=Op, default=Op.FETCH)
    batch = models.ForeignKey(
        Batch, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="+"
    )
    thread = models.CharField(max_length=64, blank=True)
    generation = models.PositiveIntegerField(default=1)
    priority = models.PositiveSmallIntegerField(default=BACKFILL)
    place = models.PositiveBigIntegerField(default=0, help_text="Newest first: the smaller, the earlier.")
    attempts = models.PositiveSmallIntegerField(default=0)
    not_before = models.DateTimeField(null=True)
    last_error = models.CharField(max_length=200, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.TODO)

    objects = OwnedManager["SyncWork"]()

    class Meta(OwnedModel.Meta):
        verbose_name_plural = "sync work"
        constraints = [
            models.UniqueConstraint(
                fields=["user", "stream", "external_id"], name="integrations_syncwork_once"
            ),
            SameOwner("stream", name="integrations_syncwork_stream", on_delete="CASCADE"),
            SameOwner("batch", name="integrations_syncwork_batch", on_delete="SET NULL"),
            RowSecurity(
                name="integrations_syncwork_owner",
                ops=(
                    "id",
                    "user",
                    "stream",
                    "op",
                    "priority",
                    "attempts",
                    "state",
                    "created_at",
                    "updated_at",
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["user", "stream", "state", "attempts", "priority", "place"],
                name="integrations_work_next",
            ),
            models.Index(
                fields=["user", "batch"], condition=Q(batch__isnull=False), name="integrations_work_of_batch"
            ),
        ]


class QuotaBucket(models.Model):
    """What may still be asked of Google: one bucket for each account and one for the project. Global: holds no data.

    The clock is the caller's, so that a test can run an hour in a second.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    units = models.FloatField(default=0)
    filled_at = models.DateTimeField(null=True)
    used = models.JSONField(default=dict)
    not_before = models.DateTimeField(null=True)
    batch_size = models.PositiveSmallIntegerField(default=10)
    clean_since = models.DateTimeField(null=True)
    calls = models.PositiveIntegerField(default=0)
    failures = models.PositiveIntegerField(default=0)
    opened_at = models.DateTimeField(null=True)
    probing_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.name
