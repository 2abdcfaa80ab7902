"""What is no whole archive of ours is refused in a sentence, and not a row of it is written."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from typing import Any

import pytest

from contacts.models import Contact
from integrations.archive import tables
from integrations.archive.bringing import bring_in
from integrations.archive.reading import BadArchive
from integrations.archive.writing import Content, content_hash
from integrations.models import SourceFile
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_batch, make_contact, make_raw_event, make_source_file
from tests.isolation.planting import digest
from tests.own_data.rich import archive_of, entries, zipped

pytestmark = pytest.mark.django_db

CONTACTS = "data/contacts.Contact.jsonl"
Files = dict[str, bytes]


@pytest.fixture
def files(alice: User) -> Files:
    make_contact(alice, display_name="Ada Lovelace")
    make_raw_event(alice, kind="email", payload=b"x\x9c\x03\x00\x00\x00\x00\x01")
    make_source_file(alice, stored_as="uploads/x/1.mbox", path="/etc/hostname")
    make_batch(alice, kind="file_import", state="running", title="half.mbox")
    return entries(archive_of(alice))


def refused(user: User, data: bytes, words: str) -> None:
    before = digest(user)
    with pytest.raises(BadArchive, match=words):
        bring_in(user, io.BytesIO(data))
    assert digest(user) == before


def manifest(files: Files, change: Callable[[dict[str, Any]], object]) -> Files:
    said = json.loads(files["manifest.json"])
    change(said)
    return files | {"manifest.json": json.dumps(said).encode()}


def agreeing(files: Files, name: str, data: bytes) -> Files:
    """The archive with another file, and a manifest that says so: somebody took trouble."""
    held = files | {name: data}
    contents: dict[str, Content] = {}
    for table in tables.tables():
        contents[table.label] = Content()
        for line in held[table.name].splitlines(keepends=True):
            contents[table.label].add(line)

    def correct(said: dict[str, Any]) -> None:
        said["files"][name] = {
            "bytes": len(data),
            "sha256": hashlib.sha256(data).hexdigest(),
            "rows": data.count(b"\n"),
        }
        said["content_hash"] = content_hash(contents)

    return manifest(held, correct)


def test_a_changed_file(files: Files, charlie: User) -> None:
    for name in files.keys() - {"manifest.json"}:
        changed = files | {name: files[name].replace(b"a", b"b", 1) or b"b"}
        if changed[name] != files[name]:
            refused(charlie, zipped(changed), f"{name} in this archive is damaged")


def test_a_cut_or_torn_file(files: Files, charlie: User) -> None:
    data = zipped(files)
    refused(charlie, data[:-50], "no whole zip file")
    refused(charlie, b"", "no whole zip file")
    refused(charlie, b"PK\x03\x04" + b"x" * 500, "no whole zip file")
    at = data.index(b"PK\x03\x04", 500) + 90
    refused(charlie, data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :], "damaged")


def test_files_that_are_missing_or_too_many(files: Files, charlie: User) -> None:
    refused(charlie, zipped({name: data for name, data in files.items() if name != CONTACTS}), "missing")
    refused(charlie, zipped(files | {"../../etc/cron.d/x": b"*"}), "added")
    refused(charlie, zipped({"a.txt": b"Hello"}), "no archive of OmniCRM")
    refused(charlie, zipped(manifest(files, lambda said: said["files"].pop(CONTACTS))), "missing")


def test_a_manifest_that_says_something_else(files: Files, charlie: User) -> None:
    one = {"bytes": 1, "sha256": "0" * 64, "rows": 1}
    for change, words in [
        (lambda said: said.update(version=2), "has version 2 of the format"),
        (lambda said: said.update(format="zip"), "no archive of OmniCRM"),
        (lambda said: said.update(files=[]), "manifest.json in this archive is damaged"),
        (lambda said: said["files"].update({CONTACTS: "x"}), "manifest.json in this archive is damaged"),
        (lambda said: said["files"][CONTACTS].update(rows=True), "manifest.json in this archive is damaged"),
        (
            lambda said: said["files"][CONTACTS].update(rows=2),
            "contacts.Contact.jsonl in this archive is damaged",
        ),
        (lambda said: said["files"].update({"data/contacts.Pet.jsonl": one}), "missing"),
        (lambda said: said.update(content_hash="0" * 64), "damaged"),
    ]:
        refused(charlie, zipped(manifest(files, change)), words)
    refused(charlie, zipped(files | {"manifest.json": b"{"}), "no archive of OmniCRM")
    refused(charlie, zipped(files | {"manifest.json": b"[" * 100_000}), "no archive of OmniCRM")
    more = manifest(files, lambda said: said["files"].update({"data/contacts.Pet.jsonl": one}))
    refused(charlie, zipped(more | {"data/contacts.Pet.jsonl": b"\n"}), "another version of OmniCRM")


def test_a_bomb(files: Files, charlie: User) -> None:
    refused(charlie, zipped(files | {"originals/zeros": bytes(60_000_000)}), "unpack to far more")
    many = zipped({f"{n}": b"" for n in range(100_001)})
    refused(charlie, many, "too many entries")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda row: row.pop("slug"), "columns are not those"),
        (lambda row: row.update(password="x"), "columns are not those"),
        (lambda row: row.update(id="1"), "a value is not what"),
        (lambda row: row.update(id=1), "a value is not what"),
        (lambda row: row.update(stage="ghost"), "none of those"),
        (lambda row: row.update(stage=[]), "none of those"),
        (lambda row: row.update(company_id="019a0000-0000-7000-8000-000000000000"), "IntegrityError"),
        (lambda row: row.update(confidence="much"), "DataError"),
        (lambda row: row.update(display_name=None), "IntegrityError"),
        (lambda row: row.update(display_name="a\0b"), "Error"),
    ],
)
def test_rows_that_do_not_fit(files: Files, charlie: User, change: Callable[[Any], Any], words: str) -> None:
    row = json.loads(files[CONTACTS])
    change(row)
    refused(charlie, zipped(agreeing(files, CONTACTS, json.dumps(row).encode() + b"\n")), words)


def test_rows_that_are_none(files: Files, charlie: User) -> None:
    for line in (b"[]\n", b"nonsense\n", b"[" * 100_000 + b"\n", b"\xff\n"):
        refused(charlie, zipped(agreeing(files, CONTACTS, line)), "does not fit this OmniCRM")


def test_a_row_without_its_payload(files: Files, charlie: User) -> None:
    name = "data/integrations.RawEvent.jsonl"
    for payload in ({"base64": "?"}, {"text": ""}, 5, []):
        row = json.loads(files[name]) | {"payload": payload}
        refused(
            charlie, zipped(agreeing(files, name, json.dumps(row).encode() + b"\n")), "a value is not what"
        )


def test_an_account_that_is_not_empty(files: Files, alice: User) -> None:
    refused(alice, zipped(files), "This account has data already")


def test_nothing_in_it_names_a_file_of_this_machine(files: Files, charlie: User) -> None:
    name = "data/integrations.SourceFile.jsonl"
    row = json.loads(files[name])
    assert (row["stored_as"], row["path"]) == ("", "")
    row |= {"stored_as": "uploads/somebody/1.mbox", "path": "/etc/hostname"}
    bring_in(charlie, io.BytesIO(zipped(agreeing(files, name, json.dumps(row).encode() + b"\n"))))
    with acting_as(charlie.pk):
        file = SourceFile.objects.for_user(charlie).get()
    assert (file.stored_as, file.path) == ("", "")


def test_what_was_at_work_is_stopped(files: Files, charlie: User) -> None:
    bring_in(charlie, io.BytesIO(zipped(files)))
    with acting_as(charlie.pk):
        batch = Batch.objects.for_user(charlie).get()
        assert Contact.objects.for_user(charlie).get().display_name == "Ada Lovelace"
    assert (batch.state, batch.error) == ("cancelled", "It was not finished when the archive was made.")
