"""Gmail of the fake, asked with Google's own client."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.fakes.conftest import ADA, METADATA
from tests.fakes.google import Account, Google, sample, service

DAY = 86_400.0


def ids(answer: dict[str, Any]) -> list[str]:
    return [message["id"] for message in answer.get("messages", [])]


def refused(request: Any) -> tuple[int, str, str]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    error = json.loads(caught.value.content)["error"]
    assert error["code"] == caught.value.status_code
    return error["code"], error["errors"][0]["reason"], error["message"]


def test_a_letter_in_every_format(google: Google, ada: Account, gmail: Any) -> None:
    raw = sample.letter(
        subject="=?utf-8?q?Caf=C3=A9?=",
        text="Grüße & Dank",
        attachment="a.pdf",
        message_id="<one@example.com>",
    )
    kept = ada.deliver(raw, ["INBOX"], at=1_700_000_000)
    get = lambda **asked: gmail.messages().get(userId="me", id=kept.id, **asked).execute()  # noqa: E731
    minimal = {
        "id": kept.id,
        "threadId": kept.id,
        "labelIds": ["INBOX"],
        "snippet": "Grüße &amp; Dank",
        "historyId": str(kept.version),
        "internalDate": "1700000000000",
        "sizeEstimate": len(raw),
    }
    assert get(format="minimal") == minimal
    assert base64.urlsafe_b64decode(get(format="raw")["raw"]) == raw
    assert get(format="metadata", metadataHeaders=["subject"])["payload"] == {
        "mimeType": "multipart/mixed",
        "headers": [{"name": "Subject", "value": "Café"}],
    }
    text, file = get()["payload"]["parts"]
    assert base64.urlsafe_b64decode(text["body"]["data"]).decode() == "Grüße & Dank"
    assert (file["filename"], file["partId"], file["body"]["size"]) == ("a.pdf", "1", 6450)
    assert get()["payload"]["parts"][1]["body"]["attachmentId"] != file["body"]["attachmentId"]
    part = gmail.messages().attachments().get(userId="me", messageId=kept.id, id=file["body"]["attachmentId"])
    assert base64.urlsafe_b64decode(part.execute()["data"]).startswith(b"not a picture")


def test_lists_show_the_newest_first_and_new_mail_shifts_no_page(ada: Account, gmail: Any) -> None:
    kept = [ada.deliver(sample.letter(), at=number * DAY).id for number in range(7)]
    first = gmail.messages().list(userId="me", maxResults=3).execute()
    ada.deliver(sample.letter(), at=100 * DAY)
    ada.delete(kept[5])
    second = gmail.messages().list(userId="me", maxResults=3, pageToken=first["nextPageToken"]).execute()
    third = gmail.messages().list(userId="me", maxResults=3, pageToken=second["nextPageToken"]).execute()
    assert ids(first) + ids(second) + ids(third) == kept[::-1]
    assert "nextPageToken" not in third
    assert "messages" not in gmail.messages().list(userId="me", q="nowhere").execute()


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", "promo draft chat sent inbox"),
        ("-in:chats -in:drafts -in:spam -in:trash", "promo sent inbox"),
        ("-category:{promotions social} -in:chats -in:draft", "sent inbox"),
        ("-category:promotions -in:chats -in:draft", "sent inbox"),
        ("in:anywhere is:unread OR in:spam", "inbox spam"),
        ("in:trash", "trash"),
        ("label:clients", "inbox"),
        ("from:grace@example.com", "promo draft chat inbox"),
        ("from:(ada OR nobody) to:grace", "sent"),
        ("rfc822msgid:<sent@example.com>", "sent"),
        ("after:5 before:7", "REFUSED"),
        ("after:1700000000 before:1700086400", "inbox"),
        ("after:2023/11/14 before:2023/11/15", "inbox"),
        ('"quarterly figures" -has:attachment', "sent"),
        ("figures", "sent"),
        ("figure", ""),
        ("subject:promo {from:nobody list:news}", "promo"),
        ("nonsense:yes", "REFUSED"),
    ],
)
def test_searches(ada: Account, gmail: Any, query: str, found: str) -> None:
    label = ada.add_label("Clients")
    for days, (name, labels) in enumerate(
        {
            "spam": ["SPAM"], "trash": ["TRASH"], "inbox": ["INBOX", "UNREAD", label], "sent": ["SENT"],
            "chat": ["CHAT"], "draft": ["DRAFT"], "promo": ["INBOX", "CATEGORY_PROMOTIONS"],
        }.items()
    ):  # fmt: skip
        people = {"sender": "ada@example.com", "to": "grace@example.com", "text": "The quarterly figures."}
        ada.deliver(
            sample.letter(
                subject=name,
                message_id=f"<{name}@example.com>",
                headers=["List-Id: <news.example>"] if name == "promo" else [],
                **(people if name == "sent" else {}),
            ),
            labels,
            at=1_700_000_000 + (days - 2) * DAY,
        )
    asked = gmail.messages().list(userId="me", q=query)
    if found == "REFUSED":
        with pytest.raises((HttpError, ValueError)):
            asked.execute()
    else:
        subjects = [ada.mailbox.messages[id].head["subject"] for id in ids(asked.execute())]
        assert subjects == found.split()


def test_history_tells_every_change_once_and_in_order(ada: Account, gmail: Any) -> None:
    begin = gmail.getProfile(userId="me").execute()["historyId"]
    assert gmail.history().list(userId="me", startHistoryId=begin).execute() == {"historyId": begin}
    kept = ada.deliver(sample.letter(), ["INBOX"])
    ada.relabel(kept.id, ["STARRED"])
    ada.relabel(kept.id, ["STARRED"])
    ada.trash(kept.id)
    ada.delete(kept.id)
    answer = gmail.history().list(userId="me", startHistoryId=begin).execute()
    happened = [sorted(record.keys() - {"id", "messages"}) for record in answer["history"]]
    assert happened == [
        ["messagesAdded"],
        ["labelsAdded"],
        ["labelsAdded", "labelsRemoved"],
        ["messagesDeleted"],
    ]
    assert answer["history"][1]["labelsAdded"][0]["labelIds"] == ["STARRED"]
    assert answer["history"][3]["messagesDeleted"] == [{"message": {"id": kept.id, "threadId": kept.thread}}]
    assert answer["historyId"] == answer["history"][-1]["id"]


def test_history_comes_in_pages_and_only_the_kinds_asked_for(ada: Account, gmail: Any) -> None:
    begin = str(ada.mailbox.history.last)
    kept = [ada.deliver(sample.letter()).id for _ in range(1_001)]
    ada.trash(kept[0])
    asked = {"userId": "me", "startHistoryId": begin, "maxResults": 900, "historyTypes": ["messageAdded"]}
    pages, token = [], None
    while True:
        answer = gmail.history().list(**asked, pageToken=token).execute()
        pages.append([record["messages"][0]["id"] for record in answer["history"]])
        token = answer.get("nextPageToken")
        if token is None:
            break
    assert [len(page) for page in pages] == [500, 500, 1]
    assert [id for page in pages for id in page] == kept


def test_history_that_is_too_old_is_a_404(ada: Account, gmail: Any) -> None:
    begin = str(ada.mailbox.history.last)
    ada.deliver(sample.letter())
    ada.expire_history()
    assert refused(gmail.history().list(userId="me", startHistoryId=begin)) == (
        404, "notFound", "Requested entity was not found.",
    )  # fmt: skip
    now = gmail.getProfile(userId="me").execute()["historyId"]
    assert gmail.history().list(userId="me", startHistoryId=now).execute() == {"historyId": now}


def test_history_beyond_63_bits_and_without_labels(google: Google) -> None:
    grace = google.add_account("grace@example.com", first_history=2**63 + 5, bare_history=True)
    users = service(google, "gmail", "grace@example.com", "https://mail.google.com/").users()
    grace.deliver(sample.letter())
    answer = users.history().list(userId="me", startHistoryId=str(2**63 + 5)).execute()
    assert int(answer["historyId"]) > 2**63 + 5
    assert answer["history"][0]["messagesAdded"][0]["message"].keys() == {"id", "threadId"}


def test_threads(ada: Account, gmail: Any) -> None:
    first = ada.deliver(sample.letter(subject="Lunch", message_id="<a@x.example>"), at=DAY)
    other = ada.deliver(sample.letter(subject="Else", references=["<a@x.example>"]), at=2 * DAY)
    answer = ada.deliver(sample.letter(subject="Re: RE: lunch", references=["<a@x.example>"]), at=3 * DAY)
    assert (answer.thread, other.thread) == (first.thread, other.id)
    listed = gmail.threads().list(userId="me").execute()["threads"]
    assert [each["id"] for each in listed] == [first.thread, other.thread]
    thread = gmail.threads().get(userId="me", id=first.thread, format="minimal").execute()
    assert [each["id"] for each in thread["messages"]] == [first.id, answer.id]
    assert thread["historyId"] == str(answer.version)
    assert gmail.getProfile(userId="me").execute()["threadsTotal"] == 2


def test_labels_and_aliases(ada: Account, gmail: Any) -> None:
    id = ada.add_label("Clients/Large")
    ada.aliases.append("countess@example.org")
    ada.deliver(sample.letter(), [id, "UNREAD"])
    labels = gmail.labels().list(userId="me").execute()["labels"]
    assert labels[-1] == {
        "id": id, "name": "Clients/Large", "type": "user", "messageListVisibility": "show",
        "labelListVisibility": "labelShow",
    }  # fmt: skip
    counted = gmail.labels().get(userId="me", id=id).execute()
    assert (counted["messagesTotal"], counted["messagesUnread"], counted["threadsTotal"]) == (1, 1, 1)
    told = gmail.settings().sendAs().list(userId="me").execute()["sendAs"]
    assert [(each["sendAsEmail"], each.get("isPrimary", False)) for each in told] == [
        (ADA, True),
        ("countess@example.org", False),
    ]


def test_what_is_not_there_or_not_allowed(google: Google, ada: Account, gmail: Any) -> None:
    kept = ada.deliver(sample.letter())
    assert refused(gmail.messages().get(userId="me", id="0"))[:2] == (404, "notFound")
    assert refused(gmail.messages().trash(userId="me", id=kept.id)) == (
        403, "insufficientPermissions", "Request had insufficient authentication scopes.",
    )  # fmt: skip
    assert refused(gmail.messages().list(userId="grace@example.com"))[0] == 403
    lesser = service(google, "gmail", ADA, METADATA).users()
    assert lesser.messages().get(userId="me", id=kept.id, format="metadata").execute()["id"] == kept.id
    assert refused(lesser.messages().get(userId="me", id=kept.id, format="full"))[0] == 403
    assert refused(lesser.messages().list(userId="me", q="lunch"))[0] == 403
    ada.mail_enabled = False
    assert refused(gmail.messages().list(userId="me")) == (
        400,
        "failedPrecondition",
        "Mail service not enabled",
    )


@pytest.fixture
def _restless() -> Iterator[None]:
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("_restless")
def test_a_mailbox_may_be_used_while_a_server_answers_from_it(google: Google, ada: Account) -> None:
    users = service(google, "gmail", ADA, "https://mail.google.com/").users()
    raw = sample.letter()
    for _ in range(200):
        ada.deliver(raw)

    def change() -> None:
        for _ in range(2_000):
            with google.alone():
                ada.deliver(raw)
                ada.delete(next(iter(ada.mailbox.messages)))

    google.quota.per_user["gmail"] = 10**9
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(change)
        while not changing.done():
            assert len(ids(users.messages().list(userId="me", maxResults=500).execute())) == 200
        changing.result()
