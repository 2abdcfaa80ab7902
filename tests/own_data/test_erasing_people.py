"""One person erased: nothing of them is left or comes back, and everybody else keeps what is theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from contacts import editing
from contacts.erased import Erased, remember
from contacts.models import CalendarEvent, Company, Contact, ContactIdentity, Interaction, Suppression
from integrations.erasing import Busy, erase_person
from integrations.ledger import ledger, why
from integrations.models import Export, OutboxMessage, RawEvent
from integrations.said import person_in
from jobs.models import Batch, PlanItem
from jobs.undo import preview
from omnicrm.acting import acting_as, actor
from omnicrm.models import Event, User
from tests.factories import make_batch, make_batch_item, make_export, make_letter
from tests.importing import carry_out, check_derived, import_file, letter, mailbox, plan, take_back
from tests.isolation.census import OWNED
from tests.isolation.planting import digest
from tests.own_data.rich import APPROVED, archive_of, entries

pytestmark = pytest.mark.django_db

ADA, GRACE = "Ada Lovelace <ada@example.com>", "Grace Hopper <grace@example.com>"
CANARIES = ("ada@example.com", "ada lovelace", "+442071838750", "canary")
CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:{}\nEMAIL:{}\nTEL:{}\nORG:{}\nNOTE:{}\nEND:VCARD\n"
MEETING = "BEGIN:VEVENT\nUID:{}@example.com\nSUMMARY:{}\nDTSTART:20260105T100000Z\nDTEND:20260105T110000Z\n{}END:VEVENT\n"
GUEST = "ATTENDEE;CN={}:mailto:{}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    alone = letter(1, subject="Canary one", text="Canary, only for you.")
    answer = letter(2, sender="alice@example.org", to=ADA, subject="Re: Canary one", text="Mine\n\n> Canary")
    copied = letter(3, to=f"alice@example.org, {GRACE}", subject="Canary three", text="Canary for both.")
    shared = letter(
        4, sender=GRACE, to=f"alice@example.org, {ADA}", subject="Tea with Ada Lovelace",
        text="Shall we? ADA LOVELACE said yes.\n\nOn Monday Ada wrote:\n> canary quoted",
    )  # fmt: skip
    others = letter(5, sender=GRACE, subject="Moth")
    mailbox(tmp_path / "mail.mbox", alone, answer, copied, shared, others)
    (tmp_path / "cards.vcf").write_text(
        CARD.format("Ada Lovelace", "ada@example.com", "+442071838750", "Canary Engines", "Canary note")
        + CARD.format("Grace Hopper", "grace@example.com", "+12025550143", "Navy", "Found a moth")
    )
    both = GUEST.format("Ada Lovelace", "ada@example.com") + GUEST.format("Grace Hopper", "grace@example.com")
    (tmp_path / "calendar.ics").write_text(
        "BEGIN:VCALENDAR\nVERSION:2.0\n"
        + MEETING.format("one", "Canary lunch", GUEST.format("Ada Lovelace", "ada@example.com"))
        + MEETING.format("both", "Plans of Ada Lovelace", both)
        + "END:VCALENDAR\n"
    )
    return tmp_path


@pytest.fixture(params=[False, True], ids=["readable", "sealed"])
def filled(alice: User, folder: Path, request: pytest.FixtureRequest, settings: Settings) -> User:
    """Once as it is, and once where everything personal is sealed."""
    settings.PII_STRICT = request.param
    for name in ("mail.mbox", "cards.vcf", "calendar.ics"):
        import_file(alice, folder / name)
    with acting_as(alice.pk), actor("web"):
        ada = known(alice, "ada@example.com")
        editing.add_note(alice, contact=ada, text="Canary by hand.")
        editing.add_task(alice, contact=ada, title="Canary task", due_on=None)
        note = editing.add_note(alice, contact=ada, text="Canary deleted.")
        editing.delete_note(alice, written=note)
    return alice


def known(user: User, address: str) -> Contact:
    return Contact.objects.for_user(user).get(primary_email=address)


def erase(user: User, address: str = "ada@example.com") -> Any:
    with acting_as(user.pk), actor("web"):
        return erase_person(user, known(user, address))


def left(user: User) -> dict[str, list[str]]:
    """Rows that still say something of her, sealed ones opened, by their table."""
    found: dict[str, list[str]] = {}
    with acting_as(user.pk):
        for model in OWNED:
            for row in model.objects.for_user(user):  # type: ignore[attr-defined]
                values = [getattr(row, field.attname) for field in model._meta.concrete_fields]
                said = " ".join(map(str, values)).lower()
                if isinstance(row, RawEvent) and row.payload:
                    said += row.content.decode("latin-1").lower()
                if any(canary in said for canary in CANARIES):
                    found.setdefault(model._meta.label, []).append(said[:300])
    return found


def test_nothing_of_her_is_left(filled: User) -> None:
    assert left(filled).keys() >= {
        "contacts.Contact",
        "contacts.Interaction",
        "integrations.RawEvent",
        "jobs.PlanItem",
    }
    with acting_as(filled.pk):
        make_export(filled)
    done = erase(filled)
    assert (done.addresses, done.interactions, done.shared, done.notes, done.tasks) == (2, 4, 2, 2, 1)
    assert left(filled) == {}
    assert not any(
        canary.encode() in data.lower()
        for canary in CANARIES
        for data in entries(archive_of(filled)).values()
    )
    check_derived(filled)
    with acting_as(filled.pk):
        assert not Export.objects.for_user(filled).exists(), "exports that hold her go, too"
        noted = Event.objects.for_user(filled).get(action="contact.erased")
        assert (noted.actor, noted.data) == ("web", {"interactions": 4, "shared": 2})


def write_to_her(user: User, **fields: Any) -> None:
    """A letter to Ada alone, and one to Grace with her in copy that quotes her."""
    about = {"contact": known(user, "ada@example.com"), "subject": "To Ada Lovelace"} | fields
    make_letter(user, to=["ada@example.com"], body="Canary, only for you.", **about)
    text = "Ada Lovelace says:\n\nOn Monday Ada wrote:\n> canary quoted"
    make_letter(user, to=["grace@example.com"], cc=["ada@example.com"], body=text, **about)


def test_letters_that_were_written_to_her_go_with_her(filled: User) -> None:
    with acting_as(filled.pk):
        write_to_her(filled)
        write_to_her(filled, state="confirmed", **APPROVED)
        make_letter(filled, to=["grace@example.com"], subject="Moth", body="Found.")
    erase(filled)
    assert left(filled) == {}
    with acting_as(filled.pk):
        rows = OutboxMessage.objects.for_user(filled).order_by("created_at")
        assert [(row.to, row.cc, row.contact_id, row.subject, row.body) for row in rows] == [
            (["grace@example.com"], [], None, "To [erased]", "[erased] says:"),
            (["grace@example.com"], [], None, "To [erased]", "[erased] says:"),
            (["grace@example.com"], [], None, "Moth", "Found."),
        ]


@pytest.mark.parametrize("state", ["queued", "attempting"])
def test_a_letter_to_her_that_is_on_its_way_is_waited_for(filled: User, state: str) -> None:
    with acting_as(filled.pk):
        write_to_her(filled, state=state, **APPROVED)
    before = digest(filled)
    with pytest.raises(Busy, match="A letter to them is on its way"):
        erase(filled)
    assert digest(filled) == before


def test_sealed_lines_about_others_do_not_name_her(filled: User, folder: Path) -> None:
    (folder / "friend.vcf").write_text(
        CARD.format(
            "Charles Babbage",
            "charles@example.com",
            "+442079460000",
            "Difference",
            "Ask ada@example.com first",
        )
    )
    import_file(filled, folder / "friend.vcf")
    erase(filled)
    with acting_as(filled.pk):
        lines = PlanItem.objects.for_user(filled).filter(kind="person", draft__isnull=False)
        said = {person.full_name: person.notes for person in map(person_in, lines)}
    assert said["Charles Babbage"] == "Ask [erased] first"
    assert "Ada Lovelace" not in said


def test_everybody_else_keeps_what_is_theirs(filled: User) -> None:
    erase(filled)
    with acting_as(filled.pk):
        rows = Interaction.objects.for_user(filled).order_by("source_key")
        assert [(row.kind, row.subject, row.visible_text) for row in rows] == [
            ("meeting", "Plans of [erased]", ""),
            ("email", "Tea with [erased]", "Shall we? [erased] said yes."),
            ("email", "Moth", "A line of text."),
        ]
        assert rows.get(subject="Tea with [erased]").text == "Shall we? [erased] said yes."
        people = Contact.objects.for_user(filled)
        assert [str(contact) for contact in people] == ["Grace Hopper"]
        assert [note.text for note in people.get().notes.all()] == ["Found a moth"]
        assert [company.name for company in Company.objects.for_user(filled)] == ["Navy"]
        assert [event.title for event in CalendarEvent.objects.for_user(filled)] == ["Plans of [erased]"]
        kept = RawEvent.objects.for_user(filled).exclude(payload=None)
        assert sorted(raw.external_id for raw in kept) == [
            "m5@example.com",
            kept.get(kind="person").external_id,
        ]
        assert ledger(filled.pk)["balanced"]
        assert ledger(filled.pk)["skipped"] == {"erased": 6}


def test_no_import_brings_her_back(filled: User, folder: Path) -> None:
    erase(filled)
    for name, skipped in (("mail.mbox", 3), ("cards.vcf", 1), ("calendar.ics", 2)):
        again = import_file(filled, folder / name)
        assert again.totals["reasons"].get("erased") == skipped, name
        assert (again.totals["create"], again.totals["interactions"], again.totals["events"]) == (0, 0, 0), (
            name
        )
        assert left(filled) == {}, name
    with acting_as(filled.pk):
        assert not ContactIdentity.objects.for_user(filled).filter(value="ada@example.com").exists()
        assert ledger(filled.pk)["balanced"]


def test_a_new_letter_among_others_comes_without_her(filled: User, folder: Path) -> None:
    erase(filled)
    said = "Canary? ada lovelace knows.\n\nOn Tuesday Ada wrote:\n> more canary"
    new = letter(9, sender=GRACE, to=f"{ADA}, alice@example.org", subject="About Ada Lovelace", text=said)
    batch = import_file(filled, mailbox(folder / "new.mbox", new))
    assert batch.totals["interactions"] == 1
    with acting_as(filled.pk):
        row = Interaction.objects.for_user(filled).get(source_key="m9@example.com")
        assert (row.subject, row.text) == ("About [erased]", "Canary? [erased] knows.")
        assert sorted(part.identity.value for part in row.participants.select_related("identity")) == [
            "alice@example.org",
            "grace@example.com",
        ]
        raw = RawEvent.objects.for_user(filled).get(external_id="m9@example.com")
        assert (raw.verdict, raw.payload) == ("kept", None)
    assert take_back(batch).state == Batch.State.UNDONE


def test_the_ledger_answers_for_what_was_erased(filled: User, folder: Path) -> None:
    erase(filled)
    import_file(filled, mailbox(folder / "again.mbox", letter(7)))
    with acting_as(filled.pk):
        assert [line["verdict"] for line in why(filled.pk, "<m1@example.com>")] == ["skipped:erased"]
        assert [line["verdict"] for line in why(filled.pk, "m7@example.com")] == ["skipped:erased"]
        by_address = why(filled.pk, "Ada@example.com")
        assert {line["verdict"] for line in by_address} == {"skipped:erased"}
        assert "example.com" not in json.dumps([line["external_id"] for line in by_address])
        assert why(filled.pk, "m99@example.com") == []


def test_undo_neither_brings_her_back_nor_fails(filled: User) -> None:
    with acting_as(filled.pk), actor("web"):
        grace = known(filled, "grace@example.com")
        both = editing.delete_contacts(filled, contacts=[known(filled, "ada@example.com"), grace])
        erase_person(filled, None, ["ada@example.com"])
    assert left(filled) == {}
    with acting_as(filled.pk):
        assert preview(both)["restored"] > 0
    take_back(both)
    with acting_as(filled.pk):
        assert [str(contact) for contact in Contact.objects.for_user(filled)] == ["Grace Hopper"]
        batches = list(Batch.objects.for_user(filled).filter(kind="file_import").order_by("-created_at"))
    for batch in batches:
        assert take_back(batch).state == Batch.State.UNDONE
    assert left(filled) == {}
    with acting_as(filled.pk):
        assert not Contact.objects.for_user(filled).exists()


def test_nothing_may_be_at_work(filled: User) -> None:
    make_batch(filled, kind="file_import", state="running", title="half.mbox")
    before = left(filled)
    with pytest.raises(Busy, match=r"“half\.mbox” is at work"):
        erase(filled)
    assert left(filled) == before


def test_a_plan_that_waits_is_thrown_away(filled: User, folder: Path) -> None:
    waiting = plan(filled, mailbox(folder / "more.mbox", letter(8)))
    other = plan(filled, mailbox(folder / "other.mbox", letter(10, sender=GRACE)))
    erase(filled)
    with acting_as(filled.pk):
        states = dict(Batch.objects.for_user(filled).values_list("title", "state"))
    assert (states["more.mbox"], states["other.mbox"]) == ("cancelled", "planned")
    assert waiting.pk != carry_out(other).pk


def test_what_keeps_her_away_says_nothing(filled: User, charlie: User) -> None:
    erase(filled)
    with acting_as(filled.pk):
        rows = Suppression.objects.for_user(filled).filter(reason="erased")
        keys = {row.key for row in rows}
        mine = Erased(filled.pk)
    assert {(row.scope, row.source, len(row.key.partition(":")[2])) for row in rows} == {("address", "", 64)}
    assert mine.holds("email", "ada@example.com")
    assert mine.holds("phone", "+442071838750")
    assert not mine.holds("email", "grace@example.com")
    with acting_as(charlie.pk):
        assert not Erased(charlie.pk).holds("email", "ada@example.com")
        remember(charlie.pk, [("email", "ada@example.com")])
        others = set(Suppression.objects.for_user(charlie).values_list("key", flat=True))
    assert keys.isdisjoint(others), "each user's digests are made with a secret of their own"


def test_she_may_be_welcome_again(filled: User, folder: Path) -> None:
    erase(filled)
    with acting_as(filled.pk):
        Suppression.objects.for_user(filled).filter(reason="erased").delete()
    again = import_file(filled, folder / "cards.vcf")
    assert again.totals["create"] == 1
    with acting_as(filled.pk):
        assert str(known(filled, "ada@example.com")) == "Ada Lovelace"


def test_the_log_of_changes_is_forgotten_for_the_asker_alone(alice: User, charlie: User) -> None:
    item = make_batch_item(charlie)
    with acting_as(alice.pk), connection.cursor() as cursor:
        cursor.execute("SELECT jobs_forget_changes(%s, %s)", [[item.object_id], [item.object_id]])
        assert cursor.fetchall() == []
    with acting_as(charlie.pk):
        item.refresh_from_db()
        assert PlanItem.objects.for_user(charlie).count() == 0
