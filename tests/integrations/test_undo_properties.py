"""Undo, for whatever came before and between: found by searching, not by examples."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts import editing
from contacts.derived import refresh_contacts
from contacts.models import Contact, ContactIdentity, Interaction, Note, SearchText
from jobs.models import Batch
from jobs.tracking import tracked
from omnicrm.acting import acting_as, actor
from omnicrm.models import User
from tests.importing import carry_out, import_file, letter, mailbox, plan, take_back
from tests.integrations.test_pipeline import rows, state

pytestmark = pytest.mark.django_db

FILES = ("ada.mbox", "both.mbox", "grace.mbox", "cards.vcf", "table.csv")
FEW = settings(
    max_examples=8, deadline=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
MANY = settings(FEW, max_examples=150, derandomize=False)

GRACE = "Grace Hopper <grace@example.com>"
EDITS: dict[str, Callable[[User, Contact], Any]] = {
    "rename": lambda user, c: editing.update_contact(
        user,
        contact=c,
        name=f"{c.display_name} II",
        company="",
        job_title="Edited",
        stage="client",
        tags=["mine"],
    ),
    "note": lambda user, c: editing.add_note(user, contact=c, text="By hand."),
    "task": lambda user, c: editing.add_task(user, contact=c, title="Call", due_on=None),
    "number": lambda user, c: editing.add_identity(
        user, contact=c, text=f"+1202555{random.randrange(10_000):04d}"
    ),
    "delete": lambda user, c: editing.delete_contacts(user, contacts=[c]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    mailbox(
        tmp_path / "ada.mbox", letter(1), letter(2, answers=1), letter(3, to=f"alice@example.org, {GRACE}")
    )
    mailbox(
        tmp_path / "both.mbox",
        letter(2, answers=1),
        letter(4, sender=GRACE),
        letter(5, sender="alice@example.org", to=GRACE),
    )
    mailbox(tmp_path / "grace.mbox", letter(4, sender=GRACE), letter(6, sender=GRACE, subject="Moth"))
    (tmp_path / "cards.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Grace Hopper\nEMAIL:grace@example.com\nORG:Navy\nTEL:+12025550143\nEND:VCARD\n"
        "BEGIN:VCARD\nVERSION:3.0\nFN:Charles Babbage\nEMAIL:charles@example.com\nNOTE:Engines\nEND:VCARD\n"
    )
    (tmp_path / "table.csv").write_text(
        "Name,Email,Company,Title,Tags\nAda Lovelace,ada@example.com,Analytical Ltd,Countess,friends\n"
        "Charles Babbage,charles@example.com,Analytical Ltd,Inventor,\n"
    )
    return tmp_path


@contextmanager
def forgotten() -> Iterator[None]:
    """Whatever an example does is rolled back before the next one."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def edit(user: User, name: str, nth: int) -> bool:
    """One change by hand to one of the contacts; whether there was one to change."""
    with acting_as(user.pk), actor("web"):
        contacts = list(rows(user, Contact).order_by("slug"))
        if contacts:
            EDITS[name](user, contacts[nth % len(contacts)])
        return bool(contacts)


def state_ids(user: User) -> dict[str, dict[str, str]]:
    """Each row of the state and its contents, by model."""
    with acting_as(user.pk):
        return {
            label: {str(row.pk): row.pk.hex for row in kind.model._default_manager.filter(user=user)}
            for label, kind in tracked.items()
        }


def derived(user: User) -> tuple[list[Any], list[Any]]:
    """When each contact was last in touch, and what a search for it looks at."""
    with acting_as(user.pk):
        return (
            list(rows(user, Contact).order_by("pk").values_list("pk", "last_interaction_at")),
            list(rows(user, SearchText).order_by("contact").values_list("contact", "text", "parts")),
        )


def check_derived(user: User) -> None:
    """What follows from other rows is what they say now."""
    found = derived(user)
    with acting_as(user.pk):
        refresh_contacts(user.pk, list(rows(user, Contact).values_list("pk", flat=True)))
    assert found == derived(user)


edits = st.lists(st.tuples(st.sampled_from(sorted(EDITS)), st.integers(0, 9)), max_size=3)
imports = st.lists(st.sampled_from(FILES), max_size=3)


def check_last_in_first_out(
    user: User, folder: Path, before: list[str], by_hand: list[Any], then: str
) -> None:
    for name in before:
        import_file(user, folder / name)
    for what, nth in by_hand:
        edit(user, what, nth)
    expected = state(user)
    batch = import_file(user, folder / then)
    undone = take_back(batch)
    assert undone.totals["undo"]["kept"] == []
    assert state(user) == expected
    check_derived(user)


def check_any_order(user: User, folder: Path, names: list[str], order: int) -> None:
    expected = state(user)
    batches = [import_file(user, folder / name) for name in names]
    random.Random(order).shuffle(batches)
    for batch in batches:
        take_back(batch)
        check_derived(user)
    assert state(user) == expected


def check_edits_are_listed(user: User, folder: Path, name: str, by_hand: list[Any]) -> None:
    """What is left of an import that a person worked on is what the undo lists, and what the person made."""
    before = state_ids(user)
    batch = import_file(user, folder / name)
    brought = state_ids(user)
    for what, nth in by_hand:
        edit(user, what, nth)
        check_derived(user)
    kept = take_back(batch).totals["undo"]["kept"]
    check_derived(user)
    after = state_ids(user)
    listed = {(one["what"], one["id"]) for one in kept}
    for label in ("contacts.contact", "contacts.contactidentity", "contacts.interaction", "contacts.note"):
        left = set(after[label]) & (set(brought[label]) - set(before[label]))
        assert {(label, row) for row in left} <= listed


@FEW
@given(before=imports, by_hand=edits, then=st.sampled_from(FILES))
def test_undo_of_the_last_import(
    alice: User, folder: Path, before: list[str], by_hand: list[Any], then: str
) -> None:
    with forgotten():
        check_last_in_first_out(alice, folder, before, by_hand, then)


@FEW
@given(names=st.lists(st.sampled_from(FILES), min_size=2, max_size=4), order=st.integers(0, 99))
def test_undo_in_any_order(alice: User, folder: Path, names: list[str], order: int) -> None:
    with forgotten():
        check_any_order(alice, folder, names, order)


@FEW
@given(name=st.sampled_from(FILES), by_hand=edits)
def test_what_stays_is_listed(alice: User, folder: Path, name: str, by_hand: list[Any]) -> None:
    with forgotten():
        check_edits_are_listed(alice, folder, name, by_hand)


@pytest.mark.proof
@MANY
@given(data=st.data())
def test_many_more_of_all_three(alice: User, folder: Path, data: st.DataObject) -> None:
    with forgotten():
        check_last_in_first_out(
            alice, folder, data.draw(imports), data.draw(edits), data.draw(st.sampled_from(FILES))
        )
    with forgotten():
        names = data.draw(st.lists(st.sampled_from(FILES), min_size=2, max_size=5))
        check_any_order(alice, folder, names, data.draw(st.integers(0, 99)))
    with forgotten():
        check_edits_are_listed(alice, folder, data.draw(st.sampled_from(FILES)), data.draw(edits))


def test_undoing_a_deletion_brings_everything_back(alice: User, folder: Path) -> None:
    import_file(alice, folder / "both.mbox")
    with acting_as(alice.pk), actor("web"):
        grace = rows(alice, Contact).get(primary_email="grace@example.com")
        editing.add_note(alice, contact=grace, text="By hand.")
    before = state(alice)
    with acting_as(alice.pk), actor("web"):
        batch = editing.delete_contacts(alice, contacts=[grace])
        assert rows(alice, Contact).count() == 1
        assert not rows(alice, Note).exists()
        assert rows(alice, Interaction).count() == 3
    assert take_back(batch).totals["undo"]["kept"] == []
    assert state(alice) == before
    with acting_as(alice.pk):
        assert rows(alice, ContactIdentity).get(value="grace@example.com").contact_id == grace.pk


def test_a_deleted_person_is_not_made_again(alice: User, folder: Path) -> None:
    import_file(alice, folder / "both.mbox")
    with acting_as(alice.pk), actor("web"):
        grace = rows(alice, Contact).get(primary_email="grace@example.com")
        batch = editing.delete_contacts(alice, contacts=[grace])
    again = import_file(alice, folder / "grace.mbox")
    assert (again.totals["create"], again.totals["interactions"]) == (0, 1)
    take_back(batch)
    with acting_as(alice.pk):
        assert rows(alice, Contact).filter(primary_email="grace@example.com").count() == 1


def test_a_batch_cannot_be_undone_twice(alice: User, folder: Path) -> None:
    batch = carry_out(plan(alice, folder / "ada.mbox"))
    take_back(batch)
    with pytest.raises(Exception, match="only a finished one can be undone"):
        take_back(batch)
    with acting_as(alice.pk):
        assert rows(alice, Batch).get(pk=batch.pk).state == Batch.State.UNDONE
