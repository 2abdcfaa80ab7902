"""What goes wrong on demand, in the process and over a socket."""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any

import httplib2
import pytest
import requests
from googleapiclient.discovery import build_from_document
from googleapiclient.discovery_cache import get_static_doc
from googleapiclient.errors import HttpError

from tests.fakes.conftest import ADA, MODIFY
from tests.fakes.google import Account, Adapter, Google, answers, sample, serving
from tests.fakes.google.server import Server
from tests.fakes.google.transport import at_root
from tests.fakes.test_batch_and_quota import batch, deliver


@pytest.fixture
def server(google: Google) -> Iterator[Server]:
    with serving(google) as running:
        yield running


def profile(google: Google, root: str = "http://127.0.0.1:9", **how: Any) -> requests.Response:
    """Asked over a socket, or where no socket is, in the process."""
    with requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {google.sign_in(ADA, MODIFY)['access_token']}"
        if root.endswith(":9"):
            session.mount("http://", Adapter(google))
        return session.get(f"{root}/gmail/v1/users/me/profile", **how)


@pytest.mark.parametrize(
    ("name", "status", "reason", "words"),
    [
        ("rateLimitExceeded", 403, "rateLimitExceeded", "Quota exceeded"),
        ("userRateLimitExceeded", 403, "userRateLimitExceeded", "Quota exceeded"),
        ("quotaExceeded", 403, "quotaExceeded", "Quota exceeded."),
        ("insufficientPermissions", 403, "insufficientPermissions", "insufficient authentication scopes"),
        ("domainPolicy", 403, "domainPolicy", "The domain administrators have disabled Gmail apps."),
        ("accessNotConfigured", 403, "accessNotConfigured", "Gmail API has not been used in project"),
        ("mailNotEnabled", 400, "failedPrecondition", "Mail service not enabled"),
        ("failedPrecondition", 400, "failedPrecondition", "Precondition check failed."),
        ("authError", 401, "authError", "invalid authentication credentials"),
        ("notFound", 404, "notFound", "Requested entity was not found."),
        ("gone", 410, "fullSyncRequired", "Sync token is no longer valid"),
        ("tooConcurrent", 429, "rateLimitExceeded", "Too many concurrent requests for user."),
        ("429", 429, "rateLimitExceeded", "Queries per minute per user"),
        ("500", 500, "backendError", "unavailable"),
        ("503", 503, "backendError", "unavailable"),
    ],
)
def test_every_refusal_has_googles_form(
    google: Google, ada: Account, name: str, status: int, reason: str, words: str
) -> None:
    fault = google.faults.add("getProfile", name)
    answer = profile(google)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["errors"][0]["reason"]) == (status, status, reason)
    assert words in error["message"]
    assert ("status" in error) is (name != "gone")
    assert (profile(google).status_code, fault.hits) == (200, 1)


def test_a_fault_waits_and_hits_as_often_as_it_is_told(google: Google, ada: Account) -> None:
    google.faults.add(r"GET /gmail/v1/users/\w+/profile", "503", skip=1, count=2)
    google.faults.add(lambda call: len(google.calls) == 5, answers.rate_limited(429, retry_after=7))
    google.faults.add("labels", "500")
    said = [profile(google) for _ in range(6)]
    assert [answer.status_code for answer in said] == [200, 503, 503, 200, 429, 200]
    assert said[4].headers["Retry-After"] == "7"
    with pytest.raises(ValueError, match="There is no fault 'strike'"):
        google.faults.add("labels", "strike")


def test_html_where_json_was_expected(google: Google, ada: Account) -> None:
    google.faults.add("getProfile", "html")
    answer = profile(google)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, "text/html; charset=utf-8")
    google.faults.add("getProfile", "invalid_json")
    assert profile(google).status_code == 200
    google.faults.add("getProfile", "invalid_json")
    with pytest.raises(json.JSONDecodeError):
        profile(google).json()


@pytest.mark.parametrize("over", ["socket", "process"])
def test_connections_break_alike_over_a_socket_and_in_the_process(
    google: Google, ada: Account, server: Server, over: str
) -> None:
    root = server.root if over == "socket" else "http://127.0.0.1:9"
    google.faults.add("getProfile", "reset")
    google.faults.add("getProfile", "truncated")
    google.faults.add("getProfile", "timeout")
    google.faults.add("getProfile", "slow", seconds=0.05)
    with pytest.raises(requests.ConnectionError):
        profile(google, root, timeout=5)
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        profile(google, root, timeout=5)
    with pytest.raises(requests.exceptions.ReadTimeout):
        profile(google, root, timeout=0.3)
    before = google.clock()
    assert profile(google, root, timeout=5).json()["emailAddress"] == ADA
    assert google.clock() == pytest.approx(before + 0.05)
    assert [call.status for call in google.calls] == [0, 0, 0, 200]


def test_a_slow_answer_holds_up_nobody_else_and_is_counted_as_in_flight(ada: Account) -> None:
    google = Google()
    google.accounts[ADA] = ada
    google.faults.add("getProfile", "slow", seconds=0.5)
    with serving(google) as server, ThreadPoolExecutor(2) as pool:
        slow, quick = (pool.submit(profile, google, server.root, timeout=5) for _ in range(2))
        done, _ = wait([slow, quick], return_when=FIRST_COMPLETED)
        assert [each.result().status_code for each in done] == [200]
        assert not (slow.done() and quick.done())
    assert google.calls.most_in_flight[ADA] == 2


def test_an_answer_is_lost_after_all_was_done(google: Google, ada: Account, writing: Any) -> None:
    google.faults.add("messages.send", "lost")
    raw = base64.urlsafe_b64encode(sample.letter(sender=ADA, to="grace@example.com")).decode()
    with pytest.raises(ConnectionResetError):
        writing.messages().send(userId="me", body={"raw": raw}).execute()
    assert [labels for message in ada.mailbox.messages.values() for labels in message.labels] == ["SENT"]
    assert len(google.sent) == 1
    google.faults.add("messages.send", "503")
    with pytest.raises(HttpError):
        writing.messages().send(userId="me", body={"raw": raw}).execute()
    assert len(google.sent) == 1


def test_parts_of_a_batch_fail_alone(google: Google, ada: Account) -> None:
    ids = deliver(ada, 10)
    google.faults.add("messages.get", "429", count=2)
    google.faults.add("messages.get", "reset")
    found = batch(google, ids)
    assert [found[id] for id in ids] == [429, 429, 503, *ids[3:]]


def test_a_whole_batch_can_be_cut_off(google: Google, ada: Account) -> None:
    ids = deliver(ada, 5)
    google.faults.add("batch", "truncated")
    with pytest.raises(http.client.IncompleteRead):
        batch(google, ids)
    assert len(google.calls.of("messages.get")) == 5


def test_chance_is_the_same_for_the_same_seed(google: Google, ada: Account) -> None:
    def run(seed: int) -> list[int | str]:
        google.faults.chance(0.3, seed=seed)
        said: list[int | str] = []
        for _ in range(60):
            try:
                said.append(profile(google).status_code)
            except requests.RequestException as error:
                said.append(type(error).__name__)
        google.faults.clear()
        return said

    first = run(1)
    assert first == run(1) != run(2)
    assert 30 < first.count(200) < 55
    assert profile(google).status_code == 200


def test_a_mailbox_may_change_between_any_two_requests(google: Google, ada: Account, gmail: Any) -> None:
    google.between.append(lambda call: ada.deliver(sample.letter()) if call.name.endswith("list") else None)
    for expected in (1, 2):
        assert len(gmail.messages().list(userId="me").execute()["messages"]) == expected


def test_googles_client_over_a_socket(google: Google, ada: Account, server: Server) -> None:
    class Signed(httplib2.Http):  # type: ignore[misc]
        def request(self, uri: str, method: str = "GET", headers: Any = None, **how: Any) -> Any:
            token = google.sign_in(ADA, MODIFY)["access_token"]
            return super().request(
                uri, method, headers={**headers, "authorization": f"Bearer {token}"}, **how
            )

    document = at_root(get_static_doc("gmail", "v1"), server.root)
    http = Signed()
    users = build_from_document(document, http=http).users()
    kept = ada.deliver(sample.letter(text="ä" * 200_000))
    assert users.messages().get(userId="me", id=kept.id).execute()["sizeEstimate"] == len(kept.raw)
    assert users.messages().trash(userId="me", id=kept.id).execute()["labelIds"] == ["TRASH", "UNREAD"]
    http.close()


def test_the_doors_for_other_processes(google: Google, ada: Account, server: Server) -> None:
    def door(name: str, **how: Any) -> Any:
        answer = requests.post(f"{server.root}/fake/{name}", json=how, timeout=5)
        return answer.status_code, answer.json()

    now = google.clock()
    assert door("clock", advance=60) == (200, {"now": now + 60})
    _, kept = door("deliver", account=ADA, subject="Lunch", text="At noon?")
    assert ada.mailbox.messages[kept["id"]].head["subject"] == "Lunch"
    assert door("mailbox", account=ADA, do="trash", id=kept["id"])[0] == 200
    assert ada.mailbox.messages[kept["id"]].labels == {"TRASH", "UNREAD"}
    _, event = door(
        "event",
        account=ADA,
        event={"summary": "Tea", "start": {"date": "2026-01-01"}, "end": {"date": "2026-01-02"}},
    )
    assert ada.calendar().events[event["id"]]["summary"] == "Tea"
    assert door("fault", match="getProfile", effect="503", count=1)[0] == 200
    assert [profile(google, server.root).status_code for _ in range(2)] == [503, 200]
    log = requests.get(f"{server.root}/fake/calls?name=getProfile", timeout=5).json()["calls"]
    assert [call["status"] for call in log] == [503, 200]
    state = requests.get(f"{server.root}/fake/state", timeout=5).json()["accounts"][ADA]
    assert (state["messages"], state["units"], state["consents"]) == ([kept["id"]], 1, 2)
    assert door("consents", account=ADA)[0] == 200
    assert profile(google).status_code == 200
    assert door("mailbox", account=ADA, do="__init__")[0] == 400
    assert door("nothing")[0] == 400
