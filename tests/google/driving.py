"""A stream driven step by step without workers, against a mailbox that changes, a network that fails, and crashes."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from contacts.models import Interaction
from integrations.google import gmail
from integrations.google.client import Google
from integrations.google.errors import Failed
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.streams import health, steps
from integrations.streams.policy import Policy
from jobs.models import Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.fakes.google.sample import letter
from tests.google.mailboxes import ADA, BASE, connect, fresh, in_process

POLICY = Policy(categories=("promotions", "social", "forums", "updates"))
ARRIVALS = (["INBOX"], ["INBOX"], ["INBOX", "UNREAD"], ["SENT"], ["INBOX", "CATEGORY_PROMOTIONS"], ["SPAM"])
MARKS = ("UNREAD", "IMPORTANT", "STARRED", "CATEGORY_PROMOTIONS")


DECIDING = {"TRASH", "SPAM", "DRAFT", "CHAT", "SENT"}
"""Labels that decide what becomes of a letter that is held; a list after a gap says nothing of the others."""


class Crash(BaseException):
    """The worker died here."""


@dataclass
class Mailbox:
    """What somebody, and the world, does to a mailbox; every letter has a subject of its own."""

    at: fakes.Google
    chance: random.Random
    count: int = 0
    subjects: dict[str, str] = field(default_factory=dict)
    ever_wanted: set[str] = field(default_factory=set)

    def arrive(self) -> None:
        self.count += 1
        raw = letter(
            subject=f"letter {self.count}",
            message_id=f"<letter-{self.count}@example.com>",
            at=BASE + self.count,
        )
        labels = self.chance.choice(ARRIVALS)
        id = self.at.account(ADA).deliver(raw, labels, at=BASE + self.count).id
        self.subjects[id] = f"letter {self.count}"
        self.note()

    def change(self) -> None:
        account, ids = self.at.account(ADA), sorted(self.at.account(ADA).mailbox.messages)
        what = self.chance.random()
        if not ids or what < 0.4:
            self.arrive()
        elif what < 0.55:
            account.trash(self.chance.choice(ids))
        elif what < 0.65:
            account.untrash(self.chance.choice(ids))
        elif what < 0.75:
            account.delete(self.chance.choice(ids))
        elif what < 0.95:
            id, mark = self.chance.choice(ids), self.chance.choice(MARKS)
            has = mark in account.mailbox.messages[id].labels
            account.relabel(id, [] if has else [mark], [mark] if has else [])
        else:
            account.expire_history()
        self.note()

    def note(self) -> None:
        self.ever_wanted |= self.wanted()

    def wanted(self) -> set[str]:
        messages = self.at.account(ADA).mailbox.messages.values()
        return {self.subjects[m.id] for m in messages if not POLICY.rule(m.labels)}

    def live(self) -> set[str]:
        messages = self.at.account(ADA).mailbox.messages.values()
        return {self.subjects[m.id] for m in messages if not {"TRASH", "SPAM"} & m.labels}


@dataclass
class Driver:
    """One stream, one step at a time. `dies` decides at each boundary whether the worker dies there."""

    user: User
    stream: SyncStream
    google: Google
    dies: Callable[[str], bool]
    now: dt.datetime = dt.datetime(2026, 11, 28, tzinfo=dt.UTC)
    crashes: int = 0

    def maybe_die(self, where: str) -> None:
        if self.dies(where):
            self.crashes += 1
            raise Crash(where)

    def begin(self) -> None:
        """Everything is listed first, from a point that was asked for before."""
        profile = gmail.get_profile(self.google)
        with acting_as(self.user.pk):
            stream = fresh(self.stream)
            stream.phase, stream.baseline = SyncStream.Phase.LIST, profile.history_id
            stream.listing = {**POLICY.as_json(), "digest": digest(stream)}
            stream.save()

    def step(self) -> bool:
        """Whether there was anything to do. A crash leaves everything as the last commit left it."""
        try:
            return self.walk()
        except Crash:
            return True

    def walk(self) -> bool:
        with acting_as(self.user.pk):
            step = steps.next_step(fresh(self.stream), self.now)
        if step is None:
            return self.read()
        self.maybe_die("before asking")
        answer: Any = None
        failure = None
        try:
            answer = steps.follower_of(self.stream).ask(step, self.google)
        except Failed as failed:
            failure = failed.failure
        self.maybe_die("before writing")
        with acting_as(self.user.pk):
            stream = locked(self.stream)
            failure = failure or steps.apply(stream, step, answer, self.now)
            self.maybe_die("before the commit")
            if failure:
                health.fails(stream, failure, self.now)
            else:
                health.fares_well(stream, self.now)
        self.maybe_die("after the commit")
        return True

    def read(self) -> bool:
        """The jobs that turn raw events into interactions, and look for people in them."""
        with acting_as(self.user.pk):
            if not Job.objects.for_user(self.user).waiting().exists():
                return False
        kinds = ("normalize", "extract_contacts")
        job = next(filter(None, (run_one(None, "driver", user=self.user, kind=kind) for kind in kinds)), None)
        assert job is not None
        assert job.error == "", job.error
        return True

    def settle(self) -> None:
        """Until there is nothing left to do, now and when all waiting is over."""
        for _ in range(3000):
            while self.step():
                pass
            if not self.waits():
                return
        raise AssertionError("It never comes to an end.")

    def waits(self) -> bool:
        """Whether anything is left for later; then it is later."""
        with acting_as(self.user.pk):
            stream = fresh(self.stream)
            rows = SyncWork.objects.for_user(self.user)
            retried = rows.filter(state="parked").update(state="todo", attempts=0)
            left = rows.exists()
        if left or stream.phase == "list" or (stream.not_before or self.now) > self.now or retried:
            self.now = max(self.now, stream.not_before or self.now) + dt.timedelta(seconds=61)
            return True
        return False

    def look(self) -> None:
        """Time passes until it looks for what is new."""
        stream = fresh(self.stream)
        times = [time for time in (stream.next_sync_at, stream.not_before) if time]
        self.now = max([self.now, *times])


def digest(stream: SyncStream) -> str:
    from integrations.preferences import Preferences

    return Preferences.of(stream.account).digest


def locked(stream: SyncStream) -> SyncStream:
    rows = SyncStream.objects.for_user(stream.user_id).select_related("account")
    found: SyncStream = rows.select_for_update(no_key=True, of=("self",)).get(pk=stream.pk)
    return found


def driver(user: User, at: fakes.Google, dies: Callable[[str], bool] = lambda where: False) -> Driver:
    stream = connect(user, at)
    return Driver(user, stream, in_process(at, stream.account), dies)


def check(user: User, mailbox: Mailbox) -> None:
    """Nothing is lost, nothing is here twice, and nothing is here that is gone at Google."""
    with acting_as(user.pk):
        here = list(Interaction.objects.for_user(user).values_list("subject", flat=True))
        raws = RawEvent.objects.for_user(user).exclude(remote="").defer("payload")
        held = {raw.external_id: raw for raw in raws if raw.verdict == RawEvent.KEPT and raw.remote == "live"}
        verdicts = {raw.external_id: raw.verdict for raw in raws}
    assert len(here) == len(set(here)), "twice"
    lost, ghosts = mailbox.wanted() - set(here), set(here) - (mailbox.live() & mailbox.ever_wanted)
    assert not lost, f"lost {lost}"
    assert not ghosts, f"ghosts {ghosts}"
    messages = mailbox.at.account(ADA).mailbox.messages
    stale = {id for id, raw in held.items() if DECIDING & ({*raw.labels} ^ messages[id].labels)}
    assert not stale, f"stale labels of {stale}"
    assert {mailbox.subjects[id] for id in held} == set(here)
    unexplained = {id for id, m in messages.items() if not {"TRASH", "SPAM"} & m.labels} - verdicts.keys()
    assert not unexplained, f"without a verdict: {unexplained}"
