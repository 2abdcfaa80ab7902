"""Runs the tests of one session again and again, each time with one thing taken away, and keeps what they noticed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import psycopg
import pytest
from _pytest.runner import runtestprotocol
from django.db import connection
from psycopg.conninfo import make_conninfo

from tests.mutation import schema, sites
from tests.mutation.sites import ROOT, Site

MOST_TRIED = 40
"""Tests for one mutant."""
MOST_ALIKE = 3
"""Cases of one test that are run, for it is the same call that they lead to; of the census all are."""
PATIENCE = 12.0
"""Seconds after which a test that waits for work that was refused has failed."""
SLOW = 8.0
"""Seconds: a test that takes longer is not run again and again."""


class TooLong(BaseException):
    """A mutant may keep a test waiting for ever; no code of ours catches this."""


@dataclass(frozen=True)
class Anything:
    """Whatever runs next: fixtures of the session stay for it, and no others."""

    session: pytest.Session

    def listchain(self) -> list[pytest.Session]:
        return [self.session]


@dataclass(frozen=True)
class Mutant:
    words: str
    tests: Sequence[pytest.Item]
    without: Callable[[], Any]
    """A context in which it is taken away."""


@dataclass
class Result:
    killed: list[str] = field(default_factory=list)
    survived: list[str] = field(default_factory=list)
    by: dict[str, str] = field(default_factory=dict)


class Run:
    """The tests of this session, run again and again in one process."""

    def __init__(self, items: Sequence[pytest.Item], tell: Callable[[str], None]) -> None:
        self.tell = tell
        self.items = list(few(items))
        self.seconds: dict[pytest.Item, float] = {}
        self.passing: set[pytest.Item] = set()
        self.reaching: defaultdict[Site, list[pytest.Item]] = defaultdict(list)
        sites.watch_acting_as()
        sites.watch_own_units()
        self.passes(self.items[0], limit=300)  # which makes the database

    def passes(self, item: pytest.Item, *, limit: float = PATIENCE) -> bool:
        item._initrequest()  # type: ignore[attr-defined]
        began = time.monotonic()
        with ended_after(limit):
            reports = runtestprotocol(item, log=False, nextitem=Anything(item.session))  # type: ignore[arg-type]
        self.seconds.setdefault(item, time.monotonic() - began)
        return all(not report.failed for report in reports)

    def learn(self, items: Sequence[pytest.Item]) -> None:
        """Which of these tests pass as things are, and what they reach."""
        self.passing.clear()
        self.reaching.clear()
        for item in items:
            sites.reached.clear()
            if self.passes(item):
                self.passing.add(item)
            if self.seconds[item] < SLOW:
                for site in sites.reached:
                    self.reaching[site].append(item)
        self.tell(f"{len(self.passing)} of {len(items)} tests pass as things are")

    def kills(self, mutant: Mutant) -> str:
        """The test that notices, or nothing."""
        able = sorted(set(mutant.tests) & self.passing, key=lambda item: self.seconds[item])
        for item in able[:MOST_TRIED]:
            if self.fails(item, mutant) and self.passes(item) and self.fails(item, mutant):
                return item.nodeid
        return ""

    def fails(self, item: pytest.Item, mutant: Mutant) -> bool:
        with mutant.without():
            return not self.passes(item, limit=PATIENCE + 3 * self.seconds[item])

    def judge(self, mutants: Sequence[Mutant], result: Result) -> None:
        assert not self.kills(Mutant("nothing", self.items, nullcontext)), "Tests fail by themselves."
        for mutant in mutants:
            began = time.monotonic()
            by = self.kills(mutant)
            self.tell(f"{mutant.words}: {by or 'nobody noticed'} ({time.monotonic() - began:.1f} s)")
            if by:
                result.killed.append(mutant.words)
                result.by[mutant.words] = by
            else:
                result.survived.append(mutant.words)


def few(items: Sequence[pytest.Item]) -> Iterator[pytest.Item]:
    """Without those that take chances, and most of those that are alike."""
    alike: Counter[str] = Counter()
    for item in items:
        alike[item.nodeid.partition("[")[0]] += 1
        is_census = item.path.is_relative_to(ROOT / "tests" / "isolation")
        takes_chances = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if not takes_chances and (is_census or alike[item.nodeid.partition("[")[0]] <= MOST_ALIKE):
            yield item


@contextmanager
def ended_after(seconds: float) -> Iterator[None]:
    def end(*_: Any) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def switched_off(site: Site) -> Iterator[None]:
    sites.off.add(site)
    try:
        yield
    finally:
        sites.off.discard(site)


def administrator() -> psycopg.Connection:
    """Who may change the tables of this process's database."""
    name = connection.settings_dict["NAME"]
    return psycopg.connect(make_conninfo(os.environ["DATABASE_ADMIN_URL"], dbname=name), autocommit=True)


def mutant_of(site: Site, run: Run) -> Mutant:
    return Mutant(str(site), run.reaching[site], lambda: switched_off(site))


def acting(run: Run, result: Result) -> None:
    """Each `acting_as`, and each view that opens its own transactions."""
    run.learn(run.items)
    run.judge(
        [mutant_of(site, run) for site in sorted({*sites.calls("acting_as"), *sites.own_units()})], result
    )


def rules(run: Run, result: Result) -> None:
    """Each policy, key and uniqueness of the database."""
    run.learn(run.items)
    with administrator() as admin:

        @contextmanager
        def taken_away(change: schema.Change) -> Iterator[None]:
            admin.execute(change.do.encode())
            try:
                yield
            finally:
                admin.execute(change.undo.encode())

        mutants = [
            Mutant(change.words, about(change, run.items), lambda change=change: taken_away(change))  # type: ignore[misc]
            for change in list(schema.changes(admin))
        ]
        run.judge(mutants, result)


def about(change: schema.Change, items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """The tests of this very table, and those of all."""
    label = change.table.replace("_", ".", 1)
    return [
        item
        for item in items
        if "[" not in item.name or label in item.nodeid.lower() or change.words.split()[-1] in item.name
    ]


KINDS = {"acting": acting, "rules": rules}
