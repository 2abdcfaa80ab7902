"""Sealed columns, a start with the wrong key, and the change from one key to the next while people work."""

from __future__ import annotations

import base64
import io
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.apps import apps
from django.core.files import File
from django.core.files.base import ContentFile
from django.core.files.storage import Storage
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from integrations.models import RawEvent
from omnicrm import keys, rotation, sealed
from omnicrm.accounts import MFAAdapter
from omnicrm.acting import acting_as
from omnicrm.crypto import CannotOpen, Keyring
from omnicrm.embedded.home import PROJECT, Home
from omnicrm.keys import WrongKeys, refuse_wrong_keys
from omnicrm.models import KeyCheck, User
from omnicrm.personal import PersonalField
from omnicrm.sealed import SealedField
from omnicrm.sealedfiles import SealedStorage
from tests.commands.contract import run
from tests.factories import make_raw_event

NEW = bytes(range(32))
LETTER = b"Dear Alice, the launch code is canary-letter."
RingOf = Callable[[Keyring], None]


@pytest.fixture
def with_keys(monkeypatch: pytest.MonkeyPatch) -> RingOf:
    """From here on this process has these keys."""

    def use(ring: Keyring) -> None:
        for module in ("sealed", "sealedfiles", "keys", "rotation", "personal", "accounts"):
            monkeypatch.setattr(f"omnicrm.{module}.keyring", lambda: ring)

    return use


@pytest.fixture(autouse=True)
def storage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SealedStorage:
    """One that holds nothing of other tests."""
    mine = SealedStorage(location=tmp_path)
    monkeypatch.setattr("omnicrm.rotation.storage", lambda: mine)
    return mine


@pytest.fixture
def old(db: None) -> Keyring:
    """The keys of this run of the tests."""
    refuse_wrong_keys()
    return sealed.keyring()


def rotated(old: Keyring) -> Keyring:
    return Keyring({"k9": NEW, **old.keys})


def kept(user: User) -> list[tuple[Any, bytes]]:
    """(id, payload) as they are in the table."""
    with acting_as(user.pk), connection.cursor() as cursor:
        cursor.execute("SELECT id, payload FROM integrations_rawevent WHERE payload IS NOT NULL ORDER BY id")
        return [(pk, bytes(payload)) for pk, payload in cursor.fetchall()]


def letter(user: User, pk: Any) -> bytes:
    with acting_as(user.pk):
        return bytes(RawEvent.objects.for_user(user).get(pk=pk).payload)


def test_the_table_holds_nothing_readable(alice: User) -> None:
    row = make_raw_event(alice, payload=LETTER)
    assert row.payload == LETTER
    ((_, at_rest),) = kept(alice)
    assert b"canary" not in at_rest
    assert at_rest[:3] == b"\x01" + sealed.keyring().current.encode()
    assert letter(alice, row.pk) == LETTER


def test_a_saved_row_is_sealed_again_only_when_it_changed(alice: User) -> None:
    row = make_raw_event(alice, payload=LETTER)
    before = kept(alice)
    with acting_as(alice.pk):
        again = RawEvent.objects.for_user(alice).get(pk=row.pk)
        again.reason = "another"
        again.save()
        assert kept(alice) == before
        again.payload = b"other"
        again.save(update_fields=["payload"])
        deferred = RawEvent.objects.for_user(alice).defer("payload").get(pk=row.pk)
        assert deferred.payload == b"other"
    assert kept(alice) != before


def test_an_update_that_cannot_know_the_row_is_refused(alice: User) -> None:
    make_raw_event(alice, payload=LETTER)
    rows = RawEvent.objects.for_user(alice)
    with pytest.raises(TypeError, match="save the row instead"), acting_as(alice.pk):
        rows.update(payload=b"plain")
    with acting_as(alice.pk):
        assert rows.update(payload=None) == 1


def test_a_letter_in_the_row_of_another_does_not_open(alice: User, charlie: User) -> None:
    hers, hers_too = make_raw_event(alice, payload=LETTER), make_raw_event(alice, payload=b"other")
    his = make_raw_event(charlie, payload=b"his")
    stolen = dict(kept(alice))[hers.pk]
    for user, row in ((alice, hers_too), (charlie, his)):
        with acting_as(user.pk), connection.cursor() as cursor:
            cursor.execute("UPDATE integrations_rawevent SET payload = %s WHERE id = %s", [stolen, row.pk])
        with pytest.raises(CannotOpen, match="changed or moved"):
            letter(user, row.pk)


def test_a_wrong_or_missing_key_refuses_to_start(old: Keyring, with_keys: RingOf, client: Client) -> None:
    assert client.get("/readyz").status_code == 200
    with_keys(Keyring({old.current: NEW}))
    with pytest.raises(WrongKeys, match=rf"The key {old.current} in .* is another than the one"):
        refuse_wrong_keys()
    with pytest.raises(CommandError, match="Put it back from your copy"):
        call_command("crm_stats", "--user", "alice@example.org")
    with_keys(Keyring({"k9": NEW}))
    with pytest.raises(WrongKeys, match=rf"The key {old.current} in .* is missing"):
        refuse_wrong_keys()
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"database": "ok", "keys": "wrong"})
    assert list(KeyCheck.objects.values_list("key_id", flat=True)) == [old.current]


def test_a_new_key_is_remembered_from_its_first_start(old: Keyring, with_keys: RingOf) -> None:
    with_keys(rotated(old))
    refuse_wrong_keys()
    assert set(KeyCheck.objects.values_list("key_id", flat=True)) == {old.current, "k9"}
    with_keys(old)
    with pytest.raises(WrongKeys, match=r"The key k9 in .* is missing"):
        refuse_wrong_keys()


def test_rotation(
    alice: User, charlie: User, old: Keyring, with_keys: RingOf, storage: SealedStorage
) -> None:
    # Ten letters, a file, and the secret of blind indexes.
    rows = [make_raw_event(user, payload=LETTER + bytes([n])) for user in (alice, charlie) for n in range(5)]
    make_raw_event(alice, payload=None)
    stored = storage.save("uploads/a.mbox", ContentFile(LETTER))
    with_keys(rotated(old))
    refuse_wrong_keys()
    assert run("rotate_keys", "--verify") == {"exit": 1, "key": "k9", "left": 12, "dry_run": False}
    assert run("rotate_keys", "--dry-run") == {"exit": 0, "key": "k9", "left": 12, "dry_run": True}
    expected = {
        "exit": 0,
        "key": "k9",
        "resealed": 12,
        "left": 0,
        "damaged": 0,
        "dropped_keys": [old.current],
    }
    assert run("rotate_keys") == expected
    with_keys(Keyring({"k9": NEW}))
    refuse_wrong_keys()
    assert [letter(row.user, row.pk) for row in rows] == [LETTER + bytes([n]) for n in range(5)] * 2
    with storage.open(stored) as file:
        assert file.read() == LETTER
    assert run("rotate_keys") == {**expected, "resealed": 0, "dropped_keys": []}


def test_what_does_not_open_is_counted_and_left(alice: User, old: Keyring, with_keys: RingOf) -> None:
    good, bad = make_raw_event(alice, payload=LETTER), make_raw_event(alice, payload=LETTER)
    with acting_as(alice.pk), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE integrations_rawevent SET payload = substr(payload, 1, 20) WHERE id = %s", [bad.pk]
        )
    with_keys(rotated(old))
    said = run("rotate_keys")
    assert said == {"exit": 1, "key": "k9", "resealed": 2, "left": 1, "damaged": 1, "dropped_keys": []}
    assert letter(alice, good.pk) == LETTER


def test_the_last_interrupted_rotation_goes_on(
    alice: User, old: Keyring, with_keys: RingOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(6):
        make_raw_event(alice, payload=LETTER + bytes([n]))
    with_keys(rotated(old))
    real, calls = rotation.reseal_rows, iter(range(9))

    def stopping(*given: Any) -> Any:
        if given[0].table == "integrations_rawevent" and next(calls) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(rotation, "reseal_rows", stopping)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate(batch=2)
    assert rotation.count_left() == 2
    monkeypatch.setattr(rotation, "reseal_rows", real)
    assert (rotation.rotate(batch=2).resealed, rotation.count_left()) == (2, 0)


@pytest.mark.django_db(transaction=True)
def test_a_row_that_is_saved_meanwhile_keeps_what_was_saved(
    alice: User, old: Keyring, with_keys: RingOf
) -> None:
    """Four hands write new letters while everything is sealed anew: none is lost, none goes back."""
    refuse_wrong_keys()
    rows = [make_raw_event(alice, payload=b"0") for _ in range(20)]
    with_keys(rotated(old))
    last: dict[Any, bytes] = {}

    def write(mine: list[RawEvent]) -> None:
        for n in range(1, 26):
            for row in mine:
                with acting_as(alice.pk):
                    fresh = RawEvent.objects.for_user(alice).select_for_update().get(pk=row.pk)
                    fresh.payload = last[row.pk] = str(n).encode()
                    fresh.save(update_fields=["payload"])
        connection.close()

    hands = [threading.Thread(target=write, args=(rows[n::4],)) for n in range(4)]
    for hand in hands:
        hand.start()
    while any(hand.is_alive() for hand in hands):
        rotation.rotate(batch=3)
    assert {row.pk: letter(alice, row.pk) for row in rows} == last
    rotation.rotate()
    assert rotation.count_left() == 0


def others_here() -> set[int]:
    """Who else is connected with this database."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return {pid for (pid,) in cursor.fetchall()}


@pytest.mark.django_db(transaction=True)
def test_killed_in_the_middle_and_begun_again(
    alice: User, old: Keyring, with_keys: RingOf, record_property: Callable[[str, object], None]
) -> None:
    """A process of its own, ended as the kernel ends one; what it had committed counts, and nothing is lost."""
    refuse_wrong_keys()
    with acting_as(alice.pk):
        rows = [make_raw_event(alice, payload=LETTER)]
        more = [
            RawEvent(user=alice, source="file:0", external_id=f"<{n}>", kind="message", payload=LETTER)
            for n in range(6000)
        ]
        rows += RawEvent.unscoped.bulk_create(more, batch_size=500)
    with_keys(rotated(old))
    name = str(connection.settings_dict["NAME"])
    ring = ",".join(f"{key_id}:{base64.b64encode(key).decode()}" for key_id, key in rotated(old).keys.items())
    url = os.environ["DATABASE_URL"].rpartition("/")[0] + f"/{name}"
    before = others_here()
    process = subprocess.Popen(
        [sys.executable, str(PROJECT / "manage.py"), "rotate_keys"],
        env=os.environ | {"OMNICRM_KEYS": ring, "DATABASE_URL": url},
        stdout=subprocess.DEVNULL,
    )
    while rotation.count_left() > 5500:
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.01)
    process.kill()
    process.wait()
    while others_here() - before:  # Postgres ends what it was about, and lets its rows go
        time.sleep(0.01)
    left = rotation.count_left()
    assert 0 < left < len(rows)
    record_property(
        "sealed", f"a change of keys killed with {left:,} of {len(rows):,} letters left: none lost"
    )
    assert rotation.rotate().resealed == left
    assert rotation.count_left() == 0
    with_keys(Keyring({"k9": NEW}))
    with acting_as(alice.pk):
        assert {bytes(row.payload) for row in RawEvent.objects.for_user(alice)} == {LETTER}


def test_a_new_sealed_column_is_covered_by_being_one(db: None) -> None:
    """Nobody has to list it: what is walked is every model there is."""
    walked = {(column.table, column.name) for column in rotation.columns() if column.owner is None}
    assert walked == {("omnicrm_indexkey", "secret")}
    User.objects.create_user("alice@example.org")
    found = {(column.table, column.name) for column in rotation.columns()}
    declared = {
        (model._meta.db_table, field.column)
        for model in apps.get_models()
        for field in model._meta.concrete_fields
        if isinstance(field, SealedField | PersonalField)
    }
    assert found == declared
    assert {
        ("integrations_rawevent", "payload"),
        ("jobs_planitem", "draft"),
        ("contacts_note", "text"),
    } <= found


def test_a_second_factor_that_is_damaged_stops_nothing(alice: User, old: Keyring, with_keys: RingOf) -> None:
    good = Authenticator.objects.create(
        user=alice, type="totp", data={"secret": MFAAdapter().encrypt("JBSWY3DP")}
    )
    Authenticator.objects.create(user=alice, type="recovery_codes", data={"seed": "cut off"})
    with_keys(rotated(old))
    done = rotation.rotate()
    assert (done.damaged, done.left, done.dropped_keys) == (1, 1, [])
    good.refresh_from_db()
    with_keys(Keyring({"k9": NEW}))
    assert MFAAdapter().decrypt(good.data["secret"]) == "JBSWY3DP"


def test_what_a_killed_rotation_left_of_a_file_goes_away(
    db: None, old: Keyring, with_keys: RingOf, storage: SealedStorage
) -> None:
    stored = storage.save("uploads/a.mbox", ContentFile(LETTER))
    storage.inner.save(f"{stored}.resealing", ContentFile(b"half"))
    with_keys(rotated(old))
    done = rotation.rotate()
    assert (done.damaged, done.left) == (0, 0)
    assert storage.listdir("uploads") == ([], ["a.mbox"])


class Remote(Storage):
    """A storage somewhere else: files have names there, and no place on our disk."""

    def __init__(self) -> None:
        self.held: dict[str, bytes] = {}

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        return File(io.BytesIO(self.held[name]), name)

    def _save(self, name: str, content: File[Any]) -> str:
        self.held[name] = content.read()
        return name

    def delete(self, name: str) -> None:
        self.held.pop(name, None)

    def exists(self, name: str) -> bool:
        return name in self.held

    def listdir(self, path: str) -> tuple[list[str], list[str]]:
        return ([], [name.removeprefix("uploads/") for name in self.held]) if path else (["uploads"], [])

    def size(self, name: str) -> int:
        return len(self.held[name])


def test_files_in_a_storage_without_folders(
    db: None, old: Keyring, with_keys: RingOf, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There nothing takes the place of a file at once: killed in between, the draft is the file."""
    remote = SealedStorage(inner=f"{__name__}.Remote")
    monkeypatch.setattr(rotation, "storage", lambda: remote)
    names = [remote.save(f"uploads/{n}.mbox", ContentFile(LETTER)) for n in range(2)]
    with_keys(rotated(old))
    real = remote.inner.save

    def killed(name: str, *given: Any) -> str:
        if name == names[1]:
            raise KeyboardInterrupt
        return real(name, *given)

    monkeypatch.setattr(remote.inner, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        rotation.rotate()
    monkeypatch.setattr(remote.inner, "save", real)
    assert not remote.exists(names[1])
    assert rotation.rotate().left == 0
    with_keys(Keyring({"k9": NEW}))
    for name in names:
        with remote.open(name) as file:
            assert file.read() == LETTER
    assert sorted(remote.listdir("uploads")[1]) == ["0.mbox", "1.mbox"]


def test_a_file_that_is_deleted_meanwhile_does_not_come_back(
    db: None, old: Keyring, with_keys: RingOf, storage: SealedStorage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = storage.save("uploads/a.mbox", ContentFile(LETTER))
    with_keys(rotated(old))
    save = storage.inner.save

    def slowly(name: str, *given: Any) -> str:
        done = save(name, *given)
        storage.delete(stored)  # its import has just ended
        return done

    monkeypatch.setattr(storage.inner, "save", slowly)
    assert rotation.rotate().left == 0
    assert storage.listdir("uploads") == ([], [])


def test_the_rights_of_the_key_file(tmp_path: Path, settings: Any) -> None:
    settings.HOME, settings.KEYS_ARE_OURS = Home(tmp_path), True
    assert settings.HOME.sealing_keys().startswith("k1:")
    file = tmp_path / "keys"
    assert file.stat().st_mode & 0o777 == 0o600
    assert keys.first_words() == (
        f"The keys that seal mail and secrets are in {file}, for this account alone (0600). "
        "Without them what is sealed is lost: keep a copy, apart from the backups."
    )
    assert keys.key_file_fault() == ""
    file.chmod(0o644)
    assert (
        keys.key_file_fault()
        == f"Others on this machine may read the keys in {file} (0644). Run: chmod 600 {file}"
    )
    settings.KEYS_ARE_OURS = False
    assert keys.first_words() == ""
