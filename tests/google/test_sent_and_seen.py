"""A letter that perhaps was sent is known to be, as soon as it comes back among the sent mail."""

from __future__ import annotations

import pytest

from integrations import outbox
from integrations.google import oauth
from integrations.models import GoogleAccount, OutboxMessage, SyncStream
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact, make_identity
from tests.fakes import google as fakes
from tests.google.mailboxes import ADA, bring, deliver, follow

pytestmark = pytest.mark.django_db(transaction=True)


def test_what_comes_back_among_the_sent_mail_was_sent(
    at: fakes.Google, stream: SyncStream, alice: User
) -> None:
    deliver(at, "before")
    bring(stream)
    grace = make_contact(alice, display_name="Grace", primary_email="grace@example.org")
    make_identity(alice, contact=grace, kind="email", value="grace@example.org")
    with acting_as(alice.pk):
        GoogleAccount.objects.for_user(alice).update(scopes=[oauth.MAIL, oauth.COMPOSE])
        letters = [
            outbox.edit(outbox.begin(alice, grace), subject=subject, body="Hello")
            for subject in ("One", "Two")
        ]
        OutboxMessage.objects.for_user(alice).update(
            state="unknown",
            approvals=1,
            approved_hash="0" * 64,
            approved_at="2026-11-01T12:00Z",
            send_at="2026-11-01T12:00Z",
        )
        one, two = (OutboxMessage.objects.for_user(alice).get(pk=letter.pk) for letter in letters)
    raw = f"From: {ADA}\r\nTo: grace@example.org\r\nSubject: One\r\nMessage-ID: <{one.message_id}>\r\n\r\nHello\r\n"
    at.account(ADA).deliver(raw, ["SENT"])
    # Somebody who knows its number cannot say for us that it was sent.
    forged = raw.replace(one.message_id, two.message_id).replace(f"From: {ADA}", "From: mallory@example.net")
    at.account(ADA).deliver(forged, ["INBOX"])
    follow(stream)
    with acting_as(alice.pk):
        assert dict(OutboxMessage.objects.for_user(alice).values_list("subject", "state")) == {
            "One": "confirmed",
            "Two": "unknown",
        }
