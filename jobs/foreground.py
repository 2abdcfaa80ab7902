"""Do a batch's work here and now, for commands. Workers elsewhere may take part; the rows decide who does what."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from django.conf import settings

from jobs.models import Batch
from jobs.runner import run_one
from jobs.sweep import reap
from omnicrm.acting import acting_as

IDLE_SECONDS = 0.2


def work_until_settled(batch: Batch, *, tell: Callable[[Batch], None] | None = None) -> Batch:
    """Run the owner's jobs until this batch has nothing left to do; its last state. `tell` hears of progress.

    A job whose worker has died elsewhere is taken back when its lease runs out, and done here.
    """
    worker, swept = f"command-{os.getpid()}", 0.0
    while not (batch := reload(batch)).is_finished:
        if tell:
            tell(batch)
        if run_one(None, worker, user=batch.user_id) is not None:
            continue
        if time.monotonic() - swept > settings.JOB_SWEEP_SECONDS:
            reap()
            swept = time.monotonic()
        time.sleep(IDLE_SECONDS)
    return batch


def reload(batch: Batch) -> Batch:
    with acting_as(batch.user_id):
        return Batch.objects.for_user(batch.user_id).get(pk=batch.pk)
