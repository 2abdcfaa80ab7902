"""Google tells of a change: who is believed, and that nothing but one look follows from it."""

from __future__ import annotations

import base64
import datetime as dt
import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from integrations.models import PushAddress, SyncStream
from integrations.streams import health, steps
from jobs import erasing
from omnicrm import ratelimits
from omnicrm.acting import acting_as
from omnicrm.models import User
from omnicrm.ratelimits import Counters, limit_of
from tests.fakes import google as fakes
from tests.google.driving import locked
from tests.google.mailboxes import ADA, deliver, fresh, in_process, run_all, served, subjects
from tests.google.pushing import (
    CALENDAR,
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
from tests.google.test_signed import AUDIENCE, OTHER, ROBOT, forged, token

pytestmark = pytest.mark.django_db(transaction=True)
SYNC = "google_gmail_sync"


@pytest.fixture
def at(settings: Any) -> Iterator[fakes.Google]:
    """Told to tell of mail and of calendars; its clock runs with ours, since its tokens end within the hour."""
    google = fakes.Google()
    google.add_account(ADA, name="Ada Lovelace")
    google.pushes.subscribe(TOPIC, f"http://testserver{GMAIL}", audience=AUDIENCE, robot=ROBOT)
    google.pushes.most_per_second = 0
    settings.GOOGLE_PUBSUB_TOPIC, settings.GOOGLE_PUSH_ACCOUNT = TOPIC, ROBOT
    settings.GOOGLE_PUSH_AUDIENCE, settings.GOOGLE_CALENDAR_PUSH = AUDIENCE, True
    with served(google, settings):
        yield google


@pytest.fixture
def stream(at: fakes.Google, alice: User) -> SyncStream:
    """The mail of an account that Google tells of."""
    return watch(following(alice, at))


@pytest.fixture
def world() -> Client:
    """Nobody in particular, who would have to show the token of a form."""
    return Client(enforce_csrf_checks=True)


def body(email: str = ADA, **more: Any) -> bytes:
    data = base64.b64encode(json.dumps({"emailAddress": email, "historyId": 1, **more}).encode())
    return json.dumps({"message": {"data": data.decode(), "messageId": "1"}, "subscription": "s"}).encode()


def tell(world: Client, token: str | None, said: bytes | None = None) -> int:
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return int(
        world.post(GMAIL, said or body(), content_type="application/json", headers=headers).status_code
    )


# --- who is believed (test_signed.py has every way of not being so)


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (lambda: token(), 204),
        (lambda: None, 401),
        (lambda: "", 401),
        (lambda: "a.b.c", 401),
        (lambda: forged(OTHER), 401),
        (lambda: token(lives=-61), 401),
        (lambda: token(aud="https://another.example.org/push/gmail/"), 403),
        (lambda: token(email="push@another.iam.gserviceaccount.com"), 403),
    ],
    ids=["right", "none", "empty", "nonsense", "other key", "expired", "other audience", "other account"],
)
def test_who_is_believed(stream: SyncStream, world: Client, made: Any, status: int) -> None:
    assert (tell(world, made()), waiting(stream)) == (status, [SYNC] if status == 204 else [])


def test_a_key_in_another_scheme_is_none(stream: SyncStream, world: Client) -> None:
    headers = {"Authorization": f"Basic {token()}"}
    answer = world.post(GMAIL, body(), content_type="application/json", headers=headers)
    assert (answer.status_code, answer["WWW-Authenticate"], waiting(stream)) == (401, "Bearer", [])


def test_nobody_is_there_while_nothing_is_asked_for(settings: Any, world: Client) -> None:
    settings.GOOGLE_PUBSUB_TOPIC, settings.GOOGLE_CALENDAR_PUSH = "", False
    assert (tell(world, token()), world.post(CALENDAR).status_code) == (404, 404)
    assert (world.get(GMAIL).status_code, world.get(CALENDAR).status_code) == (405, 405)


def test_without_keys_nobody_knows_and_google_tries_again(
    stream: SyncStream, world: Client, settings: Any
) -> None:
    settings.GOOGLE_CERTS_URI = f"{settings.GOOGLE_API_ROOT}/nothing-here"
    headers = {"Authorization": f"Bearer {token()}"}
    answer = world.post(GMAIL, body(), content_type="application/json", headers=headers)
    assert (answer.status_code, answer["Retry-After"], waiting(stream)) == (503, "60", [])


@pytest.fixture
def three_a_minute(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.RATE_LIMITS = settings.RATE_LIMITS | {"push": "3/minute"}
    monkeypatch.setattr(ratelimits, "counters", Counters())
    limit_of.cache_clear()
    yield
    limit_of.cache_clear()


@pytest.mark.usefixtures("three_a_minute")
def test_it_may_be_told_so_often_and_no_more(stream: SyncStream, world: Client) -> None:
    world.defaults["REMOTE_ADDR"] = "198.51.100.77"
    assert [tell(world, token()) for _ in range(4)] == [204, 204, 204, 429]


@pytest.mark.parametrize(
    "said",
    [
        b"-", b"[]", b"{}", b"null", b'{"message": 1}', b'{"message": {"data": 1}}', b'{"message": {"data": "***"}}',
        b'{"message": {"data": "W10="}}', b"[" * 9000, b"\xff\xfe", body(email=""), body(email="\ud800"),
        body(email="somebody.else@example.com"), body(emailAddress=[ADA]), body(emailAddress=None),
    ],
)  # fmt: skip
def test_a_message_that_says_nothing_is_taken_and_means_nothing(
    stream: SyncStream, world: Client, said: bytes
) -> None:
    assert (tell(world, token(), said), waiting(stream)) == (204, [])


def test_a_message_has_a_largest_size(stream: SyncStream, world: Client) -> None:
    assert (tell(world, token(), body(more="x" * 20_000)), waiting(stream)) == (413, [])


# --- what follows


def test_a_letter_is_here_as_soon_as_google_tells(
    at: fakes.Google, stream: SyncStream, world: Client, alice: User
) -> None:
    deliver(at, "Hello")
    tick(stream)
    assert subjects(alice) == []  # it is not time to look yet
    assert at.pushes.deliver(post(world)) == [204]
    run_all(alice)
    assert subjects(alice) == ["Hello"]


def test_twenty_of_the_same_are_one_look(
    at: fakes.Google, stream: SyncStream, world: Client, alice: User
) -> None:
    deliver(at, "Hello")
    at.calls.clear()
    assert at.pushes.deliver(post(world), times=20) == [204] * 20
    assert (waiting(stream), asked(at)) == ([SYNC], [])
    run_all(alice)
    assert (subjects(alice), asked(at).count("history.list")) == (["Hello"], 1)


def test_a_push_while_google_answers_is_a_look_of_its_own(
    at: fakes.Google, stream: SyncStream, world: Client, alice: User
) -> None:
    """What it tells of may be too new for that answer."""
    tick(change(stream, next_sync_at=timezone.now()))
    change(stream, next_sync_at=timezone.now())
    with acting_as(alice.pk):
        step = steps.next_step(fresh(stream), timezone.now())
    assert step is not None
    assert step.what == "history"
    answer = steps.follower_of(stream).ask(step, in_process(at, stream.account))
    deliver(at, "Hello")
    assert at.pushes.deliver(post(world)) == [204]
    with acting_as(alice.pk):
        stream = locked(stream)
        assert steps.apply(stream, step, answer, timezone.now()) is None
        health.fares_well(stream, timezone.now())
    assert subjects(alice) == []
    run_all(alice)
    assert subjects(alice) == ["Hello"]


def test_order_does_not_matter_and_no_position_is_taken_from_a_push(
    at: fakes.Google, stream: SyncStream, world: Client, alice: User
) -> None:
    names = [f"letter {n}" for n in range(9)]
    for name in names:
        deliver(at, name)
    pushes = len(at.pushes.pending)
    assert at.pushes.deliver(post(world), shuffle=7) == [204] * pushes
    for history in (1, 10**30, -1, "x", None):
        assert tell(world, token(), body(historyId=history)) == 204
    assert fresh(stream).cursor == stream.cursor
    run_all(alice)
    assert (pushes, subjects(alice)) == (9, names)
    assert fresh(stream).cursor == str(at.account(ADA).mailbox.history.last)


def test_what_is_lost_on_the_way_is_found_within_minutes(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    deliver(at, "Hello")
    assert at.pushes.deliver(lose=True) == []
    looks = fresh(stream).next_sync_at
    assert looks is not None
    assert looks - timezone.now() <= dt.timedelta(minutes=5)
    change(stream, next_sync_at=timezone.now())  # it is then
    tick(stream)
    assert subjects(alice) == ["Hello"]


@pytest.mark.parametrize(
    "values",
    [
        {"not_before": "later", "health": "throttled", "next_sync_at": "later"},
        {"health": "paused", "next_sync_at": None},
        {"health": "reauth", "next_sync_at": None},
        {"phase": "new", "next_sync_at": None},
    ],
    ids=str,
)
def test_no_push_makes_a_call_that_must_not_be_made(
    at: fakes.Google, stream: SyncStream, world: Client, values: dict[str, Any]
) -> None:
    later = timezone.now() + dt.timedelta(minutes=15)
    before = change(stream, **{name: later if value == "later" else value for name, value in values.items()})
    deliver(at, "Hello")
    at.calls.clear()
    assert at.pushes.deliver(post(world), times=20) == [204] * 20
    tick(stream)
    after = fresh(stream)
    assert (waiting(stream), asked(at)) == ([], [])
    assert (after.next_sync_at, after.health, after.not_before) == (
        before.next_sync_at, before.health, before.not_before,
    )  # fmt: skip


def test_a_job_that_waits_for_google_goes_on_waiting(
    at: fakes.Google, stream: SyncStream, world: Client, alice: User
) -> None:
    """`not_before` came between the push and the look."""
    deliver(at, "Hello")
    at.pushes.deliver(post(world))
    change(stream, not_before=timezone.now() + dt.timedelta(minutes=15))
    at.calls.clear()
    run_all(alice)
    assert (asked(at), subjects(alice)) == ([], [])


def test_one_mailbox_of_two_users_is_looked_at_by_both(
    at: fakes.Google, stream: SyncStream, world: Client, charlie: User
) -> None:
    his = watch(following(charlie, at))
    deliver(at, "Hello")
    at.pushes.deliver(post(world))
    assert (waiting(stream), waiting(his)) == ([SYNC], [SYNC])


def test_somebody_who_is_signed_in_is_nobody_here(
    at: fakes.Google, stream: SyncStream, charlie: User
) -> None:
    client = Client()
    client.force_login(charlie)
    assert tell(client, None) == 401
    deliver(at, "Hello")
    assert (at.pushes.deliver(post(client)), waiting(stream)) == ([204], [SYNC])


# --- calendars


def channel(at: fakes.Google) -> dict[str, str]:
    (open_,) = at.pushes.channels.values()
    return {
        "X-Goog-Channel-ID": open_.id,
        "X-Goog-Channel-Token": open_.token,
        "X-Goog-Resource-State": "exists",
    }


@pytest.fixture
def calendar(at: fakes.Google, stream: SyncStream) -> SyncStream:
    return watch(following_calendar(stream, at))


def test_a_calendar_is_looked_at_when_its_channel_tells(
    at: fakes.Google, calendar: SyncStream, world: Client
) -> None:
    assert at.pushes.deliver(post(world)) == [204]  # that the channel is open
    assert waiting(calendar) == []
    at.account(ADA).calendar().add("Lunch", dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC))
    at.calls.clear()
    assert at.pushes.deliver(post(world), times=20) == [204] * 20
    assert (waiting(calendar), asked(at)) == (["google_calendar_sync"], [])
    run_all(calendar.user)
    assert asked(at).count("events.list") == 1


@pytest.mark.parametrize(
    "said",
    [
        {"X-Goog-Channel-Token": ""},
        {"X-Goog-Channel-Token": "wrong"},
        {"X-Goog-Channel-Token": "ünknown"},
        {"X-Goog-Channel-ID": ""},
        {"X-Goog-Channel-ID": "wrong"},
        {"X-Goog-Channel-ID": ADA, "X-Goog-Channel-Token": ""},
        {"X-Goog-Resource-State": "sync"},
    ],
    ids=str,
)
def test_a_channel_without_its_token_is_answered_alike_and_means_nothing(
    at: fakes.Google, calendar: SyncStream, world: Client, said: dict[str, str]
) -> None:
    right, wrong = (world.post(CALENDAR, headers=channel(at) | said) for said in ({}, said))
    assert {answer.status_code for answer in (right, wrong)} == {204}
    assert (right.content, dict(right.headers).keys()) == (wrong.content, dict(wrong.headers).keys())
    run_all(calendar.user)
    assert (world.post(CALENDAR, headers=channel(at) | said).status_code, waiting(calendar)) == (204, [])


# --- what is kept


def test_what_is_kept_without_an_owner_names_nobody(
    at: fakes.Google, stream: SyncStream, calendar: SyncStream, charlie: User
) -> None:
    kept = repr(list(PushAddress.objects.values()))
    known = channel(at)
    assert PushAddress.objects.count() == 2
    assert not any(word in kept for word in (ADA, known["X-Goog-Channel-ID"], known["X-Goog-Channel-Token"]))
    assert calendar.watch_channel == known["X-Goog-Channel-ID"]
    stored = repr(vars(calendar))
    assert known["X-Goog-Channel-Token"] not in stored


def test_it_goes_with_its_stream(stream: SyncStream, alice: User) -> None:
    assert PushAddress.objects.filter(user_id=alice.pk).count() == 1

    erasing.finish(alice.pk)
    assert PushAddress.objects.count() == 0
