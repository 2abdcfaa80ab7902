"""What mail of an account made of people goes with it, and what a person decided is taken back as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from contacts.models import Contact, Note, Suggestion, Suppression
from contacts.suggesting import accept, ignore, ignore_domain, open_suggestions
from integrations.extracting import extract
from integrations.preferences import Preferences
from jobs.models import Batch
from jobs.restore import state_hash
from jobs.undo import undo
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_batch, make_provenance
from tests.google.test_extracting import mail, outcome, received, sent


def brought(user: User, *drafts: Any) -> tuple[Batch, list[UUID]]:
    """A finished batch of an account that brought this mail, and the people of it."""
    batch = make_batch(user, kind="google", state="done")
    page = mail(batch, *drafts)
    with acting_as(user.pk):
        extract(batch, Preferences(), page)
    return batch, page


def take_back(batch: Batch) -> dict[str, Any]:
    with acting_as(batch.user_id):
        return undo(batch).as_json()


def state(user: User) -> str:
    with acting_as(user.pk):
        return state_hash(user.pk)


def evidence_of(user: User, key: str) -> tuple[int, int]:
    with acting_as(user.pk):
        found = Suggestion.objects.for_user(user).get(key=key).evidence
    return found["sent"], found["received"]


def test_people_and_suggestions_go_with_their_batch(alice: User) -> None:
    before = state(alice)
    batch, _ = brought(alice, sent("ada@example.com", "Ada"), received("grace@example.com"))
    assert outcome(alice) == {"ada@example.com": "contact", "grace@example.com": "suggestion"}
    done = take_back(batch)
    assert done["kept"] == []
    assert done["removed_by_kind"]["people"] == 1
    assert done["removed_by_kind"]["suggestions"] == 1
    assert state(alice) == before


def test_a_later_batch_is_taken_back_to_what_was_before_it(alice: User) -> None:
    """Grace was only heard from; then Alice wrote to her. Without that, she is a suggestion again, as before."""
    brought(alice, received("grace@example.com"), received("ada@example.com"))
    before = state(alice)
    later, _ = brought(alice, sent("grace@example.com"), received("ada@example.com"))
    assert outcome(alice) == {"grace@example.com": "contact", "ada@example.com": "suggestion"}
    assert evidence_of(alice, "ada@example.com") == (0, 2)
    assert take_back(later)["kept"] == []
    assert outcome(alice) == {"grace@example.com": "suggestion", "ada@example.com": "suggestion"}
    assert evidence_of(alice, "ada@example.com") == (0, 1)
    assert state(alice) == before


def test_an_earlier_batch_leaves_what_a_later_one_needs(alice: User) -> None:
    first, _ = brought(
        alice, sent("ada@example.com"), received("grace@example.com"), received("gone@example.com")
    )
    brought(alice, received("ada@example.com"), received("grace@example.com"))
    whys = {row["what"]: row["why"] for row in take_back(first)["kept"]}
    assert whys["contacts.contact"] == "other e-mails or meetings are with them"
    assert outcome(alice) == {"ada@example.com": "contact", "grace@example.com": "suggestion"}
    assert evidence_of(alice, "grace@example.com") == (0, 1)


def test_somebody_in_mail_that_a_later_import_also_holds_stays(alice: User) -> None:
    first, page = brought(alice, sent("ada@example.com"))
    make_provenance(alice, interaction_id=page[0], batch=make_batch(alice, kind="file_import", state="done"))
    whys = {row["what"]: row["why"] for row in take_back(first)["kept"]}
    assert whys["contacts.contact"] == "another import also names them"
    assert outcome(alice) == {"ada@example.com": "contact"}


def suggested(user: User) -> Sequence[Suggestion]:
    return list(open_suggestions(user).order_by("key"))


def test_accepting_makes_people_and_can_be_taken_back(alice: User) -> None:
    brought(alice, received("ada@example.com", "Ada Lovelace"), received("grace@example.com"))
    before = state(alice)
    with acting_as(alice.pk):
        batch, contacts = accept(alice, suggested(alice))
    assert batch is not None
    assert (batch.kind, batch.title, batch.totals) == ("accept", "Added 2 people", {"result": {"created": 2}})
    assert [(one.display_name, one.source) for one in contacts] == [
        ("Ada Lovelace", "suggestion"),
        ("grace", "suggestion"),
    ]
    assert outcome(alice) == dict.fromkeys(("ada@example.com", "grace@example.com"), "contact")
    with acting_as(alice.pk):
        assert Contact.objects.for_user(alice).exclude(last_interaction_at=None).count() == 2
    assert take_back(batch)["kept"] == []
    assert state(alice) == before


def test_somebody_accepted_whom_one_has_worked_on_stays(alice: User) -> None:
    brought(alice, received("ada@example.com", "Ada Lovelace"))
    with acting_as(alice.pk):
        batch, [ada] = accept(alice, suggested(alice))
        Note(user=alice, contact=ada, text="Likes poetry.").save()
    assert batch is not None
    assert "it has a note" in {row["why"] for row in take_back(batch)["kept"]}
    assert outcome(alice) == {"ada@example.com": "contact"}


def test_accepting_twice_makes_nobody_twice(alice: User) -> None:
    brought(alice, received("ada@example.com"))
    with acting_as(alice.pk):
        twice = suggested(alice)
        accept(alice, twice)
        assert accept(alice, twice) == (None, [])
        assert Contact.objects.for_user(alice).count() == 1


def test_what_is_passed_over_never_returns_however_it_is_written(alice: User) -> None:
    brought(alice, received("ada.l@gmail.com"), received("adal+crm@gmail.com"), received("grace@example.com"))
    with acting_as(alice.pk):
        batch = ignore(alice, open_suggestions(alice).filter(key="ada.l@gmail.com"))
    assert batch.title == "Ignored ada.l@gmail.com"
    assert outcome(alice) == {"grace@example.com": "suggestion"}
    brought(alice, sent("ADAL@googlemail.com"), sent("a.d.a.l+2@gmail.com"))
    assert outcome(alice) == {"grace@example.com": "suggestion"}
    take_back(batch)
    assert outcome(alice) == dict.fromkeys(
        ("ada.l@gmail.com", "adal+crm@gmail.com", "grace@example.com"), "suggestion"
    )


def test_a_whole_domain_is_passed_over(alice: User) -> None:
    brought(alice, received("ada@example.com"), received("grace@example.com"), received("x@example.net"))
    before = state(alice)
    with acting_as(alice.pk):
        batch = ignore_domain(alice, "example.com")
        rows = Suppression.objects.for_user(alice).values_list("scope", "key", "reason", "batch")
        assert list(rows) == [("domain", "example.com", "passed", batch.pk)]
    assert outcome(alice) == {"x@example.net": "suggestion"}
    brought(alice, sent("new@example.com"))
    assert outcome(alice) == {"x@example.net": "suggestion"}
    take_back(batch)
    assert before != state(alice)
    assert outcome(alice).keys() == {"ada@example.com", "grace@example.com", "x@example.net"}


def test_one_decides_for_oneself_alone(alice: User, charlie: User) -> None:
    for user in (alice, charlie):
        brought(user, received("ada@example.com"), received("grace@example.com"))
    with acting_as(alice.pk):
        ignore_domain(alice, "example.com")
    assert outcome(alice) == {}
    assert len(outcome(charlie)) == 2
