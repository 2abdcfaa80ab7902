"""What templates say of batches."""

from __future__ import annotations

from django import template

from integrations.headline import headline
from integrations.origins import PLANNED
from integrations.sources import sources
from jobs.models import Batch

STREAMS = {"gmail": "Gmail", "calendar": "Google Calendar", "calendars": "Google Calendar"}

register = template.Library()
register.filter(headline)


@register.filter
def file_kind(kind: str) -> str:
    """What a person calls a file, or an account, of this kind."""
    return sources[kind].label if kind in sources else STREAMS.get(kind, kind)


@register.filter
def can_be_undone(batch: Batch) -> bool:
    """Whether it has come to an end, and may have written something on the way."""
    wrote = batch.approved_at is not None or batch.kind not in PLANNED
    return batch.is_undoable and wrote
