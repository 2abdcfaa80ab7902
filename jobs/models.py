"""Work that outlives a request, in batches that a person approved and can take back."""

from __future__ import annotations

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from uuid_utils.compat import uuid7

from omnicrm.owned import OwnedManager, OwnedModel, OwnedQuerySet
from omnicrm.rowsecurity import RowSecurity, SameOwner, owner_key
from omnicrm.sealed import SealedField


class NextValue(models.Func):
    """The next number of a Postgres sequence."""

    function = "nextval"
    output_field = models.BigIntegerField()

    def __init__(self, sequence: str) -> None:
        super().__init__(models.Value(sequence))


class Batch(OwnedModel):
    """One change to a person's data, planned first, approved by its hash, carried out by jobs, undone as a whole."""

    class State(models.TextChoices):
        PLANNING = "planning"
        PLANNED = "planned"
        APPROVED = "approved"
        RUNNING = "running"
        DONE = "done"
        FAILED = "failed"
        CANCELLED = "cancelled"
        UNDOING = "undoing"
        UNDONE = "undone"

    UNFINISHED = (State.PLANNING, State.APPROVED, State.RUNNING, State.UNDOING)
    UNDOABLE = (State.DONE, State.FAILED, State.CANCELLED)

    kind = models.CharField(max_length=40)
    title = models.CharField(max_length=300, blank=True)
    state = models.CharField(max_length=10, choices=State, default=State.PLANNING)
    options = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    totals = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    warnings = models.JSONField(default=list)
    error = models.TextField(blank=True)
    plan_hash = models.CharField(max_length=64, blank=True)
    done_steps = models.PositiveBigIntegerField(default=0)
    total_steps = models.PositiveBigIntegerField(default=0)
    approved_by = models.CharField(max_length=10, blank=True)
    approved_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    cancel_requested_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)

    objects = OwnedManager["Batch"]()

    class Meta(OwnedModel.Meta):
        verbose_name_plural = "batches"
        indexes = [models.Index(fields=["user", "-created_at"], name="jobs_batch_newest")]
        constraints = [
            owner_key("jobs_batch"),
            RowSecurity(
                name="jobs_batch_owner",
                dispatch=("SELECT", "UPDATE"),
                ops=(
                    "id",
                    "user",
                    "created_at",
                    "updated_at",
                    "kind",
                    "state",
                    "done_steps",
                    "total_steps",
                    "approved_by",
                    "approved_at",
                    "finished_at",
                    "cancel_requested_at",
                    "undone_at",
                    "plan_hash",
                ),
            ),
        ]

    def __str__(self) -> str:
        return self.title or f"{self.kind} {self.pk}"

    @property
    def is_finished(self) -> bool:
        return self.state not in self.UNFINISHED

    @property
    def is_undoable(self) -> bool:
        return self.state in self.UNDOABLE

    @property
    def percent(self) -> int:
        """How much is done, 0 to 100; 0 while nothing is known."""
        return min(100, self.done_steps * 100 // self.total_steps) if self.total_steps else 0


class PlanItem(OwnedModel):
    """One line of a plan: what would happen to one message, card, event or person, and why."""

    class Outcome(models.TextChoices):
        CREATE = "create"
        UPDATE = "update"
        SKIP = "skip"
        FAIL = "fail"

    batch = models.ForeignKey(
        Batch, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="items"
    )
    seq = models.PositiveBigIntegerField()
    kind = models.CharField(max_length=20)
    external_id = models.TextField()
    outcome = models.CharField(max_length=10, choices=Outcome)
    reason = models.CharField(max_length=60, blank=True)
    target = models.UUIDField(null=True)
    target_updated_at = models.DateTimeField(null=True)
    data = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    draft = SealedField(null=True)  # all that it says of a person, for whoever carries it out
    result = models.CharField(max_length=60, blank=True)

    objects = OwnedManager["PlanItem"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(fields=["user", "batch", "seq"], name="jobs_planitem_seq"),
            SameOwner("batch", name="jobs_planitem_batch"),
            RowSecurity(name="jobs_planitem_owner"),
        ]
        indexes = [
            models.Index(fields=["user", "batch", "kind", "outcome", "reason"], name="jobs_planitem_outcome")
        ]


class BatchItem(OwnedModel):
    """One row that a batch changed or deleted: the columns before and after. Created rows carry their batch instead.

    `after` is null for a deleted row, whose `before` holds all its columns. The database lets us add and read
    these, never change or remove them; they go with their batch.
    """

    batch = models.ForeignKey(Batch, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+")
    seq = models.BigIntegerField(db_default=NextValue("jobs_batchitem_seq"), editable=False)
    object_type = models.CharField(max_length=60)
    object_id = models.UUIDField()
    before = models.JSONField(encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    objects = OwnedManager["BatchItem"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            SameOwner("batch", name="jobs_batchitem_batch"),
            RowSecurity(name="jobs_batchitem_owner"),
        ]
        indexes = [
            models.Index(fields=["user", "batch", "object_type", "object_id"], name="jobs_batchitem_object")
        ]


class JobQuerySet(OwnedQuerySet["Job"]):
    def waiting(self) -> JobQuerySet:
        return self.filter(state=Job.State.QUEUED)


class Job(OwnedModel):
    """One piece of work. This row is the truth; a broker message only says that there is some.

    A running job has a lease and a token; every commit of its worker checks the token, so a worker that lost
    its lease can change nothing.
    """

    class State(models.TextChoices):
        QUEUED = "queued"
        RUNNING = "running"
        SUCCEEDED = "succeeded"
        DEAD = "dead"
        CANCELLED = "cancelled"

    class Queue(models.TextChoices):
        INTERACTIVE = "interactive"
        SYNC = "sync"
        AI = "ai"
        BULK = "bulk"

    class Priority(models.IntegerChoices):
        URGENT = 10
        HIGH = 30
        MEDIUM = 50
        LOW = 70

    FINISHED = (State.SUCCEEDED, State.DEAD, State.CANCELLED)

    batch = models.ForeignKey(
        Batch, models.DO_NOTHING, null=True, db_constraint=False, db_index=False, related_name="jobs"
    )
    kind = models.CharField(max_length=40)
    queue = models.CharField(max_length=20, choices=Queue, default=Queue.BULK)
    priority = models.PositiveSmallIntegerField(choices=Priority, default=Priority.MEDIUM)
    payload = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    dedupe_key = models.CharField(max_length=200, null=True)
    idempotency_key = models.CharField(max_length=200, null=True)
    mutex_key = models.CharField(max_length=200, null=True)
    run_at = models.DateTimeField(db_default=Now())  # Postgres' clock alone says what is due
    attempt = models.PositiveSmallIntegerField(default=0)
    max_attempts = models.PositiveSmallIntegerField(default=5)
    crashes = models.PositiveSmallIntegerField(default=0)
    token = models.BigIntegerField(null=True)
    lease_until = models.DateTimeField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    cancel_requested_at = models.DateTimeField(null=True)
    checkpoint = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    progress = models.CharField(max_length=200, blank=True)
    error_code = models.CharField(max_length=60, blank=True)
    error = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    objects = OwnedManager.from_queryset(JobQuerySet)()

    class Meta(OwnedModel.Meta):
        constraints = [
            models.UniqueConstraint(
                fields=["user", "kind", "dedupe_key"],
                condition=Q(state="queued", dedupe_key__isnull=False),
                name="jobs_job_one_waiting",
            ),
            models.UniqueConstraint(
                fields=["user", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="jobs_job_one_ever",
            ),
            models.UniqueConstraint(
                fields=["user", "mutex_key"],
                condition=Q(state="running", mutex_key__isnull=False),
                name="jobs_job_one_running",
            ),
            models.CheckConstraint(
                condition=Q(state="running", token__isnull=False, lease_until__isnull=False)
                | (~Q(state="running") & Q(token__isnull=True, lease_until__isnull=True)),
                name="jobs_job_lease_while_running",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["queued", "running"], finished_at__isnull=True)
                | (~Q(state__in=["queued", "running"]) & Q(finished_at__isnull=False)),
                name="jobs_job_finished_when_ended",
            ),
            owner_key("jobs_job"),
            SameOwner("batch", name="jobs_job_batch"),
            RowSecurity(
                name="jobs_job_owner",
                dispatch=("SELECT", "UPDATE", "DELETE"),
                ops=(
                    "id",
                    "user",
                    "batch",
                    "created_at",
                    "updated_at",
                    "kind",
                    "queue",
                    "priority",
                    "state",
                    "run_at",
                    "attempt",
                    "max_attempts",
                    "crashes",
                    "lease_until",
                    "worker",
                    "cancel_requested_at",
                    "progress",
                    "error_code",
                    "error",
                    "request_id",
                    "started_at",
                    "finished_at",
                    "token",
                ),
            ),
        ]
        indexes = [
            models.Index(
                fields=["queue", "user", "kind", "priority", "run_at", "created_at"],
                condition=Q(state="queued"),
                name="jobs_job_claim",
            ),
            models.Index(fields=["queue", "run_at"], condition=Q(state="queued"), name="jobs_job_due"),
            models.Index(fields=["user", "kind"], condition=Q(state="running"), name="jobs_job_running"),
            models.Index(fields=["lease_until"], condition=Q(state="running"), name="jobs_job_lease"),
            models.Index(fields=["user", "-created_at"], name="jobs_job_newest"),
            models.Index(fields=["user", "batch", "state"], name="jobs_job_batch_state"),
            models.Index(
                fields=["state", "finished_at"],
                condition=Q(finished_at__isnull=False),
                name="jobs_job_retention",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} ({self.state})"

    @property
    def is_finished(self) -> bool:
        return self.state in self.FINISHED


class JobEvent(OwnedModel):
    """What happened to a job beside its normal course: retried, later, released, reaped, fenced, cancelled, dead.

    The database lets us add and read these, never change or remove them; they go with their job.
    """

    job = models.ForeignKey(
        Job, models.DO_NOTHING, db_constraint=False, db_index=False, related_name="events"
    )
    event = models.CharField(max_length=20)
    token = models.BigIntegerField(null=True)
    worker = models.CharField(max_length=100, blank=True)
    detail = models.JSONField(default=dict, encoder=DjangoJSONEncoder)

    objects = OwnedManager["JobEvent"]()

    class Meta(OwnedModel.Meta):
        constraints = [
            SameOwner("job", name="jobs_jobevent_job"),
            RowSecurity(
                name="jobs_jobevent_owner",
                ops=("id", "user", "created_at", "updated_at", "job", "event", "token", "worker", "detail"),
            ),
        ]
        indexes = [models.Index(fields=["user", "job", "created_at"], name="jobs_jobevent_job")]


class PeriodicRun(models.Model):
    """A slot of a schedule that somebody has taken: two schedulers cannot both run it. Global: holds no data."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=60)
    slot = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "slot"], name="jobs_periodicrun_slot")]

    def __str__(self) -> str:
        return f"{self.name} {self.slot:%Y-%m-%d %H:%M}"
