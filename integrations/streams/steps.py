"""One step of a stream: decided from its rows, asked of Google outside any transaction, applied in one.

The three parts are functions of their own, so that a crash between any two of them is nothing special: what was
not applied did not happen, and the next step is decided from the rows again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from integrations.google.client import Google
from integrations.google.errors import Failure
from integrations.models import SyncStream, SyncWork
from integrations.quota import Lane

FOLLOWED = (SyncStream.Phase.LIST, SyncStream.Phase.LIVE)
STOPPED = (SyncStream.Health.REAUTH, SyncStream.Health.NO_SCOPE, SyncStream.Health.PAUSED)
"""Waiting does not cure these; a person does."""


@dataclass(frozen=True)
class Position:
    """How far a stream has come. What was asked at one position says nothing at another."""

    phase: str
    generation: int
    cursor: str
    page_token: str

    @classmethod
    def of(cls, stream: SyncStream) -> Position:
        return cls(stream.phase, stream.generation, stream.cursor, stream.page_token)


@dataclass(frozen=True)
class Step:
    """What to ask next: `what` names it, `asks` says it in the words of its kind, `work` are the rows it is about."""

    what: str
    at: Position
    asks: dict[str, Any] = field(default_factory=dict)
    work: tuple[SyncWork, ...] = ()
    lane: Lane = Lane.DELTA
    asked_at: dt.datetime | None = None


@dataclass(frozen=True)
class Follower:
    """How a kind of stream is kept in step."""

    every: dt.timedelta
    """How often it looks for what is new."""
    next_step: Callable[[SyncStream, dt.datetime], Step | None]
    """In a transaction of its owner's, which may write that something is tried. None: there is nothing to ask now."""
    ask: Callable[[Step, Google], Any]
    """Outside any transaction, without a look at the database. Raises Failed; RESYNC is an answer, not a failure."""
    apply: Callable[[SyncStream, Step, Any, dt.datetime], Failure | None]
    """In the transaction of the chunk, with the stream locked and where the step found it. Saves the stream. What
    failed in a part of the answer, and says something of the whole account, is handed back."""


followers: dict[str, Follower] = {}


def follow(kind: str, follower: Follower) -> None:
    followers[kind] = follower


def follower_of(stream: SyncStream) -> Follower:
    return followers[stream.kind]


def next_step(stream: SyncStream, now: dt.datetime) -> Step | None:
    """What to ask of Google now; None while nothing may be asked, or nothing is left to ask."""
    if not may_ask(stream, now):
        return None
    step = follower_of(stream).next_step(stream, now)
    return replace(step, asked_at=now) if step else None


def may_ask(stream: SyncStream, now: dt.datetime) -> bool:
    """While `not_before` is in the future, nothing is called."""
    waits = stream.not_before is not None and stream.not_before > now
    return (
        stream.phase in FOLLOWED
        and stream.health not in STOPPED
        and stream.account.health in (stream.account.Health.OK, stream.account.Health.CONFIG)
        and not waits
    )


def apply(stream: SyncStream, step: Step, answer: Any, now: dt.datetime) -> Failure | None:
    """Apply an answer to a stream that the caller has locked. If it stands elsewhere by now, nothing is done."""
    if Position.of(stream) != step.at or stream.health in STOPPED:
        return None
    due = stream.next_sync_at
    failure = follower_of(stream).apply(stream, step, answer, now)
    if due and step.asked_at and step.asked_at < due <= now:  # told to look while Google was answering
        stream.next_sync_at = due
        stream.save(update_fields=["next_sync_at", "updated_at"])
    return failure
