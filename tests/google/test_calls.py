"""What each call asks for, and what is read in its answer."""

from __future__ import annotations

import base64

import pytest

from integrations.google import calendar, drafts, gmail
from integrations.google.client import Google
from integrations.google.errors import Failed, Kind
from tests.google.asking import PROFILE, message
from tests.google.scripted import Script, as_json, batch, refused


def test_a_profile(script: Script, google: Google) -> None:
    script.says(PROFILE)
    assert gmail.get_profile(google) == gmail.Profile("ada@example.org", "7", 3, 2)


def test_a_history_id_larger_than_any_number_of_ours(script: Script, google: Google) -> None:
    script.says({"historyId": "18446744073709551615"})
    assert gmail.list_history(google, "18446744073709551614").history_id == "18446744073709551615"
    assert script.asked[0].query["startHistoryId"] == ["18446744073709551614"]


def test_a_page_of_ids(script: Script, google: Google) -> None:
    script.says({"messages": [{"id": "1", "threadId": "t"}], "nextPageToken": "n", "resultSizeEstimate": 201})
    page = gmail.list_messages(google, query="-in:chats", labels=["INBOX"], page="p")
    assert page == gmail.Page([gmail.Listed("1", "t")], "n", 201)
    assert script.asked[0].query == {
        "q": ["-in:chats"],
        "labelIds": ["INBOX"],
        "pageToken": ["p"],
        "maxResults": ["500"],
        "includeSpamTrash": ["false"],
        "alt": ["json"],
    }
    script.says({"resultSizeEstimate": 0})
    assert gmail.list_messages(google) == gmail.Page([], "", 0)
    assert "q" not in script.asked[1].query


@pytest.mark.parametrize(
    ("id", "query"),
    [
        ("<a@b>", "rfc822msgid:a@b"),
        ('<a" OR in:inbox@b>', "rfc822msgid:aORin:inbox@b"),
        ("a(b){c}", "rfc822msgid:abc"),
    ],
)
def test_a_message_id_is_nothing_but_one_word_of_a_search(
    script: Script, google: Google, id: str, query: str
) -> None:
    script.says({})
    assert gmail.find_by_message_id(google, id) == []
    assert (script.asked[0].query["q"], script.asked[0].query["includeSpamTrash"]) == ([query], ["true"])


def test_what_has_changed(script: Script, google: Google) -> None:
    one, two, three = ({"id": id, "threadId": "t", "labelIds": ["INBOX"]} for id in "123")
    script.says(
        {
            "history": [
                {"id": "6", "messages": [{"id": "1", "threadId": "t"}], "messagesAdded": [{"message": one}]},
                {"id": "7", "messagesDeleted": [{"message": two}], "labelsAdded": [{"message": three, "labelIds": ["X"]}]},
                {"id": "8", "labelsRemoved": [{"message": {"id": "4", "threadId": "u"}, "labelIds": ["X"]}]},
                {"id": "9", "messages": [{"id": "5", "threadId": "u"}]},
            ],
            "historyId": "9",
            "nextPageToken": "n",
        }
    )  # fmt: skip
    assert gmail.list_history(google, "5", page="p") == gmail.History(
        [
            gmail.Change("added", "1", "t", ("INBOX",), "6"),
            gmail.Change("deleted", "2", "t", ("INBOX",), "7"),
            gmail.Change("labelled", "3", "t", ("INBOX",), "7", gained=("X",)),
            gmail.Change("labelled", "4", "u", (), "8", lost=("X",)),
            gmail.Change("changed", "5", "u", (), "9"),
        ],
        "9",
        "n",
    )
    script.says(refused(404, "notFound"))
    with pytest.raises(Failed) as failed:
        gmail.list_history(google, "5")
    assert failed.value.failure.kind == Kind.RESYNC


def test_headers_without_a_body(script: Script, google: Google) -> None:
    said = {**message("1"), "payload": {"headers": [{"name": "Subject", "value": "Hello"}]}}
    del said["raw"]
    script.says(batch(as_json(said), as_json(said)))
    got, _ = gmail.get_headers(google, ["1", "2"])
    assert isinstance(got, gmail.Message)
    assert (got.headers, got.raw) == ((("Subject", "Hello"),), b"")
    assert "format=metadata&metadataHeaders=Date&metadataHeaders=From&" in script.asked[0].inner[0]


def test_what_one_writes_from(script: Script, google: Google) -> None:
    script.says(
        {
            "sendAs": [
                {"sendAsEmail": "Ada@example.org", "displayName": "Ada", "isPrimary": True},
                {"sendAsEmail": "sales@example.org", "verificationStatus": "accepted"},
                {"sendAsEmail": "other@example.net", "verificationStatus": "pending"},
            ]
        }
    )
    assert gmail.list_send_as(google) == [
        gmail.SendAs("ada@example.org", "Ada", True, True),
        gmail.SendAs("sales@example.org", "", False, True),
        gmail.SendAs("other@example.net", "", False, False),
    ]


def test_a_draft_and_its_sending(script: Script, google: Google) -> None:
    raw = "Subject: Grüße\r\n\r\nHallo".encode()
    script.says({"id": "d", "message": {"id": "1", "threadId": "t"}}, {"id": "2", "threadId": "t"})
    assert drafts.create_draft(google, raw, thread_id="t") == drafts.Draft("d", "1", "t")
    encoded = base64.urlsafe_b64encode(raw).decode()
    assert script.asked[0].body == f'{{"message": {{"raw": "{encoded}", "threadId": "t"}}}}'
    assert drafts.send_draft(google, "d").id == "2"
    assert (script.asked[1].method, script.asked[1].body) == ("POST", '{"id": "d"}')


def test_deleting_is_answered_with_nothing(script: Script, google: Google) -> None:
    script.says((204, {}, b""))
    drafts.delete_draft(google, "d")
    assert [(asked.method, asked.path) for asked in script.asked] == [
        ("DELETE", "/gmail/v1/users/me/drafts/d")
    ]


def test_events_are_asked_for_the_same_way_each_time(script: Script, google: Google) -> None:
    script.says(
        {"items": [], "nextPageToken": "n"}, {"items": [{"id": "e"}], "nextSyncToken": "s", "timeZone": "UTC"}
    )
    assert calendar.list_events(google, "c") == calendar.EventPage([], "n", "", "")
    assert calendar.list_events(google, "c", page="n") == calendar.EventPage([{"id": "e"}], "", "s", "UTC")
    calendar.list_events(google, "c", sync_token="s")
    usual = {"maxResults": ["2500"], "singleEvents": ["false"], "showDeleted": ["true"], "alt": ["json"]}
    assert [asked.query for asked in script.asked] == [
        usual,
        {**usual, "pageToken": ["n"]},
        {**usual, "syncToken": ["s"]},
    ]


def test_an_event_without_an_id_is_not_passed_over(script: Script, google: Google) -> None:
    script.says({"items": [{"id": "e"}, {"summary": "Lunch"}]})
    with pytest.raises(Failed) as failed:
        calendar.list_events(google, "c")
    assert failed.value.failure.code == "unexpected"


def test_calendars(script: Script, google: Google) -> None:
    row = {
        "id": "c",
        "summary": "Work",
        "summaryOverride": "Ours",
        "timeZone": "Europe/Berlin",
        "accessRole": "owner",
    }
    script.says(
        {
            "items": [{**row, "primary": True, "selected": True}, {"id": "d", "deleted": True}],
            "nextSyncToken": "s",
        }
    )
    assert calendar.list_calendars(google) == calendar.CalendarPage(
        [
            calendar.Calendar("c", "Ours", "Europe/Berlin", "owner", True, True, False),
            calendar.Calendar("d", "", "", "", False, False, True),
        ],
        "",
        "s",
    )
