"""Jobs and batches for operators: what waits, what died and why, and two ways to help."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest

from jobs import cancelling, queue, retrying
from jobs.models import Batch, Job, JobEvent
from omnicrm.acting import actor
from omnicrm.admin import OpsAdmin, OpsQuerySet, columns_for_ops


class KindFilter(admin.SimpleListFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind, kind) for kind in sorted(queue.handlers)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Job)
class JobAdmin(OpsAdmin):
    list_display = ("kind", "state", "queue", "user", "attempt", "created_at", "finished_at", "why")
    list_filter = ("state", KindFilter, "queue")
    actions = ("requeue", "cancel")

    @admin.display(description="why")
    def why(self, job: Job) -> str:
        return f"{job.error_code}: {job.error[:120]}" if job.error else job.progress

    @admin.display(description="history")
    def history(self, job: Job) -> str:
        rows = (
            OpsQuerySet(JobEvent).only(*columns_for_ops(JobEvent)).filter(job=job.pk).order_by("created_at")
        )
        return "\n".join(
            f"{row.created_at:%Y-%m-%d %H:%M:%S}  {row.event}  {row.worker}" for row in rows[:200]
        )

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*super().get_fields(request, obj), "history"]

    @admin.action(description="Queue again (dead jobs)")
    def requeue(self, request: HttpRequest, rows: Any) -> None:
        self.each(request, rows, retrying.retry, "queued again")

    @admin.action(description="Cancel (waiting and running jobs)")
    def cancel(self, request: HttpRequest, rows: Any) -> None:
        self.each(request, rows, cancelling.cancel, "cancelled")

    def each(self, request: HttpRequest, rows: Any, change: Callable[[Job], bool], done: str) -> None:
        """Each change is made in the name of the job's owner, and noted as an operator's."""
        jobs = sorted(rows, key=lambda job: job.user_id)  # as each takes the lock of its owner's record
        with actor("operator"):
            changed = sum(change(job) for job in jobs)
        messages.info(request, f"{changed} of {len(jobs)} {done}.")


@admin.register(Batch)
class BatchAdmin(OpsAdmin):
    list_display = ("kind", "state", "user", "done_steps", "total_steps", "created_at", "finished_at")
    list_filter = ("state",)
