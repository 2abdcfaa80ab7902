"""Connecting an account and letting it go: our pages, the stand-in for Google on the loopback, and real rows."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.utils import timezone

from contacts.models import Contact, Interaction, OwnAddress, Suppression
from integrations import accounts, connecting_views
from integrations.google import oauth
from integrations.models import GoogleAccount, Provenance, QuotaBucket, RawEvent, SyncStream, SyncWork
from jobs import batches
from jobs.models import Batch, Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import (
    make_batch,
    make_contact,
    make_google_account,
    make_interaction,
    make_job,
    make_operator,
    make_provenance,
    make_raw_event,
    make_stream,
    make_suppression,
    make_work,
)
from tests.fakes.google import Account, Clock, Google, serving
from tests.fakes.google.server import Server
from tests.google.walking import ADA, GRACE, actions, allowed, connect, of, told, way_out
from tests.signing_in import signed_in

NOW = dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC)
SHORT = {"mail": oauth.MAIL, "events": oauth.EVENTS, "calendars": oauth.CALENDARS, "compose": oauth.COMPOSE}


@pytest.fixture
def google() -> Google:
    return Google(clock=Clock.still())


@pytest.fixture
def ada(google: Google) -> Account:
    google.add_account(GRACE, name="Grace Hopper")
    return google.add_account(ADA, name="Ada Lovelace")


@pytest.fixture
def server(google: Google, ada: Account, settings: Any) -> Iterator[Server]:
    with serving(google) as running:
        for name, value in running.environment().items():
            setattr(settings, name, value)
        settings.SITE_URL = "http://testserver"
        yield running


# --- connecting


def test_nothing_to_connect_with(alice: User, client: Client, settings: Any) -> None:
    settings.GOOGLE_CLIENT_ID = settings.GOOGLE_CLIENT_SECRET = ""
    page = client.get("/connections/").content.decode()
    assert "This server is not known to Google yet" in page
    assert "/connections/google/" not in page
    assert "/o/oauth2" not in client.get("/connections/google/").content.decode()


def test_an_account_is_connected(alice: User, client: Client, google: Google, server: Server) -> None:
    google.account(ADA).aliases.append("lovelace@example.com")
    with time_machine.travel(NOW, tick=False):
        signed_in(client, alice)
        answer = connect(client, google)
        assert "ada@example.com" in client.get("/connections/").content.decode()
    assert told(answer) == ["ada@example.com is connected."]
    (account,) = of(alice)
    assert (account.email, account.name, account.google_sub) == (ADA, "", google.account(ADA).sub)
    assert (account.health, account.granted_at, account.aliases) == ("ok", NOW, ["lovelace@example.com"])
    assert {oauth.MAIL, oauth.EVENTS, oauth.CALENDARS} <= set(account.scopes)
    assert oauth.COMPOSE not in account.scopes
    assert actions(alice) == ["account.connected"]
    with acting_as(alice.pk):
        own = OwnAddress.objects.for_user(alice).order_by("value").values_list("value", flat=True)
        assert list(own) == [ADA, "lovelace@example.com"]


def test_keys_are_sealed_where_they_are_kept(
    alice: User, client: Client, google: Google, server: Server
) -> None:
    connect(client, google)
    (account,) = of(alice)
    grant = account.grant
    assert (bool(grant.access_token), bool(grant.refresh_token)) == (True, True)
    with acting_as(alice.pk), connection.cursor() as cursor:
        cursor.execute("SELECT * FROM integrations_googleaccount")
        (row,) = cursor.fetchall()
    kept = b" ".join(
        bytes(value) if isinstance(value, memoryview | bytes) else str(value).encode() for value in row
    )
    assert (grant.access_token.encode() in kept, grant.refresh_token.encode() in kept) == (False, False)


@pytest.mark.parametrize(
    ("ticked", "sentence"),
    [
        (["mail"], "ada@example.com is connected. Its calendars were not ticked, so only mail is read; connect it again to add them."),
        (["events", "calendars"], "ada@example.com is connected. Its mail was not ticked, so only calendars are read; connect it again to add mail."),
        (["events"], "Neither mail nor calendars were ticked on Google's page. Connect again and tick one of them."),
    ],
)  # fmt: skip
def test_what_was_not_ticked_is_said(
    alice: User, client: Client, google: Google, server: Server, ticked: list[str], sentence: str
) -> None:
    answer = connect(client, google, ADA, "/connections/google/", *[SHORT[name] for name in ticked])
    assert told(answer) == [sentence]
    assert len(of(alice)) == (0 if ticked == ["events"] else 1)


def test_saying_no_connects_nothing(alice: User, client: Client, google: Google, server: Server) -> None:
    answer = client.get(allowed(google, way_out(client), decision="deny"), follow=True)
    assert told(answer) == [connecting_views.NOT_GIVEN]
    assert of(alice) == []


# --- the way back


def test_the_way_back_is_used_once(alice: User, client: Client, google: Google, server: Server) -> None:
    back = allowed(google, way_out(client))
    client.get(back, follow=True)
    (first,) = of(alice)
    assert told(client.get(back, follow=True)) == [connecting_views.STALE]
    assert of(alice) == [first]


def test_a_denied_way_back_is_used_up_too(
    alice: User, client: Client, google: Google, server: Server
) -> None:
    place = way_out(client)
    client.get(allowed(google, place, decision="deny"), follow=True)
    assert told(client.get(allowed(google, place), follow=True)) == [connecting_views.STALE]
    assert of(alice) == []


@pytest.mark.parametrize("state", ["", "nonsense"])
def test_a_way_back_that_nobody_asked_for(
    alice: User, client: Client, google: Google, server: Server, state: str
) -> None:
    """Somebody else's code, put into Alice's browser, connects nothing."""
    way_out(client)
    place = f"/connections/google/callback/?{urlencode({'state': state, 'code': 'c'})}"
    assert told(client.get(place, follow=True)) == [connecting_views.STALE]
    assert of(alice) == []


def test_a_way_back_in_another_session(
    alice: User, client: Client, stranger: Client, charlie: User, google: Google, server: Server
) -> None:
    back = allowed(google, way_out(stranger))
    assert told(client.get(back, follow=True)) == [connecting_views.STALE]
    assert (of(alice), of(charlie)) == ([], [])


def test_a_way_back_of_another_user_of_the_session(
    alice: User, charlie: User, client: Client, google: Google, server: Server
) -> None:
    back = allowed(google, way_out(client))
    session = client.session
    kept = dict(session[connecting_views.ATTEMPTS])
    for one in kept.values():
        one["user"] = str(charlie.pk)
    session[connecting_views.ATTEMPTS] = kept
    session.save()
    assert told(client.get(back, follow=True)) == [connecting_views.STALE]
    assert (of(alice), of(charlie)) == ([], [])


def test_a_way_back_that_took_too_long(alice: User, client: Client, google: Google, server: Server) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        signed_in(client, alice)
        back = allowed(google, way_out(client))
        clock.shift(connecting_views.LASTS + 1)
        assert told(client.get(back, follow=True)) == [connecting_views.STALE]
    assert of(alice) == []


def test_the_last_five_ways_out_stay_open(
    alice: User, client: Client, google: Google, server: Server
) -> None:
    places = [way_out(client) for _ in range(6)]
    assert told(client.get(allowed(google, places[0]), follow=True)) == [connecting_views.STALE]
    assert told(client.get(allowed(google, places[1]), follow=True)) == ["ada@example.com is connected."]


def test_a_code_with_another_verifier(alice: User, client: Client, google: Google, server: Server) -> None:
    """A code that was caught on its way opens nothing without what stayed in the session."""
    first, second = way_out(client), way_out(client)
    code = parse_qs(urlsplit(allowed(google, first)).query)["code"][0]
    state = parse_qs(urlsplit(second).query)["state"][0]
    place = f"/connections/google/callback/?{urlencode({'state': state, 'code': code})}"
    assert told(client.get(place, follow=True)) == [connecting_views.STALE]
    assert of(alice) == []


def test_a_google_that_does_not_answer(
    alice: User, client: Client, google: Google, server: Server, settings: Any
) -> None:
    back = allowed(google, way_out(client))
    settings.GOOGLE_TOKEN_URI = f"{server.root}/nowhere"
    assert told(client.get(back, follow=True))[0].startswith(
        ("Google has trouble", "Google could not be reached")
    )
    assert of(alice) == []


# --- again


def test_connecting_again_cures_and_goes_on(
    alice: User, client: Client, google: Google, server: Server
) -> None:
    connect(client, google)
    (account,) = of(alice)
    with acting_as(alice.pk):
        GoogleAccount.objects.for_user(alice).update(health="reauth", health_reason="Connect again.")
        made = {
            health: make_stream(alice, account=account, phase="live", health=health, cursor="7")
            for health in ("reauth", "no_scope", "paused")
        }
    old = account.grant
    answer = connect(client, google, ADA, f"/connections/{account.pk}/again/")
    assert told(answer) == ["ada@example.com is connected."]
    (again,) = of(alice)
    assert (again.pk, again.health, again.health_reason) == (account.pk, "ok", "")
    assert again.grant.access_token != old.access_token
    with acting_as(alice.pk):
        rows = {health: SyncStream.objects.for_user(alice).get(pk=one.pk) for health, one in made.items()}
    assert {
        health: (row.health, row.cursor, row.next_sync_at is not None) for health, row in rows.items()
    } == {
        "reauth": ("ok", "7", True),
        "no_scope": ("ok", "7", True),
        "paused": ("paused", "7", False),
    }


def test_another_account_is_not_taken_for_this_one(
    alice: User, client: Client, google: Google, server: Server
) -> None:
    connect(client, google)
    (account,) = of(alice)
    answer = connect(client, google, GRACE, f"/connections/{account.pk}/again/")
    assert told(answer) == [
        "You chose grace@example.com on Google's page. Choose ada@example.com there, or connect the other as a new one."
    ]
    assert [(one.pk, one.email) for one in of(alice)] == [(account.pk, ADA)]
    connect(client, google, GRACE)
    assert [one.email for one in of(alice)] == [ADA, GRACE]


def test_writing_is_asked_for_apart(alice: User, client: Client, google: Google, server: Server) -> None:
    connect(client, google)
    (account,) = of(alice)
    assert oauth.COMPOSE not in way_out(client, f"/connections/{account.pk}/again/")
    connect(client, google, ADA, f"/connections/{account.pk}/writing/")
    (account,) = of(alice)
    assert account.grant.writes_mail is True


def test_an_account_of_somebody_else(
    alice: User, client: Client, stranger: Client, google: Google, server: Server
) -> None:
    connect(client, google)
    (account,) = of(alice)
    for door in ("again", "writing", "disconnect"):
        assert stranger.get(f"/connections/{account.pk}/{door}/").status_code == 404
    assert stranger.post(f"/connections/{account.pk}/disconnect/", {"what": "remove"}).status_code == 404
    assert of(alice)[0].health == "ok"
    assert "ada@example.com" not in stranger.get("/connections/").content.decode()
    assert told(connect(stranger, google)) == ["ada@example.com is connected."]


# --- letting go


@pytest.fixture
def account(alice: User) -> GoogleAccount:
    """Ada's account, with mail that only it brought, and mail that a file brought, too."""
    with acting_as(alice.pk):
        made = make_google_account(alice, email=ADA, google_sub="117", refresh_token=b"r", access_token=b"a")
        stream = make_stream(alice, account=made, kind="gmail", phase="live", cursor="7")
        make_work(alice, stream=stream)
        batch = make_batch(alice, kind="google_gmail", state=Batch.State.DONE)
        other = make_batch(alice, kind="file_import", state=Batch.State.DONE)
        for number in range(3):
            letter = make_interaction(alice, batch=batch)
            raw = make_raw_event(
                alice, source="gmail:117", batch=batch, external_id=f"g{number}", verdict="kept"
            )
            make_provenance(alice, raw_event=raw, interaction=letter, batch=batch)
            if number == 2:
                file = make_raw_event(alice, source="file:1", batch=other, external_id="m", verdict="kept")
                make_provenance(alice, raw_event=file, interaction=letter, batch=other)
        make_contact(alice, batch=batch)
        make_suppression(alice, scope="item", key="g9", source="gmail:117", reason="undone")
    return made


def test_what_it_brought_is_counted(alice: User, client: Client, account: GoogleAccount) -> None:
    page = client.get(f"/connections/{account.pk}/disconnect/").content.decode()
    assert "2 e-mails, 0 meetings and" in " ".join(page.split())
    assert "1 person." in " ".join(page.split())
    with acting_as(alice.pk):
        assert accounts.brought(account) == accounts.Brought(2, 0, 1)
        assert GoogleAccount.objects.for_user(alice).get().is_connected is True


def test_letting_go_and_keeping(alice: User, client: Client, google: Google, server: Server) -> None:
    connect(client, google)
    (account,) = of(alice)
    with acting_as(alice.pk):
        stream = SyncStream.objects.for_user(alice).get(kind="gmail")
        stream.phase, stream.cursor, stream.next_sync_at = "live", "7", NOW
        stream.save()
        make_work(alice, stream=stream)
    answer = client.post(f"/connections/{account.pk}/disconnect/", {"what": "keep"}, follow=True)
    assert told(answer) == ["ada@example.com is disconnected. What it brought stays."]
    (account,) = of(alice)
    assert (account.health, account.refresh_token, account.access_token) == ("disconnected", None, None)
    with acting_as(alice.pk):
        row = SyncStream.objects.for_user(alice).get(kind="gmail")
        assert (row.health, row.cursor, row.next_sync_at) == ("reauth", "7", None)
        assert SyncWork.objects.for_user(alice).count() == 1  # what the cursor has passed is not forgotten
        assert Job.objects.for_user(alice).filter(kind="forget_account").count() == 0
    assert actions(alice) == ["account.connected", "account.disconnected"]
    assert all(google.oauth.dead(grant) for grant in google.oauth.grants.values())
    connect(client, google, ADA, f"/connections/{account.pk}/again/")
    with acting_as(alice.pk):
        assert set(SyncStream.objects.for_user(alice).values_list("health", flat=True)) == {"ok"}


def test_a_google_that_does_not_take_it_back(
    alice: User, client: Client, google: Google, server: Server, settings: Any
) -> None:
    connect(client, google)
    (account,) = of(alice)
    settings.GOOGLE_REVOKE_URI = f"{server.root}/nowhere"
    answer = client.post(f"/connections/{account.pk}/disconnect/", {"what": "keep"}, follow=True)
    assert told(answer)[0].endswith(connecting_views.NOT_REVOKED)
    assert of(alice)[0].refresh_token is None


def test_letting_go_and_removing(alice: User, client: Client, server: Server, account: GoogleAccount) -> None:
    answer = client.post(f"/connections/{account.pk}/disconnect/", {"what": "remove"}, follow=True)
    assert told(answer)[0].startswith("ada@example.com is disconnected. What it brought is being removed.")
    job = run_one(None, "test", user=alice, kind="forget_account")
    assert job is not None
    assert (job.state, job.error) == ("succeeded", "")
    with acting_as(alice.pk):
        assert [model.objects.for_user(alice).count() for model in (GoogleAccount, SyncStream, SyncWork)] == [
            0,
            0,
            0,
        ]
        assert RawEvent.objects.for_user(alice).values_list("source", flat=True).get() == "file:1"
        assert Provenance.objects.for_user(alice).count() == 1
        assert Interaction.objects.for_user(alice).count() == 1  # the one that a file also holds
        assert Contact.objects.for_user(alice).count() == 0
        assert Suppression.objects.for_user(alice).count() == 0
        states = Batch.objects.for_user(alice).order_by("kind").values_list("kind", "state")
        assert list(states) == [("file_import", "done"), ("google_gmail", "undone")]
    assert QuotaBucket.objects.filter(name__contains=str(account.pk)).count() == 0
    assert actions(alice) == ["account.disconnected", "account.forgotten"]


def test_what_is_at_work_is_stopped_first(alice: User, account: GoogleAccount) -> None:
    with acting_as(alice.pk):
        running = make_batch(alice, state=Batch.State.RUNNING, options={"source": "gmail:117"})
        planned = make_batch(
            alice, state=Batch.State.PLANNED, approved_at=None, options={"source": "gmail:117"}
        )
        accounts.disconnect(account, keep=False)
        leased = {"token": 1, "lease_until": timezone.now() + dt.timedelta(hours=1)}
        busy = make_job(alice, batch=running, state=Job.State.RUNNING, **leased)
    first = run_one(None, "test", user=alice, kind="forget_account")
    assert first is not None
    with acting_as(alice.pk):
        waiting = Job.objects.for_user(alice).get(pk=first.pk)
        assert (waiting.state, waiting.error) == ("queued", "A change of this account is still at work.")
        states = Batch.objects.for_user(alice).filter(pk__in=[planned.pk, running.pk]).order_by("pk")
        assert list(states.values_list("state", flat=True)) == ["running", "undone"]
        assert Batch.objects.for_user(alice).get(pk=running.pk).cancel_requested_at is not None
        Job.objects.for_user(alice).filter(pk=busy.pk).delete()
        batches.advance(running.pk)
        Job.objects.for_user(alice).filter(pk=waiting.pk).update(run_at=NOW)
    job = run_one(None, "test", user=alice, kind="forget_account")
    assert job is not None
    assert (job.state, job.error) == ("succeeded", "")
    with acting_as(alice.pk):
        assert Batch.objects.for_user(alice).get(pk=running.pk).state == "undone"


def test_an_account_that_was_connected_again_keeps_what_it_brought(
    alice: User, account: GoogleAccount
) -> None:
    grant = oauth.Grant("a", NOW, "r", frozenset({oauth.MAIL}))
    with acting_as(alice.pk):
        accounts.disconnect(account, keep=False)
        accounts.connect(alice, grant, oauth.Person("117", ADA, True, "Ada"), now=NOW)
    job = run_one(None, "test", user=alice, kind="forget_account")
    assert job is not None
    assert (job.state, job.error_code) == ("dead", "connected_again")
    with acting_as(alice.pk):
        assert (Interaction.objects.for_user(alice).count(), of(alice)[0].pk) == (3, account.pk)


# --- for whoever runs the server


def test_the_page_for_operators(alice: User, client: Client, account: GoogleAccount, settings: Any) -> None:
    settings.SITE_URL = "https://crm.example.org"
    assert client.get("/connections/setup/").status_code == 404
    QuotaBucket.objects.create(
        name="gmail:project", used={"trouble": ["The Gmail API is off.", NOW.timestamp()]}
    )
    operator = signed_in(Client(), make_operator())
    page = operator.get("/connections/setup/").content.decode()
    assert 'value="https://crm.example.org/connections/google/callback/"' in page
    assert "The Gmail API is off. Last seen" in page
    assert "Connected: 1" in page
    assert (ADA in page, "while its status is “Testing”" in page) == (False, True)
