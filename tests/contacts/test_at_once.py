"""A double click, or two tabs: the second of two equal requests gets a sentence or the same page, never an error."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import transaction
from django.http import HttpResponse
from django.test import Client

from contacts.models import Contact, ContactIdentity, ContactSlug, ContactTag
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact
from tests.jobs.threads import together

pytestmark = pytest.mark.django_db(transaction=True)
ROUNDS = 5


def twice(user: User, act: Callable[[Client], HttpResponse]) -> list[HttpResponse]:
    """The answers to two browsers of one person that ask at the same moment, the successful one first."""
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.force_login(user)
    return sorted(together(2, lambda n: act(browsers[n])), key=lambda answer: answer.status_code)


def count(user: User, model: type) -> int:
    with acting_as(user.pk):
        return model.objects.for_user(user).count()


def test_the_same_person_twice(alice: User) -> None:
    for n in range(ROUNDS):
        form = {"name": "Ada Lovelace", "email": f"ada{n}@example.org", "tags": "poet, friend"}
        done, refused = twice(alice, lambda browser, form=form: browser.post("/contacts/add/", form))
        assert (done.status_code, refused.status_code) == (302, 422)
        assert "already belongs to Ada Lovelace." in refused.content.decode()
    assert (count(alice, Contact), count(alice, ContactIdentity)) == (ROUNDS, ROUNDS)


def test_two_people_of_one_name(alice: User) -> None:
    for _ in range(ROUNDS):
        answers = twice(alice, lambda browser: browser.post("/contacts/add/", {"name": "Ada Lovelace"}))
        assert [answer.status_code for answer in answers] == [302, 302]
    with acting_as(alice.pk):
        assert len(set(Contact.objects.for_user(alice).values_list("slug", flat=True))) == 2 * ROUNDS


def test_the_same_address_for_two_people(alice: User) -> None:
    for n in range(ROUNDS):
        people = iter([make_contact(alice, display_name="Ada"), make_contact(alice, display_name="Bo")])
        urls = {0: next(people).get_absolute_url(), 1: next(people).get_absolute_url()}
        form = {"address": f"both{n}@example.org"}
        taken = iter(urls.values())
        answers = twice(
            alice, lambda browser, to=taken, form=form: browser.post(f"{next(to)}addresses/add/", form)
        )
        assert [answer.status_code for answer in answers] == [302, 422]
        assert "already belongs to" in answers[1].content.decode()


def test_the_same_address_for_one_person(alice: User) -> None:
    ada = make_contact(alice, display_name="Ada")
    for n in range(ROUNDS):
        url, form = f"{ada.get_absolute_url()}addresses/add/", {"address": f"ada{n}@example.org"}
        answers = twice(alice, lambda browser, url=url, form=form: browser.post(url, form))
        assert [answer.status_code for answer in answers] == [302, 302]
    assert count(alice, ContactIdentity) == ROUNDS


def test_the_same_new_name_and_tags(alice: User) -> None:
    ada = make_contact(alice, display_name="Ada", slug="ada-0")
    for n in range(1, ROUNDS):
        url, form = f"/contacts/ada-{n - 1}/edit/", {"name": f"Ada {n}", "tags": f"tag {n}"}
        answers = twice(alice, lambda browser, url=url, form=form: browser.post(url, form))
        assert {answer.status_code for answer in answers} <= {302, 404}, "404: the other one was done by then"
        assert answers[0].headers["Location"] == f"/contacts/ada-{n}/"
    with acting_as(alice.pk), transaction.atomic():
        assert Contact.objects.for_user(alice).get(pk=ada.pk).display_name == f"Ada {ROUNDS - 1}"
        assert ContactSlug.objects.for_user(alice).count() == ROUNDS - 1
        assert ContactTag.objects.for_user(alice).count() == 1
