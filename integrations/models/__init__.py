"""Where things come from: files and accounts, the raw events they hold, and what each one vouches for."""

from integrations.models.google import GoogleAccount, QuotaBucket, SyncStream, SyncWork
from integrations.models.outbox import OutboxMessage
from integrations.models.push import PushAddress
from integrations.models.sources import Export, Provenance, RawEvent, SourceFile

__all__ = [
    "Export",
    "GoogleAccount",
    "OutboxMessage",
    "Provenance",
    "PushAddress",
    "QuotaBucket",
    "RawEvent",
    "SourceFile",
    "SyncStream",
    "SyncWork",
]
