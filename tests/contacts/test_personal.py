"""With PII_STRICT what is personal is sealed, and everything works as it does without."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from psycopg.conninfo import make_conninfo

from contacts import editing
from contacts.listing import PeopleList
from contacts.models import Contact, ContactIdentity, Note, SearchText
from contacts.search import search_words
from contacts.table import table
from jobs.models import Batch, BatchItem
from jobs.restore import state_hash
from omnicrm import rotation, sealed
from omnicrm.acting import acting_as
from omnicrm.blind import blind, is_blind, kept_otherwise
from omnicrm.crypto import CannotOpen, Keyring
from omnicrm.embedded.postgres import programs
from omnicrm.keys import refuse_wrong_keys
from omnicrm.models import User
from omnicrm.personal import is_sealed
from tests.commands.contract import run
from tests.factories import make_contact, make_note
from tests.importing import import_file, plan, take_back
from tests.integrations.test_pipeline import rows

CARD = (
    "BEGIN:VCARD\nVERSION:3.0\nFN:Grace Hopper\nEMAIL:grace@example.com\nTEL:+1 202 555 0143\n"
    "BDAY:1906-12-09\nADR:;;17 Canary Lane;Arlington;VA;22201;USA\nNOTE:Knows moths\nEND:VCARD\n"
)
MORE = "Name,Email,Phone,Street\nGrace Hopper,grace@example.com,+1 202 555 0143,17 Canary Lane\nAda Lovelace,,+44 20 7946 0000,\n"
SECRETS = (
    "2025550143",
    "202 555 0143",
    "1906-12-09",
    "Canary Lane",
    "canary in the note",
    "7946 0000",
    "2079460000",
)


@pytest.fixture(params=[False, True], ids=["readable", "strict"])
def mode(request: pytest.FixtureRequest, settings: Any) -> bool:
    settings.PII_STRICT = request.param
    return bool(request.param)


@pytest.fixture
def strict(settings: Any) -> None:
    settings.PII_STRICT = True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "grace.vcf").write_text(CARD)
    (tmp_path / "more.csv").write_text(MORE)
    return tmp_path


def the(user: User, name: str) -> Contact:
    return Contact.objects.for_user(user).get(display_name=name)


def stored(model: Any, column: str) -> list[Any]:
    """As it stands in the table, whoever's it is that we act for."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {column} FROM {model._meta.db_table} ORDER BY id")
        return [value for (value,) in cursor.fetchall()]


@pytest.mark.django_db
def test_an_import_reads_the_same_in_both_ways(alice: User, folder: Path, mode: bool) -> None:
    first = import_file(alice, folder / "grace.vcf")
    second = import_file(alice, folder / "more.csv")
    assert (first.totals["create"], second.totals["create"], second.totals["update"]) == (1, 1, 1)
    assert plan(alice, folder / "more.csv").totals["reasons"] == {"already_here": 2}
    with acting_as(alice.pk):
        grace = the(alice, "Grace Hopper")
        assert (grace.primary_phone, grace.birthday) == ("+1 202 555 0143", dt.date(1906, 12, 9))
        assert grace.custom == {
            "address": "17 Canary Lane, Arlington, VA, 22201, USA",
            "Street": "17 Canary Lane",
        }
        found = [(i.kind, i.readable, i.display) for i in grace.identities.order_by("kind")]
        assert found == [
            ("email", "grace@example.com", "grace@example.com"),
            ("phone", "+12025550143", "+1 202 555 0143"),
        ]
        values = stored(ContactIdentity, "value")
        assert sum(map(is_blind, values)) == (2 if mode else 0)
        assert [is_sealed(birthday) for birthday in stored(Contact, "birthday") if birthday] == [mode]


@pytest.mark.django_db
def test_an_undo_restores_the_same_in_both_ways(alice: User, folder: Path, mode: bool) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Grace Hopper", addresses=["grace@example.com"])
        before = state_hash(alice.pk)
    batch = import_file(alice, folder / "grace.vcf")
    with acting_as(alice.pk):
        assert the(alice, "Grace Hopper").birthday == dt.date(1906, 12, 9)
        assert state_hash(alice.pk) != before
    undone = take_back(batch)
    with acting_as(alice.pk):
        assert undone.totals["undo"]["kept"] == []
        assert state_hash(alice.pk) == before
        assert rows(alice, Contact).get(pk=ada.pk).custom == {}


@pytest.mark.django_db
def test_what_a_person_changed_since_is_kept_in_both_ways(alice: User, folder: Path, mode: bool) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Grace Hopper", addresses=["grace@example.com"])
    batch = import_file(alice, folder / "grace.vcf")
    with acting_as(alice.pk):
        grace = the(alice, "Grace Hopper")
        grace.custom = {**grace.custom, "address": "Elsewhere"}
        grace.save()
    kept = take_back(batch).totals["undo"]["kept"]
    assert [(row["label"], row["why"]) for row in kept] == [("Grace Hopper", "custom has been changed since")]
    with acting_as(alice.pk):
        grace = the(alice, "Grace Hopper")
        assert (grace.custom, grace.birthday, grace.primary_phone) == ({"address": "Elsewhere"}, None, "")


@pytest.mark.django_db
def test_a_number_leads_to_one_person_in_both_ways(alice: User, charlie: User, mode: bool) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada", addresses=["+44 20 7946 0000"])
        with pytest.raises(editing.AddressTaken, match=r"\+442079460000 already belongs to Ada"):
            editing.create_contact(alice, name="Byron", addresses=["0044 (20) 7946-0000"])
        editing.remove_identity(alice, identity=ada.identities.get())
        assert rows(alice, Contact).get(pk=ada.pk).primary_phone == ""
        editing.add_identity(alice, contact=ada, text="+442079460000")
        assert rows(alice, Contact).get(pk=ada.pk).primary_phone == "+44 20 7946 0000"
        hers = ada.identities.get().value
    with acting_as(charlie.pk):
        his = (
            editing.create_contact(charlie, name="Ada", addresses=["+44 20 7946 0000"]).identities.get().value
        )
    assert (hers == his) != mode  # two users' indexes of one number tell nothing


@pytest.mark.django_db
def test_a_number_is_found_when_it_is_typed_whole(alice: User, strict: None, client: Client) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(
            alice, name="Ada Lovelace", addresses=["+44 20 7946 0000", "ada1815@example.com"]
        )
        for words in (
            "+44 20 7946 0000",
            "0044 (0)20 7946 0000",
            "020 7946-0000",
            "ada 2079460000",
            "1815",
            "Lovel",
        ):
            assert list(rows(alice, Contact).matching(words)) == [ada], words
        for words in ("7946", "20794600", "+44 20 7946 0001", "ABCD", "abcd"):
            assert list(rows(alice, Contact).matching(words)) == [], words
        assert "7946" not in "".join(map(str, [*stored(SearchText, "text"), *stored(SearchText, "parts")]))
    assert search_words("+44 20 7946 0000") == ["442079460000"]  # nobody asks
    page = client.get("/contacts/?q=%2B442079460000").content.decode()
    assert "Ada Lovelace" in page
    assert "they are found only when typed whole" in page


@pytest.mark.django_db
def test_the_page_of_a_person_shows_what_is_sealed(alice: User, strict: None, client: Client) -> None:
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada", addresses=["+44 20 7946 0000"])
    page = client.get(ada.get_absolute_url()).content.decode()
    assert '<a href="tel:+442079460000">+44 20 7946 0000</a>' in page
    identity = ContactIdentity.unscoped
    with acting_as(alice.pk):
        pk = identity.get().pk
    answer = client.post(f"{ada.get_absolute_url()}addresses/{pk}/remove/", headers={"HX-Request": "true"})
    assert "+442079460000 leads to nobody now." in answer.headers["HX-Trigger"]


@pytest.mark.django_db
def test_the_list_as_a_table_reads_the_same_in_both_ways(alice: User, folder: Path, mode: bool) -> None:
    import_file(alice, folder / "grace.vcf")
    (_, *lines) = b"".join(table(PeopleList(alice))).decode().splitlines()
    assert lines == [
        """Grace Hopper,,,grace@example.com,'+12025550143,,,,,1906-12-09,"17 Canary Lane, Arlington, VA, 22201, USA\""""
    ]


@pytest.mark.django_db
def test_nobody_is_named_by_a_sealed_number(alice: User, tmp_path: Path, mode: bool) -> None:
    card = tmp_path / "number.vcf"
    card.write_text("BEGIN:VCARD\nVERSION:3.0\nTEL:+1 202 555 0143\nEND:VCARD\n")
    import_file(alice, card)
    with acting_as(alice.pk):
        contact = rows(alice, Contact).get()
        assert contact.display_name == ("Unnamed" if mode else "+1 202 555 0143")


@pytest.mark.django_db
def test_a_private_note_is_sealed_in_any_case(alice: User, mode: bool, client: Client) -> None:
    contact = make_contact(alice)
    there = contact.get_absolute_url()
    client.post(f"{there}notes/add/", {"text": "A canary in the note", "private": "on"})
    client.post(f"{there}notes/add/", {"text": "For everybody who reads the table"})
    with acting_as(alice.pk):
        private, open_note = Note.objects.for_user(alice).order_by("created_at")
        assert (private.text, private.private) == ("A canary in the note", True)
        assert [is_sealed(text) for text in stored(Note, "text")] == [True, False]
    page = client.get(there).content.decode()
    assert "A canary in the note" in page
    assert "Private note" in page
    client.post(f"{there}notes/{private.pk}/", {"text": "A canary in the note"})
    client.post(f"{there}notes/{open_note.pk}/", {"text": "Sealed now", "private": "on"})
    with acting_as(alice.pk):
        assert [is_sealed(text) for text in stored(Note, "text")] == [False, True]


@pytest.mark.django_db
def test_a_deleted_private_note_comes_back_and_is_not_named(alice: User, client: Client) -> None:
    written = make_note(alice, text="A canary in the note", private=True)
    with acting_as(alice.pk):
        batch = editing.delete_note(alice, written=written)
        (item,) = BatchItem.objects.for_user(alice)
        assert "canary" not in json.dumps(item.before)
    undone = take_back(batch)
    with acting_as(alice.pk):
        assert Note.objects.for_user(alice).get().text == "A canary in the note"
        assert "canary" not in json.dumps(undone.totals)


@pytest.mark.django_db
def test_an_imported_note_is_not_added_again_once_it_is_private(alice: User, folder: Path) -> None:
    import_file(alice, folder / "grace.vcf")
    with acting_as(alice.pk):
        written = Note.objects.for_user(alice).get()
        editing.edit_note(alice, written=written, text=written.text, private=True)
    assert plan(alice, folder / "grace.vcf").totals["reasons"] == {"already_here": 1}


@pytest.mark.django_db
def test_what_only_looks_sealed_is_sealed_too(alice: User) -> None:
    """Nobody can plant text that another row would open, or that fails to open."""
    planted = "sealed:AWsx"
    contact = make_contact(alice, primary_phone=planted, custom={"x": planted, "n": 1})
    note = make_note(alice, contact=contact, text=planted)
    with acting_as(alice.pk):
        again = Contact.objects.for_user(alice).get(pk=contact.pk)
        assert (again.primary_phone, again.custom) == (planted, {"x": planted, "n": 1})
        assert Note.objects.for_user(alice).get(pk=note.pk).text == planted
        with pytest.raises(TypeError, match="may be sealed for its row"):
            Contact.objects.for_user(alice).update(primary_phone="1")


@pytest.mark.django_db
def test_a_sealed_column_of_another_row_does_not_open(alice: User, charlie: User, strict: None) -> None:
    ada, grace = (
        make_contact(alice, primary_phone="+4930123456"),
        make_contact(alice, primary_phone="+4930654321"),
    )
    his = make_contact(charlie, primary_phone="+4930111111")
    with acting_as(alice.pk):
        (stolen, _) = stored(Contact, "primary_phone")
    for user, row in ((alice, grace), (charlie, his)):
        with acting_as(user.pk), connection.cursor() as cursor:
            cursor.execute("UPDATE contacts_contact SET primary_phone = %s WHERE id = %s", [stolen, row.pk])
            with pytest.raises(CannotOpen):
                _ = Contact.objects.for_user(user).get(pk=row.pk).primary_phone
    with acting_as(alice.pk), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE contacts_contact SET primary_phone = left(primary_phone, 40) WHERE id = %s", [ada.pk]
        )
        with pytest.raises(CannotOpen):
            _ = Contact.objects.for_user(alice).get(pk=ada.pk).primary_phone


def use(monkeypatch: pytest.MonkeyPatch, ring: Keyring) -> None:
    for module in ("sealed", "sealedfiles", "keys", "rotation", "personal"):
        monkeypatch.setattr(f"omnicrm.{module}.keyring", lambda: ring)


@pytest.mark.django_db
def test_a_change_of_keys_reaches_columns_and_logs_and_an_undo_still_fits(
    alice: User, folder: Path, strict: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Grace Hopper", addresses=["grace@example.com", "+1 202 555 0199"])
    batch = import_file(alice, folder / "grace.vcf")
    with acting_as(alice.pk):
        index = blind(alice.pk, "phone", "+12025550143")
    use(monkeypatch, Keyring({"k9": bytes(range(32)), **sealed.keyring().keys}))
    done = rotation.rotate()
    assert (done.left, done.damaged, rotation.count_left()) == (0, 0, 0)
    use(monkeypatch, Keyring({"k9": bytes(range(32))}))
    with acting_as(alice.pk):
        grace = the(alice, "Grace Hopper")
        assert (grace.birthday, grace.identities.get(value=index).readable) == (
            dt.date(1906, 12, 9),
            "+12025550143",
        )
    undone = take_back(batch)
    with acting_as(alice.pk):
        assert undone.totals["undo"]["kept"] == []
        assert the(alice, "Grace Hopper").primary_phone == "+1 202 555 0199"
        assert rows(alice, Contact).get().custom == {}


@pytest.mark.django_db
def test_the_setting_is_carried_out_there_and_back(alice: User, folder: Path, settings: Any) -> None:
    refuse_wrong_keys()  # as at every start: an installation has its keys before anyone sets it otherwise
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Grace Hopper", addresses=["grace@example.com"])
    batch = import_file(alice, folder / "grace.vcf")
    with acting_as(alice.pk):
        before, texts = state_hash(alice.pk), stored(SearchText, "text")
    settings.PII_STRICT = True
    assert (
        kept_otherwise()
        == "PII_STRICT is on, and what is personal is not all sealed yet. Run: manage.py seal_personal_data"
    )
    # The contact, its number, and the log of what the import added to the contact.
    assert run("seal_personal_data") == {
        "exit": 0,
        "strict": True,
        "changed": 2,
        "logs": 1,
        "doubled": 0,
        "named": 0,
    }
    assert run("seal_personal_data") == {
        "exit": 0,
        "strict": True,
        "changed": 0,
        "logs": 0,
        "doubled": 0,
        "named": 0,
    }
    assert kept_otherwise() == ""
    with acting_as(alice.pk):
        kept = json.dumps(
            [
                stored(Contact, "to_jsonb(contacts_contact)"),
                stored(ContactIdentity, "to_jsonb(contacts_contactidentity)"),
                stored(BatchItem, "to_jsonb(jobs_batchitem)"),
                stored(SearchText, "text"),
            ]
        )
        assert [secret for secret in SECRETS if secret in kept] == []
        assert the(alice, "Grace Hopper").birthday == dt.date(1906, 12, 9)
        assert list(rows(alice, Contact).matching("+12025550143")) == [the(alice, "Grace Hopper")]
    settings.PII_STRICT = False
    assert run("seal_personal_data") == {
        "exit": 0,
        "strict": False,
        "changed": 2,
        "logs": 1,
        "doubled": 0,
        "named": 0,
    }
    with acting_as(alice.pk):
        assert (state_hash(alice.pk), stored(SearchText, "text")) == (before, texts)
    assert take_back(batch).totals["undo"]["kept"] == []


@pytest.mark.django_db
def test_who_goes_by_a_number_is_told_of(alice: User, tmp_path: Path, settings: Any) -> None:
    (tmp_path / "a.vcf").write_text("BEGIN:VCARD\nVERSION:3.0\nTEL:+1 202 555 0143\nEND:VCARD\n")
    import_file(alice, tmp_path / "a.vcf")
    settings.PII_STRICT = True
    assert run("seal_personal_data")["named"] == 1


@pytest.mark.django_db
def test_a_number_that_came_in_twice_is_told_of(alice: User, settings: Any) -> None:
    """Somebody imported between the change of the setting and the command."""
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Ada", addresses=["+44 20 7946 0000"])
    settings.PII_STRICT = True
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Ada again", addresses=["+44 20 7946 0000"])
    said = run("seal_personal_data")
    assert (said["exit"], said["doubled"]) == (1, 1)
    assert kept_otherwise() != ""


@pytest.mark.django_db
def test_logs_take_sealed_values_alone(alice: User, folder: Path) -> None:
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Grace Hopper", addresses=["grace@example.com"])
    import_file(alice, folder / "grace.vcf")
    with acting_as(alice.pk), connection.cursor() as cursor:
        item = BatchItem.objects.for_user(alice).get(object_type="contacts.contact")
        for after, accepted in (
            ({**item.after, "birthday": "1815-12-10"}, False),
            ({key: item.after[key] for key in ("birthday",)}, False),
            ({**item.after, "birthday": "sealed:AWsx"}, True),
        ):
            cursor.execute(
                "SELECT jobs_reseal_log(%s, %s, %s)", [item.pk, json.dumps(item.before), json.dumps(after)]
            )
            assert cursor.fetchone() == (accepted,)


@pytest.mark.django_db(transaction=True)
def test_a_dump_of_the_database_holds_nothing_that_is_sealed(
    alice: User, folder: Path, settings: Any, client: Client
) -> None:
    settings.PII_STRICT = True
    batches: list[Batch] = [import_file(alice, folder / "grace.vcf"), import_file(alice, folder / "more.csv")]
    with acting_as(alice.pk):
        grace = the(alice, "Grace Hopper")
        editing.add_note(alice, contact=grace, text="A canary in the note", private=True)
        editing.add_identity(alice, contact=grace, text="+1 202 555 0199")
    client.post(f"{grace.get_absolute_url()}delete/")
    take_back(batches[1])
    assert [secret for secret in (*SECRETS, "5550199", "555 0199") if secret.encode() in dump()] == []
    assert b"grace@example.com" in dump()


def dump() -> bytes:
    """All of the database, as its administrator sees it."""
    admin = make_conninfo(os.environ["DATABASE_ADMIN_URL"], dbname=connection.settings_dict["NAME"])
    return subprocess.run([str(programs() / "pg_dump"), admin], capture_output=True, check=True).stdout
