"""What follows from Google's word that something has changed: one looks now instead of later, and nothing else.

Whatever a push says besides is not believed: where a stream stands, the stream knows. So one that comes twice, late,
in another order or not at all does no harm.
"""

from __future__ import annotations

import hmac
from uuid import UUID

from django.db.models import Q
from django.utils import timezone

from integrations.models import GoogleAccount, PushAddress, SyncStream
from integrations.streams.steps import STOPPED
from integrations.streams.ticking import come_back
from omnicrm.acting import acting_as
from omnicrm.blind import blind

EVERYBODY = UUID(int=0)
ANSWERS = (GoogleAccount.Health.OK, GoogleAccount.Health.CONFIG)


def hidden(what: str, value: str) -> str:
    """How an address or a token is kept where rows are nobody's."""
    return blind(EVERYBODY, f"push {what}", value)


def mailbox(email: str) -> str:
    return hidden("mailbox", email.strip().lower())


def channel(id: str) -> str:
    return hidden("channel", id)


def token(said: str) -> str:
    return hidden("token", said)


def heard(address: str, said: str = "") -> None:
    """Something has changed at this hidden address, says who says this hidden token. Outside transactions."""
    for row in PushAddress.objects.filter(address=address):
        if hmac.compare_digest(row.token, said):
            look_now(row)


def look_now(row: PushAddress) -> None:
    """A job for this stream, unless nothing may be asked now. However often this is called, one waits and one runs."""
    now = timezone.now()
    with acting_as(row.user_id):
        mine = SyncStream.objects.for_user(row.user_id).filter(pk=row.stream_id)
        may_ask = mine.filter(Q(not_before=None) | Q(not_before__lte=now), account__health__in=ANSWERS)
        live = may_ask.filter(phase=SyncStream.Phase.LIVE).exclude(health__in=STOPPED)
        if live.update(next_sync_at=now):
            come_back(mine.get())
