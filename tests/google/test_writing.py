"""What a letter says before anybody approves it: to whom, in which conversation, and with what below."""

from __future__ import annotations

import datetime as dt
import email
import zlib
from collections.abc import Iterator
from email.policy import default
from typing import Any

import pytest
from django.db import connection

from contacts.models import Interaction
from integrations import outbox
from integrations.google import oauth
from integrations.models import GoogleAccount, OutboxMessage
from omnicrm.acting import acting_as, as_owner
from omnicrm.models import User
from tests.factories import (
    make_batch,
    make_contact,
    make_identity,
    make_interaction,
    make_own_address,
    make_participant,
    make_provenance,
    make_raw_event,
)
from tests.google.letters import ADA, GRACE, Desk, writing

pytestmark = pytest.mark.django_db(transaction=True)
RAW = b"""Message-ID: <second@navy.example>
References: <first@navy.example>
From: Grace Hopper <grace@example.org>
To: Ada <ada@example.com>, Jean <jean@example.org>
Cc: Betty <betty@example.org>
Subject: Compilers

Shall we?
It works.
"""


@pytest.fixture
def desk(settings: Any, alice: User) -> Iterator[Desk]:
    with writing(settings, alice) as desk:
        make_own_address(alice, value=ADA)
        yield desk


def received(desk: Desk) -> Interaction:
    """A letter from Grace to Ada and Jean, with Betty in copy, as the mailbox brought it."""
    user = desk.user
    interaction = make_interaction(
        user,
        kind="email",
        direction="received",
        subject="Compilers",
        visible_text="Shall we?\nIt works.\n",
        occurred_at=dt.datetime(2026, 3, 2, 12, tzinfo=dt.UTC),
        source_key="second@navy.example",
    )
    ada, jean, betty = (
        make_identity(user, kind="email", value=v) for v in (ADA, "jean@example.org", "betty@example.org")
    )
    with acting_as(user.pk):
        grace = desk.contact.identities.filter(user_id=user.pk).get()
    for identity, role, name in (
        (grace, "from", "Grace Hopper"),
        (ada, "to", ""),
        (jean, "to", ""),
        (betty, "cc", ""),
    ):
        make_participant(user, interaction=interaction, identity=identity, role=role, name=name)
    raw = make_raw_event(
        user,
        source=f"gmail:{desk.account.google_sub}",
        external_id="18f00",
        thread="18e00",
        payload=zlib.compress(RAW),
    )
    make_provenance(user, raw_event=raw, batch=make_batch(user), interaction=interaction)
    return interaction


def test_an_answer_goes_to_its_author_in_its_conversation(desk: Desk) -> None:
    interaction = received(desk)
    with acting_as(desk.user.pk):
        letter = outbox.begin(desk.user, desk.contact, answers=interaction)
    assert (letter.to, letter.cc, letter.subject) == ([GRACE], [], "Re: Compilers")
    assert (letter.references, letter.remote_thread) == (
        ["first@navy.example", "second@navy.example"],
        "18e00",
    )
    assert letter.body == "\n\nOn 2 March 2026, 12:00, Grace Hopper wrote:\n> Shall we?\n> It works."


def test_an_answer_to_everyone_leaves_out_oneself(desk: Desk) -> None:
    interaction = received(desk)
    with acting_as(desk.user.pk):
        letter = outbox.begin(desk.user, desk.contact, answers=interaction, everyone=True)
    assert (letter.to, letter.cc) == ([GRACE], ["jean@example.org", "betty@example.org"])


def test_recipients_of_an_answer_cannot_be_chosen(desk: Desk) -> None:
    interaction = received(desk)
    make_identity(desk.user, contact=desk.contact, kind="email", value="other@example.org")
    with acting_as(desk.user.pk):
        letter = outbox.begin(desk.user, desk.contact, answers=interaction)
        letter = outbox.edit(letter, subject="Re: Compilers", body="Yes", to=["other@example.org"])
    assert letter.to == [GRACE]


def test_an_answer_is_sent_with_its_references(desk: Desk) -> None:
    first = desk.google.account(ADA).deliver(RAW)
    interaction = received(desk)
    with acting_as(desk.user.pk):
        letter = outbox.begin(desk.user, desk.contact, answers=interaction)
        letter = outbox.edit(letter, subject=letter.subject, body="")
        OutboxMessage.objects.for_user(desk.user).filter(pk=letter.pk).update(remote_thread=first.thread)
        letter = outbox.edit(letter, subject=letter.subject, body="Yes.")
    done = desk.send(desk.approve(letter))
    said = email.message_from_bytes(desk.sent[0], policy=default)
    assert said["In-Reply-To"] == "<second@navy.example>"
    assert said["References"] == "<first@navy.example> <second@navy.example>"
    assert desk.google.account(ADA).mailbox.messages[done.remote_id].thread == first.thread


def test_without_an_account_that_may_write_there_is_no_letter(desk: Desk) -> None:
    with acting_as(desk.user.pk):
        GoogleAccount.objects.for_user(desk.user).update(scopes=[oauth.MAIL])
        with pytest.raises(outbox.CannotWrite, match="Allow OmniCRM to write"):
            outbox.begin(desk.user, desk.contact)


def test_without_an_address_there_is_no_letter(desk: Desk) -> None:
    nobody = make_contact(desk.user, display_name="Nobody")
    with acting_as(desk.user.pk), pytest.raises(outbox.CannotWrite, match="no e-mail address"):
        outbox.begin(desk.user, nobody)


def test_a_backup_does_not_send_what_was_about_to_be_sent(desk: Desk) -> None:
    queued, draft = desk.approved(), desk.letter(subject="Another")
    with as_owner(), connection.cursor() as cursor:
        # As a restore does it, while row-level security does not bind the owner.
        cursor.execute("ALTER TABLE integrations_outboxmessage NO FORCE ROW LEVEL SECURITY")
        cursor.execute(outbox.PERHAPS_SENT)
        cursor.execute("ALTER TABLE integrations_outboxmessage FORCE ROW LEVEL SECURITY")
    assert (desk.state(queued), desk.state(draft)) == ("unknown", "draft")
    desk.send(queued)
    assert (desk.state(queued), desk.sent) == ("unknown", [])
    assert "backup" in desk.fresh(queued).problem
