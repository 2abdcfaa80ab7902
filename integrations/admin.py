"""What was read from the outside, for operators: never the contents."""

from __future__ import annotations

from django.contrib import admin

from integrations.models import RawEvent, SourceFile
from omnicrm.admin import OpsAdmin


@admin.register(RawEvent)
class RawEventAdmin(OpsAdmin):
    list_display = ("kind", "verdict", "user", "occurred_at", "created_at")
    list_filter = ()


@admin.register(SourceFile)
class SourceFileAdmin(OpsAdmin):
    list_display = ("kind", "size", "user", "created_at")
