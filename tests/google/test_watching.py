"""Google is asked to tell of changes: when, for how long, until when, and that it says nothing of the stream."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations import accounts
from integrations.models import PushAddress, SyncStream
from integrations.streams import health
from integrations.streams.watching import due_streams, end_all, renew_watches
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_stream
from tests.fakes import google as fakes
from tests.google.mailboxes import ADA, deliver, fresh, run_all, served, subjects
from tests.google.pushing import (
    GMAIL,
    TOPIC,
    asked,
    change,
    following,
    following_calendar,
    post,
    tick,
    waiting,
    watch,
)
from tests.google.test_signed import AUDIENCE, ROBOT
from tests.signing_in import signed_in

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)
WEEK = dt.timedelta(days=7)


@pytest.fixture
def at(settings: Any, time_machine: Any) -> Iterator[fakes.Google]:
    """One clock, ours and Google's, that moves when a test says so."""
    time_machine.move_to(time.time(), tick=False)
    google = fakes.Google(clock=fakes.Clock(runs=False))
    google.add_account(ADA, name="Ada Lovelace")
    google.pushes.subscribe(TOPIC, f"http://testserver{GMAIL}", audience=AUDIENCE, robot=ROBOT)
    settings.GOOGLE_PUBSUB_TOPIC, settings.GOOGLE_PUSH_ACCOUNT = TOPIC, ROBOT
    settings.GOOGLE_PUSH_AUDIENCE, settings.GOOGLE_CALENDAR_PUSH = AUDIENCE, True
    with served(google, settings):
        yield google


@pytest.fixture
def stream(at: fakes.Google, alice: User) -> SyncStream:
    return following(alice, at)


def ends(at: fakes.Google) -> list[dt.datetime]:
    found = [*at.pushes.watches.values(), *at.pushes.channels.values()]
    return [dt.datetime.fromtimestamp(one.expires, dt.UTC) for one in found if getattr(one, "topic", True)]


def jobs_for_watches(stream: SyncStream) -> int:
    return waiting(stream).count("renew_watch")


def test_nothing_is_asked_unless_the_settings_say_so(
    stream: SyncStream, at: fakes.Google, settings: Any
) -> None:
    settings.GOOGLE_PUBSUB_TOPIC, settings.GOOGLE_CALENDAR_PUSH = "", False
    assert (renew_watches(), asked(at)) == (0, [])


def test_a_followed_mailbox_is_watched_for_a_week(stream: SyncStream, at: fakes.Google) -> None:
    now = watch(stream)
    assert asked(at) == ["stop", "watch"]
    assert now.watch_expires_at is not None
    assert abs(now.watch_expires_at - timezone.now() - WEEK) < dt.timedelta(seconds=1)
    assert at.pushes.watches[ADA].topic == TOPIC
    assert (renew_watches(), jobs_for_watches(stream)) == (0, 0)


def test_it_is_renewed_when_two_days_are_left_and_not_before(
    stream: SyncStream, at: fakes.Google, time_machine: Any
) -> None:
    first = watch(stream)
    time_machine.shift(WEEK - 48 * HOUR - dt.timedelta(minutes=1))
    assert due_streams(timezone.now()) == []
    time_machine.shift(dt.timedelta(minutes=2))
    again = watch(first)
    assert again.watch_expires_at is not None
    assert first.watch_expires_at is not None
    assert (
        dt.timedelta(days=5)
        <= again.watch_expires_at - first.watch_expires_at
        < dt.timedelta(days=5, hours=1)
    )
    assert len(ends(at)) == 1
    assert PushAddress.objects.count() == 1


def test_ten_periods_in_a_row_leave_no_gap(stream: SyncStream, at: fakes.Google, time_machine: Any) -> None:
    watch(stream)
    watch(following_calendar(stream, at))
    for _ in range(10 * 7 * 2):
        time_machine.shift(12 * HOUR)
        change(stream, not_before=None)
        watch(stream)
        assert [end > timezone.now() + 35 * HOUR for end in ends(at)] == [True, True]
    assert PushAddress.objects.count() == 2


def test_those_that_end_first_go_first(stream: SyncStream, alice: User) -> None:
    now = timezone.now()
    for days in (3, 1, 2):
        make_stream(
            alice, kind="gmail", phase="live", watch_expires_at=now + dt.timedelta(days=days), title=f"{days}"
        )
    make_stream(
        alice, kind="gmail", phase="live", watch_expires_at=now, watch_again_at=now + HOUR, title="rests"
    )
    make_stream(alice, kind="gmail", phase="list", title="not yet")
    make_stream(alice, kind="calendars", phase="live", title="never")
    make_stream(alice, kind="gmail", phase="live", not_before=now + HOUR, title="waits")
    assert [one.title for one in due_streams(now)] == ["", "1", "2", "3"]


def test_a_channel_is_replaced_and_the_one_before_is_closed(
    stream: SyncStream, at: fakes.Google, time_machine: Any
) -> None:
    first = watch(following_calendar(stream, at))
    time_machine.shift(WEEK - 47 * HOUR)
    second = watch(first)
    assert first.watch_channel != second.watch_channel
    assert list(at.pushes.channels) == [second.watch_channel]
    assert at.pushes.channels[second.watch_channel].address.endswith("/push/calendar/")


@pytest.mark.parametrize(
    ("fault", "rests"),
    [("503", HOUR), ("rateLimitExceeded", HOUR), ("reset", HOUR), ("insufficientPermissions", 24 * HOUR)],
)
def test_what_fails_changes_nothing_of_the_stream(
    stream: SyncStream, at: fakes.Google, time_machine: Any, fault: str, rests: dt.timedelta
) -> None:
    at.faults.add("users.watch", fault, count=1)
    now = watch(stream)
    assert (now.phase, now.health, now.fail_streak, now.not_before) == ("live", "ok", 0, None)
    assert (now.cursor, now.next_sync_at) == (stream.cursor, stream.next_sync_at)
    assert (now.watch_expires_at, now.watch_again_at) == (None, timezone.now() + rests)
    assert renew_watches() == 0
    time_machine.shift(rests)
    assert watch(stream).watch_expires_at is not None


def test_no_watch_is_asked_for_while_google_wants_a_pause(stream: SyncStream, at: fakes.Google) -> None:
    renew_watches()
    change(stream, not_before=timezone.now() + HOUR)
    run_all(stream.user)
    assert (asked(at), fresh(stream).watch_again_at) == ([], None)


def test_another_topic_takes_the_place_of_the_one_before(
    stream: SyncStream, at: fakes.Google, settings: Any, time_machine: Any
) -> None:
    watch(stream)
    settings.GOOGLE_PUBSUB_TOPIC = f"{TOPIC}-new"
    at.pushes.subscribe(f"{TOPIC}-new", f"http://testserver{GMAIL}")
    time_machine.shift(WEEK - 47 * HOUR)
    assert watch(stream).watch_again_at is not None
    assert at.pushes.watches[ADA].topic == f"{TOPIC}-new"


def test_a_watch_that_is_lost_heals_by_looking(
    stream: SyncStream, at: fakes.Google, alice: User, time_machine: Any
) -> None:
    watch(stream)
    at.pushes.stop_mail(at.account(ADA))  # behind our back
    deliver(at, "Hello")
    assert at.pushes.pending == []
    time_machine.shift(dt.timedelta(minutes=1))
    at.oauth.expire_access()
    tick(stream)
    assert subjects(alice) == ["Hello"]


# --- until when


def paused(stream: SyncStream) -> None:
    with acting_as(stream.user_id):
        health.pause_stream(fresh(stream))


def test_a_paused_stream_is_not_watched(stream: SyncStream, at: fakes.Google) -> None:
    paused(watch(stream))
    now = watch(stream)
    assert (ends(at), now.watch_expires_at, now.health) == ([], None, "paused")
    assert PushAddress.objects.count() == 0
    assert renew_watches() == 0
    with acting_as(stream.user_id):
        health.go_on(fresh(stream), timezone.now())
    assert watch(stream).watch_expires_at is not None


def test_a_paused_calendar_is_not_watched(stream: SyncStream, at: fakes.Google) -> None:
    calendar = watch(following_calendar(stream, at))
    paused(calendar)
    assert (watch(calendar).watch_channel, at.pushes.channels) == ("", {})


def test_switching_it_off_ends_what_is_there(stream: SyncStream, at: fakes.Google, settings: Any) -> None:
    watch(stream)
    settings.GOOGLE_PUBSUB_TOPIC, settings.GOOGLE_CALENDAR_PUSH = "", False
    assert (watch(stream).watch_expires_at, ends(at), renew_watches()) == (None, [], 0)


def test_a_mailbox_that_two_have_stays_watched_for_the_other(
    stream: SyncStream, at: fakes.Google, charlie: User
) -> None:
    his = watch(following(charlie, at))
    watch(stream)
    paused(fresh(stream))
    watch(stream)
    assert (len(ends(at)), fresh(stream).watch_expires_at) == (1, None)
    assert list(PushAddress.objects.values_list("stream", flat=True)) == [his.pk]


def test_one_whose_keys_are_gone_is_forgotten_without_a_call(stream: SyncStream, at: fakes.Google) -> None:
    watch(stream)
    with acting_as(stream.user_id):
        account = fresh(stream).account
        account.health = "reauth"
        account.save()
    change(stream, health="reauth", next_sync_at=None)
    at.calls.clear()
    assert (watch(stream).watch_expires_at, asked(at), PushAddress.objects.count()) == (None, [], 0)


@pytest.mark.parametrize("what", ["keep", "remove"])
def test_letting_an_account_go_ends_its_watches(
    stream: SyncStream, at: fakes.Google, client: Client, alice: User, what: str
) -> None:
    watch(following_calendar(watch(stream), at))
    assert len(ends(at)) == 2
    signed_in(client, alice)
    answer = client.post(f"/connections/{stream.account_id}/disconnect/", {"what": what})
    assert (answer.status_code, ends(at), PushAddress.objects.count()) == (302, [], 0)
    assert fresh(stream).watch_expires_at is None


def test_google_that_does_not_answer_keeps_nobody_from_leaving(stream: SyncStream, at: fakes.Google) -> None:
    now = watch(stream)
    at.faults.add("users.stop", "503", count=9)
    end_all(now.account)
    with acting_as(stream.user_id):
        accounts.disconnect(now.account, keep=True)
    assert (PushAddress.objects.count(), fresh(stream).watch_expires_at) == (0, None)
    deliver(at, "Hello")
    assert len(at.pushes.pending) == 1
    assert (at.pushes.deliver(post(Client())), waiting(stream)) == ([204], [])
