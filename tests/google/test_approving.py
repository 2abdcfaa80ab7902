"""What a plan of a mailbox binds, when it is stale, and what taking it back leaves alone."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from contacts.editing import update_contact
from contacts.models import Contact, Interaction
from integrations import preferences
from integrations.approval import Stale, approve
from integrations.cards import cards_of
from integrations.ledger import ledger, why
from integrations.models import GoogleAccount, Provenance, RawEvent, SyncStream
from integrations.plan import Refused, discard
from integrations.preferences import Preferences
from integrations.streams.previewing import start_preview
from integrations.streams.ticking import GMAIL, come_back
from jobs.batches import cancel
from jobs.foreground import reload
from jobs.models import Batch, BatchItem, PlanItem
from jobs.restore import state_hash
from jobs.runner import run_one
from omnicrm.acting import acting_as, actor
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.mailboxes import (
    ADA,
    approved,
    bring,
    carry_out,
    connect,
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
from tests.importing import import_file, take_back

pytestmark = pytest.mark.django_db(transaction=True)


def refused(batch: Batch) -> str:
    with acting_as(batch.user_id), pytest.raises(Stale) as stale:
        approve(batch, batch.plan_hash)
    return str(stale.value)


def live_batch(user: User) -> Batch:
    with acting_as(user.pk):
        return Batch.objects.for_user(user).get(kind="google_live")


def test_a_preview_reads_no_body_and_writes_nothing_but_the_plan(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    for n in range(3):
        deliver(at, f"letter {n}", after=n)
    with acting_as(alice.pk):
        before = state_hash(alice.pk)
    batch = plan(stream)
    with acting_as(alice.pk):
        assert state_hash(alice.pk) == before
        assert not RawEvent.objects.for_user(alice).exists()
    assert {c.query["format"][0] for c in at.calls if c.name == "gmail.users.messages.get"} == {"metadata"}
    first = next(c.name for c in at.calls if c.name.startswith("gmail"))
    assert first == "gmail.users.getProfile", "The history id is asked for before the first list."
    assert batch.totals["estimate_seconds"] == 1
    assert batch.totals["estimates"]["units"] == 60


def test_the_same_mailbox_is_the_same_plan_and_another_filter_is_another(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    deliver(at, "letter")
    first, again = plan(stream), plan(stream)
    assert first.plan_hash == again.plan_hash
    deliver(at, "another")
    assert plan(stream).plan_hash != first.plan_hash


@pytest.mark.parametrize("what", ["preferences", "scope", "disconnected", "held", "undone"])
def test_a_plan_that_no_longer_fits_is_refused(
    at: fakes.Google, stream: SyncStream, alice: User, what: str
) -> None:
    deliver(at, "letter")
    if what == "undone":
        take_back(bring(stream))
    batch = plan(stream, include_suppressed=what == "undone")
    other = plan(stream)
    with acting_as(alice.pk):
        account = GoogleAccount.objects.for_user(alice).get()
        if what == "preferences":
            preferences.save(account, replace(Preferences.of(account), categories_out=()))
        elif what == "scope":
            GoogleAccount.objects.for_user(alice).update(scopes=["openid"])
        elif what == "disconnected":
            GoogleAccount.objects.for_user(alice).update(health="disconnected")
    if what in ("held", "undone"):
        carry_out(batch)
        said = refused(other)
        assert "Plan again" in said
        return
    assert "lan again" in refused(batch)
    assert (subjects(alice), work_left(alice), reload(batch).state) == ([], [], "planned")


def test_mail_that_arrives_makes_no_plan_stale(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    deliver(at, "planned")
    batch = plan(stream)
    deliver(at, "arrived", after=5)
    done = carry_out(batch)
    assert done.totals["result"]["interactions"] == 1
    follow(stream)
    assert subjects(alice) == ["arrived", "planned"]


def test_taking_back_while_the_stream_goes_on(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    ids = [deliver(at, f"old {n}", after=n) for n in range(3)]
    batch = bring(stream)
    deliver(at, "arrived", after=9)
    follow(stream)
    assert take_back(batch).state == "undone"
    assert subjects(alice) == ["arrived"]
    at.account(ADA).relabel(ids[0], ["STARRED"])
    follow(stream)
    at.account(ADA).expire_history()
    follow(stream)
    assert fresh(stream).generation == 2
    assert subjects(alice) == ["arrived"], "What was taken back does not come back by itself."
    assert {verdicts(alice)[id] for id in ids} == {"skipped:undone"}
    assert plan(stream).totals["reasons"] == {"already_here": 1, "undone": 3}
    carry_out(plan(stream, include_suppressed=True))
    assert subjects(alice) == ["arrived", "old 0", "old 1", "old 2"]


def test_what_one_has_changed_stays_as_one_left_it(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    """Also after all of the mailbox was listed again."""
    deliver(at, "to Grace", ["SENT"], sender=ADA, to="grace@example.com")
    deliver(at, "to Alan", ["SENT"], sender=ADA, to="alan@example.com", after=1)
    batch = bring(stream)
    with acting_as(alice.pk), actor("web"):
        grace = Contact.objects.for_user(alice).get(primary_email="grace@example.com")
        update_contact(
            alice, contact=grace, name="Grace Hopper", company="", job_title="", stage=grace.stage, tags=()
        )
    kept = take_back(batch).totals["undo"]["kept"]
    at.account(ADA).expire_history()
    follow(stream)
    assert subjects(alice) == []
    with acting_as(alice.pk):
        people = Contact.objects.for_user(alice).values_list("display_name", "primary_email")
        assert list(people) == [("Grace Hopper", "grace@example.com")]
    assert "you have changed it since" in {row["why"] for row in kept if row["what"] == "contacts.contact"}


def test_the_batch_of_the_day_can_be_taken_back_with_what_it_removed(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    thrown = deliver(at, "thrown")
    deliver(at, "stays", after=1)
    bring(stream)
    with acting_as(alice.pk):
        before = state_hash(alice.pk)
    at.account(ADA).trash(thrown)
    deliver(at, "arrived", after=9)
    follow(stream)
    assert subjects(alice) == ["arrived", "stays"]
    undone = take_back(live_batch(alice))
    assert undone.totals["undo"]["kept"] == []
    assert subjects(alice) == ["stays", "thrown"]
    with acting_as(alice.pk):
        assert state_hash(alice.pk) == before
        back = Interaction.objects.for_user(alice).get(subject="thrown")
        assert Provenance.objects.for_user(alice).filter(interaction=back).count() == 1


def test_thrown_away_and_back_leaves_no_trace(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    thrown = deliver(at, "thrown")
    batch = bring(stream)
    with acting_as(alice.pk):
        before = state_hash(alice.pk)
    for _ in range(2):
        at.account(ADA).trash(thrown)
        follow(stream)
        assert subjects(alice) == []
        at.account(ADA).untrash(thrown)
        follow(stream)
    with acting_as(alice.pk):
        assert state_hash(alice.pk) == before
    assert take_back(live_batch(alice)).totals["undo"]["kept"] == []
    with acting_as(alice.pk):
        assert state_hash(alice.pk) == before
    take_back(batch)
    assert subjects(alice) == []


def test_what_goes_before_it_is_read_is_waited_for_by_nobody(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    ids = [deliver(at, f"letter {n}", after=n) for n in range(3)]
    batch = approved(plan(stream))
    later(stream)
    while run_one(None, "test", user=alice, kind=GMAIL):
        pass  # all are fetched, and none is read
    at.account(ADA).trash(ids[0])
    at.account(ADA).delete(ids[1])
    later(stream)
    with acting_as(alice.pk):
        come_back(fresh(stream))
    while run_one(None, "test", user=alice, kind=GMAIL):
        pass
    run_all(alice)
    done = reload(batch)
    assert (subjects(alice), done.state, done.done_steps, done.total_steps) == (["letter 2"], "done", 3, 3)
    with acting_as(alice.pk):
        (card,) = cards_of(alice)[0].streams
        assert (card.facts.unread, ledger(alice.pk)["balanced"]) == (0, True)
    at.account(ADA).untrash(ids[0])
    follow(stream)
    assert subjects(alice) == ["letter 0", "letter 2"]


def test_what_went_long_ago_is_let_go(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    old, lately = deliver(at, "old"), deliver(at, "lately", after=1)
    bring(stream)
    for id in (old, lately):
        at.account(ADA).trash(id)
    follow(stream)
    long_ago, yesterday = timezone.now() - timedelta(days=31), timezone.now() - timedelta(days=1)
    with acting_as(alice.pk):
        rows = RawEvent.objects.for_user(alice)
        rows.filter(external_id=old).update(remote_at=long_ago)
        SyncStream.objects.for_user(alice).update(last_ok_at=yesterday)
    follow(stream)
    with acting_as(alice.pk):
        kept = dict(rows.values_list("external_id", "payload"))
        assert (kept[old], kept[lately] is None) == (None, False)
        logged = [item.before.get("subject") for item in BatchItem.objects.for_user(alice)]
    assert ("old" in logged, "lately" in logged) == (False, True)
    at.account(ADA).untrash(old)
    follow(stream)
    assert subjects(alice) == ["old"], "It is fetched again."


def archive(path: Path, at: fakes.Google) -> Path:
    """The same mailbox as Takeout hands it out."""
    messages = at.account(ADA).mailbox.messages.values()
    path.write_bytes(
        b"".join(
            b"From 1@xxx Mon Jan 05 10:00:00 +0000 2026\r\nX-GM-THRID: 1\r\nX-Gmail-Labels: Inbox\r\n"
            + m.raw
            + b"\r\n"
            for m in messages
        )
    )
    return path


def test_an_archive_first_and_the_account_second(
    at: fakes.Google, stream: SyncStream, alice: User, tmp_path: Path
) -> None:
    ids = [deliver(at, "first")]
    ids.append(deliver(at, "answer", references=["<first@example.com>"], after=1))
    ids.append(deliver(at, "other", after=2))
    file = import_file(alice, archive(tmp_path / "takeout.mbox", at))
    with acting_as(alice.pk):
        rows = Interaction.objects.for_user(alice).order_by("subject")
        before = list(rows.values_list("pk", "thread_key", "source_key"))
    batch = bring(stream)
    with acting_as(alice.pk):
        assert list(rows.all().values_list("pk", "thread_key", "source_key")) == before
        raws = RawEvent.objects.for_user(alice).filter(external_id__in=ids)
        linked = Provenance.objects.for_user(alice).filter(raw_event__in=raws, batch=batch)
        assert {pk for pk, _, _ in before} == set(linked.values_list("interaction_id", flat=True))
        assert {r.item_key for r in raws} == {key for _, _, key in before}
        assert why(alice.pk, "<other@example.com>")[-1]["external_id"] == ids[2]
        assert ledger(alice.pk)["balanced"]
    assert batch.totals["result"]["interactions"] == 0
    take_back(batch)
    assert len(subjects(alice)) == 3, "The archive still holds them."
    at.account(ADA).delete(ids[2])
    take_back(file)
    assert subjects(alice) == []


def test_what_google_deletes_stays_where_an_archive_holds_it(
    at: fakes.Google, stream: SyncStream, alice: User, tmp_path: Path
) -> None:
    kept, gone = deliver(at, "kept"), ""
    import_file(alice, archive(tmp_path / "takeout.mbox", at))
    gone = deliver(at, "gone", after=1)
    bring(stream)
    at.account(ADA).delete(kept)
    at.account(ADA).delete(gone)
    follow(stream)
    assert subjects(alice) == ["kept"]


def test_stopping_a_backfill_leaves_the_stream_to_go_on(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    for n in range(60):
        deliver(at, f"old {n:02}", after=n)
    batch = approved(plan(stream))
    later(stream)
    follow(stream)
    some = len(subjects(alice))
    assert 0 < some < 60
    with acting_as(alice.pk):
        cancel(reload(batch))
    assert reload(batch).state == "cancelled"
    deliver(at, "arrived", after=99)
    in_the_end(stream)
    assert len(subjects(alice)) == some + 1
    with acting_as(alice.pk):
        book = ledger(alice.pk)
        assert (book["skipped"], book["balanced"]) == ({"cancelled": 60 - some}, True)
    carry_out_in_the_end(stream)
    assert len(subjects(alice)) == 61


def carry_out_in_the_end(stream: SyncStream) -> None:
    batch = approved(plan(stream))
    in_the_end(stream)
    assert reload(batch).state == "done"


@pytest.mark.parametrize("keep", ["metadata", "subject"])
def test_where_only_heads_are_kept_no_body_is_fetched(at: fakes.Google, alice: User, keep: str) -> None:
    stream = connect(alice, at, keep=keep)
    deliver(at, "private matter", text="Nobody is to read this.")
    bring(stream)
    deliver(at, "later matter", after=5)
    follow(stream)
    formats = {c.query["format"][0] for c in at.calls if c.name == "gmail.users.messages.get"}
    assert formats == {"metadata"}
    with acting_as(alice.pk):
        for row in Interaction.objects.for_user(alice):
            assert (row.text, row.visible_text) == ("", "")
            assert bool(row.subject) is (keep == "subject")
            assert row.source_key in ("private-matter@example.com", "later-matter@example.com")
        raw = [raw.content for raw in RawEvent.objects.for_user(alice)]
    assert not any(b"Nobody" in content for content in raw)


def test_one_import_of_a_mailbox_at_a_time(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    deliver(at, "letter")
    approved(plan(stream))
    with acting_as(alice.pk), pytest.raises(Refused, match="is at work"):
        start_preview(alice, fresh(stream))


def test_a_plan_that_is_thrown_away_leaves_nothing(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    deliver(at, "letter")
    batch = plan(stream)
    with acting_as(alice.pk):
        assert discard(batch)
        assert PlanItem.objects.for_user(alice).filter(batch=batch).exists()
    assert fresh(stream).phase == "new"
    assert plan(stream).state == "planned"
