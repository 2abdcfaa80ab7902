"""manage.py sync, ledger and batch_status, and the pages of a plan, for a mailbox."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from integrations.models import SyncStream
from jobs.foreground import work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.mailboxes import ADA, deliver, fresh, later, subjects

pytestmark = pytest.mark.django_db(transaction=True)


def run(command: str, *args: str) -> dict[str, Any]:
    out = StringIO()
    call_command(command, *args, "--json", stdout=out)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def test_plan_then_bring_then_look(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    deliver(at, "planned")
    deliver(at, "offer", ["CATEGORY_PROMOTIONS"], sender="Shop <shop@example.net>")
    asked = ("sync", "--user", alice.email, "--service", "gmail")
    planned = run(*asked)
    assert (planned["state"], planned["interactions"], planned["skip"]) == ("planned", 1, 1)
    assert planned["reasons"] == {"category:promotions": 1}
    assert planned["estimates"]["sampled"] == 1
    assert planned["estimate_seconds"] == 1
    assert subjects(alice) == []
    done = run(*asked, "--yes")
    assert (done["state"], done["interactions"], done["failed"], done["errors"]) == ("done", 1, 0, [])
    assert run("batch_status", done["batch_id"])["percent"] == 100
    deliver(at, "arrived", after=5)
    later(stream)
    looked = run(*asked)
    assert (looked["state"], looked["waiting"], looked["put_aside"]) == ("ok", 0, 0)
    assert subjects(alice) == ["arrived", "planned"]
    full = run(*asked, "--full")
    assert (full["interactions"], full["reasons"]) == (0, {"already_here": 2, "category:promotions": 1})


def test_the_ledger_answers_by_id_message_id_and_address(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    kept = deliver(at, "planned")
    offer = deliver(at, "offer", ["CATEGORY_PROMOTIONS"], sender="Shop <shop@example.net>")
    run("sync", "--user", alice.email, "--service", "gmail", "--yes")
    later(stream)
    run("sync", "--user", alice.email, "--service", "gmail")

    def told(wanted: str) -> set[tuple[str, str]]:
        found = run("ledger", "--user", alice.email, "--why", wanted)["why"]
        return {(one["external_id"], one["verdict"]) for one in found}

    assert told(kept) == told("<planned@example.com>") == {(kept, "kept")}
    assert told("grace@example.com") == {(kept, "kept")}
    assert told(offer) == told("offer@example.com") == {(offer, "skipped:category:promotions")}
    assert told("shop@example.net") == {(offer, "skipped:category:promotions")}
    book = run("ledger", "--user", alice.email)
    assert (book["total"], book["imported"], book["balanced"]) == (2, 1, True)
    stats = run("crm_stats", "--user", alice.email)
    assert stats["raw_events"] == {"kept": 1, "skipped:category:promotions": 1}


def test_what_cannot_be_done_is_said(
    at: fakes.Google, alice: User, stream: SyncStream, charlie: User
) -> None:
    with pytest.raises(CommandError, match="connected no account"):
        call_command("sync", "--user", charlie.email)
    at.faults.add("getProfile", "accessNotConfigured")
    with pytest.raises(CommandError, match="The Gmail API is off"):
        call_command("sync", "--user", alice.email, "--service", "gmail")


def test_the_pages_of_a_plan(at: fakes.Google, stream: SyncStream, alice: User, client: Client) -> None:
    deliver(at, "planned")
    deliver(at, "offer", ["CATEGORY_PROMOTIONS"])
    account = fresh(stream).account
    assert "See what its mail would bring" in client.get("/connections/").content.decode()
    address = client.post(f"/connections/{account.pk}/plan/").url  # type: ignore[attr-defined]
    with acting_as(alice.pk):
        batch = Batch.objects.for_user(alice).get()
    assert "Listing the mailbox." in client.get(address).content.decode()
    batch = work_until_settled(batch)
    shown = client.get(address).content.decode()
    assert "This would add 1 e-mail; 1 is left out." in shown
    assert "exactly these 1 messages are fetched" in shown
    assert "about 0 people would become contacts" in shown
    assert "Promotions" in client.get(f"{address}?show=skip").content.decode()
    assert "planned" in client.get(f"{address}?show=messages").content.decode()
    again = client.post(f"{address}plan-again/").url  # type: ignore[attr-defined]
    assert again != address
    with acting_as(alice.pk):
        assert Batch.objects.for_user(alice).get(pk=batch.pk).state == "cancelled"
        newer = Batch.objects.for_user(alice).exclude(pk=batch.pk).get()
    newer = work_until_settled(newer)
    client.post(f"{again}approve/", {"plan_hash": newer.plan_hash})
    later(stream)
    newer = work_until_settled(newer)
    assert "Added 1 e-mail" in client.get(again).content.decode()
    assert subjects(alice) == ["planned"]
    assert ADA in client.get("/batches/").content.decode()
