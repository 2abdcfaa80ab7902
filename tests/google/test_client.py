"""How calls leave, what they cost, and what becomes of those that fail: the real library, against a scripted Google."""

from __future__ import annotations

import datetime as dt
import socket
from typing import Any
from uuid import uuid4

import pytest

from integrations.google import calendar, client, drafts, gmail, oauth, transport
from integrations.google.client import Google
from integrations.google.errors import Failed, Failure, Kind
from integrations.google.oauth import Grant
from omnicrm.acting import acting_as
from omnicrm.outgoing import Patience
from tests.google.asking import GRANT, JSON, NOW, PROFILE, Noting, message
from tests.google.scripted import Asked, Script, as_json, batch, multipart, refused, token


@pytest.fixture
def only_the_loopback(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Every place that a socket is connected to; any but this machine is refused, and no name is looked up."""
    went: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> None:
        went.append(address)
        assert address[0] == "127.0.0.1", f"a connection to {address}"
        connect(self, address)

    def named(host: Any, *args: Any, **kwargs: Any) -> Any:
        assert host == "127.0.0.1", f"the name {host} was looked up"
        return look_up(host, *args, **kwargs)

    monkeypatch.setattr(socket.socket, "connect", guarded)
    monkeypatch.setattr(socket, "getaddrinfo", named)
    return went


def anything(asked: Asked) -> Any:
    """What fits every question."""
    if asked.path.startswith("/batch"):
        return batch(*[as_json(message("1"))] * len(asked.inner))(asked)
    said = {
        **PROFILE,
        **message("1"),
        "message": message("1"),
        "resourceId": "r",
        "expiration": "1780315200000",
    }
    return as_json(said)


CALLS: list[tuple[str, Any, str]] = [
    ("profile.get", gmail.get_profile, "/gmail/v1/users/me/profile"),
    ("labels.list", gmail.list_labels, "/gmail/v1/users/me/labels"),
    ("sendas.list", gmail.list_send_as, "/gmail/v1/users/me/settings/sendAs"),
    ("messages.list", gmail.list_messages, "/gmail/v1/users/me/messages"),
    ("messages.list", lambda g: gmail.find_by_message_id(g, "<a@b>"), "/gmail/v1/users/me/messages"),
    ("messages.get", lambda g: gmail.get_message(g, "1"), "/gmail/v1/users/me/messages/1"),
    ("messages.get", lambda g: gmail.get_raw(g, ["1", "2"]), "/batch"),
    ("messages.get", lambda g: gmail.get_headers(g, ["1", "2"]), "/batch"),
    ("threads.get", lambda g: gmail.get_thread(g, "t1"), "/gmail/v1/users/me/threads/t1"),
    ("history.list", lambda g: gmail.list_history(g, "5"), "/gmail/v1/users/me/history"),
    ("watch", lambda g: gmail.watch(g, "projects/p/topics/t"), "/gmail/v1/users/me/watch"),
    ("stop", gmail.stop, "/gmail/v1/users/me/stop"),
    ("drafts.create", lambda g: drafts.create_draft(g, b"Subject: x"), "/gmail/v1/users/me/drafts"),
    ("drafts.get", lambda g: drafts.get_draft(g, "d1"), "/gmail/v1/users/me/drafts/d1"),
    ("drafts.list", lambda g: drafts.find_drafts(g, "<a@b>"), "/gmail/v1/users/me/drafts"),
    ("drafts.send", lambda g: drafts.send_draft(g, "d1"), "/gmail/v1/users/me/drafts/send"),
    ("drafts.delete", lambda g: drafts.delete_draft(g, "d1"), "/gmail/v1/users/me/drafts/d1"),
    ("calendars.list", calendar.list_calendars, "/calendar/v3/users/me/calendarList"),
    ("events.list", lambda g: calendar.list_events(g, "c1"), "/calendar/v3/calendars/c1/events"),
    ("events.get", lambda g: calendar.get_event(g, "c1", "e1"), "/calendar/v3/calendars/c1/events/e1"),
    (
        "events.watch",
        lambda g: calendar.watch_events(g, "c1", channel="k", token="t", address="https://crm.example.org/"),
        "/calendar/v3/calendars/c1/events/watch",
    ),
    ("channels.stop", lambda g: calendar.stop_channel(g, "k", "r"), "/calendar/v3/channels/stop"),
]


@pytest.mark.parametrize(("name", "call", "path"), CALLS)
def test_every_call_goes_where_the_settings_say(
    script: Script, gate: Noting, only_the_loopback: list[Any], name: str, call: Any, path: str
) -> None:
    """Batches, and the renewal of the token, too."""
    script.says(token("new"), anything)
    call(Google(Grant("", NOW, "lasting", frozenset()), gate=gate, clock=lambda: NOW))
    assert [asked.path for asked in script.asked] == ["/token", path]
    port = int(script.place.rpartition(":")[2])
    assert only_the_loopback == [("127.0.0.1", port)] * 2
    assert script.asked[1].headers["authorization"] == "Bearer new"
    assert script.asked[1].headers["user-agent"] == "OmniCRM"
    count = 2 if path == "/batch" else 1
    assert (gate.admitted, gate.told) == ([(name, count)], [(name, ["ok"] * count)])


def test_every_call_of_gmail_has_a_price(settings: Any) -> None:
    ours = {name for name, _, path in CALLS if not path.startswith("/calendar")}
    assert ours == set(settings.GOOGLE_PRICES)


def test_the_scopes_that_we_ask_for_allow_every_call() -> None:
    """As the documents say that Google ships; and of drafts and sending, nothing less than `compose` would do."""
    document = client.document("gmail", "")["resources"]["users"]
    reads, writes = [], []
    for name, _, path in CALLS:
        method = found(document if not path.startswith("/calendar") else None, name)
        (writes if name in ("drafts.create", "drafts.send", "drafts.delete") else reads).append(
            (name, set(method["scopes"]))
        )
    assert [name for name, scopes in reads if not scopes & set(oauth.READING)] == []
    assert [name for name, scopes in writes if oauth.COMPOSE not in scopes] == []
    assert [name for name, scopes in writes if f"{oauth.GOOGLE}gmail.send" in scopes] == []


PLACES = {
    "profile.get": ("getProfile",),
    "sendas.list": ("settings", "sendAs", "list"),
    "calendars.list": ("calendarList", "list"),
}


def found(users: Any, name: str) -> Any:
    """The method of a document that we call by this name."""
    *folders, method = PLACES.get(name, tuple(name.split(".")))
    place = users or client.document("calendar", "")
    for folder in folders:
        place = place["resources"][folder]
    return place["methods"][method]


@pytest.mark.parametrize(
    ("api", "place", "root", "base", "batches"),
    [
        ("gmail", "", "https://gmail.googleapis.com/", "https://gmail.googleapis.com/", "batch"),
        ("calendar", "", "https://www.googleapis.com/", "https://www.googleapis.com/calendar/v3/", "batch/calendar/v3"),
        ("gmail", "http://127.0.0.1:9/", "http://127.0.0.1:9/", "http://127.0.0.1:9/", "batch"),
        ("calendar", "https://a.example/g", "https://a.example/g/", "https://a.example/g/calendar/v3/", "batch/calendar/v3"),
    ],
)  # fmt: skip
def test_where_the_documents_lead(api: str, place: str, root: str, base: str, batches: str) -> None:
    document = client.document(api, place)
    assert (document["rootUrl"], document["baseUrl"], document["batchPath"]) == (root, base, batches)
    assert "mtlsRootUrl" not in document


def test_nothing_leaves_inside_a_transaction(script: Script, google: Google, db: None) -> None:
    for call in (gmail.get_profile, lambda g: gmail.get_raw(g, ["1"])):
        with acting_as(uuid4()), pytest.raises(RuntimeError, match="must not wait for the network"):
            call(google)
    assert script.asked == []


def test_a_call_that_is_not_let_through_is_not_made(script: Script) -> None:
    class Closed(Noting):
        def admit(self, call: str, count: int) -> None:
            raise LookupError("closed")

    google = Google(GRANT, gate=Closed(), clock=lambda: NOW)
    for call in (gmail.get_profile, lambda g: gmail.get_raw(g, ["1"])):
        with pytest.raises(LookupError, match="closed"):
            call(google)
    assert script.asked == []


# --- tokens


def test_a_token_that_ends_soon_is_renewed_first(script: Script, gate: Noting) -> None:
    script.says(token("new"), PROFILE)
    google = Google(GRANT, gate=gate, clock=lambda: NOW + dt.timedelta(minutes=59))
    assert gmail.get_profile(google).email == "ada@example.org"
    assert google.grant == Grant("new", NOW + dt.timedelta(minutes=119), "lasting", GRANT.scopes)
    gmail.get_profile(google)
    assert [asked.path for asked in script.asked] == ["/token", *["/gmail/v1/users/me/profile"] * 2]


def test_a_token_that_is_refused_is_renewed_once(script: Script, google: Google, gate: Noting) -> None:
    script.says(refused(401, "authError"), token("new"), PROFILE)
    gmail.get_profile(google)
    assert [asked.headers.get("authorization") for asked in script.asked] == [
        "Bearer old",
        None,
        "Bearer new",
    ]
    assert google.grant.access_token == "new"
    assert gate.told == [("profile.get", ["ok"])]


def test_a_token_that_is_refused_again_is_not_asked_about_for_ever(script: Script, google: Google) -> None:
    script.says(refused(401, "authError"), token("new"), refused(401, "authError"))
    with pytest.raises(Failed) as failed:
        gmail.get_profile(google)
    assert (failed.value.failure.kind, failed.value.failure.code) == (Kind.TRANSIENT, "unauthorized")
    assert len(script.asked) == 3


def test_a_token_that_ends_in_the_middle_of_a_batch(script: Script, google: Google) -> None:
    """One renewal, and only what was refused is asked again."""
    ended = refused(401, "authError")
    script.says(
        batch(as_json(message("1")), ended, as_json(message("3")), ended),
        token("new"),
        batch(as_json(message("2")), as_json(message("4"))),
    )
    got = gmail.get_raw(google, ["1", "2", "3", "4"])
    assert [one.id for one in got if isinstance(one, gmail.Message)] == ["1", "2", "3", "4"]
    first, renewal, second = script.asked
    assert [len(first.inner), len(second.inner)] == [4, 2]
    assert (renewal.path, second.headers["authorization"]) == ("/token", "Bearer new")
    assert google.grant.access_token == "new"


@pytest.mark.parametrize(
    ("days", "code"), [(3, "invalid_grant_young"), (30, "invalid_grant"), (None, "invalid_grant")]
)
def test_a_permission_that_has_ended(script: Script, gate: Noting, days: int | None, code: str) -> None:
    script.says(as_json({"error": "invalid_grant"}, 400))
    given = NOW - dt.timedelta(days=days) if days else None
    ended = Grant("old", NOW, "lasting", frozenset())
    google = Google(ended, gate=gate, clock=lambda: NOW, granted_at=given)
    with pytest.raises(Failed) as failed:
        gmail.get_profile(google)
    assert (failed.value.failure.kind, failed.value.failure.code) == (Kind.REAUTH, code)
    got = gmail.get_raw(google, ["1", "2"])
    assert [one.code for one in got if isinstance(one, Failure)] == [code, code]
    assert ([asked.path for asked in script.asked], google.grant) == (["/token"] * 2, ended)


# --- batches


def test_a_batch_in_the_order_of_its_ids(script: Script, google: Google) -> None:
    script.says(batch(*[as_json(message(id)) for id in "123"]))
    got = gmail.get_raw(google, iter("123"))
    assert [one.id for one in got if isinstance(one, gmail.Message)] == ["1", "2", "3"]
    (asked,) = script.asked
    assert asked.inner == [f"/gmail/v1/users/me/messages/{id}?format=raw&alt=json" for id in "123"]
    assert got[0] == gmail.Message(
        "1", "t1", (), "", dt.datetime(2026, 6, 1, 12, 0, tzinfo=dt.UTC), 9, b"Subject: Hello\r\n\r\nYou"
    )


def test_an_empty_batch_asks_nothing(script: Script, google: Google, gate: Noting) -> None:
    assert gmail.get_raw(google, []) == []
    assert (script.asked, gate.admitted) == ([], [])


def test_each_of_a_batch_fails_by_itself(script: Script, google: Google, gate: Noting) -> None:
    script.says(
        batch(
            as_json(message("1")),
            refused(429, "rateLimitExceeded", "Too many concurrent requests for user"),
            refused(404, "notFound"),
            (200, JSON, b'{"id": "4'),
            (200, JSON, b'{"threadId": "t5"}'),
            (200, JSON, b"[]"),
            refused(500),
            (403, {"Content-Type": "text/html"}, b"<html>Sorry</html>"),
            as_json({**message("9"), "raw": "a"}),
            as_json({**message("10"), "internalDate": "99999999999999999999"}),
            as_json(message("11", bytes(range(256)))),
        )
    )
    got = gmail.get_raw(google, [str(n) for n in range(1, 12)])
    told = [
        "ok", "too_many_at_once", "gone", "garbled", "unexpected", "unexpected", "unwell", "unwell", "unexpected",
        "unexpected", "ok",
    ]  # fmt: skip
    assert [one.code if isinstance(one, Failure) else "ok" for one in got] == told
    assert gate.told == [("messages.get", told)]
    assert isinstance(got[10], gmail.Message)
    assert got[10].raw == bytes(range(256))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (refused(429, "rateLimitExceeded"), "rate_limited"),
        (refused(503), "unwell"),
        ((200, {"Content-Type": "text/html"}, b"<html>Hello</html>"), "garbled"),
        ((200, {}, b"no type at all"), "garbled"),
        (multipart([("response-0 + 1", as_json(message("1")))]), "garbled"),
        (multipart([("nonsense", as_json(message("1")))]), "garbled"),
        (
            (
                200,
                {"Content-Type": 'multipart/mixed; boundary="edge"'},
                b"--edge\r\n\r\nHTTP/1.1 200 OK\r\n--edge--",
            ),
            "garbled",
        ),
        ((200, {"Content-Type": 'multipart/mixed; boundary="edge"'}, b"--edge\r\n\xff\xfe"), "garbled"),
        ((200, {"Content-Length": "99999"}, b"cut off"), "unreachable"),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), "unreachable"),
    ],
)
def test_a_batch_that_fails_as_a_whole(script: Script, google: Google, answer: Any, code: str) -> None:
    script.says(answer)
    got = gmail.get_raw(google, ["1", "2"])
    assert [one.code for one in got if isinstance(one, Failure)] == [code, code]
    assert len(script.asked) == 1


def test_several_are_too_large_together_and_one_may_be_larger(
    script: Script, google: Google, gate: Noting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A batch is not asked for in parts: what waits for the quota in between would lose what has come."""
    monkeypatch.setattr(transport, "BATCHES", Patience(largest=3000))
    script.says(batch(*[as_json(message(id, b"a" * 2000)) for id in "12"]))
    got = gmail.get_raw(google, ["1", "2"])
    assert [one.code for one in got if isinstance(one, Failure)] == ["too_large", "too_large"]
    script.says(message("1", b"a" * 9000))
    (one,) = gmail.get_raw(google, ["1"])
    assert isinstance(one, gmail.Message)
    assert len(one.raw) == 9000
    assert [asked.path for asked in script.asked] == ["/batch", "/gmail/v1/users/me/messages/1"]
    assert [count for _, count in gate.admitted] == [2, 1]


# --- single calls


@pytest.mark.parametrize(
    ("answer", "kind", "wait"),
    [
        ((200, {}, b"<html>"), Kind.TRANSIENT, None),
        ((200, {}, b'{"emailAddress": "a'), Kind.TRANSIENT, None),
        ((200, {"Content-Length": "99999"}, b"{}"), Kind.TRANSIENT, None),
        ((302, {"Location": "http://127.0.0.1:9/"}, b""), Kind.TRANSIENT, None),
        (as_json({}), Kind.POISON, None),
        (as_json([]), Kind.POISON, None),
        (refused(500), Kind.TRANSIENT, None),
        ((429, {"Retry-After": "7"}, b"<html>"), Kind.THROTTLE, 7),
        (refused(403, "userRateLimitExceeded", "Retry after 2026-06-01T12:15:00.000Z"), Kind.THROTTLE, 905),
    ],
)
def test_a_call_that_fails_is_made_once(
    script: Script, google: Google, answer: Any, kind: Kind, wait: float | None
) -> None:
    script.says(answer)
    with pytest.raises(Failed) as failed:
        gmail.get_profile(google)
    assert (failed.value.failure.kind, failed.value.failure.retry_after) == (kind, wait)
    assert len(script.asked) == 1


def test_a_google_that_is_not_there(settings: Any, script: Script, google: Google) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        settings.GOOGLE_API_ROOT = f"http://127.0.0.1:{gone.getsockname()[1]}"
    with pytest.raises(Failed) as failed:
        gmail.get_profile(google)
    assert failed.value.failure.code == "unreachable"


def test_a_google_that_says_nothing(settings: Any, google: Google, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (transport.CALLS.silence, transport.TOKENS.seconds) == (10.0, 10.0)
    monkeypatch.setattr(transport, "CALLS", Patience(seconds=60, silence=0.2))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.GOOGLE_API_ROOT = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(Failed) as failed:
            gmail.get_profile(google)
    assert failed.value.failure.code == "unreachable"


def test_nothing_that_google_says_gets_into_the_logs(
    script: Script, google: Google, capsys: pytest.CaptureFixture[str]
) -> None:
    script.says((403, {}, b"<html>private words</html>"))
    with pytest.raises(Failed):
        gmail.get_profile(google)
    written = capsys.readouterr()
    assert "private words" not in written.err + written.out
