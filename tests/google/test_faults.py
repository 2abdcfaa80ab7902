"""What can go wrong between Gmail and us: nothing is lost by it, nothing is here twice, and nobody is asked too often."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db.models.functions import Now
from django.utils import timezone

from contacts.models import Interaction
from integrations.google import transport
from integrations.ledger import ledger, why
from integrations.models import GoogleAccount, QuotaBucket, RawEvent, SyncStream, SyncWork
from integrations.streams.approving import lock
from integrations.streams.health import cured, go_on
from integrations.streams.retrying import retry_parked
from integrations.streams.ticking import come_back, follow_streams, sync_now
from jobs.foreground import reload, work_until_settled
from jobs.models import Batch, Job
from jobs.runner import run_one
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from omnicrm.outgoing import Patience
from tests.fakes import google as fakes
from tests.fakes.google.answers import error
from tests.google.mailboxes import (
    ADA,
    approved,
    bring,
    deliver,
    follow,
    fresh,
    in_the_end,
    later,
    plan,
    run_all,
    subjects,
    verdicts,
    work_left,
)

pytestmark = pytest.mark.django_db(transaction=True)
BATCHES = "POST /batch"


def gets(at: fakes.Google) -> int:
    return sum(call.name == "gmail.users.messages.get" for call in at.calls)


def calls_of(at: fakes.Google, act: Any) -> int:
    before = len(at.calls)
    act()
    return len(at.calls) - before


def test_what_is_deleted_between_approval_and_fetching_is_gone(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    ids = [deliver(at, f"letter {n}", after=n) for n in range(3)]
    batch = approved(plan(stream))
    at.account(ADA).delete(ids[1])
    run_all(alice)
    done = reload(batch)
    assert (done.state, done.done_steps, done.total_steps) == ("done", 3, 3)
    assert subjects(alice) == ["letter 0", "letter 2"]
    assert verdicts(alice)[ids[1]] == "skipped:gone"
    with acting_as(alice.pk):
        assert ledger(alice.pk, batch.pk)["skipped"] == {"gone": 1}
        assert why(alice.pk, ids[1])[0]["verdict"] == "skipped:gone"


def test_exactly_what_was_approved_is_fetched(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    ids = {deliver(at, f"letter {n}", after=n) for n in range(30)}
    deliver(at, "offer", ["CATEGORY_PROMOTIONS"])
    batch = approved(plan(stream))
    with acting_as(alice.pk):
        rows = SyncWork.objects.for_user(alice).filter(batch=batch)
        assert set(rows.values_list("external_id", flat=True)) == ids
    before = len(at.calls)
    in_the_end(stream)
    fetched = {c.path.rpartition("/")[2] for c in at.calls[before:] if "raw" in c.query.get("format", [])}
    assert fetched == ids


def test_when_history_is_too_old_all_is_compared_and_nothing_is_lost(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    ids = {name: deliver(at, name) for name in ("stays", "deleted", "thrown", "promoted")}
    bring(stream)
    deliver(at, "arrived", after=5)
    at.account(ADA).delete(ids["deleted"])
    at.account(ADA).trash(ids["thrown"])
    at.account(ADA).expire_history()
    before = len(at.calls)
    follow(stream)
    assert subjects(alice) == ["arrived", "promoted", "stays"]
    assert (fresh(stream).phase, fresh(stream).generation) == ("live", 2)
    raw = [c.path.rpartition("/")[2] for c in at.calls[before:] if "raw" in c.query.get("format", [])]
    assert len(raw) == 1, "What is held already is not fetched again."
    assert verdicts(alice)[ids["deleted"]] == "kept"
    with acting_as(alice.pk):
        assert RawEvent.objects.for_user(alice).get(external_id=ids["deleted"]).remote == "deleted"
        assert ledger(alice.pk)["balanced"]


def test_what_arrived_as_spam_while_history_was_lost_is_fetched_when_it_is_none(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    """Neither history nor the lists have named it before."""
    bring(stream)
    spam, bin = deliver(at, "no spam", ["SPAM"]), deliver(at, "binned", ["TRASH"], after=1)
    deliver(at, "stays spam", ["SPAM"], after=2)
    at.account(ADA).expire_history()
    follow(stream)
    assert (fresh(stream).generation, subjects(alice)) == (2, [])
    at.account(ADA).relabel(spam, ["INBOX"], ["SPAM"])
    at.account(ADA).untrash(bin)
    follow(stream)
    assert subjects(alice) == ["binned", "no spam"]


def test_history_that_expires_again_while_all_is_listed(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    for n in range(4):
        deliver(at, f"letter {n}", after=n)
    bring(stream)
    at.account(ADA).expire_history()
    once = [True]

    def meanwhile(call: Any) -> None:
        if call.name == "gmail.users.messages.list" and once:
            once.clear()
            deliver(at, "arrived", after=9)
            at.account(ADA).expire_history()

    at.between.append(meanwhile)
    follow(stream)
    follow(stream)
    assert subjects(alice) == ["arrived", "letter 0", "letter 1", "letter 2", "letter 3"]
    assert fresh(stream).generation == 3


def test_a_batch_of_which_some_are_refused(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    for n in range(25):
        deliver(at, f"letter {n:02}", after=n)
    batch = approved(plan(stream))
    later(stream)
    QuotaBucket.objects.create(name=f"gmail:{stream.account_id}", batch_size=25)
    at.faults.add(lambda call: call.in_batch and "raw" in call.query.get("format", []), "429", count=7)
    run_all(alice)
    assert len(subjects(alice)) == 18
    with acting_as(alice.pk):
        left = SyncWork.objects.for_user(alice).filter(batch=batch)
        assert list(left.values_list("attempts", "state").distinct()) == [(0, "todo")]
        assert left.count() == 7
    assert fresh(stream).health == "throttled"
    own = QuotaBucket.objects.get(name=f"gmail:{stream.account_id}")
    assert own.batch_size == 12
    in_the_end(stream)
    assert (len(subjects(alice)), reload(batch).state) == (25, "done")


@pytest.mark.parametrize(
    ("effect", "health"),
    [
        ("rateLimitExceeded", "throttled"),
        ("insufficientPermissions", "no_scope"),
        ("domainPolicy", "failed"),
        ("accessNotConfigured", "failed"),
    ],
)
def test_the_same_403_means_different_things(
    at: fakes.Google, stream: SyncStream, alice: User, effect: str, health: str
) -> None:
    bring(stream)
    cursor = fresh(stream).cursor
    deliver(at, "arrived")
    at.faults.add("history.list", effect, count=1)
    follow(stream)
    now = fresh(stream)
    assert (now.health, now.cursor, now.phase) == (health, cursor, "live")
    assert now.health_reason
    assert calls_of(at, lambda: (follow_streams(), run_all(alice))) == 0
    with acting_as(alice.pk):
        cured(GoogleAccount.objects.for_user(alice).get(), now.updated_at)
    later(stream)
    follow(stream)
    assert (subjects(alice), fresh(stream).health) == (["arrived"], "ok")


def test_zero_calls_in_the_penalty_box(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    bring(stream)
    deliver(at, "arrived")
    at.quota.punish(ADA)
    follow(stream)
    assert fresh(stream).health == "throttled"

    def everybody() -> None:
        follow_streams()
        with acting_as(alice.pk):
            assert not sync_now(fresh(stream))
            go_on(fresh(stream), fresh(stream).updated_at)
            come_back(fresh(stream))
        run_all(alice)

    assert calls_of(at, everybody) == 0
    at.quota.boxed.clear()
    later(stream)
    follow(stream)
    assert subjects(alice) == ["arrived"]


@pytest.mark.parametrize(
    "effect", ["500", "503", "html", "timeout", "reset", "truncated", "invalid_json", "lost"]
)
@pytest.mark.parametrize(("where", "letters"), [("history.list", 1), (BATCHES, 2), ("messages.get", 1)])
def test_what_passes_by_itself(
    at: fakes.Google,
    stream: SyncStream,
    alice: User,
    monkeypatch: pytest.MonkeyPatch,
    effect: str,
    where: str,
    letters: int,
) -> None:
    if effect == "timeout":
        for name in ("CALLS", "BATCHES"):
            monkeypatch.setattr(transport, name, replace(getattr(transport, name), silence=0.5))
    bring(stream)
    for n in range(letters):
        deliver(at, f"arrived {n}", after=n)
    fault = at.faults.add(where, effect, count=1)
    follow(stream)
    assert (fresh(stream).health, fault.hits) == ("ok", 1)
    later(stream)
    follow(stream)
    assert subjects(alice) == [f"arrived {n}" for n in range(letters)]
    assert (work_left(alice), fresh(stream).fail_streak) == ([], 0)


def test_a_key_that_ends_in_the_middle_is_renewed_once_and_kept(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    for n in range(5):
        deliver(at, f"letter {n}", after=n)
    before = bytes(fresh(stream).account.access_token or b"")
    at.oauth.expire_access()
    bring(stream)
    assert len(subjects(alice)) == 5
    after = bytes(fresh(stream).account.access_token or b"")
    assert after != before
    assert sum(call.path == "/token" for call in at.calls) == 1


def test_a_permission_that_has_ended_is_not_asked_about_again(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    bring(stream)
    cursor = fresh(stream).cursor
    deliver(at, "arrived")
    at.account(ADA).change_password()
    at.oauth.expire_access()
    follow(stream)
    now = fresh(stream)
    assert (now.health, now.account.health, now.cursor, now.next_sync_at) == (
        "reauth",
        "reauth",
        cursor,
        None,
    )
    assert calls_of(at, lambda: (follow(stream), follow_streams(), run_all(alice))) == 0


def test_waiting_for_the_quota_counts_as_no_try(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    for n in range(3):
        deliver(at, f"letter {n}", after=n)
    approved(plan(stream))
    later(stream)
    QuotaBucket.objects.create(name=f"gmail:{stream.account_id}", units=0, filled_at=timezone.now())
    for _ in range(5):
        with acting_as(alice.pk):
            Job.objects.for_user(alice).waiting().update(run_at=timezone.now())
        assert run_one(None, "test", user=alice) is not None
    with acting_as(alice.pk):
        work = SyncWork.objects.for_user(alice)
        assert set(work.values_list("attempts", "state")) == {(0, "todo")}
    assert gets(at) == 3, "Only the plan has looked at them."
    in_the_end(stream)
    assert len(subjects(alice)) == 3


def test_what_cannot_be_fetched_is_put_aside_and_the_rest_flows(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    bad, *_ = [deliver(at, f"letter {n}", after=n) for n in range(4)]
    batch = approved(plan(stream))
    at.faults.add(lambda call: bad in call.path, error(400, "invalidArgument", "No."), count=10)
    run_all(alice)
    later(stream)
    follow(stream)
    follow(stream)
    assert subjects(alice) == ["letter 1", "letter 2", "letter 3"]
    assert reload(batch).state == "done"
    with acting_as(alice.pk):
        parked = SyncWork.objects.for_user(alice).get()
        assert (parked.external_id, parked.state, parked.attempts) == (bad, "parked", 3)
        book = ledger(alice.pk)
        assert (book["failed"], book["balanced"]) == ({parked.last_error: 1}, True)


def put_aside(at: fakes.Google, stream: SyncStream, *, refused: int) -> tuple[str, Batch]:
    """An import of four letters, one of which Google refuses so many times."""
    bad, *_ = [deliver(at, f"letter {n}", after=n) for n in range(4)]
    batch = approved(plan(stream))
    at.faults.add(lambda call: bad in call.path, error(400, "invalidArgument", "No."), count=refused)
    run_all(stream.user)
    return bad, batch


def retry(stream: SyncStream) -> int:
    with acting_as(stream.user_id):
        return retry_parked(lock(stream))


def standing(batch: Batch) -> tuple[int, int, dict[str, int], int, bool]:
    """Steps that are done, and what the ledger says: imported, failed, pending, balanced."""
    with acting_as(batch.user_id):
        book = ledger(batch.user_id)
    assert book["total"] == 4
    return reload(batch).done_steps, book["imported"], book["failed"], book["pending"], book["balanced"]


def test_what_was_put_aside_comes_in_once_it_is_tried_again(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    bad, batch = put_aside(at, stream, refused=3)
    assert standing(batch) == (4, 3, {"refused": 1}, 0, True)
    assert [retry(stream), retry(stream)] == [1, 0]
    assert standing(batch) == (4, 3, {}, 1, False)
    with acting_as(alice.pk):
        assert {one["verdict"] for one in why(alice.pk, bad)} == {"pending"}
    run_all(alice)
    assert subjects(alice) == ["letter 0", "letter 1", "letter 2", "letter 3"]
    assert (standing(batch), retry(stream)) == ((4, 4, {}, 0, True), 0)


def test_what_fails_again_is_put_aside_again(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    _, batch = put_aside(at, stream, refused=6)
    assert retry(stream) == 1
    run_all(alice)
    assert standing(batch) == (4, 3, {"refused": 1}, 0, True)
    with acting_as(alice.pk):
        parked = SyncWork.objects.for_user(alice).get()
    assert (parked.state, parked.attempts, parked.last_error) == ("parked", 3, "refused")


def test_what_belongs_to_an_import_that_was_taken_back_is_not_tried_again(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    _, batch = put_aside(at, stream, refused=3)
    with acting_as(alice.pk):
        start_undo(batch)
    work_until_settled(batch)
    assert (reload(batch).state, retry(stream)) == ("undone", 0)


def test_what_stops_a_worker_each_time_is_put_aside(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    deliver(at, "killer"), deliver(at, "harmless", after=3)
    batch = approved(plan(stream))
    with acting_as(alice.pk):  # as three workers left it that died while they fetched it
        killer = SyncWork.objects.for_user(alice).order_by("-place").first()
        SyncWork.objects.for_user(alice).filter(pk=killer.pk).update(attempts=3)
    run_all(alice)
    assert (subjects(alice), reload(batch).state) == (["harmless"], "done")
    with acting_as(alice.pk):
        assert SyncWork.objects.for_user(alice).get().state == "parked"
        assert why(alice.pk, killer.external_id)[-1]["verdict"] == "failed:stopped_worker"


@pytest.mark.parametrize(
    "raw",
    [
        b"From: Ada <ada@example.com>\r\nSubject: nul\x00here\r\nDate: Mon, 05 Jan 2026 10:00:00 +0000\r\n\r\nA\x00B",
        b"Content-Type: text/plain; charset=no-such\r\nSubject: =?utf-8?b?//8=?=\r\n\r\n\xff\xfe\xfa",
        b"\x00\x01\x02",
    ],
)
def test_broken_letters_neither_stop_nor_block_anything(
    at: fakes.Google, stream: SyncStream, alice: User, raw: bytes
) -> None:
    at.account(ADA).deliver(raw, ["INBOX"], at=1_790_000_000)
    deliver(at, "harmless")
    done = bring(stream)
    assert done.state == "done"
    assert "harmless" in subjects(alice)
    with acting_as(alice.pk):
        assert ledger(alice.pk)["balanced"]
        assert not Job.objects.for_user(alice).filter(state="dead").exists()


def test_letters_that_are_too_large_together_come_one_by_one(
    at: fakes.Google, stream: SyncStream, alice: User, monkeypatch: pytest.MonkeyPatch, time_machine: Any
) -> None:
    """Whatever the quota lets through at once, the next try is a smaller one."""
    for n in range(25):
        deliver(at, f"letter {n:02}", after=n, text="a" * 4_000)
    batch = approved(plan(stream))
    later(stream)
    QuotaBucket.objects.create(name=f"gmail:{stream.account_id}", batch_size=25)
    for name in ("BATCHES", "CALLS"):
        monkeypatch.setattr(transport, name, Patience(largest=20_000))
    now = timezone.now()
    for _ in range(12):
        time_machine.move_to(now := now + dt.timedelta(seconds=6), tick=False)
        with acting_as(alice.pk):
            Job.objects.for_user(alice).waiting().update(run_at=Now())
        run_all(alice)
    assert (len(subjects(alice)), reload(batch).state, work_left(alice)) == (25, "done", [])


def test_what_is_new_waits_behind_no_backlog(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    for n in range(30):
        deliver(at, f"old {n:02}", after=n)
    approved(plan(stream))
    deliver(at, "arrived", after=99)
    order: list[str] = []
    at.between.append(lambda c: order.append(c.path) if "raw" in c.query.get("format", []) else None)
    in_the_end(stream)
    arrived = next(id for id in at.account(ADA).mailbox.messages if verdicts(alice)[id] == "kept"
                   and at.account(ADA).mailbox.messages[id].head["subject"] == "arrived")  # fmt: skip
    assert order[0].endswith(arrived)
    newest_first = [at.account(ADA).mailbox.messages[path.rpartition("/")[2]].ms for path in order[1:]]
    assert len(newest_first) == 30
    with acting_as(alice.pk):
        kinds = dict(Interaction.objects.for_user(alice).values_list("subject", "batch__kind"))
    assert kinds["arrived"] == "google_live"
    assert set(kinds.values()) == {"google_live", "google_import"}
