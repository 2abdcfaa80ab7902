"""What somebody may want of an account, what is refused, and what a plan is bound to."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts.drafts import InteractionDraft
from integrations.models import GoogleAccount
from integrations.preferences import (
    BadPreferences,
    Category,
    Creation,
    Keep,
    Preferences,
    keep_of_thread,
    reduce,
    save,
)
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import NOON, make_google_account


def test_a_new_account_has_careful_defaults(alice: User) -> None:
    wanted = Preferences.of(make_google_account(alice))
    assert wanted == Preferences()
    assert wanted.as_json() == {
        "days": 365,
        "labels_out": [],
        "categories_out": ["promotions", "social", "forums", "updates"],
        "creation": "sent",
        "keep": "full",
        "threads": {},
        "internal": [],
        "most_attendees": 20,
        "version": 0,
    }
    assert wanted.since(NOON) == NOON - dt.timedelta(days=365)
    assert Preferences(days=None).since(NOON) is None


def test_what_is_written_is_read_again() -> None:
    wanted = Preferences(
        days=None,
        labels_out=("Private", "Work/Old"),
        categories_out=(Category.SOCIAL,),
        creation=Creation.BOTH,
        keep=Keep.SUBJECT,
        threads={"gmail:1": Keep.FULL},
        internal=("example.org",),
        most_attendees=7,
        version=3,
    )
    assert Preferences.read(wanted.as_json()) == wanted


def test_values_are_tidied() -> None:
    wanted = Preferences.read(
        {
            "labels_out": ["  Work/ Old ", "private", "PRIVATE", ""],
            "categories_out": ["updates", "promotions", "updates"],
            "internal": ["@Example.ORG.", "a.example.com", "", "example.org"],
        }
    )
    assert wanted.labels_out == ("PRIVATE", "Work/ Old")
    assert wanted.categories_out == ("promotions", "updates")
    assert wanted.internal == ("a.example.com", "example.org")


REFUSED: dict[str, tuple[Any, str]] = {
    "days": (0, "Mail is taken from between 1 and 36,500 days back, or all of it."),
    "labels_out": (["x" * 226], f"“{'x' * 40}…” is too long for the name of a label."),
    "categories_out": (
        ["spam"],
        "“spam” is no category of Gmail. There are: promotions, social, forums, updates.",
    ),
    "creation": ("everybody", "“everybody” is no choice here. There are: off, suggest, sent, both."),
    "keep": ("bodies", "“bodies” is no choice here. There are: metadata, subject, full."),
    "threads": ({"gmail:1": "all"}, "“all” is no choice here. There are: metadata, subject, full."),
    "internal": (["my company"], "“my company” is no domain. Write it like example.com."),
    "most_attendees": (501, "The number of people in a meeting is between 1 and 500."),
    "version": (-1, "The version is a number."),
    "colour": ("red", "There is no preference called “colour”."),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_makes_no_sense_is_refused_with_a_sentence(name: str) -> None:
    value, sentence = REFUSED[name]
    with pytest.raises(BadPreferences) as refused:
        Preferences.read({name: value})
    assert (refused.value.name, str(refused.value)) == (name, sentence)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("days", True),
        ("days", "30"),
        ("days", 36_501),
        ("labels_out", "Private"),
        ("labels_out", ["a\x00b"]),
        ("labels_out", [f"label {n}" for n in range(101)]),
        ("categories_out", [1]),
        ("creation", None),
        ("threads", ["gmail:1"]),
        ("threads", {"": "full"}),
        ("threads", {"t" * 256: "full"}),
        ("threads", {f"t{n}": "full" for n in range(10_001)}),
        ("internal", ["localhost"]),
        ("internal", ["a..example"]),
        ("internal", [f"d{n}.example" for n in range(101)]),
        ("most_attendees", 0),
        ("most_attendees", 2.5),
    ],
)
def test_values_of_the_wrong_kind_or_size_are_refused(name: str, value: Any) -> None:
    with pytest.raises(BadPreferences) as refused:
        Preferences.read({name: value})
    assert refused.value.name == name


def test_the_version_rises_where_a_plan_no_longer_holds(alice: User) -> None:
    account = make_google_account(alice)
    with acting_as(alice.pk):
        first = save(account, replace(Preferences(), days=30))
        assert (first.version, Preferences.of(account)) == (1, first)
        again = save(account, replace(first, version=99))
        assert again.version == 1  # nothing new, whatever version it names
        second = save(account, replace(first, keep=Keep.METADATA))
        assert second.version == 2
        stored = Preferences.of(GoogleAccount.objects.for_user(alice).get())
        events = Event.objects.for_user(alice).filter(action="account.preferences_changed")
        said = list(events.order_by("created_at").values_list("data", flat=True))
    assert stored == second
    assert said == [{"names": ["days"], "version": 1}, {"names": ["keep"], "version": 2}]
    assert len({first.digest, second.digest, Preferences().digest}) == 3
    assert replace(second, version=7).digest == second.digest


def test_a_thread_may_be_kept_otherwise_and_no_plan_minds(alice: User) -> None:
    account = make_google_account(alice)
    with acting_as(alice.pk):
        changed = keep_of_thread(account, "gmail:1", Keep.SUBJECT)
        assert (changed.kept_of("gmail:1"), changed.kept_of("gmail:2")) == (Keep.SUBJECT, Keep.FULL)
        assert (changed.version, changed.digest) == (0, Preferences().digest)
        assert keep_of_thread(account, "gmail:1", None) == Preferences()
        with pytest.raises(BadPreferences):
            keep_of_thread(account, "t" * 300, Keep.FULL)


def test_of_two_who_save_at_once_the_second_sees_the_first(alice: User) -> None:
    """The row is locked and read anew, so that a rule for a thread is not lost to a form that was open before."""
    account = make_google_account(alice)
    with acting_as(alice.pk), CaptureQueriesContext(connection) as asked:
        keep_of_thread(account, "gmail:1", Keep.SUBJECT)
    assert sum("FOR NO KEY UPDATE" in query["sql"] for query in asked) == 2


@pytest.mark.parametrize(
    ("email", "is_ours"),
    [("ada@example.org", True), ("ada@eu.Example.org", True), ("ada@notexample.org", False), ("ada", False)],
)
def test_colleagues_are_told_by_their_domain(email: str, is_ours: bool) -> None:
    assert Preferences(internal=("example.org",)).is_internal(email) is is_ours


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        (Keep.FULL, ("Plans", "Ada\n> before", "Ada")),
        (Keep.SUBJECT, ("Plans", "", "")),
        (Keep.METADATA, ("", "", "")),
    ],
)
def test_what_is_not_kept_is_taken_out(keep: Keep, left: tuple[str, str, str]) -> None:
    draft = InteractionDraft("email", "gmail", "<1@example.com>", NOON, "Plans", "Ada\n> before", "Ada")
    reduce(draft, keep)
    assert (draft.subject, draft.text, draft.visible_text) == left
