"""A mailbox of a gigabyte, imported and taken back: whether memory stays as small as with a little one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.imports import of_mailbox
from bench.letters import write_mailbox

MESSAGES = 275_000


def measures(folder: Path) -> Iterator[dict[str, Any]]:
    path = write_mailbox(folder / "gigabyte.mbox", MESSAGES)
    yield {
        "measure": "the mailbox",
        "value": round(path.stat().st_size / 1e6),
        "unit": "MB",
        "against": f"{MESSAGES:,} messages",
    }
    yield from of_mailbox(path, MESSAGES)
