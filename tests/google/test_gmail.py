"""A mailbox from its preview to mail that arrives long after: what comes in, what stays out, and why."""

from __future__ import annotations

import pytest

from contacts.models import Interaction
from integrations.ledger import ledger
from integrations.models import RawEvent, SyncStream
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.mailboxes import (
    ADA,
    carry_out,
    deliver,
    follow,
    fresh,
    plan,
    subjects,
    verdicts,
    work_left,
)

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_the_preview_to_what_arrives_later(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    old = [deliver(at, f"old {n}", after=n) for n in range(3)]
    shop = deliver(at, "offer", ["INBOX", "CATEGORY_PROMOTIONS"], sender="Shop <shop@example.net>")
    spam, bin_ = deliver(at, "spam", ["SPAM"]), deliver(at, "thrown away", ["TRASH"])
    at.account(ADA).mailbox.save_draft(b"Subject: draft\r\n\r\nNot yet.")

    batch = plan(stream)
    assert batch.state == "planned"
    assert batch.totals["interactions"] == 3
    assert batch.totals["reasons"] == {"category:promotions": 1, "draft": 1, "spam": 1, "trash": 1}
    assert batch.totals["estimates"]["sampled"] == 3
    assert fresh(stream).phase == "approval"
    assert verdicts(alice) == {}
    assert subjects(alice) == []

    deliver(at, "after the plan", after=10)
    done = carry_out(batch)
    assert (done.state, done.done_steps, done.total_steps) == ("done", 3, 3)
    assert done.totals["result"]["interactions"] == 3
    follow(stream)
    assert subjects(alice) == ["after the plan", "old 0", "old 1", "old 2"]
    assert fresh(stream).phase == "live"
    with acting_as(alice.pk):
        batches = dict(Interaction.objects.for_user(alice).values_list("subject", "batch__kind"))
        assert batches == {
            "after the plan": "google_live",
            **{f"old {n}": "google_import" for n in range(3)},
        }
        stub = RawEvent.objects.for_user(alice).get(external_id=shop)
        assert (stub.author, stub.item_key, stub.payload) == ("shop@example.net", "offer@example.com", None)
        book = ledger(alice.pk)
    assert {verdicts(alice)[id] for id in old} == {"kept"}
    assert (verdicts(alice)[spam], verdicts(alice)[bin_]) == ("skipped:spam", "skipped:trash")
    assert work_left(alice) == []
    assert (book["total"], book["imported"], book["pending"], book["balanced"]) == (8, 4, 0, True)
    assert not [
        call
        for call in at.calls
        if call.name.endswith("get") and shop in call.path and "raw" in str(call.query)
    ]


def test_gone_and_back(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    thrown, deleted, stays = (deliver(at, name) for name in ("thrown", "deleted", "stays"))
    done = carry_out(plan(stream))
    at.account(ADA).trash(thrown)
    at.account(ADA).delete(deleted)
    follow(stream)
    assert subjects(alice) == ["stays"]
    with acting_as(alice.pk):
        before = Interaction.objects.for_user(alice).get(subject="stays").pk
        live = Batch.objects.for_user(alice).get(kind="google_live")
        assert ledger(alice.pk)["skipped"] == {"gone": 1, "trash": 1}
        assert ledger(alice.pk, done.pk)["skipped"] == {"gone": 1, "trash": 1}
    calls = len(at.calls)
    at.account(ADA).untrash(thrown)
    follow(stream)
    assert subjects(alice) == ["stays", "thrown"]
    assert [call.name for call in at.calls[calls:]] == ["gmail.users.history.list"]
    with acting_as(alice.pk):
        assert Interaction.objects.for_user(alice).get(subject="stays").pk == before
        assert Interaction.objects.for_user(alice).get(subject="thrown").batch_id == done.pk
    assert stays in verdicts(alice)
    assert live.is_undoable
