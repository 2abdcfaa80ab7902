"""Opening the way to an account at Google: with its keys, behind its gate, and with the newest key kept afterwards."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from django.utils import timezone

from integrations.google.client import Google
from integrations.google.oauth import Grant
from integrations.models import GoogleAccount
from integrations.quota import Gate, Lane
from omnicrm.acting import acting_as


@dataclass(frozen=True)
class Account:
    """What is needed to ask Google about one account, read in a transaction and used outside of it."""

    user_id: UUID
    id: UUID
    grant: Grant
    granted_at: dt.datetime | None
    gate: Gate

    @classmethod
    def of(cls, account: GoogleAccount, lane: Lane) -> Account:
        """`lane`: why it is asked. Its calls take from the quota of that account."""
        return cls(account.user_id, account.pk, account.grant, account.granted_at, Gate(account, lane))

    @contextmanager
    def opened(self) -> Iterator[Google]:
        """A key that was renewed meanwhile is kept, also when what was asked for failed."""
        google = Google(self.grant, gate=self.gate, clock=timezone.now, granted_at=self.granted_at)
        try:
            yield google
        finally:
            if google.grant is not self.grant:
                self.keep(google.grant)

    def keep(self, grant: Grant) -> None:
        """An account that was disconnected meanwhile gets no keys again."""
        with acting_as(self.user_id):
            rows = GoogleAccount.objects.for_user(self.user_id).filter(pk=self.id)
            rows = rows.exclude(health=GoogleAccount.Health.DISCONNECTED)
            account = rows.select_for_update(no_key=True).first()
            if account is None:
                return
            account.access_token, account.access_expires_at = grant.access_token.encode(), grant.expires_at
            account.refresh_token = grant.refresh_token.encode()
            account.save(update_fields=["access_token", "access_expires_at", "refresh_token", "updated_at"])
