"""What the record of what was done costs: an import of address cards, which notes each person, with it and without."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import make_conninfo

from omnicrm.embedded.home import Home

Measure = dict[str, Any]
CARDS, ROUNDS = 2_000, 5


def measures(folder: Path) -> Iterator[Measure]:
    chained, bare = [], []
    for number in range(ROUNDS):
        bare.append(imported(folder, f"bare{number}", chain=False))
        chained.append(imported(folder, f"chained{number}", chain=True))
    with_it, without = statistics.median(chained), statistics.median(bare)
    yield {
        "measure": f"import of {CARDS:,} cards with the chain of events (median)",
        "value": round(CARDS / with_it),
        "unit": "cards/s",
        "against": f"{CARDS / without:.0f} cards/s without",
        "ratio": round(without / with_it, 3),
        "limit": ">= 0.95",
    }


def imported(folder: Path, name: str, *, chain: bool) -> float:
    """Seconds from approve to the end, by this process alone."""
    from integrations.approval import approve
    from integrations.plan import start_plan_in_place
    from jobs.foreground import work_until_settled
    from omnicrm.acting import acting_as
    from omnicrm.models import User

    user = User.objects.create_user(f"{name}@example.org")
    batch = work_until_settled(start_plan_in_place(user, cards(folder / f"{name}.vcf")))
    with unchained(not chain), acting_as(user.pk):
        approve(batch, batch.plan_hash)
    with unchained(not chain):
        began = time.perf_counter()
        batch = work_until_settled(batch)
        took = time.perf_counter() - began
    assert batch.totals["result"]["created"] == CARDS, batch.totals
    return took


def cards(path: Path) -> Path:
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Person {n}\nEMAIL:person{n}@example.com\nTEL:+4930{n:08}\nORG:Firm {f}\nEND:VCARD\n"
    path.write_text("".join(card.format(n=n, f=n % 200) for n in range(CARDS)))
    return path


@contextmanager
def unchained(really: bool) -> Iterator[None]:
    """Events are written, and not linked."""
    if not really:
        yield
        return
    admin = make_conninfo(Home(Path(os.environ["OMNICRM_DATA"])).database_admin_url, dbname="omnicrm")
    with psycopg.connect(admin, autocommit=True) as owner:
        owner.execute("ALTER TABLE omnicrm_event DISABLE TRIGGER linked")
        try:
            yield
        finally:
            owner.execute("ALTER TABLE omnicrm_event ENABLE TRIGGER linked")
