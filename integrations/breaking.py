"""A breaker stops calls that would fail: it opens when half of them do, and then lets one through in a while to see."""

from __future__ import annotations

import datetime as dt

from integrations.models import QuotaBucket

FEWEST = 4
"""Calls before one can say that half of them fail."""
REMEMBERED = 20
"""Calls after which the older ones count half."""
REST = dt.timedelta(seconds=30)
"""From its opening, or from a probe that failed, until the next probe."""
PROBE = dt.timedelta(seconds=75)
"""After which a probe has failed, whatever became of its process."""
NEXT_LOOK = 5.0
"""Seconds until others look again whether a probe got through."""
SEVERAL = 2
"""Accounts that must have failed before it is Google's fault, and everybody waits."""


def wait(bucket: QuotaBucket, now: dt.datetime) -> float:
    """Seconds until it is worth asking; 0.0 where the breaker is closed, or a probe is due."""
    if bucket.opened_at is None:
        return 0.0
    if bucket.probing_until and bucket.probing_until > now:
        return NEXT_LOOK
    return max(0.0, (bucket.opened_at + REST - now).total_seconds())


def probe(bucket: QuotaBucket, now: dt.datetime) -> None:
    """A call goes out; where the breaker is open it is the one that finds out."""
    if bucket.opened_at is not None:
        bucket.probing_until = now + PROBE


def count(bucket: QuotaBucket, bad: bool, now: dt.datetime, *, who: str = "") -> None:
    """A call has ended. With `who`, the breaker is for several and opens only if several of them failed."""
    if bucket.opened_at is not None:
        bucket.probing_until = None
        bucket.opened_at = now if bad else None
        bucket.calls = bucket.failures = 0
        return
    bucket.calls += 1
    bucket.failures += bad
    failing = {*bucket.used.get("failing", []), *([who] if bad and who else [])}
    is_it_google = not who or len(failing) >= SEVERAL
    if bad and is_it_google and bucket.calls >= FEWEST and 2 * bucket.failures >= bucket.calls:
        bucket.opened_at, failing = now, set()
    if bucket.calls >= REMEMBERED:
        bucket.calls, bucket.failures, failing = bucket.calls // 2, bucket.failures // 2, set()
    bucket.used["failing"] = sorted(failing)
