"""Writing a letter in the browser: saved, looked at, sent as it was looked at, and taken back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from integrations.google import oauth
from integrations.models import GoogleAccount, OutboxMessage
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_identity, make_letter
from tests.google.letters import GRACE, Desk, connected, writing

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(settings: Any, alice: User) -> Iterator[Desk]:
    with writing(settings, alice) as desk:
        yield desk


def only(desk: Desk) -> OutboxMessage:
    with acting_as(desk.user.pk):
        return OutboxMessage.objects.for_user(desk.user).get()


def count(desk: Desk) -> int:
    with acting_as(desk.user.pk):
        return OutboxMessage.objects.for_user(desk.user).count()


def hash_on(page: str) -> str:
    return re.findall(r'name="content_hash" value="(\w{64})"', page)[0]


def write(client: Client, desk: Desk, **said: str) -> OutboxMessage:
    client.post(f"/contacts/{desk.contact.slug}/write/", {"subject": "Lunch", "body": "At noon?", **said})
    return only(desk)


def test_from_the_page_of_a_contact_to_the_sent_letter(client: Client, desk: Desk) -> None:
    place = f"/contacts/{desk.contact.slug}/"
    assert f'href="{place}write/"' in client.get(place).text
    client.get(f"{place}write/")
    assert count(desk) == 0  # looking at an empty sheet keeps none
    answer = client.post(f"{place}write/", {"subject": "Lunch", "body": "At noon?", "look": "1"})
    letter = only(desk)
    assert answer["Location"] == f"/letters/{letter.pk}/look/"
    page = client.get(answer["Location"]).text
    assert "At noon?" in page
    sent = client.post(f"/letters/{letter.pk}/send/", {"content_hash": hash_on(page)})
    assert sent["Location"] == f"/letters/{letter.pk}/"
    shown = client.get(sent["Location"]).text
    assert re.search(r"Goes out in (9|10) seconds", shown)
    assert "Take it back" in shown
    desk.send(letter)
    assert '<h1 aria-live="polite">\n    Sent' in re.sub(r"\n\s*\n", "\n", client.get(sent["Location"]).text)
    assert len(desk.sent) == 1


def test_taken_back(client: Client, desk: Desk) -> None:
    letter = desk.approved()
    told = client.post(f"/letters/{letter.pk}/recall/", follow=True).text
    assert "Taken back. It is a draft again, and nothing was sent." in told
    desk.send(letter)
    assert (desk.state(letter), desk.sent) == ("draft", [])
    assert "too late" in client.post(f"/letters/{letter.pk}/recall/", follow=True).text


def test_another_text_than_the_one_on_the_page_is_not_sent(client: Client, desk: Desk) -> None:
    letter = write(client, desk)
    seen = hash_on(client.get(f"/letters/{letter.pk}/look/").text)
    client.post(f"/letters/{letter.pk}/", {"subject": "Lunch", "body": "At one?"})  # in another tab
    refused = client.post(f"/letters/{letter.pk}/send/", {"content_hash": seen})
    assert (refused.status_code, "Nothing was sent." in refused.text, "At one?" in refused.text) == (
        409,
        True,
        True,
    )
    assert (desk.state(letter), desk.work(), desk.sent) == ("draft", [], [])


def test_nothing_is_sent_by_looking(client: Client, desk: Desk) -> None:
    letter = write(client, desk)
    for place in ("", "look/", "send/", "recall/", "settle/", "discard/", "reopen/"):
        client.get(f"/letters/{letter.pk}/{place}")
    assert (desk.state(letter), desk.work()) == ("draft", [])


def test_the_address_is_chosen_among_those_of_the_contact(client: Client, desk: Desk) -> None:
    make_identity(desk.user, contact=desk.contact, kind="email", value="other@example.org")
    refused = client.post(
        f"/contacts/{desk.contact.slug}/write/", {"body": "Hello", "to": "stranger@example.net"}
    )
    assert ("Select a valid choice" in refused.text, count(desk)) == (True, 0)
    assert write(client, desk, to="other@example.org").to == ["other@example.org"]


def test_what_was_typed_is_escaped(client: Client, desk: Desk) -> None:
    letter = write(client, desk, body="<script>alert(1)</script>")
    assert "<script>alert" not in client.get(f"/letters/{letter.pk}/look/").text


def test_a_person_settles_what_nobody_knows(client: Client, desk: Desk) -> None:
    desk.google.faults.add("drafts.send", "503")
    letter = desk.send(desk.approved())
    page = client.get(f"/letters/{letter.pk}/").text
    assert "Perhaps it was sent" in page
    assert "I found it under Sent" in page
    assert "Neither sends anything." in page
    client.post(f"/letters/{letter.pk}/settle/", {"was_sent": "perhaps"})
    assert desk.state(letter) == "unknown"
    client.post(f"/letters/{letter.pk}/settle/", {"was_sent": "yes"})
    assert desk.state(letter) == "confirmed"


def test_a_letter_on_its_way_says_that_it_cannot_be_taken_back(client: Client, desk: Desk) -> None:
    letter = desk.approved()
    page = client.get(f"/letters/{letter.pk}/").text
    assert ("Take it back" in page, "cannot be taken back any more" in page) == (True, False)
    with acting_as(desk.user.pk):
        OutboxMessage.objects.for_user(desk.user).update(state="attempting", step="drafting")
    page = client.get(f"/letters/{letter.pk}/").text
    assert ("Take it back" in page, "cannot be taken back any more" in page) == (False, True)


def test_drafts_can_be_thrown_away_and_sent_letters_not(client: Client, desk: Desk) -> None:
    draft = write(client, desk)
    assert "The draft is gone." in client.post(f"/letters/{draft.pk}/discard/", follow=True).text
    sent = desk.send(desk.approved())
    assert "Only drafts" in client.post(f"/letters/{sent.pk}/discard/", follow=True).text
    assert desk.state(sent) == "confirmed"


def test_without_a_permission_to_write_nothing_offers_it(client: Client, desk: Desk) -> None:
    with acting_as(desk.user.pk):
        GoogleAccount.objects.for_user(desk.user).update(scopes=[oauth.MAIL])
    place = f"/contacts/{desk.contact.slug}/"
    assert "/write/" not in client.get(place).text
    assert "choose “Allow writing” there" in client.get("/letters/").text
    assert "Allow OmniCRM to write" in client.get(f"{place}write/", follow=True).text


def test_the_lists(client: Client, desk: Desk) -> None:
    for number in range(51):
        make_letter(
            desk.user, account=desk.account, contact=desk.contact, to=[GRACE], subject=f"Number {number}"
        )
    first, second = client.get("/letters/").text, client.get("/letters/?page=2").text
    assert (first.count("Number "), second.count("Number ")) == (50, 1)
    assert "Nothing was sent yet" in client.get("/letters/?show=sent").text


def test_a_draft_without_an_account_says_what_to_do(client: Client, desk: Desk) -> None:
    letter = make_letter(desk.user, account=desk.account, contact=desk.contact, to=[GRACE], body="At noon?")
    with acting_as(desk.user.pk):
        GoogleAccount.objects.for_user(desk.user).delete()
    page = client.get(f"/letters/{letter.pk}/").text
    assert "No account that may write is connected." in page
    refused = client.post(f"/letters/{letter.pk}/send/", {"content_hash": desk.fresh(letter).content_hash})
    assert (refused.status_code, "Connect one under Connections" in refused.text) == (409, True)
    connected(desk.google, desk.user)
    assert "No account that may write" not in client.get(f"/letters/{letter.pk}/").text
    look = client.post(f"/letters/{letter.pk}/", {"body": "At one?", "look": "1"}, follow=True).text
    client.post(f"/letters/{letter.pk}/send/", {"content_hash": hash_on(look)})
    assert (desk.send(letter).state, len(desk.sent)) == ("confirmed", 1)
