"""How much may be asked of Google, and when: kept in Postgres, for all processes. The clock is the caller's.

Each account and the whole project have a bucket of units for Gmail, and one of requests for Calendar. A bucket holds
what comes in within BURST seconds; what is asked for out of haste leaves some of it to what is more urgent.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from enum import StrEnum
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from integrations import breaking, sharing
from integrations.google.errors import SLOWER, TOO_LARGE, Failure, Kind, pause
from integrations.models import GoogleAccount, QuotaBucket
from jobs.queue import RetryLater

BURST = 10.0
"""Seconds for which a bucket holds units."""
SMALLEST, LARGEST = 5, 25
"""Calls of a batch: it is halved when Google pushes back or its answer is too large, and grows by one in a minute
without."""
CLEAN = dt.timedelta(minutes=1)
IN_FLIGHT = 75.0
"""Seconds after which a batch has ended, whatever became of its process: longer than any call may take."""
NEXT_LOOK = 1.0
"""Seconds until one looks again whether the batch before has ended."""
APIS = ("gmail", "calendar")


class Wait(RetryLater):
    """The call must wait `after` seconds. No attempt is charged."""


class Lane(StrEnum):
    """Why something is asked: what arrives now goes before what somebody waits for, and that before old mail."""

    DELTA = "delta"
    PREVIEW = "preview"
    BACKFILL = "backfill"


LEFT = {Lane.DELTA: 0.0, Lane.PREVIEW: 0.2, Lane.BACKFILL: 0.3}
"""The part of a bucket that is left to others."""


class Gate:
    """What stands before every call of one account (see integrations.google.client)."""

    def __init__(
        self, account: GoogleAccount, lane: Lane, *, clock: Callable[[], dt.datetime] = timezone.now
    ) -> None:
        self.account, self.lane, self.clock, self.id = account.pk, lane, clock, uuid4().hex

    def admit(self, call: str, count: int) -> None:
        """Raises Wait where the call must not be made now."""
        batch = self.id if count > 1 else ""
        units = price(call, count)
        if wait := take(self.account, api_of(call), units, self.lane, now=self.clock(), batch=batch):
            raise Wait(wait)

    def heard(self, call: str, failures: Sequence[Failure | None]) -> None:
        heard(self.account, api_of(call), failures, now=self.clock(), batch=self.id)


def api_of(call: str) -> str:
    return "gmail" if call in settings.GOOGLE_PRICES else "calendar"


def price(call: str, count: int = 1) -> int:
    """Units of Gmail; of Calendar each request counts as one."""
    return int(settings.GOOGLE_PRICES.get(call, 1)) * count


def rate(api: str, *, project: bool) -> float:
    """Units in a second, of which we use our share."""
    limits = {
        "gmail": (settings.GOOGLE_USER_UNITS, settings.GOOGLE_PROJECT_UNITS),
        "calendar": (settings.GOOGLE_CALENDAR_USER_REQUESTS, settings.GOOGLE_CALENDAR_PROJECT_REQUESTS),
    }
    return float(limits[api][project]) * settings.GOOGLE_QUOTA_SHARE / 100 / 60


def take(account: UUID, api: str, units: float, lane: Lane, *, now: dt.datetime, batch: str = "") -> float:
    """0.0 where so much may be asked now, and then it is counted; else the seconds after which to look again.
    `batch` names who sends one: an account has one under way at a time."""
    with transaction.atomic(durable=True):
        own, project = locked(f"{api}:{account}", f"{api}:project")
        for bucket in (own, project):
            fill(bucket, rate(api, project=bucket is project), now)
        wait = max(
            seconds_until(own.not_before, now),
            breaking.wait(own, now),
            breaking.wait(project, now),
            under_way(own, batch, now),
            shortfall(own, units, lane, rate(api, project=False)),
        )
        if not wait:
            ours, more = str(account), sharing.left_to_others(project, str(account), now)
            wait = shortfall(project, units, lane, rate(api, project=True), more)
            sharing.note(
                project, ours, units, now, wait, is_scarce=is_scarce(project, rate(api, project=True))
            )
        if not wait:
            grant((own, project), units, now)
            own.used["batch"] = [batch, now.timestamp() + IN_FLIGHT] if batch else own.used.get("batch")
        save(own, project)
    return wait


def grant(buckets: Sequence[QuotaBucket], units: float, now: dt.datetime) -> None:
    for bucket in buckets:
        bucket.units -= units
        breaking.probe(bucket, now)


def heard(
    account: UUID,
    api: str,
    failures: Sequence[Failure | None],
    *,
    now: dt.datetime,
    batch: str = "",
) -> None:
    """How a call went: one for each of its items, None where it brought something."""
    with transaction.atomic(durable=True):
        others = [f"{other}:{account}" for other in APIS if other != api]
        own, project, *rest = locked(f"{api}:{account}", f"{api}:project", *others)
        if own.used.get("batch") and own.used["batch"][0] == batch:
            own.used["batch"] = None
        if slower := [failure for failure in failures if failure and failure.kind in SLOWER]:
            push_back(own, rest, max(slower, key=how_long), now)
        elif len(failures) > 1 and TOO_LARGE in failures:
            shrink(own, now)
        elif None in failures:
            run_clean(own, now)
        remember_trouble(project, failures, now)
        bad = 2 * sum(1 for one in failures if one and one.kind == Kind.TRANSIENT) >= max(1, len(failures))
        breaking.count(own, bad, now)
        breaking.count(project, bad, now, who=str(account))
        save(own, project, *rest)


OPERATORS = {"gmail_api_off", "calendar_api_off", "client"}
"""What is wrong for everybody, until whoever runs this server has changed it."""


def remember_trouble(project: QuotaBucket, failures: Sequence[Failure | None], now: dt.datetime) -> None:
    if found := [failure for failure in failures if failure and failure.code in OPERATORS]:
        project.used["trouble"] = [found[0].sentence, now.timestamp()]
    elif None in failures:
        project.used.pop("trouble", None)


def troubles() -> list[tuple[str, dt.datetime]]:
    """What an operator has to change at Google, as it was last seen, and when."""
    rows = QuotaBucket.objects.filter(name__in=[f"{api}:project" for api in APIS]).order_by("name")
    found = [row.used["trouble"] for row in rows if row.used.get("trouble")]
    return [(sentence, dt.datetime.fromtimestamp(at, dt.UTC)) for sentence, at in found]


def how_long(failure: Failure) -> tuple[bool, float]:
    return failure.kind == Kind.THROTTLE, failure.retry_after or 0.0


def push_back(own: QuotaBucket, rest: Sequence[QuotaBucket], failure: Failure, now: dt.datetime) -> None:
    """No call of this account before Google wants one, and then a smaller batch."""
    own.used["streak"] = own.used.get("streak", 0) + 1
    until = now + dt.timedelta(seconds=pause(failure, own.used["streak"]))
    for bucket in (own, *rest):
        bucket.not_before = max(until, bucket.not_before or until)
    shrink(own, now)


def shrink(own: QuotaBucket, now: dt.datetime) -> None:
    own.batch_size, own.clean_since = max(SMALLEST, own.batch_size // 2), now


def run_clean(own: QuotaBucket, now: dt.datetime) -> None:
    own.used["streak"] = 0
    own.clean_since = own.clean_since or now
    if now - own.clean_since >= CLEAN and own.batch_size < LARGEST:
        own.batch_size, own.clean_since = own.batch_size + 1, now


def batch_size(account: GoogleAccount, api: str = "gmail") -> int:
    """How many calls the next batch of this account may have."""
    row = QuotaBucket.objects.filter(name=f"{api}:{account.pk}").first() or QuotaBucket()
    return row.batch_size


def seconds_to_wait(account: GoogleAccount, *, now: dt.datetime) -> float:
    """Seconds in which no call of this account is made because Google asked for a pause."""
    rows = QuotaBucket.objects.filter(name__in=[f"{api}:{account.pk}" for api in APIS])
    return max((seconds_until(row.not_before, now) for row in rows), default=0.0)


@transaction.atomic
def let_go(name: str) -> None:
    """An operator knows better: the pause of this bucket ends, and its breaker closes."""
    (bucket,) = locked(name)
    bucket.not_before = bucket.opened_at = bucket.probing_until = None
    bucket.calls = bucket.failures = 0
    save(bucket)


def forget(account: GoogleAccount) -> None:
    """After the account is gone."""
    QuotaBucket.objects.filter(name__in=[f"{api}:{account.pk}" for api in APIS]).delete()


def locked(*names: str) -> list[QuotaBucket]:
    """These buckets, made where there are none. Everybody takes and makes them one by one in the order of their
    names, so that no two wait for each other: whoever holds one asks only for later ones."""
    buckets = QuotaBucket.objects.select_for_update()
    found = {name: buckets.get_or_create(name=name)[0] for name in sorted(names)}
    return [found[name] for name in names]


def save(*buckets: QuotaBucket) -> None:
    for bucket in buckets:
        bucket.save()


def fill(bucket: QuotaBucket, rate: float, now: dt.datetime) -> None:
    """A new bucket is full."""
    if bucket.filled_at is None:
        bucket.units = rate * BURST
    else:
        gone = max(0.0, (now - bucket.filled_at).total_seconds())
        bucket.units = min(rate * BURST, bucket.units + rate * gone)
    bucket.filled_at = max(now, bucket.filled_at or now)


def shortfall(bucket: QuotaBucket, units: float, lane: Lane, rate: float, more: float = 0.0) -> float:
    """Seconds until the bucket holds enough. What is larger than a bucket goes when that is full, and leaves a debt."""
    whole = rate * BURST
    return max(0.0, (min(whole, LEFT[lane] * whole + units + more) - bucket.units) / rate)


def is_scarce(bucket: QuotaBucket, rate: float) -> bool:
    """Whether it matters who has how much. The bucket of a large project stays all but full."""
    return bucket.units < 0.97 * rate * BURST


def under_way(own: QuotaBucket, batch: str, now: dt.datetime) -> float:
    """Whether another batch of this account has not ended yet."""
    who, until = own.used.get("batch") or ["", 0.0]
    return NEXT_LOOK if batch and who not in ("", batch) and until > now.timestamp() else 0.0


def seconds_until(moment: dt.datetime | None, now: dt.datetime) -> float:
    return max(0.0, (moment - now).total_seconds()) if moment else 0.0
