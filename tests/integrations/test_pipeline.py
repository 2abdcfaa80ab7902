"""Plan, approve, run, undo: the main job, on files."""

from __future__ import annotations

import re
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.db import connection

from contacts.drafts import InteractionDraft
from contacts.models import (
    Company,
    Contact,
    ContactIdentity,
    Interaction,
    Note,
    Participant,
    Suppression,
    Tag,
)
from contacts.recording import record
from integrations.approval import Stale, approve
from integrations.ledger import ledger
from integrations.models import Provenance, RawEvent
from integrations.plan import Refused, start_plan, start_plan_in_place
from jobs.models import Batch, BatchItem, Job, JobEvent, PlanItem
from jobs.restore import state_hash
from jobs.undo import preview
from omnicrm import events
from omnicrm.acting import acting_as, actor
from omnicrm.models import Event, User
from omnicrm.owned import OwnedModel
from tests.importing import carry_out, import_file, letter, mailbox, plan, take_back

pytestmark = pytest.mark.django_db

HISTORY = (Batch, PlanItem, Job, JobEvent, BatchItem, Event)


def digests(user: User) -> dict[str, str]:
    """A digest of every table of a user's, but for the plan's own."""
    found = {}
    with acting_as(user.pk), connection.cursor() as cursor:
        for model in apps.get_models():
            if (
                issubclass(model, OwnedModel)
                and model not in HISTORY
                and model._meta.label != "integrations.SourceFile"
            ):
                cursor.execute(
                    f"SELECT md5(coalesce(string_agg(t::text, '' ORDER BY id), '')) FROM {model._meta.db_table} t"
                )
                found[model._meta.label] = cursor.fetchone()[0]
    return found


def state(user: User) -> str:
    with acting_as(user.pk):
        return state_hash(user.pk)


def rows(user: User, model: type[Any]) -> Any:
    return model.objects.for_user(user)


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return mailbox(
        tmp_path / "archive.mbox",
        letter(1),
        letter(
            2, sender="alice@example.org", to="Ada Lovelace <ada@example.com>", answers=1, subject="Re: Hello"
        ),
        letter(3, sender='"Babbage, Charles" <charles@example.com>', subject="Engines"),
        letter(4, sender="News <news@example.net>", headers="List-Unsubscribe: <mailto:off@example.net>\n"),
        letter(1),
    )


def test_the_plan_says_what_would_happen(alice: User, archive: Path) -> None:
    batch = plan(alice, archive)
    assert batch.state == Batch.State.PLANNED
    expected = {"create": 2, "update": 0, "skip": 1, "fail": 0, "interactions": 4, "reasons": {"repeated": 1}}
    assert {key: batch.totals[key] for key in expected} == expected
    with acting_as(alice.pk):
        people = rows(alice, PlanItem).filter(kind="person").order_by("seq")
        assert [item.data["name"] for item in people] == ["Ada Lovelace", "Charles Babbage"]


def test_nothing_is_written_but_the_plan(alice: User, archive: Path) -> None:
    before = digests(alice)
    batch = plan(alice, archive)
    assert digests(alice) == before
    with acting_as(alice.pk):
        assert rows(alice, PlanItem).filter(batch=batch).count() == 7


def test_the_result_equals_the_plan_row_for_row(alice: User, archive: Path) -> None:
    batch = carry_out(plan(alice, archive))
    assert batch.state == Batch.State.DONE
    with acting_as(alice.pk):
        lines = list(rows(alice, PlanItem).filter(batch=batch, outcome="create"))
        emails = {line.external_id for line in lines if line.kind == "email"}
        people = {line.data["email"] for line in lines if line.kind == "person"}
        assert emails == set(rows(alice, Interaction).values_list("source_key", flat=True))
        assert people == set(rows(alice, Contact).values_list("primary_email", flat=True))
        assert rows(alice, RawEvent).filter(verdict="kept").count() == 4
        assert ledger(alice.pk) == {
            "total": 5, "imported": 4, "skipped": {"repeated": 1}, "failed": {}, "pending": 0, "balanced": True,
        }  # fmt: skip
    assert batch.totals["result"]["created"] == 2
    assert batch.totals["result"]["interactions"] == 4


def test_directions_threads_and_participants(alice: User, archive: Path) -> None:
    import_file(alice, archive)
    with acting_as(alice.pk):
        first, second = rows(alice, Interaction).filter(thread_key="m1@example.com").order_by("occurred_at")
        assert (first.direction, second.direction) == ("received", "sent")
        found = (
            rows(alice, Participant).filter(interaction=second).values_list("role", "identity__value", "kind")
        )
        assert sorted(found) == [("from", "alice@example.org", "email"), ("to", "ada@example.com", "email")]
        ada = rows(alice, Contact).get(primary_email="ada@example.com")
        assert ada.last_interaction_at == second.occurred_at
        assert rows(alice, ContactIdentity).get(value="alice@example.org").contact_id is None


def test_importing_again_creates_nothing_and_says_so(alice: User, archive: Path) -> None:
    import_file(alice, archive)
    before = state(alice)
    batch = plan(alice, archive)
    assert (batch.totals["create"], batch.totals["interactions"]) == (0, 0)
    assert batch.totals["reasons"] == {"already_here": 4, "repeated": 1}
    assert carry_out(batch).totals["result"]["created"] == 0
    assert state(alice) == before


def test_undo_leaves_what_was_before(alice: User, archive: Path) -> None:
    before = state(alice)
    undone = take_back(import_file(alice, archive))
    assert undone.state == Batch.State.UNDONE
    assert undone.totals["undo"]["kept"] == []
    assert undone.totals["undo"]["removed_by_kind"] == {
        "interactions": 4, "addresses": 4, "people": 2, "own addresses": 1,
    }  # fmt: skip
    assert state(alice) == before
    with acting_as(alice.pk):
        assert not rows(alice, Provenance).exists()
        assert set(rows(alice, RawEvent).values_list("verdict", "payload")) == {("skipped:undone", None)}


def test_what_was_undone_stays_away_unless_asked_for(alice: User, archive: Path) -> None:
    take_back(import_file(alice, archive))
    again = plan(alice, archive)
    assert (again.totals["create"], again.totals["interactions"]) == (0, 0)
    assert again.totals["reasons"] == {"repeated": 1, "undone": 4}
    assert "taken back before" in again.warnings[-1]
    asked = carry_out(plan(alice, archive, include_suppressed=True))
    assert (asked.totals["result"]["created"], asked.totals["result"]["interactions"]) == (2, 4)
    with acting_as(alice.pk):
        assert not rows(alice, Suppression).exists()


def test_another_archive_is_unharmed_by_an_undo(alice: User, tmp_path: Path) -> None:
    one = mailbox(tmp_path / "one.mbox", letter(1), letter(2))
    two = mailbox(tmp_path / "two.mbox", letter(2), letter(3, sender="Charles Babbage <charles@example.com>"))
    first = import_file(alice, one)
    import_file(alice, two)
    undone = take_back(first)
    with acting_as(alice.pk):
        assert set(rows(alice, Interaction).values_list("source_key", flat=True)) == {
            "m2@example.com",
            "m3@example.com",
        }
        assert set(rows(alice, Contact).values_list("primary_email", flat=True)) == {
            "ada@example.com",
            "charles@example.com",
        }
    assert Counter(kept["what"] for kept in undone.totals["undo"]["kept"]) == {
        "contacts.interaction": 1, "contacts.contact": 1, "contacts.contactidentity": 2,
    }  # fmt: skip


def test_the_last_archive_to_go_takes_what_it_kept(alice: User, tmp_path: Path) -> None:
    before = state(alice)
    first = import_file(alice, mailbox(tmp_path / "one.mbox", letter(1), letter(2)))
    second = import_file(alice, mailbox(tmp_path / "two.mbox", letter(2), letter(3)))
    take_back(first)
    take_back(second)
    assert state(alice) == before


def test_a_person_who_was_worked_on_stays(alice: User, archive: Path) -> None:
    batch = import_file(alice, archive)
    with acting_as(alice.pk), actor("web"):
        ada = rows(alice, Contact).get(primary_email="ada@example.com")
        Note(user=alice, contact=ada, text="Likes engines.").save()
        charles = rows(alice, Contact).get(primary_email="charles@example.com")
        rows(alice, Contact).filter(pk=charles.pk).update(job_title="Inventor")
        events.note(alice.pk, "contact.edited", on=charles, columns=["job_title"])
    kept = {(k["label"], k["why"]) for k in take_back(batch).totals["undo"]["kept"]}
    assert ("Ada Lovelace", "it has a note") in kept
    assert ("Charles Babbage", "you have changed it since") in kept
    with acting_as(alice.pk):
        assert rows(alice, Contact).count() == 2
        assert rows(alice, Interaction).count() == 0


def test_a_preview_of_an_undo_changes_nothing(alice: User, archive: Path) -> None:
    batch = import_file(alice, archive)
    before = state(alice)
    with acting_as(alice.pk):
        assert preview(batch)["removed_by_kind"]["people"] == 2
    assert state(alice) == before


def test_a_changed_file_is_refused(alice: User, archive: Path) -> None:
    batch = plan(alice, archive)
    archive.write_text(archive.read_text() + letter(9))
    before = digests(alice)
    with acting_as(alice.pk), pytest.raises(Stale, match="has changed or gone"):
        approve(batch, batch.plan_hash)
    assert digests(alice) == before


def test_another_plan_than_the_one_shown_is_refused(alice: User, archive: Path) -> None:
    batch = plan(alice, archive)
    with acting_as(alice.pk), pytest.raises(Stale, match="not the plan you looked at"):
        approve(batch, "0" * 64)


def test_changed_data_makes_a_plan_stale(alice: User, archive: Path, tmp_path: Path) -> None:
    batch = plan(alice, archive)
    import_file(alice, mailbox(tmp_path / "other.mbox", letter(3)))
    with acting_as(alice.pk), pytest.raises(Stale, match="Your data has changed"):
        approve(batch, batch.plan_hash)


def test_equal_files_and_data_have_equal_plans(alice: User, archive: Path) -> None:
    first, second = plan(alice, archive), plan(alice, archive)
    with acting_as(alice.pk):
        items = [
            list(
                rows(alice, PlanItem)
                .filter(batch=b)
                .order_by("seq")
                .values_list("seq", "external_id", "outcome", "data")
            )
            for b in (first, second)
        ]
    assert items[0] == items[1]
    assert first.plan_hash == second.plan_hash


def test_the_same_identifier_of_another_author_is_another_message(alice: User, tmp_path: Path) -> None:
    forged = letter(1, sender="Mallory <mallory@example.net>").replace("10:01:00 +0000", "11:59:00 +0000")
    batch = import_file(alice, mailbox(tmp_path / "a.mbox", letter(1), forged))
    assert batch.totals["interactions"] == 2
    with acting_as(alice.pk):
        assert rows(alice, Interaction).count() == 2


def test_addresses_have_one_spelling(alice: User, tmp_path: Path) -> None:
    """A person is reached by the address that their mail has, in whatever script; a machine's is nobody's."""
    path = mailbox(
        tmp_path / "a.mbox",
        letter(1, sender="Ada <ada@bücher.example>"),
        letter(2, sender="Root <root@localhost>"),
        letter(3, sender="Lit <x@[192.0.2.1]>"),
    )
    assert import_file(alice, path).totals["result"]["created"] == 1
    with acting_as(alice.pk):
        ada = rows(alice, Contact).get()
        assert ada.primary_email == "ada@xn--bcher-kva.example"
        first = rows(alice, Interaction).order_by("occurred_at")[0]
        assert ada.last_interaction_at == first.occurred_at
    again = plan(alice, path)
    assert (again.totals["create"], again.totals["reasons"]) == (0, {"already_here": 3})


def test_recording_twice_changes_nothing(alice: User, archive: Path) -> None:
    batch = import_file(alice, archive)
    before = state(alice)
    with acting_as(alice.pk):
        kept = rows(alice, Interaction).get(source_key="m3@example.com")
        draft = InteractionDraft("email", "email", "m3@example.com", kept.occurred_at, subject="Changed")
        assert [(done.interaction_id, done.created) for done in record(batch, [draft])] == [(kept.pk, False)]
    assert state(alice) == before


CARDS = """BEGIN:VCARD
VERSION:3.0
FN:Grace Hopper
N:Hopper;Grace;;;
EMAIL:grace@example.com
TEL:+1 202 555 0143
ORG:Sample Navy
TITLE:Rear Admiral
CATEGORIES:Friends
NOTE:Found the moth.
END:VCARD
"""


def test_cards_make_people_and_add_to_them(alice: User, tmp_path: Path) -> None:
    path = tmp_path / "cards.vcf"
    path.write_text(CARDS)
    known = import_file(alice, mailbox(tmp_path / "one.mbox", letter(1, sender="grace@example.com")))
    before = state(alice)
    batch = plan(alice, path)
    assert (batch.totals["create"], batch.totals["update"]) == (0, 1)
    done = carry_out(batch)
    with acting_as(alice.pk):
        grace = rows(alice, Contact).get()
        assert (grace.job_title, grace.company.name, grace.primary_phone) == (
            "Rear Admiral",
            "Sample Navy",
            "+1 202 555 0143",
        )
        assert rows(alice, Note).get().text == "Found the moth."
        assert rows(alice, Tag).get().name == "Friends"
        kept = rows(alice, RawEvent).get(kind="file")
        assert zlib.decompress(kept.payload).decode() == CARDS
    assert plan(alice, path).totals["reasons"] == {"already_here": 1}
    take_back(done)
    assert state(alice) == before
    with acting_as(alice.pk):
        assert not rows(alice, Company).exists()
    take_back(known)


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("../../etc/mail.mbox", "mail.mbox"),
        ("C:\\Users\\alice\\mail.mbox", "mail.mbox"),
        ("nul\x00.mbox", "nul.mbox"),
        ("\u202ea.xobm.mbox", "a.xobm.mbox"),
        ("two\nlines.mbox", "twolines.mbox"),
        ("x" * 4096 + ".mbox", "x" * 180 + ".mbox"),
        ("caf\udce9.mbox", "caf?.mbox"),
        ("\u202e", "file"),
    ],
)
def test_names_of_uploads_are_only_shown(alice: User, given: str, shown: str) -> None:
    upload = ContentFile(letter(1).encode())
    upload.name = given
    batch = start_plan(alice, upload)
    with acting_as(alice.pk):
        file = batch.files.get()
    assert (batch.title, file.name) == (shown, shown)
    assert re.fullmatch(rf"uploads/{alice.pk}/[0-9a-f]{{32}}\.mbox", file.stored_as)


def test_refused_files_change_nothing(alice: User, tmp_path: Path, settings: Any) -> None:
    before = digests(alice)
    for name, data, words in [
        ("empty.mbox", b"", "empty"),
        ("a.mbox", b"PK\x03\x04rest", "ZIP archive"),
        ("a.csv", b"%PDF-1.7", "PDF"),
    ]:
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Refused, match=words):
            start_plan_in_place(alice, tmp_path / name)
    sparse = tmp_path / "huge.mbox"
    with sparse.open("wb") as file:
        file.write(letter(1).encode())
        file.truncate(10 * 1024**3)
    with pytest.raises(Refused, match=r"10\.7 GB, and the limit is 5\.0 GB"):
        start_plan_in_place(alice, sparse)
    assert digests(alice) == before
    with acting_as(alice.pk):
        assert not rows(alice, Batch).exists()
