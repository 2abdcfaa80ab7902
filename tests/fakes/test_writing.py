"""Drafts, sending and changes through Gmail's API."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.fakes.conftest import ADA, COMPOSE, SEND_MAIL
from tests.fakes.google import Account, Google, sample, service
from tests.fakes.test_gmail import ids, refused


def raw(**letter: Any) -> dict[str, str]:
    made = sample.letter(
        **{"sender": f"Ada <{ADA}>", "to": "grace@example.com", "message_id": "<own@crm.example>", **letter}
    )
    return {"raw": base64.urlsafe_b64encode(made).decode()}


def test_a_draft_is_saved_found_sent_and_gone(google: Google, ada: Account, writing: Any) -> None:
    grace = google.add_account("grace@example.com")
    drafts = writing.drafts()
    made = drafts.create(userId="me", body={"message": raw(subject="First")}).execute()
    assert made["message"]["labelIds"] == ["DRAFT"]
    saved = drafts.update(userId="me", id=made["id"], body={"message": raw(subject="Second")}).execute()
    assert saved["id"] == made["id"]
    assert saved["message"]["id"] != made["message"]["id"]
    assert refused(writing.messages().get(userId="me", id=made["message"]["id"]))[0] == 404
    found = drafts.list(userId="me", q="rfc822msgid:own@crm.example").execute()["drafts"]
    assert found == [
        {"id": made["id"], "message": {name: saved["message"][name] for name in ("id", "threadId")}}
    ]
    assert "drafts" not in drafts.list(userId="me", q="rfc822msgid:other@crm.example").execute()
    shown = drafts.get(userId="me", id=made["id"], format="metadata").execute()
    assert {"name": "Subject", "value": "Second"} in shown["message"]["payload"]["headers"]

    sent = drafts.send(userId="me", body={"id": made["id"]}).execute()
    assert sent["labelIds"] == ["SENT"]
    assert sent["id"] not in (made["message"]["id"], saved["message"]["id"])
    assert ada.mailbox.messages[sent["id"]].head["message-id"] == "<own@crm.example>"
    assert [message.head["subject"] for message in grace.mailbox.newest_first()] == ["Second"]
    assert [address for address, _ in google.sent] == [ADA]
    assert refused(drafts.send(userId="me", body={"id": made["id"]}))[0] == 404
    assert (ada.mailbox.drafts, len(ada.mailbox.messages)) == ({}, 1)


def test_a_draft_in_a_thread_stays_there(ada: Account, writing: Any) -> None:
    asked = ada.deliver(sample.letter(subject="Lunch?", message_id="<q@x.example>"))
    body = {"message": {**raw(subject="Re: Lunch?", references=["<q@x.example>"]), "threadId": asked.thread}}
    draft = writing.drafts().create(userId="me", body=body).execute()
    sent = writing.drafts().send(userId="me", body={"id": draft["id"]}).execute()
    assert draft["message"]["threadId"] == sent["threadId"] == asked.thread
    body["message"]["threadId"] = "0123456789abcdef"
    assert refused(writing.drafts().create(userId="me", body=body))[0] == 404


def test_sending_fills_in_what_is_missing_and_hides_blind_copies(
    google: Google, ada: Account, writing: Any
) -> None:
    grace = google.add_account("grace@example.com")
    letter = b"To: grace@example.com\r\nBcc: secret@example.com,\r\n other@example.com\r\nSubject: Hi\r\n\r\nText.\r\n"
    sent = (
        writing.messages()
        .send(userId="me", body={"raw": base64.urlsafe_b64encode(letter).decode()})
        .execute()
    )
    head = ada.mailbox.messages[sent["id"]].head
    assert head["from"] == ADA
    assert head["message-id"].endswith("@mail.gmail.com>")
    assert head["bcc"] == "secret@example.com, other@example.com"
    (arrived,) = grace.mailbox.newest_first()
    assert "bcc" not in arrived.head
    assert (arrived.head["message-id"], arrived.text) == (head["message-id"], "Text.\r\n")
    assert refused(writing.messages().send(userId="me", body={"raw": ""}))[0] == 400


@pytest.mark.parametrize(("keeps", "found"), [(True, 1), (False, 0)])
def test_the_message_id_may_be_kept_or_replaced(
    google: Google, ada: Account, writing: Any, keeps: bool, found: int
) -> None:
    google.keeps_message_ids = keeps
    writing.messages().send(userId="me", body=raw()).execute()
    listed = writing.messages().list(userId="me", q="rfc822msgid:own@crm.example").execute()
    assert len(ids(listed)) == found
    assert [b"Message-ID" in letter for _, letter in google.sent] == [True]


def test_what_may_send_may_not_read(google: Google, ada: Account) -> None:
    sending = service(google, "gmail", ADA, SEND_MAIL).users()
    assert (
        refused(sending.drafts().create(userId="me", body={"message": raw()}))[1] == "insufficientPermissions"
    )
    assert sending.messages().send(userId="me", body=raw()).execute()["labelIds"] == ["SENT"]
    composing = service(google, "gmail", ADA, COMPOSE).users()
    draft = composing.drafts().create(userId="me", body={"message": raw()}).execute()
    assert composing.drafts().delete(userId="me", id=draft["id"]).execute() == ""
    assert refused(composing.messages().list(userId="me"))[0] == 403


def test_labels_trash_and_deletion_by_api(google: Google, ada: Account, writing: Any) -> None:
    kept = ada.deliver(sample.letter(), ["INBOX"])
    label = ada.add_label("Clients")
    change = {"addLabelIds": [label], "removeLabelIds": ["INBOX"]}
    assert writing.messages().modify(userId="me", id=kept.id, body=change).execute()["labelIds"] == [label]
    assert (
        refused(writing.messages().modify(userId="me", id=kept.id, body={"addLabelIds": ["Label_9"]}))[0]
        == 400
    )
    assert "TRASH" in writing.messages().trash(userId="me", id=kept.id).execute()["labelIds"]
    assert "TRASH" not in writing.messages().untrash(userId="me", id=kept.id).execute()["labelIds"]
    everything = service(google, "gmail", ADA, "https://mail.google.com/").users()
    everything.messages().delete(userId="me", id=kept.id).execute()
    assert refused(everything.messages().get(userId="me", id=kept.id))[0] == 404
    inserted = everything.messages().insert(
        userId="me", body={**raw(at=5.0), "labelIds": ["INBOX"]}, internalDateSource="dateHeader"
    )
    assert ada.mailbox.messages[inserted.execute()["id"]].ms == 5_000
