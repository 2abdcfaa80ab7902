"""Notes, in the transaction of a change, that the change was made: who, what, which rows; never their contents."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import structlog
from django.db import models

from omnicrm.acting import current_actor
from omnicrm.models import Event


def make_event(user_id: UUID, action: str, *, on: models.Model | None = None, **more: Any) -> Event:
    """An event about `on`, not yet saved. `more` may hold `batch_id`; the rest becomes its data (ids, counts)."""
    return Event(
        user_id=user_id,
        actor=current_actor(),
        action=action,
        object_type=on._meta.label_lower if on is not None else "",
        object_id=on.pk if on is not None else None,
        batch_id=more.pop("batch_id", None),
        request_id=str(structlog.contextvars.get_contextvars().get("request_id", "")),
        data=more,
    )


def note(user_id: UUID, action: str, *, on: models.Model | None = None, **more: Any) -> Event:
    """Save one event, in the caller's transaction."""
    event = make_event(user_id, action, on=on, **more)
    event.save(force_insert=True)
    return event
