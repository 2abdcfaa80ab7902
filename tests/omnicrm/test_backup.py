"""A backup holds everything, opens with the keys alone, and comes back as it was."""

from __future__ import annotations

import json
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.test import Client

from contacts import editing
from contacts.models import Contact
from integrations.models import OutboxMessage
from integrations.plan import start_plan_in_place
from jobs import erasing
from jobs.foreground import work_until_settled
from jobs.restore import state_hash
from omnicrm import backup, blind, keys, personal, restoring, rotation, sealed, sealedfiles
from omnicrm.acting import acting_as
from omnicrm.backup import STAMP
from omnicrm.crypto import Keyring
from omnicrm.management.commands.backup import held
from omnicrm.models import Erasure, Event, User
from omnicrm.sealed import keyring
from omnicrm.sealedfiles import SealedStorage
from tests.commands.contract import run
from tests.conftest import TEMPLATE
from tests.factories import NOON, make_letter, make_raw_event
from tests.importing import carry_out, import_file, letter, mailbox, take_back
from tests.servers import clone_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealedStorage:
    """One that holds nothing of other tests."""
    mine = SealedStorage(location=tmp_path / "media")
    monkeypatch.setattr(rotation, "storage", lambda: mine)
    return mine


@pytest.fixture
def fresh() -> Iterator[Callable[[], None]]:
    """A new installation, as `setup_database` and `migrate` make it; from then on it is ours."""
    usual = connection.settings_dict["NAME"]

    def start() -> None:
        connection.close()
        clone_database(TEMPLATE, f"{usual}_restored")
        connection.settings_dict["NAME"] = f"{usual}_restored"
        blind.index_key.cache_clear()

    yield start
    connection.close()
    connection.settings_dict["NAME"] = usual
    blind.index_key.cache_clear()


@pytest.fixture
def lived(alice: User, charlie: User, tmp_path: Path, storage: SealedStorage, settings: Any) -> User:
    """Alice has imported, written and taken back, with numbers sealed; an upload waits; Charlie has a contact."""
    settings.PII_STRICT = True
    blind.index_key.cache_clear()
    (tmp_path / "a.vcf").write_text(
        "BEGIN:VCARD\nVERSION:3.0\nFN:Grace Hopper\nTEL:+1 202 555 0143\nEND:VCARD\n"
    )
    import_file(alice, mailbox(tmp_path / "a.mbox", letter(1), letter(2, subject="Ünïcode\\N and\ttabs")))
    take_back(import_file(alice, tmp_path / "a.vcf"))
    with acting_as(alice.pk):
        ada = editing.create_contact(alice, name="Ada", addresses=["+44 20 7946 0000"])
        editing.add_note(alice, contact=ada, text="A canary in the note", private=True)
    make_raw_event(alice, payload=b"A canary in a letter")
    moment = {"approved_at": NOON, "send_at": NOON, "approved_hash": "0" * 64}
    make_letter(alice, state="queued", subject="About to be sent", **moment)
    make_letter(alice, state="confirmed", subject="Sent", **moment)
    storage.save("uploads/waits.mbox", ContentFile(b"A canary in a file"))
    with acting_as(charlie.pk):
        editing.create_contact(charlie, name="Byron")
    return alice


def hashes(*users: User) -> list[str]:
    found = []
    for user in users:
        with acting_as(user.pk):
            found.append(state_hash(user.pk))
    return found


def newest(folder: Path) -> Path:
    return max(folder.glob("*.backup"))


def test_a_drill(
    lived: User,
    charlie: User,
    tmp_path: Path,
    storage: SealedStorage,
    fresh: Callable[[], None],
    record_property: Callable[[str, object], None],
) -> None:
    planning = start_plan_in_place(lived, mailbox(tmp_path / "b.mbox", letter(3), letter(4)))
    before = hashes(lived, charlie)
    made = run("backup", str(tmp_path / "kept"))
    assert (made["exit"], made["users"], made["files"], made["keys"]) == (0, 2, 1, list(keyring().keys))
    assert newest(tmp_path / "kept").stat().st_mode & 0o777 == 0o600
    fresh()
    shutil.rmtree(tmp_path / "media")
    assert User.objects.count() == 0
    restored = run("restore", made["path"])
    expected = {"users": 2, "rows": made["rows"], "files": 1, "erased_again": 0, "records_not_whole": 0}
    assert restored == {"exit": 0, **expected}
    assert hashes(lived, charlie) == before
    record_property(
        "backup", f"{made['rows']:,} rows of {made['users']} users restored to the same state hashes"
    )
    with storage.open("uploads/waits.mbox") as file:
        assert file.read() == b"A canary in a file"
    with acting_as(lived.pk):
        ada = Contact.objects.for_user(lived).get(display_name="Ada")
        assert (ada.notes.get().text, ada.primary_phone) == ("A canary in the note", "+44 20 7946 0000")
        assert list(Contact.objects.for_user(lived).matching("+442079460000")) == [ada]
        letters = OutboxMessage.objects.for_user(lived).values_list("subject", "state")
        assert dict(letters) == {"About to be sent": "unknown", "Sent": "confirmed"}
        said = set(Event.objects.for_user(lived).values_list("action", flat=True))
        assert {"import.approved", "backup.restored"} <= said
        assert "backup.made" not in said  # that was written down after the moment of the backup
    # Jobs go on where they were, and everything works: the plan that waited is carried out.
    planned = work_until_settled(planning)
    assert planned.totals["interactions"] == 2
    assert carry_out(planned).state == "done"
    browser = Client()
    browser.force_login(lived)
    assert "Ada" in browser.get("/contacts/").text
    with connection.cursor() as cursor:  # and row-level security binds everybody again
        cursor.execute("SELECT count(*) FROM contacts_contact")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM pg_class WHERE relrowsecurity AND NOT relforcerowsecurity")
        assert cursor.fetchone() == (0,)
        cursor.execute("SELECT count(*) FROM pg_trigger WHERE tgenabled <> 'O'")
        assert cursor.fetchone() == (0,)


def test_nothing_is_readable_in_it(lived: User, tmp_path: Path) -> None:
    made = run("backup", str(tmp_path / "kept"))
    held = Path(made["path"]).read_bytes()
    for secret in (b"canary", b"Grace", b"alice@example.org", b"202 555", keyring().keys[keyring().current]):
        assert secret not in held
    with zipfile.ZipFile(made["path"]) as file:
        manifest = json.loads(file.read("manifest.json"))
    assert manifest["rows"]["omnicrm_user"] == 2
    assert set(manifest["parts"]) == {f"database/{name}" for name in manifest["columns"]} | {
        "media/uploads/waits.mbox"
    }


def test_what_is_in_it_is_counted() -> None:
    assert held({"users": 1, "rows": 1200, "files": 0}) == "1 user, 1,200 rows and no files"


def test_a_used_installation_is_not_overwritten(lived: User, tmp_path: Path) -> None:
    made = run("backup", str(tmp_path / "kept"))
    before = hashes(lived)
    refused = run("restore", made["path"])
    assert refused["exit"] == 1
    assert refused["error"].startswith(
        "This installation has 2 users already, and a backup is restored into an empty one"
    )
    assert hashes(lived) == before


def use(monkeypatch: pytest.MonkeyPatch, ring: Keyring) -> None:
    for module in (sealed, sealedfiles, keys, rotation, personal, backup, restoring):
        monkeypatch.setattr(module, "keyring", lambda: ring)


def test_a_wrong_key_is_told(
    lived: User, tmp_path: Path, fresh: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = run("backup", str(tmp_path / "kept"))
    fresh()
    right, current = keyring(), keyring().current
    use(monkeypatch, Keyring({"z9": bytes(32)}))
    assert (
        f"This backup was sealed with the key {current}, which is not in "
        in run("restore", made["path"])["error"]
    )
    use(monkeypatch, Keyring({current: bytes(32)}))
    said = run("restore", made["path"])["error"]
    assert "The signature of this backup does not fit" in said
    assert f"or the key {current} in " in said
    assert User.objects.count() == 0
    use(monkeypatch, right)  # and with the right one it is restored, whatever was tried before
    assert run("restore", made["path"])["exit"] == 0


def rewritten(
    path: Path, change: Callable[[str, bytes], bytes | None], more: dict[str, bytes] | None = None
) -> None:
    """The same zip with its members changed, left out (None) or added to."""
    with zipfile.ZipFile(path) as file:
        members = {name: change(name, file.read(name)) for name in file.namelist()} | (more or {})
    with zipfile.ZipFile(path, "w") as file:
        for name, content in members.items():
            if content is not None:
                file.writestr(name, content)


USERS = "database/omnicrm_user"
CHANGES: dict[str, tuple[Callable[[str, bytes], bytes | None], dict[str, bytes], str]] = {
    "a byte": (
        lambda name, content: content[:-1] + bytes([content[-1] ^ 1]) if name == USERS else content,
        {},
        "database/omnicrm_user in this backup was changed or damaged",
    ),
    "a part less": (
        lambda name, content: None if name == USERS else content,
        {},
        "Parts of this backup are missing",
    ),
    "a part more": (
        lambda name, content: content,
        {"media/x": b"x"},
        "Parts of this backup are missing, or were added",
    ),
    "the list": (
        lambda name, content: (
            content.replace(b'"users": 2', b'"users": 1') if name == "manifest.json" else content
        ),
        {},
        "The signature of this backup does not fit",
    ),
    "no list": (
        lambda name, content: None if name == "manifest.json" else content,
        {},
        "This is no backup of ours",
    ),
    "another version": (
        lambda name, content: (
            content.replace(b'"format": 1', b'"format": 2') if name == "manifest.json" else content
        ),
        {},
        "This backup has the format 2",
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_backup_is_refused(
    lived: User, tmp_path: Path, fresh: Callable[[], None], what: str
) -> None:
    made = run("backup", str(tmp_path / "kept"))
    change, more, words = CHANGES[what]
    rewritten(Path(made["path"]), change, more)
    fresh()
    refused = run("restore", made["path"])
    assert refused["exit"] == 1
    assert words in refused["error"]
    assert User.objects.count() == 0


def test_what_is_no_backup_is_refused(db: None, tmp_path: Path, fresh: Callable[[], None]) -> None:
    fresh()
    (tmp_path / "x").write_text("no zip")
    for path in (tmp_path / "x", tmp_path / "nowhere"):
        refused = run("restore", str(path))
        assert (refused["exit"], "cannot be read as a backup" in refused["error"]) == (1, True)


def test_backups_expire_by_their_names(alice: User, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    names = {days: f"omnicrm-{(now - timedelta(days=days)).strftime(STAMP)}.backup" for days in (29, 31, 400)}
    for name in [*names.values(), "holiday.backup", "omnicrm-20010101T000000Z.backup.txt"]:
        (tmp_path / name).write_text("old")
    assert run("backup", str(tmp_path))["expired"] == sorted([names[400], names[31]])
    time.sleep(1)
    assert run("backup", str(tmp_path), "--keep", "0")["expired"] == []
    time.sleep(1)
    assert run("backup", str(tmp_path), "--keep", "7")["expired"] == [names[29]]
    assert {"holiday.backup", "omnicrm-20010101T000000Z.backup.txt"} <= {
        file.name for file in tmp_path.iterdir()
    }


def test_whoever_was_erased_does_not_come_back(
    lived: User, charlie: User, tmp_path: Path, fresh: Callable[[], None]
) -> None:
    made = run("backup", str(tmp_path / "kept"))
    gone = charlie.pk
    erasing.erase(charlie)
    time.sleep(1)
    run("backup", str(tmp_path / "kept"), "--keep", "0")
    fresh()
    assert run("restore", made["path"])["erased_again"] == 1
    assert list(User.objects.all()) == [lived]
    assert Erasure.objects.get().account == gone


def test_a_backup_that_fails_leaves_nothing(
    alice: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("omnicrm.backup.write_files", full)
    said = run("backup", str(tmp_path / "kept"))
    assert (said["exit"], "No space left on device" in said["error"]) == (1, True)
    assert list((tmp_path / "kept").iterdir()) == []
