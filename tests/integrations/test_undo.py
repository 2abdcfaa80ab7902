"""Undo: what goes, what comes back, what stays and why. Each of these was once found by searching (test_lives.py)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from contacts import editing
from contacts.models import (
    CalendarEvent,
    Contact,
    ContactIdentity,
    ContactTag,
    Interaction,
    Note,
    OwnAddress,
)
from jobs.models import Batch
from omnicrm.acting import acting_as, actor
from omnicrm.models import User
from tests.importing import carry_out, import_file, letter, mailbox, plan, take_back
from tests.integrations.test_pipeline import CARDS, rows, state
from tests.integrations.test_sources import CALENDAR

pytestmark = pytest.mark.django_db

GRACE = "Grace Hopper <grace@example.com>"


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


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def kept_of(batch: Batch) -> list[tuple[str, str]]:
    return [(row["label"], row["why"]) for row in batch.totals["undo"]["kept"]]


def grace_of(user: User) -> Contact:
    with acting_as(user.pk):
        found: Contact = rows(user, Contact).get(primary_email="grace@example.com")
        return found


def whole(user: User, contact: Contact) -> dict[str, Any]:
    """What hangs on a person."""
    with acting_as(user.pk):
        return {
            "addresses": sorted(
                rows(user, ContactIdentity).filter(contact=contact).values_list("value", flat=True)
            ),
            "tags": list(rows(user, ContactTag).filter(contact=contact).values_list("tag__name", flat=True)),
            "notes": sorted(rows(user, Note).filter(contact=contact).values_list("text", flat=True)),
        }


def test_who_stays_because_of_a_person_stays_whole(alice: User, tmp_path: Path) -> None:
    batch = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    grace = grace_of(alice)
    with acting_as(alice.pk), actor("web"):
        editing.add_note(alice, contact=grace, text="By hand.")
    had = whole(alice, grace)
    assert had == {
        "addresses": ["+12025550143", "grace@example.com"],
        "tags": ["Friends"],
        "notes": ["By hand.", "Found the moth."],
    }
    undone = take_back(batch)
    assert whole(alice, grace) == had
    assert kept_of(undone)[0] == ("Grace Hopper", "it has a note")
    assert sorted(kept_of(undone)[1:]) == [
        ("+12025550143", "what it belongs to stays"),
        ("Found the moth.", "what it belongs to stays"),
        ("Friends", "it is on somebody"),
        ("Friends", "what it belongs to stays"),
        ("Sample Navy", "somebody works there"),
        ("grace@example.com", "what it belongs to stays"),
    ]


def test_who_stays_because_of_another_file_stays_whole(alice: User, tmp_path: Path) -> None:
    before = state(alice)
    first = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    second = import_file(alice, write(tmp_path / "again.vcf", CARDS + "\n"))
    assert second.totals["reasons"] == {"already_here": 1}
    had = whole(alice, grace_of(alice))
    take_back(first)
    assert whole(alice, grace_of(alice)) == had
    assert take_back(second).totals["undo"]["kept"] == []
    assert state(alice) == before


def test_an_address_that_mail_brought_stays_with_who_stays(alice: User, tmp_path: Path) -> None:
    """A list's mail named the address, a card made the person of it: the person stays, and is still reached by it."""
    import_file(alice, mailbox(tmp_path / "a.mbox", letter(1, to=GRACE)), people="nobody")
    batch = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    grace = grace_of(alice)
    with acting_as(alice.pk), actor("web"):
        editing.add_task(alice, contact=grace, title="Call", due_on=None)
    had = whole(alice, grace)
    take_back(batch)
    assert whole(alice, grace) == had


def test_an_address_that_was_there_is_no_change(alice: User, tmp_path: Path) -> None:
    before = state(alice)
    batch = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    with acting_as(alice.pk), actor("web"):
        editing.add_identity(alice, contact=grace_of(alice), text="grace@example.com")
    assert take_back(batch).totals["undo"]["kept"] == []
    assert state(alice) == before


def test_a_deletion_taken_back_is_no_change_that_stands(alice: User, tmp_path: Path) -> None:
    before = state(alice)
    batch = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    with acting_as(alice.pk), actor("web"):
        deletion = editing.delete_contacts(alice, contacts=[grace_of(alice)])
    take_back(deletion)
    assert take_back(batch).totals["undo"]["kept"] == []
    assert state(alice) == before


def test_a_deletion_taken_back_after_its_import(alice: User, tmp_path: Path) -> None:
    """In whichever order the two are undone, nothing is left of an import that nobody worked on."""
    before = state(alice)
    batch = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    with acting_as(alice.pk), actor("web"):
        deletion = editing.delete_contacts(alice, contacts=[grace_of(alice)])
    take_back(batch)
    undone = take_back(deletion)
    assert ("Grace Hopper", "the import that brought it has been taken back") in kept_of(undone)
    assert state(alice) == before


def test_the_work_of_a_person_comes_back_all_the_same(alice: User, tmp_path: Path) -> None:
    batch = import_file(alice, write(tmp_path / "cards.vcf", CARDS))
    with acting_as(alice.pk), actor("web"):
        editing.add_note(alice, contact=grace_of(alice), text="By hand.")
        deletion = editing.delete_contacts(alice, contacts=[grace_of(alice)])
    take_back(batch)
    take_back(deletion)
    assert whole(alice, grace_of(alice)) == {
        "addresses": ["+12025550143", "grace@example.com"],
        "tags": [],  # the tag was the import's own, and nobody had it when the import was undone
        "notes": ["By hand.", "Found the moth."],
    }


def test_somebody_whose_link_is_taken_comes_back_under_another(alice: User, folder: Path) -> None:
    with acting_as(alice.pk), actor("web"):
        first = editing.create_contact(alice, name="Ada Lovelace", addresses=["ada@example.com"])
        deletion = editing.delete_contacts(alice, contacts=[first])
        second = editing.create_contact(alice, name="Ada Lovelace")
    assert (first.slug, second.slug) == ("ada-lovelace", "ada-lovelace")
    assert take_back(deletion).totals["undo"]["kept"] == []
    with acting_as(alice.pk):
        back = rows(alice, Contact).get(pk=first.pk)
        assert back.slug.startswith("ada-lovelace-")
        assert rows(alice, ContactIdentity).get().contact_id == first.pk


def test_what_hung_on_somebody_gone_is_listed_by_its_name(alice: User, folder: Path) -> None:
    with acting_as(alice.pk), actor("web"):
        ada = editing.create_contact(alice, name="Ada Lovelace")
        note = editing.add_note(alice, contact=ada, text="Likes engines.")
        deletion = editing.delete_note(alice, written=note)
        editing.delete_contacts(alice, contacts=[ada])
    assert kept_of(take_back(deletion)) == [("Likes engines.", "what it was about is gone")]


TABLES = (
    "Name,Email,Shoe size\nAda Lovelace,ada@example.com,38\n",
    "Name,Email,Club\nAda Lovelace,ada@example.com,Chess\n",
)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_columns_of_two_tables_go_one_by_one(alice: User, tmp_path: Path, order: tuple[int, int]) -> None:
    with acting_as(alice.pk), actor("web"):
        ada = editing.create_contact(alice, name="Ada Lovelace", addresses=["ada@example.com"])
    before = state(alice)
    batches = [import_file(alice, write(tmp_path / f"{n}.csv", text)) for n, text in enumerate(TABLES)]
    with acting_as(alice.pk):
        assert rows(alice, Contact).get().custom == {"Shoe size": "38", "Club": "Chess"}
    first, second = order
    assert take_back(batches[first]).totals["undo"]["kept"] == []
    with acting_as(alice.pk):
        left = {"Shoe size": "38"} if first else {"Club": "Chess"}
        assert rows(alice, Contact).get(pk=ada.pk).custom == left
    assert take_back(batches[second]).totals["undo"]["kept"] == []
    assert state(alice) == before


def test_an_entry_of_two_calendars_stays_with_the_other(alice: User, tmp_path: Path) -> None:
    before = state(alice)
    first = import_file(alice, write(tmp_path / "one.ics", CALENDAR))
    second = import_file(
        alice, write(tmp_path / "two.ics", CALENDAR.replace("VERSION:2.0", "VERSION:2.0\nPRODID:x"))
    )
    undone = take_back(first)
    assert ("Dentist", "another import also holds it") in kept_of(undone)
    with acting_as(alice.pk):
        assert rows(alice, CalendarEvent).count() == 3
        assert rows(alice, Interaction).count() == 4
    assert take_back(second).totals["undo"]["kept"] == []
    assert state(alice) == before


def test_an_own_address_stays_while_another_import_goes_by_it(alice: User, tmp_path: Path) -> None:
    sent = {"sender": "Alice <alice@work.example>", "headers": "X-Gmail-Labels: Sent\n"}
    first = import_file(alice, mailbox(tmp_path / "one.mbox", letter(1, to=GRACE, **sent)))
    second = import_file(alice, mailbox(tmp_path / "two.mbox", letter(2, to=GRACE, **sent)))
    take_back(first)
    with acting_as(alice.pk):
        own = rows(alice, OwnAddress).values_list("value", flat=True)
        assert sorted(own) == ["alice@example.org", "alice@work.example"]
    take_back(second)
    with acting_as(alice.pk):
        assert not rows(alice, OwnAddress).exists()
