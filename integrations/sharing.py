"""Who has had how much of what all share. While it is scarce, whoever had more leaves something to whoever waits."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from integrations.models import QuotaBucket

HALF_LIFE = 60.0
"""Seconds after which what somebody had counts half."""
PATIENCE = 2.0
"""Seconds by which somebody may come late and still has their turn."""


@dataclass
class Share:
    """What an account had lately, when that was counted, and what it waits for until when."""

    had: float = 0.0
    at: float = 0.0
    wants: float = 0.0
    until: float = 0.0

    def lately(self, now: float) -> float:
        return float(self.had * 0.5 ** (max(0.0, now - self.at) / HALF_LIFE))


def shares(project: QuotaBucket) -> dict[str, Share]:
    return {who: Share(*numbers) for who, numbers in project.used.get("shares", {}).items()}


def left_to_others(project: QuotaBucket, account: str, now: dt.datetime) -> float:
    """What those wait for who had less."""
    moment, all_of_them = now.timestamp(), shares(project)
    mine = all_of_them.get(account, Share()).lately(moment)
    return sum(
        share.wants
        for who, share in all_of_them.items()
        if who != account and share.until > moment and share.lately(moment) < mine
    )


def note(
    project: QuotaBucket, account: str, units: float, now: dt.datetime, wait: float, *, is_scarce: bool
) -> None:
    """Somebody asked, and waits or was granted it. Nothing is counted while there is enough for all."""
    moment, all_of_them = now.timestamp(), shares(project)
    others_wait = any(share.until > moment for who, share in all_of_them.items() if who != account)
    if not (is_scarce or wait or others_wait):
        project.used["shares"] = {}
        return
    mine = all_of_them.get(account, Share())
    had, until = mine.lately(moment), moment + wait + PATIENCE
    all_of_them[account] = Share(had, moment, units, until) if wait else Share(had + units, moment)
    project.used["shares"] = {
        who: [share.had, share.at, share.wants, share.until]
        for who, share in all_of_them.items()
        if share.lately(moment) >= 1 or share.until > moment
    }
