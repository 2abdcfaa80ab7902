"""How a stream stands, in words that say what to do next. Pure: from its row and what was counted, and the time.

It is up to date only where nothing is left to say: nothing is fetched or read or put aside, Google answered lately,
and a comparison of the last days found each id held, or left out for a reason. Whatever is open is said as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from integrations.models import SyncStream
from jobs.models import Batch

Health, Phase = SyncStream.Health, SyncStream.Phase
STALE = dt.timedelta(minutes=20)
"""Without an answer from Google for so long, what is here is not called current any more."""
TRUSTED = dt.timedelta(days=2)
"""How long a comparison with Google is good for."""
THINGS = {
    "gmail": ("message", "messages"),
    "calendar": ("event", "events"),
    "calendars": ("calendar", "calendars"),
}
GOOD, CALM, WARN, BAD = "good", "calm", "warn", "bad"
SHORT = {GOOD: "Up to date", CALM: "At work", WARN: "Waiting", BAD: "Needs you"}


@dataclass(frozen=True)
class Point:
    """Something that is open: how bad it is, and what to do, if anything."""

    tone: str
    words: str
    link: str = ""
    """What leads on: again, look, plan or resume."""
    until: dt.datetime | None = None
    """When it goes on by itself."""
    is_stale: bool = False

    @property
    def matters(self) -> bool:
        """Whether its owner should know wherever they are."""
        return self.tone == BAD or self.is_stale


@dataclass(frozen=True)
class Facts:
    """What is known of one stream. `batch` is an import of it that is planned or under way."""

    stream: SyncStream
    now: dt.datetime
    todo: int = 0
    parked: int = 0
    unread: int = 0
    batch: Batch | None = None
    pause_until: dt.datetime | None = None
    """Google wants no calls of this account before, whichever stream was told so."""


def points(facts: Facts) -> list[Point]:
    """All that is open, the worst first; empty where the stream is up to date."""
    stopped = stop(facts)
    if stopped or facts.stream.phase not in (Phase.LIST, Phase.LIVE):
        return [stopped, *staleness(facts)] if stopped else [beginning(facts)]
    found = [*waits(facts), *staleness(facts), *losses(facts), *work(facts)]
    order = (BAD, WARN, CALM)
    found.sort(key=lambda point: order.index(point.tone))
    return found or [*comparison(facts)]


def stop(facts: Facts) -> Point | None:
    """What a person ends, and nothing else does."""
    stream = facts.stream
    match stream.health:
        case Health.REAUTH:
            return Point(
                BAD, "Stopped until the account is connected again. It goes on where it stopped.", "again"
            )
        case Health.NO_SCOPE:
            return Point(BAD, stream.health_reason or "A permission is missing. Connect again.", "again")
        case Health.PAUSED:
            return Point(WARN, "Paused. Nothing is asked of Google until you resume.", "resume")
    return None


def beginning(facts: Facts) -> Point:
    match facts.stream.phase:
        case Phase.PREVIEW:
            return Point(CALM, "Being listed, to show you what would come in. Nothing is written.", "plan")
        case Phase.AWAIT_APPROVAL:
            return Point(WARN, "A plan waits for your approval. Nothing is read before.", "plan")
    return Point(WARN, "Not begun. Look at what would come in, then approve it.")


def waits(facts: Facts) -> Iterator[Point]:
    """Google wants a pause, is away, or refuses; when it is tried again."""
    stream = facts.stream
    times = [at for at in (stream.not_before, facts.pause_until) if at and at > facts.now]
    until = max(times, default=None)
    if stream.health == Health.FAILED:
        yield Point(BAD, f"{stream.health_reason} {tried(until)}", until=until)
    elif stream.health == Health.THROTTLED or (until and not stream.health_reason and not stream.fail_streak):
        if until:
            yield Point(WARN, f"Google asks for a pause until {clock(until)}. Nothing is lost.", until=until)
    elif until:
        reason = stream.health_reason or "Google does not answer. Nothing is lost."
        yield Point(WARN, f"{reason} {tried(until)}", until=until)


def tried(until: dt.datetime | None) -> str:
    return f"Tried again at {clock(until)}." if until else "It is tried again by itself."


def staleness(facts: Facts) -> Iterator[Point]:
    """Since when what is here may be behind."""
    heard = facts.stream.last_ok_at
    if heard is not None and facts.now - heard > STALE:
        words = f"Stale since {clock(heard)}: until then all was known, and what came after is fetched later."
        yield Point(WARN, words, is_stale=True)


def losses(facts: Facts) -> Iterator[Point]:
    missing, parked = facts.stream.missing or 0, facts.parked
    if parked:
        yield Point(BAD, f"{count(facts, parked)} could not be read. Look at what they are.", "look")
    if missing:
        came = f"and {being(missing)} fetched now" if facts.todo else "and it is compared again soon"
        yield Point(WARN, f"{count(facts, missing)} at Google {was(missing)} not here, {came}.")


def work(facts: Facts) -> Iterator[Point]:
    stream = facts.stream
    if stream.phase == Phase.LIST:
        again = stream.generation > 1
        yield Point(
            CALM,
            "Everything is compared once more, as Google forgot what had changed. Nothing is lost."
            if again
            else "Being listed.",
        )
    if facts.todo:
        yield Point(CALM, f"{count(facts, facts.todo)} {being(facts.todo)} fetched.")
    if facts.unread:
        yield Point(CALM, f"{count(facts, facts.unread)} {being(facts.unread)} read.")


def comparison(facts: Facts) -> Iterator[Point]:
    """What keeps us from saying that all is here, though nothing seems open."""
    stream = facts.stream
    if stream.kind == SyncStream.Kind.CALENDAR_LIST:
        return
    if stream.reconciled_at is None:
        yield Point(CALM, "In step. It is about to be compared with Google, id by id, for the first time.")
    elif facts.now - stream.reconciled_at > TRUSTED:
        since = f"{timezone.localtime(stream.reconciled_at):%-d %B}"
        yield Point(WARN, f"In step, but not compared with Google since {since}.")
    elif left := difference(stream.tally):
        yield Point(
            CALM, f"{count(facts, left)} had not come when it was compared last. It is compared again soon."
        )


def difference(tally: dict[str, Any]) -> int:
    """Ids at Google, less those that are held, less those that are left out for a reason: the truth is 0."""
    return int(tally.get("google", 0) - tally.get("held", 0) - tally.get("left_out", 0))


def tone(found: list[Point]) -> str:
    return found[0].tone if found else GOOD


def count(facts: Facts, number: int) -> str:
    one, many = THINGS[facts.stream.kind]
    return f"{number:,} {one if number == 1 else many}"


def being(number: int) -> str:
    return "is being" if number == 1 else "are being"


def was(number: int) -> str:
    return "was" if number == 1 else "were"


def clock(at: dt.datetime) -> str:
    """A time of today, or with its day."""
    local = timezone.localtime(at)
    return f"{local:%H:%M}" if local.date() == timezone.localdate() else f"{local:%-d %B, %H:%M}"
