"""The page of your data: export, download, bring in, and leave; each only after the password was given again."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from contacts.models import Contact
from integrations.models import Export
from jobs.models import Job
from jobs.runner import run_one
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import make_contact, make_export
from tests.own_data.rich import archive_of
from tests.signing_in import signed_in

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "correct horse battery"
PAGE = "/settings/"


@pytest.fixture(autouse=True)
def media(settings: Settings, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path / "media"
    return tmp_path / "media"


@pytest.fixture
def trusted(client: Client, alice: User) -> Client:
    """Alice, who has just given her password."""
    client.post("/accounts/reauthenticate/", {"password": PASSWORD})
    return client


def work() -> list[Job]:
    return list(iter(lambda: run_one(None, "worker"), None))  # type: ignore[arg-type]


def of(user: User, model: Any) -> list[Any]:
    with acting_as(user.pk):
        return list(model.objects.for_user(user))


def files(media: Path) -> list[Path]:
    return [path for path in media.rglob("*") if path.is_file()]


def body(response: Any) -> bytes:
    return b"".join(response.streaming_content)


def asks_for_password(response: Any) -> bool:
    return response.status_code == 302 and response["Location"].startswith("/accounts/reauthenticate/")


def test_an_export_from_the_click_to_the_end_of_its_time(trusted: Client, alice: User, media: Path) -> None:
    make_contact(alice, display_name="Ada")
    assert trusted.post("/settings/export/")["Location"] == PAGE
    trusted.post("/settings/export/")  # pressed twice
    assert b"It begins in a moment." in trusted.get(PAGE).content
    assert [(job.kind, job.state, job.error) for job in work()] == [("export", "succeeded", "")]
    (made,) = of(alice, Export)
    page = trusted.get(PAGE).content.decode()
    assert f"/settings/exports/{made.pk}/" in page
    assert f"Content {made.content_hash[:16]}…" in page
    answer = trusted.get(f"/settings/exports/{made.pk}/")
    data = body(answer)
    assert answer["Content-Disposition"] == f'attachment; filename="omnicrm-{made.created_at:%Y-%m-%d}.zip"'
    assert "no-store" in answer["Cache-Control"]
    assert (
        len(data),
        json.loads(zipfile.ZipFile(io.BytesIO(data)).read("manifest.json"))["content_hash"],
    ) == (
        made.size,
        made.content_hash,
    )
    (kept,) = files(media)
    assert b"Ada" not in kept.read_bytes(), "kept sealed"
    assert kept.read_bytes()[:2] != b"PK"
    with acting_as(alice.pk):
        noted = Event.objects.for_user(alice).get(action="export.made")
        purge = Job.objects.for_user(alice).get(kind="purge")
        assert (noted.actor, noted.object_id, noted.data["rows"]) == ("worker", made.pk, 1)
        assert purge.run_at == made.expires_at
        assert timedelta(hours=23) < made.expires_at - timezone.now() < timedelta(hours=25)
        Job.objects.for_user(alice).filter(pk=purge.pk).update(run_at=timezone.now())
        Export.objects.for_user(alice).filter(pk=made.pk).update(expires_at=timezone.now())
    assert [job.kind for job in work()] == ["purge"]
    assert (of(alice, Export), files(media)) == ([], [])
    assert trusted.get(f"/settings/exports/{made.pk}/").status_code == 404


def test_without_the_password_nothing_is_exported_or_handed_out(alice: User) -> None:
    client = signed_in(Client(), alice, seconds_ago=3600)
    made = make_export(alice, stored_as=default_storage.save(f"exports/{alice.pk}/1.zip", ContentFile(b"PK")))
    assert asks_for_password(client.post("/settings/export/"))
    assert asks_for_password(client.get(f"/settings/exports/{made.pk}/"))
    assert asks_for_password(client.get("/settings/leave/"))
    assert asks_for_password(client.post("/settings/leave/", {"email": alice.email}))
    assert of(alice, Job) == []
    alice.refresh_from_db()
    assert alice.is_active
    client.post("/settings/export/")
    client.post("/accounts/reauthenticate/?next=/settings/export/", {"password": PASSWORD})
    assert [job.kind for job in of(alice, Job)] == ["export"], "the click goes on where it was held up"


def test_an_export_is_its_owners_alone(trusted: Client, alice: User, stranger: Client) -> None:
    made = make_export(alice, stored_as=default_storage.save(f"exports/{alice.pk}/1.zip", ContentFile(b"PK")))
    stranger.post("/accounts/reauthenticate/", {"password": PASSWORD})
    assert stranger.get(f"/settings/exports/{made.pk}/").status_code == 404
    assert stranger.post(f"/settings/exports/{made.pk}/delete/").status_code == 404
    assert body(trusted.get(f"/settings/exports/{made.pk}/")) == b"PK"
    assert trusted.post(f"/settings/exports/{made.pk}/delete/")["Location"] == PAGE
    assert (of(alice, Export), default_storage.exists(made.stored_as)) == ([], False)


def test_an_expired_export_is_not_shown(trusted: Client, alice: User) -> None:
    made = make_export(alice, expires_at=timezone.now() - timedelta(seconds=1))
    assert str(made.pk) not in trusted.get(PAGE).content.decode()
    assert trusted.get(f"/settings/exports/{made.pk}/")["Location"] == PAGE
    assert "The file is gone. Export everything once more." in trusted.get(PAGE).content.decode()


def test_an_export_that_fails_leaves_nothing(
    trusted: Client, alice: User, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def breaks(user_id: object) -> Iterator[bytes]:
        yield b"half"
        raise OSError("no room")

    monkeypatch.setattr("integrations.archive.writing.calendar", breaks)
    trusted.post("/settings/export/")
    with acting_as(alice.pk):
        Job.objects.for_user(alice).update(max_attempts=1)
    (job,) = work()
    assert (job.state, files(media)) == ("dead", [])
    assert b"OSError in tests/web/test_own_data.py" in trusted.get(PAGE).content


def test_bringing_an_export_in(client: Client, alice: User, charlie: User, media: Path) -> None:
    make_contact(charlie, display_name="Ada")
    data = archive_of(charlie)
    answer = client.post(
        "/import/upload/", {"file": SimpleUploadedFile("all.zip", data), "people": "everyone"}
    )
    assert answer["Location"] == PAGE
    assert [(job.kind, job.state) for job in work()] == [("bring_in", "succeeded")]
    assert [str(contact) for contact in of(alice, Contact)] == ["Ada"]
    assert files(media) == []
    page = client.get(PAGE).content.decode()
    assert "Your export is in." in page
    assert "Brought in 1 rows" in page


def test_an_account_with_data_takes_none(client: Client, alice: User, media: Path) -> None:
    make_contact(alice)
    answer = client.post("/import/upload/", {"file": SimpleUploadedFile("all.zip", archive_of(alice))})
    assert (answer.status_code, files(media), of(alice, Job)) == (422, [], [])
    assert b"This account has data already" in answer.content


def test_a_torn_export_says_so_and_writes_nothing(
    client: Client, alice: User, charlie: User, media: Path
) -> None:
    make_contact(charlie)
    data = archive_of(charlie)
    client.post("/import/upload/", {"file": SimpleUploadedFile("all.zip", data[:-30])})
    (job,) = work()
    assert (job.state, of(alice, Contact), files(media)) == ("dead", [], [])
    assert b"This is no whole zip file: it may be cut off." in client.get(PAGE).content


def test_leaving(trusted: Client, alice: User, charlie: User, stranger: Client) -> None:
    make_contact(alice, display_name="Ada")
    assert b"This cannot be undone" not in trusted.get("/settings/leave/").content
    wrong = trusted.post("/settings/leave/", {"email": "charlie@example.net"})
    assert (wrong.status_code, b"This is not the address of your account." in wrong.content) == (422, True)
    answer = trusted.post("/settings/leave/", {"email": " Alice@Example.org "}, follow=True)
    assert b"Your account is closed, and everything in it is being erased." in answer.content
    assert not answer.wsgi_request.user.is_authenticated
    assert trusted.get(PAGE)["Location"].startswith("/accounts/login/")
    work()
    assert not User.objects.filter(pk=alice.pk).exists()
    assert stranger.get("/").wsgi_request.user == charlie
