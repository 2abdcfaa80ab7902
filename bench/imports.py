"""How fast a mailbox becomes a timeline, against reading the same mailbox and nothing else; and how fast it goes."""

from __future__ import annotations

import email
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.policy import default
from pathlib import Path
from typing import Any, TypeVar

from bench.letters import write_mailbox
from bench.memory import Peaks

Measure = dict[str, Any]
Answer = TypeVar("Answer")
MESSAGES = 20_000
BARE = 2_000
WORKERS = 2


def measures(folder: Path) -> Iterator[Measure]:
    """Import and undo of a generated mailbox by two workers."""
    path = write_mailbox(folder / "bench.mbox", MESSAGES)
    yield from of_mailbox(path, MESSAGES, undo_limit="<= 2")


def of_mailbox(path: Path, messages: int, *, undo_limit: str = "") -> Iterator[Measure]:
    """Plan, import and undo of a mailbox of so many messages."""
    from omnicrm.models import User

    user, before = User.objects.create_user(f"{path.stem}@example.org"), bare_rate(path)
    with Peaks() as peaks, workers(WORKERS):
        batch, seconds = timed(lambda: plan(user, path))
        yield {
            "measure": "planning",
            "value": round(messages / seconds),
            "unit": "messages/s",
            "against": f"{seconds:.1f} s",
        }
        seconds = carry_out(batch, messages)
    yield compared(messages / seconds, (before + bare_rate(path)) / 2)
    yield {"measure": "largest process of ours", "value": peaks.ours, "unit": "MB", "limit": "<= 400"}
    yield {
        "measure": "largest process of Postgres, without what all share",
        "value": peaks.postgres,
        "unit": "MB",
        "limit": "<= 400",
    }
    yield {
        "measure": f"undo of {messages:,} messages",
        "value": round(undo(batch), 2),
        "unit": "s",
        "limit": undo_limit,
    }


def compared(rate: float, bare: float) -> Measure:
    return {
        "measure": "import, from approve to the last normalize",
        "value": round(rate),
        "unit": "messages/s",
        "against": f"{bare:.0f} messages/s parsed bare by one process",
        "ratio": round(rate / bare, 2),
        "limit": ">= 0.5",
    }


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


def plan(user: Any, path: Path) -> Any:
    from integrations.plan import start_plan_in_place
    from jobs.foreground import work_until_settled

    return work_until_settled(start_plan_in_place(user, path))


def carry_out(batch: Any, messages: int) -> float:
    """Seconds from approve to the end."""
    from integrations.approval import approve
    from omnicrm.acting import acting_as

    with acting_as(batch.user_id):
        approve(batch, batch.plan_hash)
    batch, seconds = timed(lambda: finished(batch))
    result = batch.totals["result"]
    assert result["interactions"] == messages, result
    return seconds


def undo(batch: Any) -> float:
    """Seconds from the claim of the job to the end of its transaction."""
    from jobs.foreground import work_until_settled
    from jobs.undo import start_undo
    from omnicrm.acting import acting_as

    with acting_as(batch.user_id):
        start_undo(batch)
    batch, seconds = timed(lambda: work_until_settled(batch))
    assert batch.state == "undone", batch.state
    return seconds


def finished(batch: Any) -> Any:
    """The batch when workers elsewhere have nothing left to do for it."""
    from jobs.foreground import reload

    while not (batch := reload(batch)).is_finished:
        time.sleep(0.05)
    return batch


def timed(work: Callable[[], Answer]) -> tuple[Answer, float]:
    began = time.perf_counter()
    return work(), time.perf_counter() - began


@contextmanager
def workers(count: int) -> Iterator[None]:
    """Real worker processes, as long as it lasts."""
    command = [sys.executable, "manage.py", "run_jobs", "--json"]
    running = [subprocess.Popen(command, stdout=subprocess.DEVNULL) for _ in range(count)]
    try:
        yield
    finally:
        for worker in running:
            worker.terminate()
        codes = [worker.wait(60) for worker in running]
    assert not any(codes), codes
