"""An account with something of everything in it, and every page and state that shows it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from contacts.models import Contact
from integrations.google.oauth import COMPOSE
from integrations.models import GoogleAccount
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.events import note
from omnicrm.models import User
from tests.factories import (
    NOON,
    make_batch,
    make_calendar_event,
    make_company,
    make_contact,
    make_contact_tag,
    make_event_attendee,
    make_export,
    make_google_account,
    make_identity,
    make_interaction,
    make_job,
    make_letter,
    make_note,
    make_participant,
    make_plan_item,
    make_provenance,
    make_raw_event,
    make_source_file,
    make_stream,
    make_suggestion,
    make_suppression,
    make_tag,
    make_task,
    make_work,
)

LONG = "Wolfeschlegelsteinhausenbergerdorffwelchevoralternwarengewissenhaftschaferswessenschafe"
ADDRESS = f"{LONG[:50]}@example.com"

OUTSIDE = [
    "/",
    "/accounts/login/",
    "/accounts/signup/",
    "/accounts/password/reset/",
    "/accounts/password/reset/done/",
    "/accounts/password/reset/key/1-set-password/",
    "/accounts/password/reset/key/done/",
    "/accounts/confirm-email/",
    "/accounts/confirm-email/MQ:1tQqqq:nonsense/",
    "/accounts/inactive/",
    "/accounts/3rdparty/login/cancelled/",
    "/accounts/2fa/webauthn/login/",
    "/contacts/",
    "/nothing/",
]
"""Pages for somebody who has not signed in."""

EMPTY = [
    "/",
    "/letters/",
    "/settings/",
    "/settings/ignored/",
    "/contacts/",
    "/calendar/",
    "/connections/",
    "/connections/google/",
    "/suggestions/",
    "/import/",
    "/import/why/?q=ada@example.com",
    "/batches/",
    "/jobs/",
]
"""Pages that look different as long as there is nothing to show."""


def fill(alice: User) -> list[str]:
    """Give Alice something of everything; the addresses of the pages and states that show it."""
    ada = somebody(alice)
    letter = letters(alice, ada)
    appointments(alice, ada)
    note = make_note(alice, contact=ada, text=f"{LONG} with https://example.com/{LONG}")
    make_task(alice, contact=ada, title=LONG, due_on=NOON.date())
    make_task(alice, contact=ada, title="Done", done_at=NOON)
    batches = in_every_state(alice, ada)
    plan = f"/batches/{batches['planned'].pk}/"
    lease = {"lease_until": timezone.now() + timedelta(minutes=1), "token": 1}
    for state in ("queued", "running", "succeeded", "cancelled"):
        held = lease if state == "running" else {}
        make_job(alice, kind="normalize", state=state, progress="Read 120 of 400 messages", **held)
    make_job(alice, kind="file_import", state="dead", error=LONG, batch=batches["failed"])
    make_export(alice)
    account = make_google_account(
        alice,
        email=ADDRESS,
        health="reauth",
        health_reason=f"Connect again. {LONG}",
        preferences={"days": 14, "labels_out": [LONG], "keep": "subject"},
    )
    choices(alice, account, letter)
    make_google_account(alice, health="disconnected")
    followed = streams(alice)
    strangers(alice, letter)
    for reason, key in (("erased", f"email:{'0' * 64}"), ("deleted", ADDRESS), ("ignored", LONG)):
        make_suppression(alice, scope="domain" if reason == "ignored" else "address", key=key, reason=reason)
    letters_of_hers = in_every_step(alice, ada, letter)
    return [
        "/search/",
        "/search/?q=wolfe",
        "/search/?q=ada&kind=people",
        "/search/?q=nobody",
        "/letters/",
        "/letters/?show=sent",
        "/letters/?page=9",
        *letters_of_hers,
        "/settings/leave/",  # while the password is fresh
        "/connections/google/",
        f"/connections/{account.pk}/again/",
        f"/connections/{account.pk}/writing/",
        f"/connections/{account.pk}/disconnect/",
        "/connections/",
        f"/connections/{followed.pk}/history/",
        f"/connections/{followed.pk}/history/?page=9",
        "/",
        "/settings/",
        "/contacts/",
        "/contacts/?sort=-last",
        "/contacts/?q=nobody",
        "/contacts/?stage=client&q=ada",
        f"/contacts/?after={ada.pk}",
        "/contacts/add/",
        "/contacts/ada/",
        "/contacts/ada/?kind=meeting",
        f"/contacts/ada/?before={NOON.isoformat().replace('+', '%2B')}_{note.pk}",
        f"/contacts/ada/messages/{letter}/",
        f"/contacts/ada/notes/{note.pk}/",
        "/contacts/ada/edit/",
        "/contacts/ada/delete/",
        "/contacts/ada/erase/",
        "/suggestions/",
        "/suggestions/?q=nobody",
        "/suggestions/?page=9",
        "/suggestions/?domain=example.com&with=mail&sort=name",
        "/settings/ignored/",
        "/settings/ignored/?page=9",
        "/settings/ignored/add/",
        "/settings/ignored/add/?sender=nonsense",
        f"/settings/ignored/add/?sender={ADDRESS}",
        f"/connections/{account.pk}/preferences/",
        f"/connections/{account.pk}/reduce/",
        f"/connections/threads/{letter}/",
        "/import/",
        "/import/why/",
        f"/import/why/?q={ADDRESS}",
        "/import/why/?q=nobody@example.com",
        "/activity/",
        "/activity/?what=reads",
        "/activity/?who=web&what=notes",
        "/accounts/2fa/",
        "/accounts/2fa/webauthn/",
        "/accounts/2fa/webauthn/add/",
        "/accounts/2fa/totp/activate/",
        "/accounts/2fa/recovery-codes/generate/",
        "/accounts/3rdparty/",
        "/accounts/sessions/",
        "/calendar/",
        "/calendar/?show=week&declined=1",
        "/calendar/?show=month&category=group&known=1",
        "/calendar/?show=past",
        "/batches/",
        "/batches/?page=9",
        *(f"/batches/{batch.pk}/" for batch in batches.values()),
        *(f"{plan}?show={show}" for show in ("update", "messages", "skip", "fail", "skip&reason=undone")),
        f"{plan}?find={LONG[:20]}",
        f"{plan}?find=nothing",
        f"/batches/{batches['done'].pk}/undo/",
        "/jobs/",
        "/jobs/?show=failed",
        "/jobs/?page=9",
        "/accounts/password/change/",
        "/accounts/email/",
        "/accounts/logout/",
        "/accounts/reauthenticate/",
        "/nothing/",
    ]


def streams(alice: User) -> GoogleAccount:
    """An account with a stream in each state, an import under way, and something that cannot be read."""
    now = timezone.now()
    account = make_google_account(alice, email=f"{LONG[:40]}@gmail.com")
    tally = {"google": 12345, "held": 12000, "left_out": 345, "waiting": 0, "unreadable": 0, "missing": 0}
    known = {"last_ok_at": now, "next_sync_at": now, "reconciled_at": now, "missing": 0, "tally": tally}
    followed = {"account": account, "phase": "live"} | known
    mail = make_stream(alice, **followed)
    for title, more in {
        LONG: {},
        "Paused": {"health": "paused", "last_ok_at": now - timedelta(hours=5)},
        "Throttled": {"health": "throttled", "not_before": now + timedelta(minutes=14)},
        "No permission": {"health": "no_scope", "health_reason": LONG},
        "New": {"phase": "new", "tally": {}},
        "Missing": {"missing": 12, "tally": tally | {"google": 12357, "missing": 12}},
    }.items():
        make_stream(alice, **followed | {"kind": "calendar", "title": title} | more)
    make_work(alice, stream=mail)
    make_work(alice, stream=mail, state="parked")
    make_raw_event(alice, source=mail.source, verdict="failed:garbled", reason=LONG)
    of_mail = {"stream": str(mail.pk), "source": mail.source, "reads": "gmail"}
    steps = {"done_steps": 120, "total_steps": 400, "approved_at": now - timedelta(minutes=1)}
    make_batch(alice, kind="google_import", state="running", title=LONG, options=of_mail, **steps)
    make_batch(alice, kind="google_live", state="done", title="Gmail, 3 May 2026", options=of_mail)
    with acting_as(alice.pk):
        note(alice.pk, "sync.reconciled", on=mail, **tally)
    return account


def somebody(alice: User) -> Contact:
    """Ada, of whom everything is known and long."""
    ada = make_contact(
        alice,
        display_name=f"Ada {LONG}",
        slug="ada",
        stage="client",
        job_title="Countess",
        company=make_company(alice, name=LONG),
        primary_email=ADDRESS,
        last_interaction_at=NOON,
    )
    make_contact_tag(alice, contact=ada, tag=make_tag(alice, name="Investor"))
    return ada


def letters(alice: User, ada: Contact) -> Any:
    """Three of hers, two of them in one thread; the id of one."""
    identity = make_identity(alice, value=ADDRESS, contact=ada)
    for thread in ("a", "a", "b"):
        letter = make_interaction(
            alice,
            subject=f"Re: {LONG}",
            text=f"{LONG * 4}\n> {LONG}\n-- \nAda",
            visible_text=LONG * 4,
            thread_key=thread,
        )
        make_participant(alice, identity=identity, interaction=letter)
    return letter.pk


def appointments(alice: User, ada: Contact) -> None:
    """Entries of every sort: with Ada and with many, for days and for hours, in a series, declined, not answered."""
    noon = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0) + timedelta(days=1)
    address = make_identity(alice, value="ada.again@example.com", contact=ada)
    series = {"recurring": True, "recurrence": "RRULE:FREQ=DAILY;COUNT=3", "zone": "Europe/Berlin"}
    days = {
        "starts_at": None,
        "ends_at": None,
        "starts_on": noon.date(),
        "ends_on": noon.date() + timedelta(days=3),
    }
    for fields in (
        {"title": LONG, "location": LONG, "link": f"https://example.com/{LONG}", "response": "accepted"},
        {"title": "Standup", "category": "internal", **series},
        {"title": "Fair", "category": "all_day", **days},
        {"title": "", "response": "declined", "category": "one_to_one"},
        {"title": "Perhaps", "response": "tentative", "category": "travel"},
    ):
        given = {"starts_at": noon, "ends_at": noon + timedelta(hours=1), "category": "group"}
        event = make_calendar_event(alice, **given | fields)
        make_event_attendee(alice, event=event, identity=address, response="accepted", is_organizer=True)
        for number in range(8):
            make_event_attendee(alice, event=event, name=LONG if number else "Charlie", response="declined")
    make_calendar_event(alice, starts_at=noon - timedelta(days=9), ends_at=noon - timedelta(days=9))


def choices(alice: User, account: GoogleAccount, letter: Any) -> None:
    """Some of the account's mail stays out, of some more is held than is wanted, and a plan waits."""
    stream = make_stream(alice, account=account)
    for rule in ("category:promotions", f"label:{LONG[:60]}"):
        make_raw_event(alice, source=stream.source, verdict=f"skipped:{rule}")
    make_provenance(alice, raw_event=make_raw_event(alice, source=stream.source), interaction_id=letter)
    make_batch(alice, state="planned", title=LONG, options={"account": account.google_sub})


def strangers(alice: User, letter: Any) -> None:
    """Two who are suggested: one of whom everything is long, and one at a provider of mail for everybody."""
    since = {"first": NOON.isoformat(), "last": (NOON + timedelta(days=3)).isoformat(), "most": 20}
    for address, counts in (
        (
            f"grace{ADDRESS}",
            {"received": 1200, "sent": 3, "met": 2, "invited": 1, "interactions": [str(letter)]},
        ),
        ("grace@gmail.com", {"received": 1, "sent": 0, "met": 0, "invited": 0, "interactions": []}),
    ):
        make_identity(alice, value=address)
        make_suggestion(alice, key=address, score=counts["received"], evidence=counts | since)


def in_every_state(alice: User, ada: Contact) -> dict[str, Batch]:
    """A batch in each state, by the name of the state; and some that look different besides."""
    kept = [{"what": "contacts.contact", "id": str(ada.pk), "label": str(ada), "why": "it has a note"}]
    result = {"created": 1, "skipped": 2, "failed": 1, "errors": [{"reason": LONG}]}
    totals = {"entries": 9, "create": 1, "update": 1, "skip": 2, "fail": 1, "interactions": 3}
    totals |= {"kind": "mbox", "size": 12345, "estimate_seconds": 90}
    totals["reasons"] = {"already_here": 1, "undone": 1, "unreadable": 1}
    steps = {"done_steps": 120, "total_steps": 400, "approved_at": timezone.now()}
    of_state: dict[str, dict[str, Any]] = {
        "planning": {"done_steps": 120, "total_steps": 400},
        "planned": {"totals": totals, "plan_hash": "0" * 64, "warnings": [LONG], "title": f"{LONG}.mbox"},
        "approved": {"approved_at": timezone.now()},
        "running": steps,
        "done": {"totals": totals | {"result": result}, "approved_at": NOON, "finished_at": NOON},
        "failed": {"error": f"The file {LONG} is gone.", "approved_at": NOON},
        "cancelled": {"approved_at": NOON},
        "undoing": steps,
        "undone": {"totals": totals | {"undo": {"removed": 3, "kept": kept}}, "approved_at": NOON},
    }
    batches = {
        state: make_batch(alice, **{"kind": "file_import", "title": f"{state}.mbox", "state": state} | more)
        for state, more in of_state.items()
    }
    batches["nothing new"] = make_batch(
        alice, kind="file_import", state="planned", totals={"entries": 1, "skip": 1, "reasons": {"undone": 1}}
    )
    batches["no plan"] = make_batch(alice, kind="file_import", state="failed", error="It is a picture.")
    batches["deleted"] = make_batch(alice, kind="delete", state="done", title=f"Deleted {ada}")
    lines_of(alice, batches["planned"], ada)
    lines_of(alice, batches["done"], ada)
    return batches


def lines_of(alice: User, batch: Batch, ada: Contact) -> None:
    """A line of each kind and outcome."""
    make_source_file(alice, batch=batch)
    person = {"name": LONG, "email": ADDRESS, "count": 3}
    letter = {"subject": LONG, "from": ADDRESS, "date": NOON.isoformat()}
    make_plan_item(alice, batch=batch, kind="person", data=person)
    make_plan_item(
        alice, batch=batch, kind="person", outcome="update", target=ada.pk, data=person | {"adds": [LONG]}
    )
    make_plan_item(alice, batch=batch, kind="email", data=letter)
    make_plan_item(alice, batch=batch, kind="email", outcome="skip", reason="undone", data=letter)
    make_plan_item(
        alice, batch=batch, kind="bad", outcome="fail", reason="unreadable", data={"problem": LONG}
    )


def in_every_step(alice: User, ada: Contact, answered: UUID) -> list[str]:
    """A letter of each state, and the pages on which letters are written."""
    account = make_google_account(alice, email=ADDRESS, scopes=[COMPOSE])
    said = {
        "account": account,
        "sender": ADDRESS,
        "contact": ada,
        "to": [ADDRESS],
        "subject": LONG,
        "body": LONG,
    }
    at = {"approved_at": NOON, "send_at": NOON, "approved_hash": "0" * 64}
    draft = make_letter(alice, **said)
    others = [
        make_letter(alice, state=state, problem=LONG if state in ("failed", "unknown") else "", **said, **at)
        for state in ("queued", "attempting", "confirmed", "unknown", "failed")
    ]
    return [
        "/contacts/ada/write/",
        f"/contacts/ada/write/?answers={answered}&everyone=1",
        f"/letters/{draft.pk}/look/",
        *(f"/letters/{one.pk}/" for one in (draft, *others)),
    ]
