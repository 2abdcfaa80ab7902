"""A calendar from the plan to the stream: nothing before approval, then what was approved, then what is new."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone

from contacts.models import CalendarEvent, Interaction
from integrations.approval import Stale, approve
from integrations.google import oauth
from integrations.headline import undo_sentence
from integrations.models import GoogleAccount, RawEvent, SyncStream
from integrations.plan import Refused, discard
from integrations.streams.calendar_plan import start_plan
from integrations.streams.ticking import come_back
from jobs import batches
from jobs.foreground import work_until_settled
from jobs.models import Batch, PlanItem
from jobs.runner import run_one
from jobs.undo import preview
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_calendar_event, make_google_account, make_stream, make_suppression
from tests.fakes.google import Google, serving
from tests.fakes.google.calendar import Calendar
from tests.google.calendars import ADA, ME
from tests.importing import take_back
from tests.integrations.test_pipeline import rows, state

pytestmark = pytest.mark.django_db
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
TODAY = timezone.now().replace(hour=9, minute=0, second=0, microsecond=0)
BOTH = ({"email": ME, "responseStatus": "accepted"}, {"email": ADA, "responseStatus": "accepted"})


@pytest.fixture
def google(settings: Any) -> Iterator[Google]:
    fake = Google()
    fake.add_account(ME)
    with serving(fake) as server:
        for name, value in server.environment().items():
            setattr(settings, name, value)
        yield fake


@pytest.fixture
def calendar(google: Google) -> Calendar:
    cal = google.account(ME).calendar()
    cal.add("Lunch", TODAY - 2 * DAY, attendees=BOTH)
    weekly = cal.add("Weekly", TODAY - 15 * DAY, recurrence=["RRULE:FREQ=WEEKLY"], attendees=BOTH)
    cal.cancel_instance(weekly, TODAY - 8 * DAY)
    cal.add("Born", TODAY.date(), eventType="birthday")
    return cal


@pytest.fixture
def stream(alice: User, google: Google) -> SyncStream:
    tokens = google.sign_in(ME, oauth.EVENTS, oauth.CALENDARS)
    account = make_google_account(
        alice,
        email=ME,
        scopes=[oauth.EVENTS, oauth.CALENDARS],
        access_token=tokens["access_token"].encode(),
        refresh_token=tokens["refresh_token"].encode(),
        access_expires_at=timezone.now() + HOUR,
        granted_at=timezone.now(),
    )
    return make_stream(alice, kind="calendar", remote_id=ME, title="Mine", account=account)


def plan(user: User, stream: SyncStream, **options: Any) -> Batch:
    with acting_as(user.pk):
        fresh = SyncStream.objects.for_user(user).select_related("account").get(pk=stream.pk)
        batch = start_plan(user, fresh, **options)
    return work_until_settled(batch)


def carry_out(batch: Batch) -> Batch:
    with acting_as(batch.user_id):
        approve(batch, batch.plan_hash)
    while run_one(None, "test", user=batch.user) is not None:
        pass
    return fresh(batch)


def fresh(row: Any) -> Any:
    with acting_as(row.user_id):
        return type(row).objects.for_user(row.user_id).get(pk=row.pk)


def catch_up(stream: SyncStream) -> None:
    with acting_as(stream.user_id):
        SyncStream.objects.for_user(stream.user_id).filter(pk=stream.pk).update(next_sync_at=None)
        come_back(stream)
    while run_one(None, "test", user=stream.user) is not None:
        pass


def titles(user: User) -> set[str]:
    with acting_as(user.pk):
        return set(rows(user, CalendarEvent).exclude(status="cancelled").values_list("title", flat=True))


def test_a_plan_writes_nothing_else(alice: User, calendar: Calendar, stream: SyncStream) -> None:
    before = state(alice)
    batch = plan(alice, stream)
    assert state(alice) == before
    assert (batch.state, batch.totals["events"], batch.totals["reasons"]) == (
        "planned",
        2,
        {"not_an_appointment": 1},
    )
    with acting_as(alice.pk):
        said = rows(alice, PlanItem).filter(outcome="create").values_list("data__subject", flat=True)
        assert set(said) == {"Lunch", "Weekly"}
        assert not rows(alice, RawEvent).exists()
    assert fresh(stream).phase == "approval"


def test_what_was_approved_comes_in_and_what_is_newer_with_the_stream(
    alice: User, calendar: Calendar, stream: SyncStream
) -> None:
    batch = plan(alice, stream)
    calendar.add("Later", TODAY - DAY, attendees=BOTH)
    done = carry_out(batch)
    assert (done.state, done.totals["result"]["events"]) == ("done", batch.totals["events"]) == ("done", 2)
    assert fresh(stream).phase == "live"
    with acting_as(alice.pk):
        ours = rows(alice, CalendarEvent).filter(batch=batch)
        assert set(ours.values_list("title", "status")) == {
            ("Lunch", "confirmed"),
            ("Weekly", "confirmed"),
            ("", "cancelled"),
        }
        later = rows(alice, CalendarEvent).get(title="Later")
        assert later.batch is not None
        assert later.batch.kind == "google_live"
        held = rows(alice, Interaction).filter(batch=batch)
        assert sorted(held.values_list("subject", flat=True)) == ["Lunch", "Weekly", "Weekly"]
    calendar.add("Tomorrow", TODAY + DAY)
    catch_up(stream)
    assert titles(alice) == {"Lunch", "Weekly", "Later", "Tomorrow"}


def test_undo_leaves_what_came_later_and_a_new_list_does_not_bring_it_back(
    alice: User, google: Google, calendar: Calendar, stream: SyncStream
) -> None:
    batch = carry_out(plan(alice, stream))
    calendar.add("Later", TODAY - DAY, attendees=BOTH)
    catch_up(stream)
    kept = take_back(batch).totals["undo"]["kept"]
    assert {(row["label"], row["why"]) for row in kept} == {
        (ADA, "other e-mails or meetings name it"),
        (ME, "other e-mails or meetings name it"),
    }
    assert titles(alice) == {"Later"}
    calendar.expire_tokens()
    catch_up(stream)
    assert titles(alice) == {"Later"}
    again = plan(alice, stream)
    assert again.totals["reasons"] == {"already_here": 1, "not_an_appointment": 1, "undone": 2}
    with acting_as(alice.pk):
        discard(again)
    assert carry_out(plan(alice, stream, include_suppressed=True)).state == "done"
    assert titles(alice) == {"Lunch", "Weekly", "Later"}


def test_an_undo_counts_what_the_import_counted(alice: User, calendar: Calendar, stream: SyncStream) -> None:
    done = carry_out(plan(alice, stream))
    with acting_as(alice.pk):
        assert (
            rows(alice, CalendarEvent).filter(batch=done).count() == 3
        )  # one of them: what is cancelled of a series
        foreseen = preview(done)
    undone = take_back(done).totals
    said = {"events": 2, "interactions": 3}
    for told in (foreseen, undone["undo"]):
        assert {kind: told["removed_by_kind"][kind] for kind in said} == said
    assert {kind: undone["result"][kind] for kind in said} == said
    assert undo_sentence(undone) == "Taken back: removed 3 meetings, 2 calendar entries and 2 addresses."
    with acting_as(alice.pk):
        assert not rows(alice, CalendarEvent).exists()


def test_a_plan_that_no_longer_fits_is_refused(alice: User, calendar: Calendar, stream: SyncStream) -> None:
    batch = plan(alice, stream)
    with acting_as(alice.pk):
        uid = next(one["iCalUID"] for one in calendar.events.values() if one.get("summary") == "Lunch")
        make_calendar_event(alice, ical_uid=uid)
        with pytest.raises(Stale, match="1 line no longer fits"):
            approve(batch, batch.plan_hash)
        rows(alice, CalendarEvent).delete()
        GoogleAccount.objects.for_user(alice).update(scopes=[oauth.CALENDARS])
        with pytest.raises(Stale, match="no longer lets OmniCRM read its calendars"):
            approve(batch, batch.plan_hash)
    assert titles(alice) == set()


def test_without_the_permission_nothing_is_planned(alice: User, stream: SyncStream) -> None:
    with acting_as(alice.pk):
        GoogleAccount.objects.for_user(alice).update(scopes=[oauth.CALENDARS])
    with pytest.raises(Refused, match="does not let OmniCRM read its calendars"):
        plan(alice, stream)


def test_an_import_that_is_stopped_follows_nothing(
    alice: User, calendar: Calendar, stream: SyncStream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("integrations.google.calendar.EVENTS", 1)
    batch = plan(alice, stream)
    with acting_as(alice.pk):
        approve(batch, batch.plan_hash)
        batches.cancel(batch)
    while run_one(None, "test", user=alice) is not None:
        pass
    assert (fresh(batch).state, fresh(stream).phase) == ("cancelled", "new")
    assert titles(alice) == set()


def test_a_discarded_plan_leaves_nothing(alice: User, calendar: Calendar, stream: SyncStream) -> None:
    batch = plan(alice, stream)
    with acting_as(alice.pk):
        assert discard(batch)
    assert (fresh(batch).state, fresh(stream).phase) == ("cancelled", "new")


@pytest.mark.parametrize("reason", ["blocked", "ignored"])
def test_invitations_of_whom_one_keeps_away_stay_out_of_plan_and_import(
    alice: User, calendar: Calendar, stream: SyncStream, settings: Any, reason: str
) -> None:
    shop = "shop@example.net"
    guests = [*BOTH, {"email": shop, "responseStatus": "accepted"}]
    calendar.add("Sale", TODAY - DAY, attendees=guests, organizer={"email": shop})
    waiting = plan(alice, stream)
    assert (waiting.totals["events"], waiting.totals["reasons"]) == (3, {"not_an_appointment": 1})
    if reason == "blocked":
        settings.BLOCKED_SENDERS = frozenset({shop})
    else:
        make_suppression(alice, scope="address", key=shop, reason="ignored")
    with acting_as(alice.pk), pytest.raises(Stale, match="1 line no longer fits"):
        approve(waiting, waiting.plan_hash)
    with acting_as(alice.pk):
        discard(waiting)
    batch = plan(alice, stream)
    assert (batch.totals["events"], batch.totals["reasons"]) == (2, {"not_an_appointment": 1, reason: 1})
    done = carry_out(batch)
    assert (done.totals["result"]["events"], titles(alice)) == (2, {"Lunch", "Weekly"})
