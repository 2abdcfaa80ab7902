"""`export_user` and `import_user`."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from contacts.models import Contact
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.commands.contract import run
from tests.factories import make_contact

pytestmark = pytest.mark.django_db


def events(user: User, action: str) -> list[tuple[str, dict[str, object]]]:
    with acting_as(user.pk):
        rows = Event.objects.for_user(user).filter(action=action)
        return list(rows.values_list("actor", "data"))


def test_out_and_in(alice: User, charlie: User, tmp_path: Path) -> None:
    make_contact(alice, display_name="Ada")
    path = tmp_path / "all.zip"
    told = run("export_user", "alice@example.org", str(path))
    manifest = json.loads(zipfile.ZipFile(path).read("manifest.json"))
    rows = {label: n for label, n in told["rows"].items() if n}
    assert rows == {"contacts.Contact": 1}
    assert (told["exit"], told["size"], told["content_hash"]) == (
        0,
        path.stat().st_size,
        manifest["content_hash"],
    )
    assert path.stat().st_mode & 0o777 == 0o600
    assert events(alice, "export.made") == [("operator", {"rows": 1, "content_hash": told["content_hash"]})]
    brought = run("import_user", "charlie@example.net", str(path))
    assert (brought["exit"], brought["content_hash"], brought["rows"]) == (
        0,
        told["content_hash"],
        told["rows"],
    )
    assert events(charlie, "export.brought_in") == [
        ("operator", {"rows": 1, "content_hash": told["content_hash"]})
    ]
    with acting_as(charlie.pk):
        assert [str(contact) for contact in Contact.objects.for_user(charlie)] == ["Ada"]


def test_refusals(alice: User, tmp_path: Path) -> None:
    path = tmp_path / "all.zip"
    path.write_bytes(b"mine")
    there = {"exit": 2, "error": f"There is a file {path} already. Name another one."}
    assert run("export_user", "alice@example.org", str(path)) == there
    assert path.read_bytes() == b"mine"
    nowhere = run("export_user", "alice@example.org", str(tmp_path / "no" / "all.zip"))
    assert nowhere["exit"] == 1
    assert "No such file or directory" in nowhere["error"]
    assert run("import_user", "alice@example.org", str(tmp_path / "none.zip"))["exit"] == 2
    torn = run("import_user", "alice@example.org", str(path))
    assert (torn["exit"], "no whole zip file" in torn["error"]) == (1, True)
    assert run("export_user", "nobody@example.org", str(path))["exit"] == 2
