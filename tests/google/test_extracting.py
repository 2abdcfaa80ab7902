"""Of whom contacts are made, who is suggested, and who is left alone: measured on a labelled sample."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pytest_django import Settings

from contacts import erased
from contacts.drafts import InteractionDraft, Mention
from contacts.matching import same_spelling
from contacts.models import Company, Contact, ContactIdentity, OwnAddress, Suggestion
from contacts.recording import record
from contacts.suggesting import open_suggestions
from integrations.accounts import learn_own_addresses
from integrations.extracting import PAGE, ask_for_people, extract
from integrations.origins import stream_options
from integrations.preferences import Creation, Preferences, save
from jobs.models import Batch, Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import (
    NOON,
    make_batch,
    make_calendar_event,
    make_contact,
    make_google_account,
    make_identity,
    make_own_address,
    make_stream,
    make_suppression,
    number,
)

SAMPLE = Path(__file__).parent / "people.txt"
ALICE = "alice@example.org"
MANY = [f"guest{n}@crowd.example" for n in range(25)]


def labelled() -> Iterator[tuple[str, list[int], str, str, str]]:
    """(expected, [sent, received, met], kind of mail, address, name) of each line of the sample."""
    for line in SAMPLE.read_text().splitlines():
        if line and not line.startswith("#"):
            expected, times, kind, address, name = (part.strip() for part in line.split("|"))
            yield expected, list(map(int, times.split())), kind, address, name


def mail(batch: Batch, *drafts: InteractionDraft) -> list[UUID]:
    with acting_as(batch.user_id):
        return [done.interaction_id for done in record(batch, drafts)]


def draft(
    kind: str, direction: str, *people: tuple[str, str, str], bulk: str = "", at: dt.datetime = NOON
) -> InteractionDraft:
    mentions = [Mention(same_spelling(address), name, role) for address, name, role in people]
    key = f"<{number()}@example.org>"
    return InteractionDraft(kind, "gmail", key, at, direction=direction, bulk=bulk, mentions=mentions)


def sent(address: str, name: str = "", others: Sequence[str] = (), **more: Any) -> InteractionDraft:
    return draft(
        "email",
        "sent",
        (ALICE, "Alice", "from"),
        (address, name, "to"),
        *((o, "", "cc") for o in others),
        **more,
    )


def received(address: str, name: str = "", **more: Any) -> InteractionDraft:
    return draft("email", "received", (address, name, "from"), (ALICE, "", "to"), **more)


def met(address: str, name: str = "", others: Sequence[str] = (), **more: Any) -> InteractionDraft:
    guests = ((o, "", "attendee") for o in others)
    return draft("meeting", "", (ALICE, "", "organizer"), (address, name, "attendee"), *guests, **more)


def history_of(times: list[int], kind: str, address: str, name: str) -> Iterator[InteractionDraft]:
    crowd = MANY if kind == "crowd" else []
    bulk = kind if kind in ("automatic", "newsletter", "list") else ""
    yield from (sent(address, name, crowd) for _ in range(times[0]))
    yield from (received(address, name, bulk=bulk) for _ in range(times[1]))
    yield from (met(address, name, crowd) for _ in range(times[2]))
    if kind == "carried":
        people = (("list.author@example.com", "", "from"), (address, name, "to"))
        yield draft("email", "received", *people, bulk="list")


@pytest.fixture
def batch(alice: User) -> Batch:
    return make_batch(alice, kind="google", state="running")


@pytest.fixture
def surroundings(alice: User, settings: Settings) -> None:
    """Whom Alice wants to hear nothing of, and which addresses are hers."""
    settings.BLOCKED_SENDERS = frozenset({"blocked@*"})
    make_own_address(alice, value="alice.archer@gmail.com")
    make_suppression(alice, scope="address", key="deleted@example.com", reason="deleted")
    make_suppression(alice, scope="address", key="ignored@example.com", reason="ignored")
    make_suppression(alice, scope="address", key="passedover@gmail.com", reason="passed")
    make_suppression(alice, scope="domain", key="spam.example", reason="ignored")
    with acting_as(alice.pk):
        erased.remember(alice.pk, [("email", "erased@example.com")])


def outcome(user: User) -> dict[str, str]:
    """What became of each address."""
    with acting_as(user.pk):
        contacts = (
            ContactIdentity.objects.for_user(user).exclude(contact=None).values_list("value", flat=True)
        )
        suggested = open_suggestions(user).values_list("key", flat=True)
        return dict.fromkeys(suggested, "suggestion") | dict.fromkeys(contacts, "contact")


@pytest.mark.usefixtures("surroundings")
def test_a_labelled_sample(alice: User, batch: Batch) -> None:
    """Precision of contacts is 1.0, and so is recall: nobody whom Alice knows is missed in the sample."""
    lines = list(labelled())
    page = mail(batch, *(one for line in lines for one in history_of(*line[1:])))
    with acting_as(alice.pk):
        extract(batch, Preferences(internal=("ours.example",)), page)
    found = outcome(alice)
    became = {
        same_spelling(address): found.get(same_spelling(address), "nothing") for *_, address, _ in lines
    }
    wanted = {same_spelling(address): expected for expected, *_, address, _ in lines}
    assert became == wanted
    made = list(found.values())
    assert (made.count("contact"), made.count("suggestion")) == (16, 5)
    with acting_as(alice.pk):
        assert not Company.objects.for_user(alice).exists()
        names = dict(Contact.objects.for_user(alice).values_list("primary_email", "display_name"))
    assert (names["charlie@mail.example.com"], names["grace@web.de"]) == ("Charlie Stranger", "grace")
    assert (names["charlie+work@example.com"], names["ada@example.com"]) == ("Charlie", "Ada Lovelace")


CHOICES = {
    Creation.OFF: {},
    Creation.SUGGEST: {"ada@example.com": "suggestion", "grace@example.com": "suggestion"},
    Creation.SENT: {"ada@example.com": "contact", "grace@example.com": "suggestion"},
    Creation.BOTH: {"ada@example.com": "contact", "grace@example.com": "contact"},
}


@pytest.mark.parametrize("creation", CHOICES)
def test_the_owner_decides_of_whom_people_are_made(alice: User, batch: Batch, creation: Creation) -> None:
    page = mail(batch, sent("ada@example.com"), received("grace@example.com"))
    with acting_as(alice.pk):
        extract(batch, Preferences(creation=creation), page)
    assert outcome(alice) == CHOICES[creation]


def test_who_is_known_already_is_not_made_again(alice: User, batch: Batch) -> None:
    make_identity(alice, value="ada@example.com", contact=make_contact(alice))
    page = mail(batch, sent("ada@example.com"))
    with acting_as(alice.pk):
        assert extract(batch, Preferences(), page) == ([], [])


def test_evidence_is_counts_and_ids(alice: User, batch: Batch) -> None:
    days = [NOON + dt.timedelta(days=n) for n in range(7)]
    page = mail(batch, *(received("grace@example.com", "Grace Hopper", at=day) for day in days))
    with acting_as(alice.pk):
        extract(batch, Preferences(most_attendees=9), page[:2])  # the others are counted all the same
        suggestion = Suggestion.objects.for_user(alice).get()
    assert suggestion.batch_id == batch.pk
    assert (suggestion.kind, suggestion.key, suggestion.score) == ("contact", "grace@example.com", 7)
    assert suggestion.evidence == {
        "sent": 0,
        "received": 7,
        "met": 0,
        "invited": 0,
        "first": days[0].isoformat(),
        "last": days[-1].isoformat(),
        "interactions": [str(pk) for pk in page[:1:-1]],
        "most": 9,
    }


def test_pages_may_come_in_any_order_and_again(alice: User, batch: Batch) -> None:
    heard = mail(batch, received("ada@example.com", "Ada"), received("grace@example.com"))
    wrote = mail(batch, sent("ada@example.com", "Ada"))
    with acting_as(alice.pk):
        first = [extract(batch, Preferences(), page) for page in (heard, heard, wrote, wrote, heard)]
        events = Event.objects.for_user(alice).values_list("action", flat=True).order_by("created_at")
        assert sorted(events) == ["contact.created", "suggestion.made"]
    assert [len(made) for made, _ in first] == [1, 0, 0, 0, 0]
    assert outcome(alice) == {"ada@example.com": "contact", "grace@example.com": "suggestion"}


def test_a_suggestion_closes_when_a_contact_of_the_address_appears(alice: User, batch: Batch) -> None:
    page = mail(batch, received("grace@example.com"))
    with acting_as(alice.pk):
        extract(batch, Preferences(), page)
        assert open_suggestions(alice).count() == 1
        ContactIdentity.objects.for_user(alice).filter(value="grace@example.com").update(
            contact=make_contact(alice)
        )
        assert open_suggestions(alice).count() == 0


@pytest.mark.parametrize(
    ("response", "became"),
    [
        ("accepted", {"ada@example.com": "contact", "grace@example.com": "contact"}),
        ("tentative", {"ada@example.com": "suggestion"}),
        ("", {"ada@example.com": "suggestion"}),
    ],
)
def test_an_invitation_counts_once_it_is_accepted(
    alice: User, batch: Batch, response: str, became: dict[str, str]
) -> None:
    """Until then only for whoever asked: a stranger's invitation makes nobody a contact."""
    make_calendar_event(alice, ical_uid="tea@example.com", response=response)
    people = (
        ("ada@example.com", "", "organizer"),
        ("grace@example.com", "", "attendee"),
        (ALICE, "", "attendee"),
    )
    invitation = draft("meeting", "", *people)
    invitation.thread_key = "ical:tea@example.com"
    page = mail(batch, invitation)
    with acting_as(alice.pk):
        _, suggested = extract(batch, Preferences(), page)
    assert outcome(alice) == became
    assert [(one.met, one.invited) for one in suggested] == ([] if response == "accepted" else [(0, 1)])


def test_jobs_of_the_batch_look_at_a_page_each(alice: User, batch: Batch) -> None:
    account = make_google_account(alice)
    page = mail(batch, sent("ada@example.com"), received("grace@example.com"))
    padding = [UUID(int=n) for n in range(PAGE - 1)]
    with acting_as(alice.pk):
        batch.options = stream_options(make_stream(alice, account=account))
        jobs = ask_for_people(batch, [page[0], *padding, page[1]])
        assert [len(job.payload["interactions"]) for job in jobs] == [PAGE, 1]
        assert {job.batch_id for job in jobs} == {batch.pk}
        save(account, Preferences(creation=Creation.BOTH))
    assert [run_one(None, "test", user=alice).state for _ in jobs] == ["succeeded"] * 2  # type: ignore[union-attr]
    assert outcome(alice) == {"ada@example.com": "contact", "grace@example.com": "contact"}


@pytest.mark.parametrize("state", ["undoing", "undone"])
def test_nobody_is_made_for_a_batch_that_was_taken_back(alice: User, state: str) -> None:
    batch = make_batch(alice, kind="google_live", state="done", options=stream_options(make_stream(alice)))
    page = mail(batch, sent("ada@example.com"))
    with acting_as(alice.pk):
        ask_for_people(batch, page)
        Batch.objects.for_user(alice).update(state=state)
    done = run_one(None, "test", user=alice)
    assert done is not None
    assert (done.state, outcome(alice)) == (Job.State.SUCCEEDED, {})


def test_people_of_files_stand_in_their_plans(alice: User, batch: Batch) -> None:
    with acting_as(alice.pk):
        assert ask_for_people(batch, mail(batch, sent("ada@example.com"))) == []


def test_an_account_that_is_gone_ends_the_job(alice: User, batch: Batch) -> None:
    account = make_google_account(alice)
    with acting_as(alice.pk):
        batch.options = stream_options(make_stream(alice, account=account))
        ask_for_people(batch, [UUID(int=1)])
        account.delete()
    done = run_one(None, "test", user=alice)
    assert done is not None
    assert (done.state, done.error_code) == (Job.State.DEAD, "not_found")


def test_what_the_account_writes_from_is_ones_own(alice: User, batch: Batch) -> None:
    aliases = ["alice@work.example", "Alice@Work.Example", "not an address"]
    account = make_google_account(alice, email="Alice.Archer@gmail.com", aliases=aliases)
    with acting_as(alice.pk):
        for _ in range(2):
            learn_own_addresses(account)
        own = set(OwnAddress.objects.for_user(alice).values_list("value", flat=True))
    assert own == {"alice.archer@gmail.com", "alice@work.example"}
    page = mail(batch, sent("alice+notes@work.example"), sent("alicearcher@googlemail.com"))
    with acting_as(alice.pk):
        assert extract(batch, Preferences(), page) == ([], [])
