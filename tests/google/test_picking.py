"""One message that a rule leaves out, brought in because somebody wants it: planned and approved like any other."""

from __future__ import annotations

import pytest
from django.test import Client

from integrations.models import RawEvent, SyncStream
from integrations.plan import Refused
from integrations.streams.picking import start_picked
from jobs.foreground import work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.mailboxes import bring, carry_out, deliver, follow, fresh, subjects, verdicts

pytestmark = pytest.mark.django_db(transaction=True)
PROMOTIONS = ["INBOX", "CATEGORY_PROMOTIONS"]


def test_one_message_is_brought_in_and_stays(
    at: fakes.Google, stream: SyncStream, client: Client, alice: User
) -> None:
    wanted, other = (deliver(at, name, PROMOTIONS, after=n) for n, name in enumerate(("offer", "other")))
    bring(stream)
    follow(stream)
    assert (subjects(alice), set(verdicts(alice).values())) == ([], {"skipped:category:promotions"})
    client.force_login(alice)
    asked = client.get(f"/import/why/?q={wanted}").content.decode()
    with acting_as(alice.pk):
        raw = RawEvent.objects.for_user(alice).get(external_id=wanted)
    assert f"/import/why/{raw.pk}/bring-in/" in asked
    address = client.post(f"/import/why/{raw.pk}/bring-in/").headers["Location"]
    with acting_as(alice.pk):
        batch = Batch.objects.for_user(alice).latest("created_at")
    assert address == f"/batches/{batch.pk}/"
    before = fresh(stream)
    planned = work_until_settled(batch)
    assert (planned.state, planned.totals["interactions"], planned.totals["entries"]) == ("planned", 1, 1)
    assert subjects(alice) == []
    assert carry_out(planned).state == "done"
    follow(stream)
    assert subjects(alice) == ["offer"]
    assert verdicts(alice) == {wanted: "kept", other: "skipped:category:promotions"}
    assert fresh(stream).listing == before.listing
    assert "Bring it in" not in client.get(f"/import/why/?q={wanted}").content.decode()


def test_a_mailbox_is_followed_first(stream: SyncStream, alice: User) -> None:
    with acting_as(alice.pk), pytest.raises(Refused, match="Follow this mailbox first"):
        start_picked(alice, fresh(stream), {"1": "1"})


def test_planned_again_it_is_the_same_message(
    at: fakes.Google, stream: SyncStream, client: Client, alice: User
) -> None:
    wanted = deliver(at, "offer", PROMOTIONS)
    deliver(at, "letter")
    bring(stream)
    follow(stream)
    with acting_as(alice.pk):
        thread = RawEvent.objects.for_user(alice).get(external_id=wanted).thread
        batch = start_picked(alice, fresh(stream), {wanted: thread})
    first = work_until_settled(batch)
    client.force_login(alice)
    client.post(f"/batches/{first.pk}/plan-again/")
    with acting_as(alice.pk):
        again = Batch.objects.for_user(alice).latest("created_at")
    planned = work_until_settled(again)
    assert (planned.pk != first.pk, planned.totals["entries"]) == (True, 1)
    assert planned.title == first.title
