"""manage.py sync, ledger and batch_status, and the pages of a plan, for a mailbox."""

from __future__ import annotations

import datetime as dt
import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from contacts.models import CalendarEvent
from integrations.google import oauth
from integrations.models import GoogleAccount, SyncStream
from integrations.streams import ticking
from integrations.streams.calendar_list import begin_calendar_list
from jobs.foreground import work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.fakes import google as fakes
from tests.fakes.google.answers import error
from tests.google.mailboxes import ADA, approved, deliver, fresh, later, plan, run_all, subjects

pytestmark = pytest.mark.django_db(transaction=True)
TOMORROW = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0) + dt.timedelta(days=1)


def run(command: str, *args: str) -> dict[str, Any]:
    out = StringIO()
    call_command(command, *args, "--json", stdout=out)
    return json.loads(out.getvalue())  # type: ignore[no-any-return]


def connect_calendars(user: User, at: fakes.Google) -> None:
    """Connected, for calendars alone; which there are is not known yet."""
    scopes = ["openid", "email", oauth.EVENTS, oauth.CALENDARS]
    tokens = at.sign_in(ADA, *scopes)
    account = GoogleAccount(user=user, google_sub=at.account(ADA).sub, email=ADA, scopes=scopes)
    account.access_token, account.refresh_token = (
        tokens[name].encode() for name in ("access_token", "refresh_token")
    )
    account.access_expires_at = timezone.now() + dt.timedelta(hours=1)
    account.granted_at = timezone.now()
    with acting_as(user.pk):
        account.save(force_insert=True)
        begin_calendar_list(account)


def events(user: User) -> list[str]:
    with acting_as(user.pk):
        return sorted(CalendarEvent.objects.for_user(user).values_list("title", flat=True))


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


def used(user: User) -> list[tuple[str, Any, str]]:
    """Each time that an operator used the permission of this user: what for, for which row, and whose hand it was."""
    with acting_as(user.pk):
        rows = Event.objects.for_user(user).filter(action="operator.asked").order_by("created_at", "id")
        return [(row.data["what"], row.object_id, row.actor) for row in rows]


def test_who_runs_a_command_leaves_an_entry_and_the_schedule_none(
    at: fakes.Google, stream: SyncStream, alice: User, client: Client
) -> None:
    deliver(at, "planned")
    asked = ("sync", "--user", alice.email, "--service", "gmail")
    run(*asked, "--yes")
    assert used(alice) == [("sync", stream.pk, "operator")]
    later(stream)
    assert ticking.follow_streams() == 1
    run_all(alice)
    assert len(used(alice)) == 1
    later(stream)
    run(*asked)
    run("reconcile", "--user", alice.email)
    assert used(alice)[1:] == [("sync", stream.pk, "operator"), ("reconcile", stream.pk, "operator")]
    with acting_as(alice.pk):
        SyncStream.objects.for_user(alice).update(health="throttled", not_before=TOMORROW)
    with pytest.raises(CommandError, match="Gmail waits"):
        run(*asked)
    assert len(used(alice)) == 3  # what was refused asked nobody
    page = client.get("/activity/?what=sync&who=operator").text
    said = "An operator used your permission at Google, {}"
    assert page.count(said.format("to look for what is new, or what an import would bring")) == 2
    assert page.count(said.format("to compare what is there with what is here")) == 1


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


def test_what_was_put_aside_is_tried_again(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    asked = ("sync", "--user", alice.email, "--service", "gmail")
    with pytest.raises(CommandError, match="is followed yet, so nothing was put aside"):
        call_command(*asked, "--retry-parked")
    bad = deliver(at, "planned")
    planned = plan(stream)
    at.faults.add(lambda call: bad in call.path, error(400, "invalidArgument", "No."), count=3)
    approved(planned)
    run_all(alice)
    looked = run(*asked)
    assert (looked["put_aside"], subjects(alice)) == (1, [])
    tried = [run(*asked, "--retry-parked") for _ in range(2)]
    assert [(one["tried_again"], one["put_aside"], one["waiting"]) for one in tried] == [(1, 0, 0), (0, 0, 0)]
    assert subjects(alice) == ["planned"]


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
    assert "exactly this message is fetched" in " ".join(shown.split())
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


def test_calendars_are_planned_brought_and_looked_at(at: fakes.Google, alice: User) -> None:
    person = at.account(ADA)
    person.calendars.add("team@group.calendar.google.com", "Team", access_role="reader")
    person.calendars.add("busy@group.calendar.google.com", "Busy", access_role="freeBusyReader")
    person.calendar().add("Lunch", TOMORROW, attendees=[{"email": "grace@example.com"}])
    person.calendar().add("Thinking", TOMORROW, eventType="focusTime")
    connect_calendars(alice, at)
    asked = ("sync", "--user", alice.email, "--service", "calendar")
    mine, team = run(*asked, "--plan-only")["streams"]
    assert (mine["stream"], mine["kind"], mine["state"], mine["events"], mine["skip"]) == (
        ADA,
        "calendar",
        "planned",
        1,
        1,
    )
    assert mine["reasons"] == {"not_an_appointment": 1}
    assert (team["stream"], team["state"], team["events"]) == ("Team", "planned", 0)
    assert events(alice) == []
    done, _ = run(*asked, "--yes")["streams"]
    assert (done["state"], done["events"], done["failed"], done["errors"]) == ("done", 1, 0, [])
    assert events(alice) == ["Lunch"]
    person.calendar().add("Dinner", TOMORROW, attendees=[{"email": "grace@example.com"}])
    looked, _ = run(*asked)["streams"]
    assert (looked["state"], looked["phase"]) == ("ok", "live")
    assert events(alice) == ["Dinner", "Lunch"]
    full, _ = run(*asked, "--full")["streams"]
    assert (full["events"], full["reasons"]) == (0, {"already_here": 2, "not_an_appointment": 1})


def test_mail_and_calendars_together(at: fakes.Google, stream: SyncStream, alice: User) -> None:
    deliver(at, "planned")
    out = StringIO()
    call_command("sync", "--user", alice.email, "--yes", stdout=out)
    assert "Gmail:\nAdded 1 e-mail" in out.getvalue()
    assert subjects(alice) == ["planned"]


def test_one_that_is_refused_keeps_nobody_from_the_others(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    deliver(at, "planned")
    scopes = [oauth.MAIL, oauth.EVENTS, oauth.CALENDARS]
    tokens = at.sign_in(ADA, "openid", "email", *scopes)
    with acting_as(alice.pk):
        account = fresh(stream).account
        account.scopes = ["openid", "email", *scopes]
        account.access_token, account.refresh_token = (
            tokens[name].encode() for name in ("access_token", "refresh_token")
        )
        account.save()
        begin_calendar_list(account)
    at.faults.add("getProfile", "accessNotConfigured")
    out = StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("sync", "--user", alice.email, "--json", stdout=out)
    mail, mine = json.loads(out.getvalue())["streams"]
    assert (ended.value.code, mail["state"], mine["state"]) == (1, "refused", "planned")
    assert "The Gmail API is off" in mail["headline"]


def test_a_plan_that_is_made_again_takes_the_place_of_the_one_that_waits(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    deliver(at, "planned")
    asked = ("sync", "--user", alice.email, "--service", "gmail", "--plan-only")
    first, second = run(*asked), run(*asked)
    with acting_as(alice.pk):
        states = dict(Batch.objects.for_user(alice).values_list("id", "state"))
    assert {str(id): state for id, state in states.items()} == {
        first["batch_id"]: "cancelled",
        second["batch_id"]: "planned",
    }


def test_the_page_of_a_calendar_says_what_is_certain(at: fakes.Google, alice: User, client: Client) -> None:
    at.account(ADA).calendar().add("Lunch", TOMORROW, attendees=[{"email": "grace@example.com"}])
    connect_calendars(alice, at)
    planned = run("sync", "--user", alice.email, "--service", "calendar", "--plan-only")
    shown = " ".join(client.get(f"/batches/{planned['batch_id']}/").content.decode().split())
    assert "This would add 1 calendar entry." in shown
    assert "exactly this entry comes in, and no other" in shown
    assert "reads that list once more, in 1 request." in shown
    assert "If the account or your data changes before that" in shown
    assert 'Calendar entries <span class="number">1</span>' in shown


def test_what_was_looked_into_stands_first(
    at: fakes.Google, stream: SyncStream, alice: User, client: Client
) -> None:
    for number in range(60):
        deliver(at, f"letter {number}", after=number)
    planned = run("sync", "--user", alice.email, "--service", "gmail")
    shown = client.get(f"/batches/{planned['batch_id']}/").content.decode()
    assert "Message " not in shown.partition("What would happen")[2].partition("Page 1")[0]
