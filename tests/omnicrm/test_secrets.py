"""What is secret stands nowhere: in no log, on no page of an operator or a stranger, in no report and no dump."""

from __future__ import annotations

import base64
import io
import logging
import sys
from collections.abc import Iterator

import pytest
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory
from django.urls import reverse
from django.views.debug import ExceptionReporter

from contacts.models import Contact, Note
from integrations.models import RawEvent
from omnicrm import rotation
from omnicrm.acting import acting_as
from omnicrm.blind import make_key
from omnicrm.crypto import CannotOpen
from omnicrm.models import IndexKey, User
from omnicrm.sealed import keyring
from tests.contacts.test_personal import dump
from tests.factories import make_contact, make_note, make_operator, make_raw_event
from tests.web.test_second_factor import confirm, enrol, sign_in

pytestmark = pytest.mark.django_db(transaction=True)
ADMIN = ("jobs_job", "jobs_batch", "integrations_rawevent", "integrations_sourcefile", "omnicrm_user")


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """Everything that anybody logs, from DEBUG on, as it is written to stderr."""
    root, out = logging.getLogger(), io.StringIO()
    (usual,) = (handler for handler in root.handlers if type(handler) is logging.StreamHandler)
    extra = logging.StreamHandler(out)
    extra.setFormatter(usual.formatter)
    root.addHandler(extra)
    before = root.level
    root.setLevel(logging.DEBUG)
    yield out
    root.setLevel(before)
    root.removeHandler(extra)


@pytest.fixture
def client(alice: User) -> Client:
    """Signed in with the password, so that a second factor may be set up."""
    return confirm(sign_in(Client(), alice))


@pytest.fixture
def seed(client: Client) -> str:
    """The secret that her authenticator app shares with us from now on."""
    return enrol(client)


@pytest.fixture
def secrets(alice: User, client: Client, seed: str) -> dict[str, bytes]:
    """What must stand nowhere."""
    make_key()
    contact = make_contact(alice)
    make_note(alice, contact=contact, text="canary-note", private=True)
    make_raw_event(alice, payload=b"canary-letter")
    index_key = bytes(IndexKey.objects.get().secret)
    return {
        "the seed of the authenticator": seed.encode(),
        "a sealed letter": b"canary-letter",
        "a private note": b"canary-note",
        "the key that seals": keyring().keys[keyring().current],
        "the key that seals, in base64": base64.b64encode(keyring().keys[keyring().current]),
        "the key of blind indexes": index_key,
        "the key of blind indexes, in hex": index_key.hex().encode(),
    }


def found(secrets: dict[str, bytes], text: bytes | str) -> list[str]:
    said = text.encode() if isinstance(text, str) else text
    return [name for name, secret in secrets.items() if secret in said or repr(secret)[2:-1].encode() in said]


def test_logs_and_pages_and_dumps(
    logged: io.StringIO,
    alice: User,
    charlie: User,
    client: Client,
    stranger: Client,
    secrets: dict[str, bytes],
) -> None:
    session = client.cookies["sessionid"].value
    with acting_as(alice.pk):
        there = Contact.objects.for_user(alice).get().get_absolute_url()
        raw = RawEvent.objects.for_user(alice).get()
    assert "canary-note" in client.get(there).text  # she herself reads it
    operator = Client()
    operator.force_login(make_operator())
    shown = [
        stranger.get(there).content,
        stranger.get("/activity/").content,
        client.get("/activity/").content,
    ]
    shown += [client.get(reverse(name)).content for name in ("mfa_index", "usersessions_list")]
    for table in ADMIN:
        shown.append(operator.get(reverse(f"admin:{table}_changelist")).content)
    shown.append(operator.get(reverse("admin:integrations_rawevent_change", args=[raw.pk])).content)
    shown.append(operator.get(reverse("admin:omnicrm_user_change", args=[alice.pk])).content)
    rotation.count_left()
    logging.getLogger("omnicrm").debug("That was all.")
    everywhere = secrets | {"her session": session.encode()}
    for page in shown:
        assert found(everywhere, page) == []
    assert found(everywhere, logged.getvalue()) == []
    assert '"level": "debug"' in logged.getvalue()  # so that would have been there too
    assert [found(secrets, str(row.get_decoded())) for row in Session.objects.all()] == [[]] * 3
    assert found(secrets, dump()) == []  # sessions are there as Django keeps them; SECURITY.md says so


def test_what_python_says_of_it(alice: User, secrets: dict[str, bytes]) -> None:
    with acting_as(alice.pk):
        note, raw = Note.objects.for_user(alice).get(), RawEvent.objects.for_user(alice).get()
        said = [repr(note), str(note), repr(raw), str(raw), repr(vars(note)), repr(vars(raw))]
    said += [
        repr(IndexKey.objects.get()),
        repr(vars(IndexKey.objects.get())),
        repr(keyring()),
        str(vars(raw)),
    ]
    assert [found(secrets, each) for each in said] == [[]] * len(said)


def report_of_an_error(alice: User) -> str:
    """As DEBUG shows it, with every variable of every frame: of this one, and of ours below."""
    with acting_as(alice.pk):
        raw = RawEvent.objects.for_user(alice).get()
        raw.user_id = None  # type: ignore[assignment]
        try:
            return str(raw.payload)
        except CannotOpen:
            request = RequestFactory().get("/", headers={"Cookie": "sessionid=canary" + "-session"})
            reporter = ExceptionReporter(request, *sys.exc_info())
            return reporter.get_traceback_html() + reporter.get_traceback_text()


def test_a_report_of_an_error(alice: User, secrets: dict[str, bytes]) -> None:
    report = report_of_an_error(alice)
    assert "CannotOpen" in report
    assert found(secrets | {"her session": b"canary-session"}, report) == []
