"""An archive holds everything, and brought into another account it is the same archive again."""

from __future__ import annotations

import datetime as dt
import io
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from contacts import editing
from contacts.models import Contact, Note, SearchText
from integrations.archive import tables
from integrations.archive.bringing import bring_in
from integrations.archive.writing import Archive
from integrations.files import ics, mbox, vcard
from integrations.models import RawEvent
from jobs.models import Batch, Job
from jobs.undo import preview
from omnicrm import audit
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_contact, make_note
from tests.importing import check_derived, import_file, take_back
from tests.isolation.census import OWNED
from tests.isolation.planting import digest
from tests.own_data.rich import archive_of, entries, fill

pytestmark = pytest.mark.django_db


def manifest_of(data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(entries(data)["manifest.json"])
    return found


def test_every_owned_model_is_in_an_archive_or_left_out_for_a_reason() -> None:
    owned = {model._meta.label for model in OWNED}
    assert tables.HELD.keys() | tables.LEFT_OUT.keys() == owned, (
        "Say in integrations/archive/tables.py whether an archive holds the new model, or why it does not."
    )
    assert tables.HELD.keys() & tables.LEFT_OUT.keys() == set()
    assert all(len(reason) > 20 for reason in tables.LEFT_OUT.values())


def test_tables_come_after_those_they_refer_to() -> None:
    order = list(tables.HELD)
    for table in tables.tables():
        for field in table.fields:
            if field.is_relation and field.column not in table.local:
                assert order.index(field.related_model._meta.label) < order.index(table.label)


@pytest.fixture(params=[False, True], ids=["readable", "sealed"])
def rich(alice: User, tmp_path: Path, request: pytest.FixtureRequest, settings: Settings) -> User:
    """Once as it is, and once where everything personal is sealed."""
    settings.PII_STRICT = request.param
    fill(alice, tmp_path)
    return alice


def test_from_an_account_into_another_and_out_again(rich: User, charlie: User) -> None:
    before = digest(rich)
    first = archive_of(rich)
    assert digest(rich) == before, "making an archive changes nothing"
    brought = bring_in(charlie, io.BytesIO(first))
    second = archive_of(charlie)
    assert brought.content_hash == manifest_of(first)["content_hash"] == manifest_of(second)["content_hash"]
    one, other = entries(first), entries(second)
    assert one.keys() == other.keys()
    differing = {name for name in one if sorted(one[name].split(b"\n")) != sorted(other[name].split(b"\n"))}
    assert differing == {"data/omnicrm.Event.jsonl", "manifest.json", "contacts.vcf"}, "cards carry ids"
    assert digest(rich) == before
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")  # as a commit does
    assert audit.verify(charlie.pk).is_whole
    check_derived(charlie)
    with acting_as(charlie.pk):
        assert SearchText.objects.for_user(charlie).count() == Contact.objects.for_user(charlie).count() > 0
        assert not Job.objects.for_user(charlie).exists()
        assert [raw.content for raw in kept(charlie)] == contents(rich)


@pytest.mark.parametrize("there", [False, True], ids=["into readable", "into strict"])
def test_what_is_sealed_is_in_the_clear_in_an_archive_and_sealed_again(
    alice: User, charlie: User, tmp_path: Path, settings: Any, there: bool
) -> None:
    settings.PII_STRICT = True
    fill(alice, tmp_path)
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada", addresses=["+44 20 7946 0000"])
        editing.add_note(alice, contact=ada, text="canary in a note", private=True)
        batch = editing.delete_contacts(alice, contacts=[ada])
    first = archive_of(alice)
    held = entries(first)
    assert b"+442079460000" in held["data/contacts.ContactIdentity.jsonl"]
    assert b"canary in a note" in held["data/jobs.BatchItem.jsonl"]
    assert not any(b"sealed:" in content for content in held.values())
    settings.PII_STRICT = there
    brought = bring_in(charlie, io.BytesIO(first))
    assert (
        brought.content_hash
        == manifest_of(first)["content_hash"]
        == manifest_of(archive_of(charlie))["content_hash"]
    )
    with acting_as(charlie.pk), connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM contacts_contactidentity WHERE kind = 'phone' AND value ~ '^[A-P]{64}$'"
        )
        assert (cursor.fetchone()[0] > 0) is there
        assert list(Contact.objects.for_user(charlie).filter(display_name="Ada")) == []
        deletion = Batch.objects.for_user(charlie).get(title=batch.title)
    take_back(deletion)
    with acting_as(charlie.pk):
        ada = Contact.objects.for_user(charlie).get(display_name="Ada")
        assert (ada.notes.get().text, ada.primary_phone) == ("canary in a note", "+44 20 7946 0000")
        assert list(Contact.objects.for_user(charlie).matching("+442079460000")) == [ada]


def kept(user: User) -> Any:
    return RawEvent.objects.for_user(user).exclude(payload=None).order_by("pk")


def contents(user: User) -> list[bytes]:
    with acting_as(user.pk):
        return [raw.content for raw in kept(user)]


def test_all_of_it_can_still_be_taken_back(rich: User, charlie: User) -> None:
    """What was changed by hand and by whom is known in the new account too."""
    bring_in(charlie, io.BytesIO(archive_of(rich)))
    for name in ("a.mbox", "cards.vcf", "table.csv", "calendar.ics"):
        assert said(charlie, name) == said(rich, name), name
    take_back(batch_of(charlie, "Deleted a note on Ada King"))
    with acting_as(charlie.pk):
        assert Note.objects.for_user(charlie).get(private=True).text == "Between us."
    take_back(batch_of(charlie, "b.mbox"))
    assert batch_of(charlie, "b.mbox").state == Batch.State.UNDONE


def batch_of(user: User, title: str) -> Batch:
    with acting_as(user.pk):
        return Batch.objects.for_user(user).get(title=title)


def said(user: User, title: str) -> Any:
    batch = batch_of(user, title)
    with acting_as(user.pk):
        found = preview(batch)
    return found | {"kept": sorted((row["what"], row["label"], row["why"]) for row in found["kept"])}


@pytest.mark.django_db(transaction=True)
def test_back_into_the_account_it_came_from(rich: User, charlie: User) -> None:
    """The same ids, so that links still lead where they led."""
    data, before = archive_of(rich), digest(rich)
    email_address, key = rich.email, rich.pk
    rich.delete()
    again = User.objects.create(pk=key, email=email_address)
    bring_in(again, io.BytesIO(data))
    now = digest(again)
    same = [f"{table.model._meta.db_table}" for table in tables.tables()]
    sealed_anew = {"integrations_rawevent", "jobs_planitem"}
    local = {"integrations_sourcefile", "integrations_outboxmessage"}
    for table in set(same) - {"omnicrm_event", *local, *sealed_anew}:
        assert now[table] == before[table], table
    assert manifest_of(archive_of(again))["content_hash"] == manifest_of(data)["content_hash"]


def test_the_files_for_other_programs(rich: User) -> None:
    held = entries(archive_of(rich))
    with acting_as(rich.pk):
        letters = [raw.content for raw in kept(rich) if raw.kind == "email"]
    assert [entry.raw.rstrip(b"\n") for entry in mbox.messages(io.BytesIO(held["mail.mbox"]))] == [
        raw.rstrip(b"\n") for raw in letters
    ]
    people = {person.full_name: person for person in vcard.parse(held["contacts.vcf"])}
    assert people.keys() == {"Ada King", "Grace Hopper", "Charles Babbage"} & people.keys()
    grace = people["Grace Hopper"]
    assert (grace.emails, grace.phones, grace.organization) == (
        ["grace@example.com"],
        ["+12025550143"],
        "Navy",
    )
    assert (grace.notes, sorted(grace.tags), str(grace.birthday)) == (
        "Found a moth, a real one.",
        ["Friends", "Navy"],
        "1906-12-09",
    )
    assert "Hopper" in grace.custom.values()
    with acting_as(rich.pk):
        titles = sorted(row.title for row in tables.tables()[11].model.objects.for_user(rich))  # type: ignore[attr-defined]
    assert sorted(event.title for event in ics.parse(held["calendar.ics"])) == titles
    assert sorted(name.rpartition("-")[2] for name in held if name.startswith("originals/")) == [
        "calendar.ics",
        "cards.vcf",
        "table.csv",
    ]


@pytest.mark.django_db(transaction=True)
def test_it_is_of_one_moment(alice: User) -> None:
    """What is written while an archive is made is not in it, nor half of it."""
    ada = make_contact(alice, display_name="Ada")
    with ThreadPoolExecutor(1) as elsewhere:
        making = Archive(
            alice, lambda words: "Writing" in words and elsewhere.submit(write_meanwhile, ada).result()
        )
        data = b"".join(making.pieces())
    held = entries(data)
    assert b"Meanwhile" not in held["data/contacts.Note.jsonl"] + held["contacts.vcf"]
    assert b"Meanwhile" in entries(archive_of(alice))["contacts.vcf"]


def write_meanwhile(contact: Contact) -> None:
    make_note(contact.user, contact=contact, text="Meanwhile")
    connection.close()


@pytest.mark.django_db
def test_series_leave_as_they_came(alice: User, tmp_path: Path) -> None:
    """The calendar in an archive repeats at the same moments as the one that was imported."""
    lines = [
        "UID:1", "SUMMARY:Weekly", "DTSTART;TZID=Europe/Berlin:20260302T100000", "DTEND;TZID=Europe/Berlin:20260302T110000",
        "RRULE:FREQ=WEEKLY;COUNT=8", "EXDATE;TZID=Europe/Berlin:20260309T100000",
        "RDATE;VALUE=PERIOD;TZID=Europe/Berlin:20260304T100000/PT2H",
    ]  # fmt: skip
    days = [
        "UID:2",
        "SUMMARY:Days",
        "DTSTART;VALUE=DATE:20260302",
        "RRULE:FREQ=DAILY;COUNT=3",
        "EXDATE;VALUE=DATE:20260303",
    ]
    both = [line for entry in (lines, days) for line in ("BEGIN:VEVENT", *entry, "END:VEVENT")]
    came = "\r\n".join(["BEGIN:VCALENDAR", *both, "END:VCALENDAR", ""]).encode()
    (tmp_path / "a.ics").write_bytes(came)
    import_file(alice, tmp_path / "a.ics")
    with acting_as(alice.pk):
        left = entries(archive_of(alice))["calendar.ics"]
    span = dt.datetime(2026, 1, 1, tzinfo=dt.UTC), dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
    moments = [
        [(one.title, one.start, one.end) for one in ics.occurrences(calendar, *span)]
        for calendar in (came, left)
    ]
    assert len(moments[0]) == 10
    assert moments[0] == moments[1]
