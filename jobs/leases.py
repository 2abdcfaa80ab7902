"""Holding on to a running job. One thread renews every lease of this process, on a connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection

from jobs.models import Job
from omnicrm.acting import as_role

log = structlog.get_logger(__name__)

RENEW = """
UPDATE jobs_job AS job
SET lease_until = clock_timestamp() + make_interval(secs => %s), progress = coalesce(held.words, progress)
FROM unnest(%s::uuid[], %s::bigint[], %s::text[]) AS held (id, token, words)
WHERE job.id = held.id AND job.token = held.token AND job.state = 'running'
RETURNING job.id, job.cancel_requested_at IS NOT NULL OR EXISTS (
    SELECT FROM jobs_batch AS batch WHERE batch.id = job.batch_id AND batch.cancel_requested_at IS NOT NULL
    AND batch.state IN ('planning', 'approved', 'running'))
"""


class Stop(BaseException):
    """A handler should end now. Not an Exception: a handler that survives bad rows must not survive this."""


class LeaseLost(Stop):
    """Somebody else has the job by now; nothing we do can be committed."""


class Cancelled(Stop):
    """Its owner does not want the job any more."""


class Released(Stop):
    """The worker shuts down; another goes on from the last checkpoint."""


class Lease:
    """What is known about one held job. Flags only: asking costs nothing."""

    def __init__(self, job: Job) -> None:
        self.job_id, self.token = job.pk, job.token
        self.is_lost = False
        self.is_cancelled = job.cancel_requested_at is not None
        self.words: str | None = None
        """What the next beat says of the job's progress."""


class Heart:
    """Beats while anything is held. A job shorter than a beat costs two dictionary operations."""

    def __init__(self) -> None:
        self._held: dict[object, Lease] = {}
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._hurry = threading.Event()

    @contextmanager
    def holding(self, job: Job) -> Iterator[Lease]:
        lease = Lease(job)
        with self._lock:
            self._held[lease.token] = lease
            if self._thread is None:
                self._thread = threading.Thread(target=self._beat_on, name="leases", daemon=True)
                self._thread.start()
        try:
            yield lease
        finally:
            with self._lock:
                self._held.pop(lease.token, None)

    def beat_now(self) -> None:
        """Instead of waiting for the next beat."""
        self._hurry.set()

    def _beat_on(self) -> None:
        idle = 0
        while True:
            self._hurry.wait(settings.JOB_HEARTBEAT_SECONDS)
            self._hurry.clear()
            with self._lock:
                leases = list(self._held.values())
                idle = 0 if leases else idle + 1
                if idle > 1:
                    self._thread = None
                    break
            if leases:
                self._try_to_beat(leases)
        connection.close()

    def _try_to_beat(self, leases: list[Lease]) -> None:
        try:
            beat(leases)
        except (DatabaseError, InterfaceError) as error:
            # Lost or not is unknown. Whoever commits will be told by the token.
            log.warning("lease.not_renewed", error=type(error).__name__)
            connection.close()


def beat(leases: list[Lease]) -> None:
    """Renew these leases, and learn which are lost or should be cancelled."""
    ids, tokens = [lease.job_id for lease in leases], [lease.token for lease in leases]
    words = [lease.words for lease in leases]
    with as_role("dispatch"), connection.cursor() as cursor:
        cursor.execute(RENEW, [settings.JOB_LEASE_SECONDS, ids, tokens, words])
        kept = dict(cursor.fetchall())
    for lease in leases:
        lease.is_lost = lease.job_id not in kept
        lease.is_cancelled = lease.is_cancelled or kept.get(lease.job_id, False)


heart = Heart()
