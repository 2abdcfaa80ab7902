"""The cards of connected accounts, and what one can do there: look now, compare, pause, go on, see what it did."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from integrations.cards import unread_counts
from integrations.google import oauth
from integrations.models import GoogleAccount, QuotaBucket, RawEvent, SyncStream
from integrations.status import clock
from jobs.models import Batch, Job
from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.models import User
from tests.factories import (
    make_batch,
    make_google_account,
    make_raw_event,
    make_stream,
    make_work,
)

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
TALLY = {"google": 10, "held": 7, "left_out": 3, "waiting": 0, "unreadable": 0, "missing": 0, "strays": 0}


@pytest.fixture
def account(alice: User) -> GoogleAccount:
    return make_google_account(alice, email="ada@gmail.com")


@pytest.fixture
def stream(alice: User, account: GoogleAccount) -> SyncStream:
    return in_step(alice, account)


def in_step(user: User, account: GoogleAccount, **more: Any) -> SyncStream:
    now = timezone.now()
    known = {"phase": "live", "last_ok_at": now, "reconciled_at": now, "missing": 0, "tally": TALLY}
    return make_stream(user, account=account, **known | {"next_sync_at": now} | more)


def page(client: Client, **headers: Any) -> str:
    answer = client.get("/connections/", headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def fresh(stream: SyncStream) -> SyncStream:
    with acting_as(stream.user_id):
        return SyncStream.objects.for_user(stream.user_id).get(pk=stream.pk)


def jobs(stream: SyncStream) -> list[str]:
    with acting_as(stream.user_id):
        rows = Job.objects.for_user(stream.user_id).filter(payload__stream_id=str(stream.pk))
        return list(rows.order_by("created_at").values_list("kind", flat=True))


def said(client: Client, path: str) -> str:
    answer = client.post(path, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_up_to_date_with_its_three_numbers(client: Client, stream: SyncStream) -> None:
    shown = page(client)
    assert "Up to date" in shown
    assert "10 at Google − 7 here − 3 left out for a reason = <b>0</b>" in shown
    assert 'hx-trigger="every 30s"' in shown


def test_what_is_open_takes_the_place_of_up_to_date(client: Client, alice: User, stream: SyncStream) -> None:
    for state in ("todo", "todo", "parked"):
        make_work(alice, stream=stream, state=state)
    make_work(alice, stream=stream, priority=90)  # stays out, and is only to be explained
    make_raw_event(alice, source=stream.source, verdict="pending", remote="live")
    make_raw_event(alice, source=stream.source, verdict="kept")
    shown = page(client)
    assert "Up to date" not in shown
    assert "2 messages are being fetched." in shown
    assert "1 message is being read." in shown
    assert "1 message could not be read." in shown


def test_an_import_says_how_far_and_how_fast_it_is(client: Client, alice: User, stream: SyncStream) -> None:
    make_batch(
        alice,
        kind="google_import",
        state=Batch.State.RUNNING,
        options={"stream": str(stream.pk)},
        done_steps=120,
        total_steps=400,
        approved_at=timezone.now() - dt.timedelta(seconds=40),
    )
    shown = page(client, **HTMX)
    assert "<html" not in shown
    assert 'hx-trigger="every 3s"' in shown
    assert "120 of 400</a> · 3.0 a second · about 2 minutes left" in shown
    assert '<progress value="120" max="400"' in shown


def test_a_pause_that_google_wants_is_shown(client: Client, stream: SyncStream) -> None:
    until = timezone.now() + dt.timedelta(minutes=15)
    QuotaBucket.objects.create(name=f"gmail:{stream.account_id}", not_before=until)
    assert f"Google asks for a pause until {clock(until)}. Nothing is lost." in page(client)


def test_look_now(client: Client, account: GoogleAccount, stream: SyncStream) -> None:
    assert "Looking for what is new." in said(client, f"/connections/{account.pk}/sync/")
    assert jobs(stream) == ["google_gmail_sync"]


def test_look_now_waits_for_google_and_says_until_when(
    client: Client, alice: User, account: GoogleAccount
) -> None:
    until = timezone.now() + dt.timedelta(minutes=15)
    stream = in_step(alice, account, health="throttled", not_before=until)
    assert f"pause until {clock(until)}" in said(client, f"/connections/{account.pk}/sync/")
    assert jobs(stream) == []
    assert fresh(stream).not_before == until


@pytest.mark.parametrize("health", ["paused", "reauth", "no_scope"])
def test_looking_ends_no_stop(client: Client, alice: User, account: GoogleAccount, health: str) -> None:
    stream = in_step(alice, account, health=health)
    assert "There is nothing to look at" in said(client, f"/connections/{account.pk}/sync/")
    assert (jobs(stream), fresh(stream).health) == ([], health)


def test_what_cannot_be_done_has_no_button(client: Client, alice: User, account: GoogleAccount) -> None:
    """The list of calendars is looked at from the first day; that is nothing that somebody follows."""
    make_stream(alice, account=account, kind="gmail", phase="new")
    make_stream(alice, account=account, kind="calendars", phase="live")
    shown = page(client)
    assert ("Look now" in shown, "Compare with Google" in shown, "See what its mail" in shown) == (
        False,
        False,
        True,
    )
    with acting_as(alice.pk):
        GoogleAccount.objects.for_user(alice).update(
            health="reauth", health_reason="Google no longer lets us in."
        )
    shown = page(client)
    assert ("See what its mail" in shown, "Allow writing" in shown, "Connect again" in shown) == (
        False,
        False,
        True,
    )


def test_an_account_that_may_write_says_so(client: Client, alice: User, account: GoogleAccount) -> None:
    assert "Allow writing" in page(client)
    with acting_as(alice.pk):
        GoogleAccount.objects.for_user(alice).update(scopes=[oauth.MAIL, oauth.COMPOSE])
    shown = page(client)
    assert ("Connected, and may write" in shown, "Allow writing" in shown) == (True, False)


def test_compare_now(client: Client, account: GoogleAccount, stream: SyncStream) -> None:
    assert "Comparing with Google" in said(client, f"/connections/{account.pk}/compare/")
    assert jobs(stream) == ["reconcile"]


def test_comparing_waits_too(client: Client, alice: User, account: GoogleAccount) -> None:
    stream = in_step(alice, account, not_before=timezone.now() + dt.timedelta(minutes=15))
    assert "It cannot be compared now" in said(client, f"/connections/{account.pk}/compare/")
    assert jobs(stream) == []


def test_pause_and_resume(client: Client, account: GoogleAccount, stream: SyncStream) -> None:
    assert "is paused" in said(client, f"/connections/{account.pk}/pause/")
    paused = fresh(stream)
    assert (paused.health, paused.next_sync_at) == ("paused", None)
    shown = page(client)
    assert "Paused. Nothing is asked of Google until you resume." in shown
    assert "Look now" not in shown
    assert "goes on where it stopped" in said(client, f"/connections/{account.pk}/resume/")
    assert fresh(stream).health == "ok"
    assert jobs(stream) == ["google_gmail_sync"]


def test_resuming_is_not_connecting_again(client: Client, alice: User) -> None:
    account = make_google_account(alice, health="reauth", health_reason="Google no longer lets us in.")
    stream = in_step(alice, account, health="paused")
    said(client, f"/connections/{account.pk}/resume/")
    assert (fresh(stream).health, fresh(stream).next_sync_at, jobs(stream)) == ("reauth", None, [])


def test_what_could_not_be_read_is_tried_again(
    client: Client, alice: User, account: GoogleAccount, stream: SyncStream
) -> None:
    failed = {"source": stream.source, "remote": "live", "external_id": "1f", "payload": None}
    raw = make_raw_event(alice, verdict="failed:garbled", reason="It is cut off.", **failed)
    work = make_work(alice, stream=stream, external_id=raw.external_id, state="parked", attempts=3)
    history = client.get(f"/connections/{account.pk}/history/").content.decode()
    assert "It is cut off." in history
    action = f'action="/connections/{account.pk}/try-again/"'
    why = f"/import/why/?q={raw.external_id}"
    assert (action in page(client), action in client.get(why).content.decode()) == (True, True)
    assert "Trying again." in said(client, f"/connections/{account.pk}/try-again/")
    with acting_as(alice.pk):
        work.refresh_from_db()
    assert (work.state, work.attempts, jobs(stream)) == ("todo", 0, ["google_gmail_sync"])
    assert (action in page(client), action in client.get(why).content.decode()) == (False, False)
    with acting_as(alice.pk):
        work.delete()
    assert "nothing to try again" in said(client, f"/connections/{account.pk}/try-again/")


def test_what_an_account_did(client: Client, alice: User, account: GoogleAccount, stream: SyncStream) -> None:
    for title, kind in (("Gmail of ada@gmail.com", "google_import"), ("Gmail, 3 May 2026", "google_live")):
        make_batch(
            alice,
            kind=kind,
            title=title,
            state="done",
            approved_at=timezone.now(),
            options={"source": stream.source, "stream": str(stream.pk), "reads": "gmail"},
        )
    make_batch(alice, title="a file", options={"source": "file:1"})
    with acting_as(alice.pk):
        note(alice.pk, "sync.reconciled", on=stream, **TALLY | {"google": 4321})
    shown = client.get(f"/connections/{account.pk}/history/").content.decode()
    assert shown.count("/undo/") == 2
    assert "Gmail, 3 May 2026" in shown
    assert "a file" not in shown
    assert "4,321" in shown


def test_the_front_page_says_what_needs_its_owner(client: Client, alice: User) -> None:
    account = make_google_account(alice, email="ada@gmail.com", health="reauth")
    in_step(alice, account, health="reauth")
    make_batch(alice, state="planned")
    shown = client.get("/").content.decode()
    assert "ada@gmail.com" in shown
    assert "Stopped until the account is connected again." in shown


def test_the_front_page_says_since_when_it_is_stale(client: Client, alice: User) -> None:
    heard = timezone.now() - dt.timedelta(hours=2)
    in_step(alice, make_google_account(alice), last_ok_at=heard)
    make_batch(alice, state="planned")
    assert f"Stale since {clock(heard)}" in client.get("/").content.decode()


def test_the_front_page_is_silent_while_all_is_well(client: Client, alice: User, stream: SyncStream) -> None:
    make_batch(alice, state="planned")
    assert "notice-" not in client.get("/").content.decode()


def test_a_calendar_is_planned_from_its_card(client: Client, alice: User) -> None:
    account = make_google_account(alice, scopes=[oauth.EVENTS])
    new = make_stream(alice, account=account, kind="calendar", title="Team")
    assert "See what it would bring" in page(client)
    answer = client.post(f"/connections/{account.pk}/calendars/{new.pk}/plan/")
    with acting_as(alice.pk):
        batch = Batch.objects.for_user(alice).get()
    assert answer.headers["Location"] == f"/batches/{batch.pk}/"
    assert (batch.kind, batch.state, fresh(new).phase) == ("google_calendar_import", "planning", "preview")


def test_a_calendar_that_may_not_be_read_says_so(client: Client, alice: User) -> None:
    account = make_google_account(alice)
    new = make_stream(alice, account=account, kind="calendar")
    assert "does not let OmniCRM read its calendars" in said(
        client, f"/connections/{account.pk}/calendars/{new.pk}/plan/"
    )


def test_what_waits_to_be_read_is_counted_by_an_index_of_its_own(alice: User, stream: SyncStream) -> None:
    """However much has been read: a card counts it each time it looks again."""
    source = stream.source
    read = [
        RawEvent(user=alice, source=source, external_id=str(n), kind="email", remote="live", verdict="kept")
        for n in range(2_000)
    ]
    for number, remote in enumerate(("live", "live", "trash", "deleted")):
        make_raw_event(alice, source=source, external_id=f"w{number}", remote=remote)
    make_raw_event(alice)
    with acting_as(alice.pk), CaptureQueriesContext(connection) as asked:
        RawEvent.unscoped.bulk_create(read)
        assert unread_counts(alice, [stream]) == {source: 2}
        with connection.cursor() as cursor:
            cursor.execute("SELECT omnicrm_fresh_statistics('integrations_rawevent')")
            cursor.execute(f"EXPLAIN {next(q['sql'] for q in asked if 'GROUP BY' in q['sql'])}")
            plan = " ".join(line for (line,) in cursor.fetchall())
    assert "integrations_raw_unread" in plan
