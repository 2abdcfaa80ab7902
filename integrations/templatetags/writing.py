"""What templates ask about writing letters."""

from __future__ import annotations

from django import template

from integrations import outbox
from omnicrm.models import User

register = template.Library()


@register.filter
def may_write(user: User) -> bool:
    """Whether one of this user's accounts may send letters."""
    return outbox.may_write(user).exists()
