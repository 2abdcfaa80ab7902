"""How fast a mailbox becomes a timeline, against reading the same mailbox and nothing else; and how fast it goes."""

from __future__ import annotations

import email
import subprocess
import sys
import time
from collections.abc import Iterator
from email.policy import default
from pathlib import Path
from typing import Any

from bench.letters import write_mailbox

Measure = dict[str, Any]
MESSAGES = 20_000
BARE = 2_000
WORKERS = 2


def measures(folder: Path) -> Iterator[Measure]:
    """Import and undo of a generated mailbox by two workers."""
    path = write_mailbox(folder / "bench.mbox", MESSAGES)
    bare = bare_rate(path)
    yield {"measure": "bare parsing, one process", "value": round(bare), "unit": "messages/s"}
    yield from import_and_undo(path, bare)


def bare_rate(path: Path) -> float:
    """Messages a second through the standard library's parser and our reply splitter: no database."""
    from integrations.files import mbox
    from integrations.mail.reply import split

    with path.open("rb") as stream:
        raws = [entry.raw for entry, _ in zip(mbox.messages(stream), range(BARE), strict=False)]
    began = time.perf_counter()
    for raw in raws:
        message = email.message_from_bytes(raw, policy=default)
        body = message.get_body(("plain", "html"))
        split(body.get_content() if body else "")
    return len(raws) / (time.perf_counter() - began)


def import_and_undo(path: Path, bare: float) -> Iterator[Measure]:
    from integrations.approval import approve
    from integrations.plan import start_plan_in_place
    from jobs.foreground import reload, work_until_settled
    from jobs.undo import start_undo
    from omnicrm.acting import acting_as
    from omnicrm.models import User

    user = User.objects.create_user("owner@example.org")
    batch, seconds = timed(lambda: work_until_settled(start_plan_in_place(user, path)))
    yield {"measure": "planning", "value": round(MESSAGES / seconds), "unit": "messages/s"}
    with acting_as(user.pk):
        approve(batch, batch.plan_hash)
    peak, seconds = timed(lambda: run_workers(WORKERS))
    batch = reload(batch)
    assert batch.totals["result"]["interactions"] == MESSAGES, batch.totals
    rate = MESSAGES / seconds
    yield {
        "measure": "import, approve to last normalize",
        "value": round(rate),
        "unit": "messages/s",
        "ratio": round(rate / bare, 2),
        "limit": ">= 0.5 of bare",
    }
    yield {"measure": "import, largest process", "value": round(peak), "unit": "MB", "limit": "<= 400"}
    with acting_as(user.pk):
        start_undo(batch)
    batch, seconds = timed(lambda: work_until_settled(batch))
    assert batch.state == "undone", batch.state
    yield {
        "measure": f"undo of {MESSAGES:,} messages",
        "value": round(seconds, 2),
        "unit": "s",
        "limit": "<= 2",
    }


def timed(work: Any) -> tuple[Any, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


def run_workers(count: int) -> float:
    """Real worker processes until nothing is left; the resident memory of the largest, in MB."""
    command = [sys.executable, "manage.py", "run_jobs", "--until-empty", "--json"]
    workers = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    peaks = [wait(worker) for worker in workers]
    return max(peaks)


def wait(worker: subprocess.Popen[bytes]) -> float:
    import os

    _, status, usage = os.wait4(worker.pid, 0)
    worker.returncode = os.waitstatus_to_exitcode(status)
    assert worker.returncode == 0, worker.returncode
    return usage.ru_maxrss / 1024
