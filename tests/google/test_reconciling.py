"""Held to the truth: what was lost of the last week is found and brought in, and the figures are exact."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from contacts.models import Interaction
from integrations.google import gmail
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.streams.reconciling import due_streams, reconcile_soon, reconcile_streams
from jobs.models import Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import make_stream
from tests.fakes import google as fakes
from tests.google.mailboxes import (
    ADA,
    BASE,
    bring,
    connect,
    deliver,
    follow,
    fresh,
    served,
    subjects,
    work_left,
)

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = 3600.0


@pytest.fixture
def at(settings: Any) -> Iterator[fakes.Google]:
    google = fakes.Google(clock=fakes.Clock.still(time.time()))
    google.add_account(ADA, name="Ada Lovelace")
    with served(google, settings):
        yield google


@pytest.fixture
def stream(at: fakes.Google, alice: User) -> SyncStream:
    return connect(alice, at)


def lately(at: fakes.Google, subject: str, labels: Any = ("INBOX",), hours: float = 5, **more: Any) -> str:
    return deliver(at, subject, labels, after=time.time() - hours * HOUR - BASE, **more)


def reconcile(stream: SyncStream) -> SyncStream:
    with acting_as(stream.user_id):
        reconcile_soon(fresh(stream))
    while run_one(None, "test", user=stream.user_id):
        pass
    return fresh(stream)


def forget(stream: SyncStream, id: str) -> None:
    """Planted loss: as if it had never come here."""
    with acting_as(stream.user_id):
        raw = RawEvent.objects.for_user(stream.user_id).filter(external_id=id)
        Interaction.objects.for_user(stream.user_id).filter(source_key=raw.get().item_key).delete()
        raw.delete()


def tally(**counts: int) -> dict[str, int]:
    zeros = dict.fromkeys(("google", "held", "left_out", "waiting", "unreadable", "missing", "strays"), 0)
    return zeros | counts


def test_where_nothing_is_missing_the_three_numbers_add_up(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    for n in range(3):
        lately(at, f"letter {n}")
    lately(at, "offer", ["INBOX", "CATEGORY_PROMOTIONS"])
    lately(at, "spam", ["SPAM"])
    lately(at, "thrown away", ["TRASH"])
    lately(at, "of last month", hours=24 * 30)
    at.account(ADA).mailbox.save_draft(b"Subject: draft\r\n\r\nNot yet.")
    bring(stream)
    follow(stream)
    after = reconcile(stream)
    assert after.tally == tally(google=7, held=3, left_out=4)
    assert after.missing == 0
    assert after.reconciled_at is not None
    assert work_left(alice) == []
    with acting_as(alice.pk):
        event = Event.objects.for_user(alice).get(action="sync.reconciled")
    assert {name: event.data[name] for name in after.tally} == after.tally


def test_what_was_lost_is_found_and_brought_in(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    ids = [lately(at, f"letter {n}") for n in range(4)]
    bring(stream)
    follow(stream)
    forget(stream, ids[1])
    forget(stream, ids[2])
    assert subjects(alice) == ["letter 0", "letter 3"]
    found = reconcile(stream)
    assert (found.tally, found.missing) == (tally(google=4, held=2, missing=2), 2)
    assert subjects(alice) == ["letter 0", "letter 1", "letter 2", "letter 3"]
    again = reconcile(stream)
    assert (again.tally, again.missing) == (tally(google=4, held=4), 0)


def test_a_skipped_entry_of_the_history_is_found(
    at: fakes.Google, stream: SyncStream, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lately(at, "first")
    bring(stream)
    follow(stream)
    lately(at, "never heard of")
    with monkeypatch.context() as patch:
        patch.setattr(gmail, "read_record", lambda record: [])
        follow(stream)
    follow(stream)
    assert subjects(alice) == ["first"]
    assert reconcile(stream).missing == 1
    assert subjects(alice) == ["first", "never heard of"]
    assert reconcile(stream).missing == 0


def test_of_lost_mail_that_stays_out_no_body_is_fetched(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    shop = lately(at, "offer", ["INBOX", "CATEGORY_PROMOTIONS"])
    bring(stream)
    follow(stream)
    with acting_as(alice.pk):
        RawEvent.objects.for_user(alice).filter(external_id=shop).delete()
    assert reconcile(stream).tally == tally(google=1, missing=1)
    assert reconcile(stream).tally == tally(google=1, left_out=1)
    assert subjects(alice) == []
    assert not [call for call in at.calls if shop in call.path and "raw" in str(call.query)]


def test_what_arrives_while_we_look_is_not_missing(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    lately(at, "before")
    gone = lately(at, "goes")
    bring(stream)
    follow(stream)
    lately(at, "unheard of yet")

    def meanwhile(call: Any) -> None:
        if "messages" in call.path and not at.account(ADA).mailbox.labels.id("Mark"):
            at.account(ADA).add_label("Mark")
            lately(at, "during the list")
            at.account(ADA).delete(gone)

    at.between.append(meanwhile)
    after = reconcile(stream)
    assert (after.missing, after.tally["missing"], after.tally["strays"]) == (0, 0, 0)
    assert subjects(alice) == ["before", "during the list", "unheard of yet"]


def test_what_is_no_longer_there_is_asked_about_and_goes(
    at: fakes.Google, stream: SyncStream, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    lately(at, "stays")
    gone = lately(at, "gone")
    bring(stream)
    follow(stream)
    at.account(ADA).delete(gone)
    with monkeypatch.context() as patch:
        patch.setattr(gmail, "read_record", lambda record: [])
        follow(stream)
    assert subjects(alice) == ["gone", "stays"]
    assert reconcile(stream).tally == tally(google=1, held=1, strays=1)
    assert subjects(alice) == ["stays"]


def test_what_we_took_for_deleted_comes_back(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    wrong = lately(at, "still there")
    bring(stream)
    follow(stream)
    with acting_as(alice.pk):
        long_ago = timezone.now() - dt.timedelta(days=1)
        rows = RawEvent.objects.for_user(alice).filter(external_id=wrong)
        rows.update(remote="deleted", remote_at=long_ago)
    assert reconcile(stream).missing == 1
    assert reconcile(stream).tally == tally(google=1, held=1)


def test_what_could_not_be_read_and_what_waits_are_told_apart(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    ids = [lately(at, f"letter {n}") for n in range(3)]
    bring(stream)
    follow(stream)
    with acting_as(alice.pk):
        RawEvent.objects.for_user(alice).filter(external_id__in=ids[:2]).delete()
        later = timezone.now() + dt.timedelta(hours=1)
        parked = {"state": "parked", "attempts": 3}
        for id, more in ((ids[0], parked), (ids[1], {"not_before": later})):
            SyncWork(user=alice, stream=stream, external_id=id, **more).save(force_insert=True)
    after = reconcile(stream)
    assert after.tally == tally(google=3, held=1, waiting=1, unreadable=1)
    assert after.missing == 0


def test_a_preference_for_fewer_days_asks_for_fewer(at: fakes.Google, alice: User) -> None:
    stream = connect(alice, at, days=3)
    lately(at, "yesterday", hours=24)
    lately(at, "before the window", hours=24 * 5)
    bring(stream)
    follow(stream)
    assert reconcile(stream).tally == tally(google=1, held=1)


def test_while_google_wants_a_pause_nothing_is_asked(at: fakes.Google, stream: SyncStream) -> None:
    lately(at, "letter")
    bring(stream)
    follow(stream)
    calls = len(at.calls)
    with acting_as(stream.user_id):
        rows = SyncStream.objects.for_user(stream.user_id)
        rows.update(not_before=timezone.now() + dt.timedelta(minutes=15), health="throttled")
    assert reconcile(stream).reconciled_at is None
    assert len(at.calls) == calls
    assert due_streams(timezone.now()) == []


def test_a_failure_is_the_streams_and_the_next_look_begins_anew(at: fakes.Google, stream: SyncStream) -> None:
    lately(at, "letter")
    bring(stream)
    follow(stream)
    at.faults.add("messages.list", "429")
    failed = reconcile(stream)
    assert (failed.reconciled_at, failed.health) == (None, "throttled")
    assert failed.not_before is not None
    assert failed.not_before > timezone.now()


def test_it_is_looked_once_a_day_and_soon_where_something_was_missing(alice: User) -> None:
    now = timezone.now()
    days = {"never": None, "day": now - dt.timedelta(days=1), "hour": now - dt.timedelta(hours=1)}
    made = {
        name: make_stream(alice, phase="live", reconciled_at=when, missing=0) for name, when in days.items()
    }
    made["lost"] = make_stream(alice, phase="live", reconciled_at=now - dt.timedelta(minutes=20), missing=3)
    make_stream(alice, phase="live", health="paused")
    make_stream(alice, phase="approval")
    make_stream(alice, phase="live", kind="calendars")
    due = [stream.pk for stream in due_streams(now)]
    assert due == [made["never"].pk, made["day"].pk, made["lost"].pk]
    assert reconcile_streams() == 3
    assert reconcile_streams() == 3
    with acting_as(alice.pk):
        jobs = Job.objects.for_user(alice).filter(kind="reconcile")
        assert sorted(job.mutex_key for job in jobs) == sorted(f"stream:{pk}" for pk in due)


def run(*args: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and what was told."""
    out, code = StringIO(), 0
    try:
        call_command("reconcile", *args, "--json", stdout=out)
    except SystemExit as end:
        code = int(str(end.code))
    return code, json.loads(out.getvalue())


def test_the_command_tells_the_truth_and_ends_with_one_where_it_is_not_nothing(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    ids = [lately(at, f"letter {n}") for n in range(3)]
    bring(stream)
    follow(stream)
    forget(stream, ids[0])
    told = {"stream": "Gmail", **tally(google=3, held=2, missing=1), "difference": 1}
    assert run("--user", alice.email) == (1, {"balanced": False, "streams": [told]})
    while run_one(None, "test", user=alice):
        pass
    told = {"stream": "Gmail", **tally(google=3, held=3), "difference": 0}
    assert run("--user", alice.email) == (0, {"balanced": True, "streams": [told]})


def test_the_command_says_why_it_cannot_compare(alice: User) -> None:
    with pytest.raises(CommandError, match="follows no mailbox or calendar"):
        run("--user", alice.email)
    waits = {"health": "throttled", "health_reason": "Google asks for a pause."}
    make_stream(alice, phase="live", not_before=timezone.now() + dt.timedelta(hours=1), **waits)
    with pytest.raises(CommandError, match=r"Gmail cannot be compared now: Google asks for a pause\."):
        run("--user", alice.email)
