"""What templates say of batches."""

from __future__ import annotations

from django import template

from integrations.headline import headline
from integrations.sources import sources
from jobs.models import Batch

register = template.Library()
register.filter(headline)


@register.filter
def file_kind(kind: str) -> str:
    """What a person calls a file of this kind."""
    return sources[kind].label if kind in sources else kind


@register.filter
def can_be_undone(batch: Batch) -> bool:
    """Whether it has come to an end, and may have written something on the way."""
    wrote = batch.approved_at is not None or batch.kind != "file_import"
    return batch.is_undoable and wrote
