"""Holding less of a conversation, or of all of an account, for good."""

from __future__ import annotations

import pytest
from django.test import Client

from contacts.models import Interaction
from integrations import reducing
from integrations.models import GoogleAccount, Provenance, RawEvent
from integrations.preferences import Keep, Preferences, save
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import make_google_account, make_interaction, make_provenance, make_raw_event


@pytest.fixture
def account(alice: User) -> GoogleAccount:
    return make_google_account(alice)


def letter(account: GoogleAccount, thread: str = "one", *, also_in: str = "") -> Interaction:
    """A message of the account's, and of another source besides, if one is named."""
    message = make_interaction(account.user, thread_key=thread)
    for source in filter(None, (f"gmail:{account.google_sub}", also_in)):
        raw = make_raw_event(account.user, source=source, verdict="kept", payload=b"x")
        make_provenance(account.user, raw_event=raw, interaction=message)
    return message


def said(message: Interaction) -> tuple[str, str, int]:
    """The subject, the text, and how many originals are held of it."""
    with acting_as(message.user_id):
        now = Interaction.objects.for_user(message.user_id).get(pk=message.pk)
        raws = RawEvent.objects.for_user(message.user_id).exclude(payload=None)
        count = raws.filter(pk__in=message_raws(message)).count()
    return now.subject, now.text, count


def message_raws(message: Interaction) -> list[object]:
    rows = Provenance.objects.for_user(message.user_id).filter(interaction=message)
    return list(rows.values_list("raw_event", flat=True))


def keep(account: GoogleAccount, **choices: object) -> None:
    with acting_as(account.user_id):
        save(account, Preferences.read(choices))


def work(user: User) -> None:
    done = run_one(None, "test", user=user)
    assert done is not None
    assert (done.kind, done.state) == ("reduce_kept", "succeeded")


WHOLE = ("Notes", "On the engine.", 1)


@pytest.mark.parametrize(("choice", "left"), [("subject", ("Notes", "", 0)), ("metadata", ("", "", 0))])
def test_what_is_too_much_goes_after_one_was_asked(
    client: Client, account: GoogleAccount, choice: str, left: tuple[str, str, int]
) -> None:
    mine, kept, shared = letter(account), letter(account, "kept"), letter(account, "two", also_in="file:1")
    keep(account, keep=choice, threads={"kept": "full"})
    place = f"/connections/{account.pk}/"
    assert (
        "More is held here of 1 message than you want kept."
        in client.get(f"{place}preferences/").content.decode()
    )
    page = client.get(f"{place}reduce/").content.decode()
    assert "Of 1 message" in page
    assert "This cannot be undone." in page
    assert said(mine) == WHOLE
    client.post(f"{place}reduce/")
    work(account.user)
    assert (said(mine), said(kept), said(shared)) == (left, WHOLE, ("Notes", "On the engine.", 2))
    assert "Nothing is held here beyond" in client.get(f"{place}reduce/").content.decode()
    with acting_as(account.user_id):
        noted = Event.objects.for_user(account.user_id).get(action="account.reduced")
    assert noted.data == {"messages": 1}


def test_pages_go_one_after_another(account: GoogleAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reducing, "PAGE", 2)
    letters = [letter(account, str(number)) for number in range(5)]
    keep(account, keep="subject")
    with acting_as(account.user_id):
        reducing.start_reducing(account)
    work(account.user)
    assert [said(one)[1:] for one in letters] == [("", 0)] * 5


def test_one_conversation_is_kept_otherwise(client: Client, account: GoogleAccount) -> None:
    first, other = letter(account, "one"), letter(account, "two")
    place = f"/connections/threads/{first.pk}/"
    page = client.get(place).content.decode()
    assert "As of the others: all of the text" in page
    client.post(place, {"keep": "subject"})
    with acting_as(account.user_id):
        stored = Preferences.of(GoogleAccount.objects.for_user(account.user_id).get())
    assert (stored.kept_of("one"), stored.kept_of("two")) == (Keep.SUBJECT, Keep.FULL)
    assert "Of 1 message of it more is held" in client.get(place).content.decode()
    assert said(first) == WHOLE
    client.post(place, {"keep": "metadata", "reduce": "1"})
    work(account.user)
    assert (said(first), said(other)) == (("", "", 0), WHOLE)
    client.post(place, {"keep": ""})
    client.post(place, {"keep": "nonsense"})
    with acting_as(account.user_id):
        assert Preferences.of(GoogleAccount.objects.for_user(account.user_id).get()).threads == {}


def test_what_came_from_a_file_is_kept_as_it_was(client: Client, alice: User) -> None:
    message = make_interaction(alice, thread_key="one")
    page = client.get(f"/connections/threads/{message.pk}/").content.decode()
    assert "It did not come from a connected account" in page


def test_nobody_elses(client: Client, charlie: User) -> None:
    his = make_google_account(charlie)
    message = letter(his)
    for place in (f"/connections/{his.pk}/reduce/", f"/connections/threads/{message.pk}/"):
        assert (client.get(place).status_code, client.post(place).status_code) == (404, 404)
