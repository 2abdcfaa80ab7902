"""How a stream fares: what a failure means for it, and when it may ask again. Its position stays as it is."""

from __future__ import annotations

import datetime as dt

from integrations.google.errors import SLOWER, Failure, Kind, pause
from integrations.models import GoogleAccount, SyncStream
from integrations.streams.steps import FOLLOWED, STOPPED, follower_of
from omnicrm.events import note

HOURLY = dt.timedelta(hours=1)
"""How often something is tried again that somebody else has to mend."""
FARE = ["health", "health_reason", "not_before", "fail_streak", "last_ok_at", "next_sync_at", "updated_at"]


def fares_well(stream: SyncStream, now: dt.datetime) -> None:
    """Google answered. Whoever stopped the stream meanwhile has the last word all the same."""
    if stream.health in STOPPED:
        return
    if stream.health in (SyncStream.Health.THROTTLED, SyncStream.Health.FAILED):
        stream.health = SyncStream.Health.OK
    stream.health_reason, stream.not_before, stream.fail_streak, stream.last_ok_at = "", None, 0, now
    stream.save(update_fields=FARE)


def fails(stream: SyncStream, failure: Failure, now: dt.datetime) -> None:
    """A call failed as a whole."""
    if failure.kind == Kind.REAUTH:
        needs_its_owner(stream.account, failure)
    elif failure.kind == Kind.NO_SCOPE:
        stop(stream, SyncStream.Health.NO_SCOPE, failure)
    else:
        wait(stream, failure, now)


def wait(stream: SyncStream, failure: Failure, now: dt.datetime) -> None:
    """No call before some later moment. Limits of Google's never count as a fault of the stream's."""
    stream.fail_streak += 1
    passes = failure.kind in SLOWER or failure.kind == Kind.TRANSIENT
    after = dt.timedelta(seconds=pause(failure, stream.fail_streak)) if passes else HOURLY
    stream.not_before = now + after
    if stream.health not in STOPPED:  # by a person, meanwhile
        stream.health = fares_after(failure, stream.health)
        stream.health_reason, stream.next_sync_at = failure.sentence, stream.not_before
    stream.save(update_fields=FARE)


def fares_after(failure: Failure, health: str) -> str:
    if failure.kind in SLOWER:
        return SyncStream.Health.THROTTLED
    return health if failure.kind == Kind.TRANSIENT else SyncStream.Health.FAILED


def stop(stream: SyncStream, health: str, failure: Failure) -> None:
    stream.health, stream.health_reason, stream.next_sync_at = health, failure.sentence, None
    stream.save(update_fields=FARE)
    note(stream.user_id, "sync.stopped", on=stream, code=failure.code)


def needs_its_owner(account: GoogleAccount, failure: Failure) -> None:
    """Google no longer lets us in: nothing of this account is asked until it is connected again."""
    account.health, account.health_reason = GoogleAccount.Health.REAUTH, failure.sentence
    account.save(update_fields=["health", "health_reason", "updated_at"])
    streams = SyncStream.objects.for_user(account.user_id).filter(account=account)
    for stream in streams.exclude(health=SyncStream.Health.PAUSED).select_for_update(no_key=True):
        stop(stream, SyncStream.Health.REAUTH, failure)


def cured(account: GoogleAccount, now: dt.datetime) -> None:
    """The account lets us in (again): its streams go on exactly where they stood."""
    account.health, account.health_reason = GoogleAccount.Health.OK, ""
    account.save(update_fields=["health", "health_reason", "updated_at"])
    stopped = (SyncStream.Health.REAUTH, SyncStream.Health.NO_SCOPE, SyncStream.Health.FAILED)
    for stream in SyncStream.objects.for_user(account.user_id).filter(account=account, health__in=stopped):
        go_on(stream, now)


def pause_stream(stream: SyncStream) -> None:
    """Its owner wants no calls for a while."""
    stream.health, stream.health_reason, stream.next_sync_at = SyncStream.Health.PAUSED, "", None
    stream.save(update_fields=FARE)
    note(stream.user_id, "sync.paused", on=stream)


def go_on(stream: SyncStream, now: dt.datetime) -> None:
    """As soon as it may: what Google asked us to wait for is waited for, and what somebody should mend is tried."""
    if stream.health == SyncStream.Health.FAILED:
        stream.not_before = None
    waits = stream.not_before is not None and stream.not_before > now
    stream.health = SyncStream.Health.THROTTLED if waits else SyncStream.Health.OK
    stream.health_reason = stream.health_reason if waits else ""
    stream.next_sync_at = max(stream.not_before or now, now) if stream.phase in FOLLOWED else None
    stream.save(update_fields=FARE)


def looked(stream: SyncStream, now: dt.datetime) -> None:
    """All that is new is known; when to look again. The caller saves it."""
    stream.next_sync_at = now + follower_of(stream).every
