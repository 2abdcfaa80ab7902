"""Looking into Gmail itself: what was imported and what was not is told apart, nothing is kept, and what is wanted comes in."""

from __future__ import annotations

import datetime as dt
import re
import time
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from contacts.models import ContactIdentity
from integrations.models import QuotaBucket, SyncStream
from integrations.streams.ticking import come_back
from jobs.foreground import reload, work_until_settled
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact, make_interaction
from tests.fakes import google as fakes
from tests.google.mailboxes import (
    ADA,
    BASE,
    approved,
    bring,
    carry_out,
    connect,
    deliver,
    follow,
    fresh,
    run_all,
    subjects,
    verdicts,
)
from tests.importing import take_back
from tests.isolation.planting import digest

pytestmark = pytest.mark.django_db(transaction=True)
RECENT = {"after": time.time() - BASE - 86_400}
PROMOTIONS = ["INBOX", "CATEGORY_PROMOTIONS"]


@pytest.fixture
def followed(at: fakes.Google, alice: User) -> SyncStream:
    """A mailbox that is followed, and holds nothing yet."""
    stream = connect(alice, at)
    with acting_as(alice.pk):
        stream.phase = SyncStream.Phase.LIVE
        stream.save()
    return stream


@pytest.fixture
def stream(at: fakes.Google, alice: User) -> SyncStream:
    """A mailbox that is followed for the last fourteen days, and holds a letter of Grace's."""
    connected = connect(alice, at, days=14)
    deliver(at, "engine here", **RECENT)
    bring(connected)
    follow(connected)
    return fresh(connected)


@pytest.fixture
def browser(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def look(browser: Client, stream: SyncStream, words: str = "engine", **headers: str) -> str:
    answer = browser.post(f"/search/gmail/{stream.pk}/", {"q": words}, headers=headers)
    assert answer.status_code == 200
    return answer.content.decode()


def told(page: str) -> dict[str, tuple[str, bool]]:
    """Of each subject what became of it, and whether it can be imported."""
    lines = re.findall(r'<li class="found-line at-gmail">(.*?)</li>', page, re.DOTALL)
    return {
        re.findall(r'class="cell-name"[^>]*>([^<]*)<', line)[0]: (
            re.findall(r'class="tag [^>]*>([^<]*)<', line)[0],
            'name="one"' in line,
        )
        for line in lines
    }


def choose(browser: Client, stream: SyncStream, **form: Any) -> Batch:
    """What a form leads to: the plan."""
    answer = browser.post(f"/search/gmail/{stream.pk}/import/", {"q": "engine"} | form)
    batch = Batch.objects.for_user(stream.user_id)
    with acting_as(stream.user_id):
        planned = batch.latest("created_at")
    assert answer.headers["Location"] == f"/batches/{planned.pk}/"
    return work_until_settled(planned)


def named(at: fakes.Google, id: str) -> str:
    return f"{id}-{at.account(ADA).mailbox.messages[id].thread}"


def test_each_message_says_what_became_of_it(
    at: fakes.Google, stream: SyncStream, browser: Client, settings: Any
) -> None:
    settings.BLOCKED_SENDERS = frozenset({"shop@example.com"})
    deliver(at, "engine offer", PROMOTIONS, **RECENT)
    follow(stream)
    deliver(at, "engine of old")
    deliver(at, "engine just now", **RECENT)
    deliver(at, "engine of a shop", sender="Shop <shop@example.com>", **RECENT)
    deliver(at, "engine <b>in the bin</b>", ["TRASH"], **RECENT)
    assert told(look(browser, stream)) == {
        "engine here": ("In OmniCRM", False),
        "engine offer": ("Left out: Gmail’s tab Promotions", True),
        "engine of old": ("Not imported", True),
        "engine just now": ("Not imported", True),
        "engine of a shop": ("Left out: kept out by the operator", False),
    }
    page = look(browser, stream, "engine in:trash")
    assert told(page) == {"engine &lt;b&gt;in the bin&lt;/b&gt;": ("Left out: in the bin", False)}
    assert "Gmail of ada@example.com finds nothing for “zz” either." in look(browser, stream, "zz")


def test_what_is_here_leads_to_its_place(stream: SyncStream, browser: Client, alice: User) -> None:
    assert 'class="cell-name" href' not in look(browser, stream)
    grace = make_contact(alice, slug="grace")
    with acting_as(alice.pk):
        ContactIdentity.objects.for_user(alice).filter(value="grace@example.com").update(contact=grace)
    (place,) = re.findall(r'class="cell-name" href="([^"]+)">engine here', look(browser, stream))
    assert place.startswith("/contacts/grace/messages/")
    assert "engine here" in browser.get(place).content.decode()


def test_nothing_of_it_is_kept_and_no_body_is_asked_for(
    at: fakes.Google, followed: SyncStream, browser: Client, alice: User
) -> None:
    deliver(at, "engine of old")
    before = digest(alice)
    page = look(browser, followed, **{"HX-Request": "true"})
    assert ("<html" in page, "engine of old" in page) == (False, True)
    assert digest(alice) == before
    (asked,) = at.calls.of("messages.get", ADA)
    assert asked.query["format"] == ["metadata"]


def test_one_that_no_list_has_named_comes_in_goes_and_stays_away(
    at: fakes.Google, stream: SyncStream, browser: Client, alice: User
) -> None:
    old = deliver(at, "engine of old")
    planned = choose(browser, stream, one=named(at, old))
    assert (planned.state, planned.totals["interactions"], planned.totals["entries"]) == ("planned", 1, 1)
    assert subjects(alice) == ["engine here"]
    assert carry_out(planned).state == "done"
    assert subjects(alice) == ["engine here", "engine of old"]
    assert told(look(browser, stream))["engine of old"] == ("In OmniCRM", False)
    relisted(at, stream)
    assert subjects(alice) == ["engine here", "engine of old"]
    take_back(reload(planned))
    assert subjects(alice) == ["engine here"]
    relisted(at, stream)
    assert (subjects(alice), verdicts(alice)[old]) == (["engine here"], "skipped:undone")
    assert told(look(browser, stream))["engine of old"] == ("Taken back", True)
    assert carry_out(choose(browser, stream, one=named(at, old))).state == "done"
    assert subjects(alice) == ["engine here", "engine of old"]


def relisted(at: fakes.Google, stream: SyncStream) -> None:
    """Google no longer knows what has changed, so that everything is listed again."""
    at.account(ADA).expire_history()
    for _ in range(3):
        follow(stream)


def test_several_are_one_plan_and_what_must_not_come_in_says_why(
    at: fakes.Google, stream: SyncStream, browser: Client, alice: User, settings: Any
) -> None:
    settings.BLOCKED_SENDERS = frozenset({"shop@example.com"})
    ids = [deliver(at, f"engine {n}", after=n) for n in range(2)]
    ids.append(deliver(at, "engine of a shop", sender="Shop <shop@example.com>"))
    ids.append(deliver(at, "engine in the bin", ["TRASH"]))
    chosen = [*(named(at, id) for id in ids), "f0f0-f0f0", "no name", "../1-2", ids[0]]
    planned = choose(browser, stream, message=chosen)
    assert planned.totals["reasons"] == {"blocked": 1, "gone": 1, "trash": 1}
    assert (planned.totals["interactions"], planned.totals["entries"]) == (2, 5)
    assert len(at.calls.of("messages.get", ADA)) < 12, "what is gone is asked about once"
    assert carry_out(planned).state == "done"
    assert subjects(alice) == ["engine 0", "engine 1", "engine here"]


def test_what_was_thrown_away_since_the_plan_does_not_come_in(
    at: fakes.Google, stream: SyncStream, browser: Client, alice: User
) -> None:
    old = deliver(at, "engine of old")
    planned = choose(browser, stream, one=named(at, old))
    approved(planned)
    at.account(ADA).trash(old)
    with acting_as(alice.pk):
        come_back(fresh(stream))
    run_all(alice)
    assert (subjects(alice), verdicts(alice)[old]) == (["engine here"], "skipped:trash")


def test_without_words_or_a_choice_nothing_is_asked(
    at: fakes.Google, followed: SyncStream, browser: Client
) -> None:
    form = {"q": "engine", "message": "nonsense"}
    answer = browser.post(f"/search/gmail/{followed.pk}/import/", form, follow=True)
    assert "Tick the messages that you want to import." in answer.content.decode()
    answer = browser.post(f"/search/gmail/{followed.pk}/", {"q": " "}, follow=True)
    assert "Type what to look for first." in answer.content.decode()
    assert at.calls == []


WRONG = {
    "503": "Google has trouble of its own. Look again in a minute.",
    "reset": "Google cannot be reached. Look again in a minute.",
    "rateLimitExceeded": "Google asks for a pause. Look again in a minute.",
    "accessNotConfigured": "The Gmail API is off.",
    "insufficientPermissions": "A permission is missing.",
}


def test_what_goes_wrong_is_said_in_place(
    at: fakes.Google, followed: SyncStream, browser: Client, alice: User
) -> None:
    make_interaction(alice, subject="engine here")
    for effect, sentence in WRONG.items():
        QuotaBucket.objects.all().delete()
        at.faults.add("messages.list", effect)
        page = look(browser, followed)
        assert (sentence in page, page.count("What is found here above stays as it is.")) == (True, 1), effect
        assert "<mark>engine</mark> here" in page
    assert "Google does not take these words." in look(browser, followed, "engine nothing:known")
    at.account(ADA).change_password()
    at.oauth.expire_access()
    assert f'href="/connections/{followed.account_id}/again/"' in look(browser, followed)


def test_a_pause_is_kept_and_nobody_waits(at: fakes.Google, followed: SyncStream, browser: Client) -> None:
    for minutes, sentence in ((9, "Google asks for a pause until"), (0.1, "being read right now")):
        until = timezone.now() + dt.timedelta(minutes=minutes)
        QuotaBucket.objects.all().delete()
        QuotaBucket.objects.create(name=f"gmail:{followed.account_id}", not_before=until)
        assert sentence in look(browser, followed)
    with acting_as(followed.user_id):
        followed.not_before = timezone.now() + dt.timedelta(minutes=9)
        followed.save()
    QuotaBucket.objects.all().delete()
    assert "Google asks for a pause until" in look(browser, followed)
    assert at.calls == []


def test_only_mailboxes_that_are_followed_and_ones_own(
    at: fakes.Google, followed: SyncStream, browser: Client, charlie: User
) -> None:
    place = f"/search/gmail/{followed.pk}/"
    page = browser.get("/search/?q=engine").content.decode()
    assert (page.count("Look in Gmail too"), page.count(place)) == (1, 2)
    stranger = Client()
    stranger.force_login(charlie)
    for path in (place, f"{place}import/"):
        assert stranger.post(path, {"q": "engine", "one": "1-1"}).status_code == 404
    assert "Look in Gmail too" not in stranger.get("/search/?q=engine").content.decode()
    with acting_as(followed.user_id):
        followed.phase = SyncStream.Phase.PREVIEW
        followed.save()
    for path, sentence in ((place, "Plan its import"), (f"{place}import/", "Follow this mailbox first")):
        answer = browser.post(path, {"q": "engine", "one": "1-1"}, follow=True)
        assert sentence in answer.content.decode()
    assert at.calls == []


def test_a_strange_subject_is_text(at: fakes.Google, followed: SyncStream, browser: Client) -> None:
    deliver(at, "engine <script>alert(1)</script>", message_id="<x@example.com>")
    page = look(browser, followed)
    assert "engine &lt;script&gt;" in page
    assert "<script>alert" not in page
