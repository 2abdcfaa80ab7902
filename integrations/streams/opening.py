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
from omnicrm.acting import acting_as

LONG_AGO = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class Wait(Exception):
    """The call was not made: so many seconds must pass first."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


@dataclass(frozen=True)
class Account:
    """What is needed to ask Google about one account, read in a transaction and used outside of it."""

    user_id: UUID
    id: UUID
    grant: Grant
    granted_at: dt.datetime | None

    @classmethod
    def of(cls, account: GoogleAccount) -> Account:
        grant = Grant(
            text(account.access_token),
            account.access_expires_at or LONG_AGO,
            text(account.refresh_token),
            frozenset(account.scopes),
        )
        return cls(account.user_id, account.pk, grant, account.granted_at)

    @contextmanager
    def opened(self) -> Iterator[Google]:
        """A key that was renewed meanwhile is kept, also when what was asked for failed."""
        google = Google(self.grant, clock=timezone.now, granted_at=self.granted_at)
        try:
            yield google
        finally:
            if google.grant is not self.grant:
                self.keep(google.grant)

    def keep(self, grant: Grant) -> None:
        with acting_as(self.user_id):
            rows = GoogleAccount.objects.for_user(self.user_id).filter(pk=self.id)
            account = rows.exclude(health=GoogleAccount.Health.DISCONNECTED).first()
            if account is not None:
                account.access_token, account.access_expires_at = (
                    grant.access_token.encode(),
                    grant.expires_at,
                )
                account.refresh_token = grant.refresh_token.encode()
                account.save(
                    update_fields=["access_token", "access_expires_at", "refresh_token", "updated_at"]
                )


def text(sealed: bytes | memoryview | None) -> str:
    return bytes(sealed or b"").decode()
