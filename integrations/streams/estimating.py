"""What a stream's plan says in numbers: which ids it binds, and, told apart from them, what it can only estimate."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

from integrations import deciding
from integrations.google.gmail import PAGE
from integrations.models import SyncStream
from integrations.preferences import Creation, Preferences
from integrations.quota import price, rate
from integrations.streams.lines import SAMPLE
from jobs.models import Batch, PlanItem


def totals(batch: Batch, stream: SyncStream) -> dict[str, Any]:
    """As plans of files have them, and `estimates`."""
    counts = deciding.totals(batch)
    wanted = counts["interactions"]
    units = price("messages.get", wanted)
    told = estimates(batch, stream, wanted)
    return {
        **counts,
        "kind": stream.kind,
        "estimate_seconds": math.ceil(units / rate("gmail", project=False)) if wanted else 0,
        "estimates": told
        | {"units": units, "explaining": price("messages.get", explained(counts["reasons"]))},
        "spent": price("messages.list", math.ceil(counts["entries"] / PAGE))
        + price("messages.get", told["sampled"]),
    }


def explained(reasons: dict[str, int]) -> int:
    """Letters that stay out and whose author is asked for, when there is nothing else to do."""
    return sum(n for reason, n in reasons.items() if reason.startswith(("category:", "label:")))


def estimates(batch: Batch, stream: SyncStream, wanted: int) -> dict[str, Any]:
    """From the letters that were looked at: how many people and senders there may be, and since when."""
    rows = PlanItem.objects.for_user(batch.user_id).filter(batch=batch, data__looked=True)
    looked: list[dict[str, Any]] = [row.data for row in rows[:SAMPLE]]
    senders = Counter(data["from"] for data in looked if data.get("from"))
    dates = sorted(data["date"] for data in looked if data.get("date"))
    people = Counter(email for data in looked for email in met(data, batch, Preferences.of(stream.account)))
    return {
        "sampled": len(looked),
        "senders": grown(senders, len(looked), wanted),
        "people": grown(people, len(looked), wanted),
        "oldest": dates[0] if dates else "",
        "newest": dates[-1] if dates else "",
    }


def met(data: dict[str, Any], batch: Batch, preferences: Preferences) -> set[str]:
    """Whom a letter would make a contact of, as far as it can tell by itself."""
    if preferences.creation in (Creation.OFF, Creation.SUGGEST) or data.get("bulk"):
        return set()
    own = set(batch.options["own"])
    sent = data.get("from") in own
    roles = ("to", "cc", "bcc") if sent else ("from",) if preferences.creation == Creation.BOTH else ()
    people = [(row[0], row[2], row[3]) for row in data.get("people", ())]
    return {
        email
        for email, role, is_person in people
        if role in roles and is_person and email not in own and not preferences.is_internal(email)
    }


def grown(found: Counter[str], looked: int, all_of_them: int) -> int:
    """How many different ones there may be among all. Those that were met once tell how many were not met yet; where
    everybody is met again and again, there are hardly others."""
    if not looked or looked >= all_of_them:
        return len(found)
    once, twice = (sum(times == often for times in found.values()) for often in (1, 2))
    unseen = once * (once - 1) / (2 * (twice + 1))
    return round(min(len(found) + unseen, len(found) * math.sqrt(all_of_them / looked)))


def warnings(batch: Batch, stream: SyncStream) -> list[str]:
    """What a person should know before they approve."""
    found = deciding.warnings(batch)
    if stream.phase not in (SyncStream.Phase.LIST, SyncStream.Phase.LIVE):
        found.append("From then on new mail comes in by itself. You can pause that at any time.")
    return found
