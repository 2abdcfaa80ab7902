"""Batches, their wall of concurrency, units per minute and the penalty box: with Google's own client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from tests.fakes.conftest import ADA, READ_MAIL
from tests.fakes.google import Account, Google, credentials, sample, service
from tests.fakes.test_gmail import refused


def batch(google: Google, ids: list[str], *, at: str = "", email: str = ADA) -> dict[str, Any]:
    """What each id brought: a message, or the error's status and reason."""
    client = service(google, "gmail", email, READ_MAIL)
    asked = client.new_batch_http_request()
    found: dict[str, Any] = {}

    def take(id: str, said: Any, error: HttpError | None) -> None:
        found[id] = error.status_code if error else said["id"]

    for id in ids:
        asked.add(client.users().messages().get(userId="me", id=id, format="minimal"), take, request_id=id)
    if at:
        asked._batch_uri = at
    asked.execute()
    return found


def deliver(account: Account, count: int) -> list[str]:
    return [account.deliver(sample.letter()).id for _ in range(count)]


@pytest.mark.parametrize("path", ["/batch", "/batch/gmail/v1"])
def test_a_batch_answers_every_part_under_its_own_name(google: Google, ada: Account, path: str) -> None:
    ids = deliver(ada, 25)
    ada.delete(ids[3])
    found = batch(google, ids, at=f"http://127.0.0.1:9{path}")
    assert found == {id: 404 if place == 3 else id for place, id in enumerate(ids)}
    assert google.calls.counted() == {"batch": 1, "gmail.users.messages.get": 25}
    assert [call.in_batch for call in google.calls[:2]] == [False, True]


def test_parts_come_back_in_any_order(google: Google, ada: Account) -> None:
    ids = deliver(ada, 20)
    token = credentials(google, ADA, READ_MAIL).token
    parts = "".join(
        f"--b\r\nContent-Type: application/http\r\nContent-ID: <{place}>\r\n\r\n"
        f"GET /gmail/v1/users/me/messages/{id}?format=minimal HTTP/1.1\r\n\r\n"
        for place, id in enumerate(ids)
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "multipart/mixed; boundary=b"}
    answer = google.handle("POST", "/batch", headers, parts + "--b--")
    said = [line for line in answer.body.decode().splitlines() if line.startswith("Content-ID")]
    assert sorted(said) == sorted(f"Content-ID: <response-{place}>" for place in range(20))
    assert said != sorted(said, key=lambda line: int(line[22:-1]))


def test_parts_beyond_the_wall_are_turned_away(google: Google, ada: Account) -> None:
    google.concurrency = 18
    ids = deliver(ada, 25)
    found = batch(google, ids)
    turned_away = [id for id in ids if found[id] == 429]
    assert len(turned_away) == 7
    assert google.quota.used[ADA] == 18 * 20
    assert google.quota.rejected[ADA] == 0
    assert [batch(google, [id])[id] for id in turned_away] == turned_away


def test_a_batch_of_more_than_a_hundred_is_refused(google: Google, ada: Account) -> None:
    with pytest.raises(HttpError) as caught:
        batch(google, [f"{number:016x}" for number in range(101)])
    assert caught.value.status_code == 400


def test_a_batch_whose_token_ends_is_refreshed_and_repeated(google: Google, ada: Account) -> None:
    ids = deliver(ada, 3)
    google.between.append(lambda call: google.oauth.expire_access() if len(google.calls) == 2 else None)
    assert batch(google, ids) == {id: id for id in ids}
    assert [call.status for call in google.calls.of("messages.get")] == [401, 401, 401, 200, 200, 200]


def test_units_are_counted_for_a_minute_and_rejections_cost_none(
    google: Google, ada: Account, gmail: Any
) -> None:
    (id,) = deliver(ada, 1)
    get = gmail.messages().get(userId="me", id=id, format="minimal")
    for _ in range(300):
        get.execute()
    status, reason, words = refused(get)
    assert (status, reason) == (429, "rateLimitExceeded")
    assert words.startswith(
        "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user'"
    )
    google.clock.advance(59.9)
    google.quota.code = 403
    assert refused(get)[0] == 403
    google.clock.advance(0.1)
    assert get.execute()["id"] == id
    assert (google.quota.used[ADA], google.quota.rejected[ADA]) == (301 * 20, 2)


def test_the_project_has_a_limit_of_its_own(google: Google, ada: Account, gmail: Any) -> None:
    google.quota.per_project["gmail"] = 40
    google.add_account("grace@example.com")
    others = service(google, "gmail", "grace@example.com", READ_MAIL).users()
    for _ in range(40):
        others.getProfile(userId="me").execute()
    assert refused(gmail.getProfile(userId="me"))[0] == 429
    assert google.quota.rejected == {ADA: 1}


def test_the_box_opens_later_for_who_keeps_calling(google: Google, ada: Account, gmail: Any) -> None:
    google.quota.punish(ADA)
    asked = gmail.getProfile(userId="me")
    assert refused(asked)[1:] == (
        "userRateLimitExceeded", f"User-rate limit exceeded.  Retry after {google.clock.iso(900)}",
    )  # fmt: skip
    google.clock.advance(800)
    assert refused(asked)[2].endswith(google.clock.iso(900))
    google.clock.advance(899)
    assert google.quota.boxed[ADA] == google.clock() + 1
    google.clock.advance(1)
    assert asked.execute()["emailAddress"] == ADA


def test_who_hammers_ends_in_the_box(google: Google, ada: Account, gmail: Any) -> None:
    google.quota.per_user["gmail"] = 0
    asked = gmail.getProfile(userId="me")
    reasons = [refused(asked)[1] for _ in range(103)]
    assert reasons == ["rateLimitExceeded"] * 101 + ["userRateLimitExceeded"] * 2


def test_the_log_says_when_who_asked_what(google: Google, ada: Account, gmail: Any) -> None:
    google.clock.advance(5)
    gmail.messages().list(userId="me", maxResults=7).execute()
    (call,) = google.calls.of("messages.list", ADA)
    assert json.loads(json.dumps(call.told())) == {
        "at": google.clock(), "name": "gmail.users.messages.list", "user": ADA, "method": "GET",
        "path": "/gmail/v1/users/me/messages", "query": {"maxResults": ["7"], "alt": ["json"]}, "status": 200,
        "units": 5, "in_batch": False,
    }  # fmt: skip
    assert google.calls.of(user="grace@example.com") == []
