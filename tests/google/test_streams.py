"""The engine of all streams: what is asked when, what a failure means, and that nothing stale is ever written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.utils import timezone

from integrations.google.errors import (
    CALENDAR_API_OFF,
    CROWDED,
    ENDED,
    NO_SCOPE,
    REFUSED,
    THROTTLE,
    UNREACHABLE,
    Failed,
    Failure,
)
from integrations.models import GoogleAccount, SyncStream
from integrations.quota import Wait
from integrations.streams import health, steps, ticking
from integrations.streams.standing import live_batch
from integrations.streams.steps import Follower, Position, Step
from integrations.streams.ticking import come_back, follow_streams, sync_now
from jobs.models import Batch, Job
from jobs.runner import run_one
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_stream

pytestmark = pytest.mark.django_db
Says = str | Exception | Callable[[], str]


@dataclass
class Counting:
    """A kind of stream whose cursor counts the answers. `says` is what Google does next; at the end nothing is new."""

    says: list[Says] = field(default_factory=list)
    asked: int = 0

    def next_step(self, stream: SyncStream, now: dt.datetime) -> Step | None:
        return Step("count", Position.of(stream)) if self.says else None

    def ask(self, step: Step, google: Any) -> str:
        self.asked += 1
        said = self.says.pop(0)
        if isinstance(said, Exception):
            raise said
        return said() if callable(said) else said

    def apply(self, stream: SyncStream, step: Step, answer: str, now: dt.datetime) -> None:
        stream.cursor = f"{stream.cursor}{answer}"
        health.looked(stream, now)
        stream.save()


@pytest.fixture
def counting() -> Iterator[Counting]:
    kind, before = Counting(), dict(steps.followers)
    for name in SyncStream.Kind.values:
        steps.follow(name, Follower(dt.timedelta(minutes=1), kind.next_step, kind.ask, kind.apply))
    yield kind
    steps.followers.clear()
    steps.followers.update(before)


@pytest.fixture
def stream(alice: User) -> SyncStream:
    return make_stream(alice, phase="live", next_sync_at=timezone.now())


def fresh(stream: SyncStream) -> SyncStream:
    with acting_as(stream.user_id):
        found: SyncStream = (
            SyncStream.objects.for_user(stream.user_id).select_related("account").get(pk=stream.pk)
        )
        return found


def change(stream: SyncStream, **values: Any) -> None:
    with acting_as(stream.user_id):
        SyncStream.objects.for_user(stream.user_id).filter(pk=stream.pk).update(**values)


def tick(stream: SyncStream) -> Job:
    with acting_as(stream.user_id):
        come_back(stream)
    done = run_one(None, "test", user=stream.user_id)
    assert done is not None
    return done


def waiting(stream: SyncStream) -> int:
    with acting_as(stream.user_id):
        return Job.objects.for_user(stream.user_id).waiting().count()


def test_a_tick_goes_on_until_there_is_nothing_to_ask(stream: SyncStream, counting: Counting) -> None:
    counting.says = ["a", "b", "c"]
    assert tick(stream).state == "succeeded"
    now = fresh(stream)
    assert (now.cursor, now.health, counting.asked) == ("abc", "ok", 3)
    assert now.last_ok_at is not None
    assert now.next_sync_at is not None
    assert dt.timedelta(seconds=50) < now.next_sync_at - timezone.now() <= dt.timedelta(minutes=1)


def test_what_a_person_paused_meanwhile_stays_paused_and_waits_all_the_same(
    stream: SyncStream, counting: Counting
) -> None:
    def paused() -> str:
        change(stream, health="paused", next_sync_at=None)
        raise Failed(THROTTLE)

    counting.says = [paused]
    tick(stream)
    now = fresh(stream)
    assert (now.health, now.next_sync_at, now.not_before is not None) == ("paused", None, True)


@pytest.mark.parametrize(
    ("column", "value"), [("phase", "list"), ("generation", 2), ("cursor", "z"), ("page_token", "p")]
)
def test_an_answer_is_not_applied_where_it_was_not_asked_for(
    stream: SyncStream, counting: Counting, column: str, value: Any
) -> None:
    def meanwhile() -> str:
        change(stream, **{column: value})
        return "a"

    counting.says = [meanwhile]
    assert tick(stream).state == "succeeded"
    assert fresh(stream).cursor == ("z" if column == "cursor" else "")


def test_a_worker_that_lost_its_job_writes_nothing(stream: SyncStream, counting: Counting) -> None:
    def stolen() -> str:
        with acting_as(stream.user_id):
            Job.objects.for_user(stream.user_id).filter(state="running").update(token=1, worker="another")
        return "a"

    counting.says = [stolen, "b"]
    assert tick(stream).state == "queued"
    assert (fresh(stream).cursor, counting.asked) == ("", 1)


@pytest.mark.parametrize(
    ("failure", "fares", "least", "most"),
    [
        (THROTTLE, "throttled", 1, 2),
        (Failure(THROTTLE.kind, THROTTLE.code, "Later.", 900.0), "throttled", 890, 900),
        (CROWDED, "throttled", 1, 4),
        (UNREACHABLE, "ok", 0, 2),
        (REFUSED, "failed", 3500, 3600),
        (CALENDAR_API_OFF, "failed", 3500, 3600),
    ],
)
def test_what_passes_by_itself_is_waited_for(
    stream: SyncStream, counting: Counting, failure: Failure, fares: str, least: int, most: int
) -> None:
    counting.says = ["a", Failed(failure), "b"]
    assert tick(stream).state == "succeeded"
    now = fresh(stream)
    assert (now.cursor, now.phase, now.health, counting.asked) == ("a", "live", fares, 2)
    assert now.health_reason == failure.sentence
    assert now.not_before is not None
    assert least - 1 <= (now.not_before - timezone.now()).total_seconds() <= most
    assert now.next_sync_at == now.not_before
    change(stream, not_before=timezone.now(), next_sync_at=timezone.now())
    tick(stream)
    cured = fresh(stream)
    assert (cured.cursor, cured.health, cured.health_reason, cured.fail_streak) == ("ab", "ok", "", 0)
    assert cured.not_before is None


def test_while_google_wants_us_to_wait_nothing_is_asked_whoever_asks(
    stream: SyncStream, counting: Counting
) -> None:
    counting.says = [Failed(Failure(THROTTLE.kind, THROTTLE.code, "Later.", 900.0)), "a"]
    tick(stream)
    assert counting.asked == 1
    assert follow_streams() == 0
    with acting_as(stream.user_id):
        assert not sync_now(fresh(stream))
        health.pause_stream(fresh(stream))
        health.go_on(fresh(stream), timezone.now())
        assert not sync_now(fresh(stream))
    assert waiting(stream) == 0
    tick(stream)
    assert (counting.asked, fresh(stream).health) == (1, "throttled")


def test_a_permission_that_has_ended_stops_all_streams_of_its_account_and_no_other(
    alice: User, stream: SyncStream, counting: Counting
) -> None:
    calendar = make_stream(alice, account=stream.account, kind="calendar", phase="live")
    paused = make_stream(alice, account=stream.account, kind="calendars", phase="live", health="paused")
    other = make_stream(alice, phase="live", next_sync_at=timezone.now())
    counting.says = ["a", Failed(ENDED), "b"]
    tick(stream)
    assert [fresh(one).health for one in (stream, calendar, paused, other)] == [
        "reauth",
        "reauth",
        "paused",
        "ok",
    ]
    now = fresh(stream)
    assert (now.account.health, now.account.health_reason) == ("reauth", ENDED.sentence)
    tick(stream)
    assert (counting.asked, now.cursor, now.next_sync_at) == (2, "a", None)
    with acting_as(alice.pk):
        health.cured(GoogleAccount.objects.for_user(alice).get(pk=stream.account_id), timezone.now())
    change(other, next_sync_at=None)
    assert follow_streams() == 2
    while run_one(None, "test", user=alice):
        pass
    went_on = fresh(stream).cursor + fresh(calendar).cursor
    assert (went_on, fresh(stream).health, fresh(paused).health) == ("ab", "ok", "paused")


def test_a_missing_permission_stops_one_stream(alice: User, stream: SyncStream, counting: Counting) -> None:
    other = make_stream(alice, account=stream.account, kind="calendar", phase="live")
    counting.says = [Failed(NO_SCOPE)]
    tick(stream)
    assert (fresh(stream).health, fresh(other).health, fresh(stream).account.health) == (
        "no_scope",
        "ok",
        "ok",
    )
    assert fresh(stream).next_sync_at is None


def test_what_the_gate_holds_back_comes_again_by_itself(stream: SyncStream, counting: Counting) -> None:
    counting.says = [Wait(30.0), "a"]
    assert tick(stream).state == "succeeded"
    now = fresh(stream)
    assert (now.cursor, now.health, now.not_before, waiting(stream)) == ("", "ok", None, 1)
    with acting_as(stream.user_id):
        later = Job.objects.for_user(stream.user_id).waiting().get()
    assert 25 < (later.run_at - timezone.now()).total_seconds() <= 30


def test_streams_whose_time_has_come_get_one_job_each(alice: User, charlie: User, counting: Counting) -> None:
    now = timezone.now()
    late, soon = now - dt.timedelta(seconds=1), now + dt.timedelta(minutes=1)
    due = [
        make_stream(alice, phase="live", next_sync_at=late),
        make_stream(charlie, phase="list", next_sync_at=late),
    ]
    for values in (
        {"phase": "live", "next_sync_at": soon},
        {"phase": "live", "next_sync_at": late, "not_before": soon},
        {"phase": "live", "next_sync_at": late, "health": "paused"},
        {"phase": "approval", "next_sync_at": late},
        {"phase": "live"},
    ):
        make_stream(alice, **values)
    assert (follow_streams(), follow_streams()) == (2, 2)
    assert [waiting(stream) for stream in due] == [1, 1]


def test_a_stream_that_is_paused_while_it_is_asked_about_keeps_its_place(
    stream: SyncStream, counting: Counting
) -> None:
    def paused() -> str:
        change(stream, health="paused")
        return "a"

    counting.says = [paused, "b"]
    tick(stream)
    assert (fresh(stream).cursor, fresh(stream).health, counting.asked) == ("", "paused", 1)


def test_the_batch_of_the_day(stream: SyncStream, time_machine: Any) -> None:
    time_machine.move_to("2026-11-28T09:00:00Z")
    with acting_as(stream.user_id):
        first = live_batch(stream)
        assert live_batch(stream).pk == first.pk
        assert (first.kind, first.state, first.title) == ("google_live", "done", "Gmail, 28 November 2026")
        assert stream.account.email in first.options["own"]
        start_undo(first)
        second = live_batch(stream)
        assert second.pk != first.pk
    time_machine.move_to("2026-11-29T09:00:00Z")
    with acting_as(stream.user_id):
        third = live_batch(stream)
        assert third.pk not in (first.pk, second.pk)
        assert Batch.objects.for_user(stream.user_id).count() == 3


def test_nothing_is_asked_of_an_account_that_was_disconnected(stream: SyncStream, counting: Counting) -> None:
    with acting_as(stream.user_id):
        GoogleAccount.objects.for_user(stream.user_id).update(health="disconnected")
    counting.says = ["a"]
    tick(stream)
    assert counting.asked == 0


def test_every_kind_of_stream_has_a_job() -> None:
    assert set(ticking.JOBS) == set(SyncStream.Kind)
