"""What was read from the outside, for operators: how it goes, never the contents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest

from integrations import quota
from integrations.models import GoogleAccount, QuotaBucket, RawEvent, SourceFile, SyncStream, SyncWork
from omnicrm.acting import as_role
from omnicrm.admin import Narrow, OpsAdmin, looked


@admin.register(RawEvent)
class RawEventAdmin(OpsAdmin):
    list_display = ("kind", "verdict", "user", "occurred_at", "created_at")
    list_filter = ()


@admin.register(SourceFile)
class SourceFileAdmin(OpsAdmin):
    list_display = ("kind", "size", "user", "created_at")


@admin.register(GoogleAccount)
class GoogleAccountAdmin(OpsAdmin):
    list_display = ("id", "user", "health", "granted_at", "created_at")
    list_filter = ("health",)


@admin.register(SyncStream)
class SyncStreamAdmin(OpsAdmin):
    list_display = (
        "kind",
        "user",
        "phase",
        "health",
        "not_before",
        "last_ok_at",
        "watch_expires_at",
        "reconciled_at",
        "missing",
    )
    list_filter = ("kind", "phase", "health")

    @admin.display(description="work")
    def work(self, stream: SyncStream) -> str:
        """How much there is to fetch, of each kind and state."""
        with as_role("ops"):
            rows = (
                SyncWork.unscoped.filter(stream=stream.pk).order_by("state", "op").values_list("state", "op")
            )
            counts = list(rows.annotate(Count("id")))
        return "\n".join(f"{number:,} {state}: {op}" for state, op, number in counts) or "None."

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[Any]:
        return [*super().get_fields(request, obj), "work"]


@admin.register(SyncWork)
class SyncWorkAdmin(OpsAdmin):
    list_display = ("op", "state", "user", "priority", "attempts", "created_at")
    list_filter = ("state", "op")


@admin.register(QuotaBucket)
class QuotaBucketAdmin(Narrow):
    """How much of Google's quotas is used, who was asked to pause, and which breaker is open; and a way to end both."""

    list_display = (
        "name",
        "free",
        "not_before",
        "opened_at",
        "batch_size",
        "calls",
        "failures",
        "updated_at",
    )
    fields = (*list_display, "probing_until", "clean_since", "filled_at")
    readonly_fields = fields
    ordering = ("name",)
    list_per_page = 50
    actions = ("let_go",)

    @admin.display(description="free")
    def free(self, bucket: QuotaBucket) -> str:
        """What may be asked at once, of all that a full bucket holds."""
        api, _, of = bucket.name.partition(":")
        whole = quota.rate(api, project=of == "project") * quota.BURST
        return f"{max(0.0, bucket.units):,.0f} of {whole:,.0f}"

    @admin.action(description="End the pause and close the breaker", permissions=["change"])
    def let_go(self, request: HttpRequest, rows: Any) -> None:
        """Google is asked again at once. Whose account it is finds that in the record of what was done."""
        buckets = list(rows)
        for bucket in buckets:
            quota.let_go(bucket.name)
            self.log_change(request, bucket, "Ended the pause and closed the breaker.")
            if account := account_of(bucket):
                looked(request, account.user_id, "operator.changed", on=account)
        messages.info(request, f"{len(buckets)} may ask Google again.")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def account_of(bucket: QuotaBucket) -> GoogleAccount | None:
    """Whose bucket it is; None for those of the project, and of accounts that are gone."""
    of = bucket.name.partition(":")[2]
    if of == "project":
        return None
    with as_role("ops"):
        found: GoogleAccount | None = GoogleAccount.unscoped.only("id", "user_id").filter(pk=UUID(of)).first()
        return found
