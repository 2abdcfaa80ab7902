"""Whatever happens to a mailbox, the network and the workers: in the end we hold exactly what is there."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from django.db import transaction

from omnicrm.models import User
from tests.fakes import google as fakes
from tests.fakes.google import gmail as paging
from tests.google.driving import Mailbox, check, driver
from tests.google.mailboxes import ADA

SHOWN = "changes, crashes and faults at every step; 0 letters lost, 0 here twice, 0 left over"
Record = Callable[[str, object], None]


def live_through(user: User, seed: int, steps: int) -> int:
    """One random life of a mailbox, so many steps of it in trouble; how often the worker died."""
    chance = random.Random(seed)
    at = fakes.Google(clock=fakes.Clock.still(), seed=seed)
    at.quota.per_user["gmail"] = at.quota.per_project["gmail"] = 10**9
    first = chance.choice([None, 2**63 + 5])
    at.add_account(ADA, first_history=first, bare_history=chance.random() < 0.3)
    mailbox = Mailbox(at, chance)
    for _ in range(chance.randrange(14)):
        mailbox.arrive()
    is_calm = False
    drive = driver(user, at, lambda where: not is_calm and chance.random() < 0.03)
    drive.begin()
    at.between.append(lambda call: None if is_calm or chance.random() > 0.15 else mailbox.change())
    at.faults.chance(0.06, seed=seed)
    for _ in range(steps):
        if not drive.step():
            drive.look()
    is_calm = True
    at.faults.clear()
    drive.settle()
    drive.look()
    drive.settle()
    check(user, mailbox)
    return drive.crashes


def live_many(user: User, seeds: range, steps: int) -> int:
    crashes = 0
    for seed in seeds:
        with transaction.atomic():
            try:
                crashes += live_through(user, seed, steps)
            except AssertionError as error:
                raise AssertionError(f"seed {seed}: {error}") from error
            transaction.set_rollback(True)
    return crashes


@pytest.fixture(autouse=True)
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a small mailbox takes several."""
    monkeypatch.setattr(paging, "MOST", 5)
    monkeypatch.setattr("integrations.google.gmail.PAGE", 4)


@pytest.mark.django_db
@pytest.mark.parametrize("part", range(4))
def test_nothing_is_lost_or_here_twice_or_left_over(alice: User, part: int, record_property: Record) -> None:
    crashes = live_many(alice, range(part * 50, part * 50 + 50), steps=8)
    assert crashes > 10
    record_property("google", f"200 random lives of a mailbox: {SHOWN}")


@pytest.mark.proof
@pytest.mark.django_db
@pytest.mark.parametrize("part", range(50))
def test_the_same_five_thousand_times(alice: User, part: int, record_property: Record) -> None:
    assert live_many(alice, range(1_000 + part * 100, 1_100 + part * 100), steps=25) > 20
    record_property("google", f"5,000 random lives of a mailbox: {SHOWN}")
