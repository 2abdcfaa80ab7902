"""Senders whom the user ignores, or the operator blocks: what they write or call to does not come in live either."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.test import Client
from pytest_django import Settings

from contacts.models import CalendarEvent, Contact, ContactIdentity, Interaction, Suppression
from integrations.ignoring import ignore_sender, read_sender
from integrations.ledger import ledger
from integrations.models import RawEvent, SyncStream
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_suppression
from tests.fakes import google as fakes
from tests.google.calendars import ME, Following
from tests.google.mailboxes import bring, carry_out, deliver, follow, subjects, verdicts
from tests.google.mailboxes import plan as plan_mail
from tests.google.test_calendar_stream import BOTH
from tests.google.test_calendar_stream import at as day
from tests.importing import import_file, take_back
from tests.importing import plan as plan_file
from tests.integrations.test_pipeline import rows

pytestmark = pytest.mark.django_db(transaction=True)
SHOP = "shop@example.net"
REASONS = ["blocked", "ignored"]


def keep_away(user: User, settings: Settings, reason: str, email: str = SHOP) -> None:
    if reason == "blocked":
        settings.BLOCKED_SENDERS = frozenset({email})
    else:
        make_suppression(user, scope="address", key=email, reason="ignored")


def formats(at: fakes.Google, id: str) -> list[str]:
    """In which ways a letter was asked for, in turn."""
    gets = at.calls.of("gmail.users.messages.get")
    return [call.query["format"][0] for call in gets if call.path.endswith(f"/{id}")]


def people(user: User) -> tuple[int, set[str]]:
    """How many contacts there are, and which addresses are known at all."""
    with acting_as(user.pk):
        known = rows(user, ContactIdentity).values_list("value", flat=True)
        return rows(user, Contact).count(), set(known)


@pytest.mark.parametrize("reason", REASONS)
def test_a_letter_that_arrives_makes_nothing_and_says_why(
    at: fakes.Google, stream: SyncStream, alice: User, settings: Settings, client: Client, reason: str
) -> None:
    bring(stream)
    keep_away(alice, settings, reason)
    out = deliver(at, "Offer", sender=f"Shop <{SHOP}>")
    kept = deliver(at, "Hello", after=1)
    follow(stream)
    assert subjects(alice) == ["Hello"]
    assert verdicts(alice) == {out: f"skipped:{reason}", kept: "kept"}
    assert (formats(at, out), formats(at, kept)) == (["metadata"], ["metadata", "raw"])
    assert SHOP not in people(alice)[1]
    with acting_as(alice.pk):
        book = ledger(alice.pk)
        assert (book["total"], book["imported"], book["skipped"]) == (2, 1, {reason: 1})
        assert book["balanced"]
        assert not RawEvent.objects.for_user(alice).filter(external_id=out).exclude(payload=None).exists()
    client.force_login(alice)
    asked = client.get("/import/why/", {"q": SHOP}).content.decode()
    assert {"blocked": "Left out: kept out by the operator", "ignored": "Left out: ignored address"}[
        reason
    ] in asked


def test_where_nobody_is_kept_away_a_letter_is_fetched_at_once(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    bring(stream)
    id = deliver(at, "Hello")
    follow(stream)
    assert (subjects(alice), formats(at, id)) == (["Hello"], ["raw"])


@pytest.mark.parametrize("reason", REASONS)
def test_who_is_let_in_again_comes_with_the_next_plan(
    at: fakes.Google, stream: SyncStream, alice: User, settings: Settings, reason: str
) -> None:
    bring(stream)
    keep_away(alice, settings, reason)
    out = deliver(at, "Offer", sender=f"Shop <{SHOP}>")
    follow(stream)
    again = plan_mail(stream)
    assert (again.totals["interactions"], again.totals["reasons"]) == (0, {reason: 1})
    settings.BLOCKED_SENDERS = frozenset()
    with acting_as(alice.pk):
        rows(alice, Batch).filter(pk=again.pk).update(state="cancelled")
        Suppression.objects.for_user(alice).delete()
    planned = plan_mail(stream)
    assert (planned.totals["interactions"], planned.totals["reasons"]) == (1, {})
    carry_out(planned)
    follow(stream)
    assert (subjects(alice), verdicts(alice)) == (["Offer"], {out: "kept"})


# --- calendars


@pytest.fixture
def following(alice: User) -> Following:
    return Following.begin(alice)


def invite(following: Following, title: str, sender: str = SHOP) -> str:
    guests = ({"email": ME, "responseStatus": "accepted"}, {"email": sender, "responseStatus": "accepted"})
    return following.calendar.add(title, day(-1), attendees=guests, organizer={"email": sender})


def fates(user: User) -> dict[str, tuple[str, bool]]:
    """The verdict on each event, and whether it is kept as it came."""
    with acting_as(user.pk):
        found = rows(user, RawEvent).values_list("external_id", "verdict", "payload")
        return {id: (verdict, payload is not None) for id, verdict, payload in found}


def here(user: User) -> tuple[list[str], list[str]]:
    """Titles of entries that take place, and of meetings."""
    with acting_as(user.pk):
        entries = rows(user, CalendarEvent).exclude(status="cancelled")
        return (
            sorted(entries.values_list("title", flat=True)),
            sorted(rows(user, Interaction).values_list("subject", flat=True)),
        )


@pytest.mark.parametrize("reason", REASONS)
def test_an_invitation_makes_nothing_and_says_why(
    alice: User, following: Following, settings: Settings, reason: str
) -> None:
    following.catch_up()
    keep_away(alice, settings, reason)
    out = invite(following, "Sale")
    mine = following.calendar.add("Complaint", day(-2), attendees=[*BOTH, {"email": SHOP}])
    following.catch_up()
    assert here(alice) == (["Complaint"], ["Complaint"])  # as what one writes to them oneself
    assert fates(alice) == {out: (f"skipped:{reason}", False), mine: ("kept", True)}
    assert people(alice)[0] == 0
    with acting_as(alice.pk):
        book = ledger(alice.pk)
    assert (book["total"], book["imported"], book["skipped"], book["balanced"]) == (2, 1, {reason: 1}, True)
    following.calendar.change(out, summary="Big sale")
    following.calendar.expire_tokens()
    following.catch_up()
    assert here(alice) == (["Complaint"], ["Complaint"])
    following.calendar.cancel(out)
    following.catch_up()
    assert fates(alice)[out] == (f"skipped:{reason}", False)


@pytest.mark.parametrize("reason", REASONS)
def test_what_was_here_before_is_followed_and_brings_no_more_meetings(
    alice: User, following: Following, settings: Settings, reason: str
) -> None:
    id = invite(following, "Sale")
    following.catch_up()
    keep_away(alice, settings, reason)
    following.calendar.change(id, summary="Big sale", recurrence=["RRULE:FREQ=DAILY;COUNT=2"])
    following.catch_up()
    assert here(alice) == (["Big sale"], ["Big sale"])  # and not that of the second day
    following.calendar.cancel(id)
    following.catch_up()
    assert here(alice) == ([], [])


def test_meetings_that_went_with_whoever_is_ignored_do_not_return(alice: User, following: Following) -> None:
    id = invite(following, "Sale")
    following.catch_up()
    assert here(alice) == (["Sale"], ["Sale"])
    with acting_as(alice.pk):
        batch = ignore_sender(read_sender(alice, SHOP), retroactive=True)
    assert here(alice) == (["Sale"], [])
    following.calendar.change(id, summary="Big sale")
    following.catch_up()
    assert here(alice) == (["Big sale"], [])
    take_back(batch)
    assert here(alice)[1] == ["Sale"]


ICS = """BEGIN:VCALENDAR
BEGIN:VEVENT
UID:sale@example.net
SUMMARY:Sale
DTSTART:20260301T090000Z
ORGANIZER:mailto:shop@example.net
ATTENDEE;PARTSTAT=ACCEPTED:mailto:alice@example.org
END:VEVENT
BEGIN:VEVENT
UID:complaint@example.org
SUMMARY:Complaint
DTSTART:20260301T110000Z
ORGANIZER:mailto:alice@example.org
ATTENDEE;PARTSTAT=ACCEPTED:mailto:shop@example.net
END:VEVENT
END:VCALENDAR
"""


@pytest.mark.parametrize("reason", REASONS)
def test_a_file_of_events_is_asked_the_same(
    alice: User, settings: Settings, tmp_path: Path, reason: str
) -> None:
    (tmp_path / "a.ics").write_text(ICS)
    keep_away(alice, settings, reason)
    found = plan_file(alice, tmp_path / "a.ics").totals
    assert (found["events"], found["reasons"]) == (1, {reason: 2})  # the event, and who would be made of it
    import_file(alice, tmp_path / "a.ics")
    assert here(alice)[0] == ["Complaint"]
