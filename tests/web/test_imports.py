"""From a dropped file to its undo, as a person clicks through it, without JavaScript."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from contacts.models import Contact
from jobs.foreground import work_until_settled
from jobs.models import Batch, Job
from omnicrm.acting import acting_as, current_user_id
from omnicrm.models import User
from tests.factories import make_batch, make_contact, make_identity, make_job
from tests.importing import letter, mailbox

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _media(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "media"


def upload(client: Client, content: bytes, name: str = "mail.mbox", **form: str) -> str:
    """Hand the file over; the address of its plan."""
    answer = client.post("/import/upload/", {"file": SimpleUploadedFile(name, content)} | form)
    assert answer.status_code == 302, answer.content.decode()
    return str(answer.url)  # type: ignore[attr-defined]


def archive(tmp_path: Path) -> bytes:
    letters = [letter(1), letter(2, sender="Bo <bo@example.com>"), letter(1)]
    return mailbox(tmp_path / "mail.mbox", *letters).read_bytes()


def the_batch(user: User, **wanted: object) -> Batch:
    with acting_as(user.pk):
        found: Batch = Batch.objects.for_user(user).filter(**wanted).latest("created_at")
        return found


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_plan_approve_undo_and_bring_back(client: Client, alice: User, tmp_path: Path) -> None:
    address = upload(client, archive(tmp_path))
    reading = page(client, address)
    assert "Reading the file. Nothing is written yet." in reading
    assert "data-polls" in reading

    work_until_settled(the_batch(alice))
    planned = page(client, address)
    assert "This would add 2 people and 2 e-mails; 1 is left out." in planned
    assert "data-polls" not in planned
    assert "Twice in this file" in page(client, f"{address}?show=skip")
    with acting_as(alice.pk):
        assert not Contact.objects.for_user(alice).exists()

    client.post(f"{address}approve/", {"plan_hash": the_batch(alice).plan_hash})
    work_until_settled(the_batch(alice))
    done = page(client, address)
    assert "Added 2 people and 2 e-mails; 1 left out." in done
    assert "Ada Lovelace" in page(client, f"/contacts/?batch={the_batch(alice).pk}")
    assert f'href="{address}"' in page(client, "/contacts/ada-lovelace/")

    asked = page(client, f"{address}undo/")
    assert "2 people" in asked
    assert client.post(f"{address}undo/").url == address  # type: ignore[attr-defined]
    work_until_settled(the_batch(alice))
    assert "Taken back: removed" in page(client, address)
    assert client.get("/contacts/ada-lovelace/").status_code == 404

    again = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    assert "Taken back before" in page(client, f"{again}?show=skip")
    answer = client.post(f"{again}plan-again/", {"include_suppressed": "1"})
    work_until_settled(the_batch(alice))
    assert "This would add 2 people and 2 e-mails" in page(client, answer.url)  # type: ignore[attr-defined]


def test_what_a_person_changed_stays_and_is_listed(client: Client, alice: User, tmp_path: Path) -> None:
    address = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    client.post(f"{address}approve/", {"plan_hash": the_batch(alice).plan_hash})
    work_until_settled(the_batch(alice))
    client.post("/contacts/ada-lovelace/notes/add/", {"text": "Likes poetry."})
    assert "What stays, and why" in page(client, f"{address}undo/")
    client.post(f"{address}undo/")
    work_until_settled(the_batch(alice))
    undone = page(client, address)
    assert "Kept, and why" in undone
    assert 'href="/contacts/ada-lovelace/"' in undone


def test_a_plan_that_no_longer_fits_is_refused(client: Client, alice: User, tmp_path: Path) -> None:
    address = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    client.post("/contacts/add/", {"name": "Ada", "email": "ada@example.com"})
    answer = client.post(f"{address}approve/", {"plan_hash": the_batch(alice).plan_hash})
    assert answer.status_code == 409
    assert "Nothing was written." in answer.content.decode()
    assert "Plan again" in answer.content.decode()
    assert "Approve and import" not in answer.content.decode()
    assert the_batch(alice).state == "planned"
    fresh = client.post(f"{address}plan-again/").url  # type: ignore[attr-defined]
    assert fresh != address
    work_until_settled(the_batch(alice))
    assert "This would add 1 person and 2 e-mails" in page(client, fresh)
    assert "Cancelled." in page(client, address)


def test_approving_twice_is_once(client: Client, alice: User, tmp_path: Path) -> None:
    address = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    form = {"plan_hash": the_batch(alice).plan_hash}
    assert [client.post(f"{address}approve/", form).status_code for _ in range(2)] == [302, 302]
    with acting_as(alice.pk):
        assert Job.objects.for_user(alice).filter(kind="file_import").count() == 1


def test_people_in_a_plan_lead_to_their_pages(client: Client, alice: User, tmp_path: Path) -> None:
    make_identity(alice, value="bo@example.com", contact=make_contact(alice, display_name="Bo", slug="bo"))
    address = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    assert "/contacts/ada-lovelace/" not in page(client, address)
    client.post(f"{address}approve/", {"plan_hash": the_batch(alice).plan_hash})
    work_until_settled(the_batch(alice))
    assert '<a href="/contacts/ada-lovelace/">Ada Lovelace</a>' in page(client, address)


def test_a_plan_that_adds_nothing_suggests_nothing(client: Client, alice: User) -> None:
    def primary(totals: dict[str, object]) -> list[str]:
        batch = make_batch(alice, kind="file_import", state="planned", totals=totals)
        shown = page(client, f"/batches/{batch.pk}/")
        return [
            button.split("</button>")[0].rpartition("> ")[2] for button in shown.split("btn btn-primary")[1:]
        ]

    assert primary({"create": 1, "reasons": {"undone": 1}}) == ["Approve and import"]
    assert primary({"skip": 1, "reasons": {"already_here": 1}}) == []
    assert "Plan again" in primary({"skip": 1, "reasons": {"undone": 1}})[0]


def test_how_long_it_still_takes(client: Client, alice: User) -> None:
    began = timezone.now() - dt.timedelta(minutes=1)
    steps = {"kind": "file_import", "state": "running", "done_steps": 100, "approved_at": began}
    slow, early = make_batch(alice, total_steps=400, **steps), make_batch(alice, **steps, total_steps=0)
    assert "about 3 minutes left" in page(client, f"/batches/{slow.pk}/")
    assert " left" not in page(client, f"/batches/{early.pk}/").split("<progress")[1].split("</section>")[0]


def test_another_hash_is_refused(client: Client, alice: User, tmp_path: Path) -> None:
    address = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    assert client.post(f"{address}approve/", {"plan_hash": "0" * 64}).status_code == 409
    assert client.post(f"{address}approve/").status_code == 409
    assert the_batch(alice).state == "planned"


def test_discard_and_cancel(client: Client, alice: User, tmp_path: Path) -> None:
    address = upload(client, archive(tmp_path))
    client.post(f"{address}cancel/")
    assert the_batch(alice).state == "cancelled"
    assert "Cancelled. Nothing was written." in page(client, address)
    assert "Undo" not in page(client, "/batches/")
    second = upload(client, archive(tmp_path))
    work_until_settled(the_batch(alice))
    assert client.post(f"{second}discard/").url == "/import/"  # type: ignore[attr-defined]
    assert the_batch(alice).state == "cancelled"


def test_polling_sends_the_panel_and_says_when_it_is_over(
    client: Client, alice: User, tmp_path: Path
) -> None:
    address = upload(client, archive(tmp_path))
    reading = client.get(f"{address}?was=planning", headers=HTMX)
    assert b"<html" not in reading.content
    assert "HX-Trigger" not in reading.headers
    work_until_settled(the_batch(alice))
    planned = client.get(f"{address}?was=planning", headers=HTMX)
    assert "The plan is ready." in planned.headers["HX-Trigger"]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("photo.png", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "photo.png"),
        ("empty.mbox", b"", "empty.mbox"),
        ("mail.zip", b"PK\x03\x04" + b"\0" * 100, "mail.zip"),
    ],
)
def test_files_that_are_refused(
    client: Client, alice: User, name: str, content: bytes, sentence: str
) -> None:
    answer = client.post("/import/upload/", {"file": SimpleUploadedFile(name, content)})
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    with acting_as(alice.pk):
        assert not Batch.objects.for_user(alice).exists()


def test_a_form_without_a_file(client: Client, alice: User) -> None:
    """It comes back as it was, above the imports so far."""
    make_batch(alice, kind="file_import", title="mail-of-may.mbox")
    answer = client.post("/import/upload/")
    assert answer.status_code == 422
    assert b"No file has arrived." in answer.content
    assert b"mail-of-may.mbox" in answer.content


def test_a_file_is_stored_outside_of_the_transactions_of_its_owner(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five gigabytes take minutes, and a transaction would stay open for as long."""
    save, acting = default_storage.save, []

    def noted(*args: Any, **kwargs: Any) -> str:
        acting.append(current_user_id())
        return save(*args, **kwargs)

    monkeypatch.setattr(default_storage, "save", noted)
    upload(client, archive(tmp_path))
    assert acting == [None]


def test_too_large(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.MAX_UPLOAD = 100
    content = archive(tmp_path)
    answer = client.post("/import/upload/", {"file": SimpleUploadedFile("mail.mbox", content)})
    assert answer.status_code == 422
    assert b"raise MAX_UPLOAD" in answer.content


def test_an_announced_size_is_refused_before_a_byte_is_stored(
    client: Client, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MAX_UPLOAD = 1000
    monkeypatch.setattr("tempfile.NamedTemporaryFile", None)  # nothing may be written
    file = SimpleUploadedFile("mail.mbox", b"From a\n" * 50_000)
    answer = client.post("/import/upload/", {"file": file})
    assert answer.status_code == 413
    assert b"Split the archive, or raise MAX_UPLOAD." in answer.content
    assert b"No file has arrived" not in answer.content


def test_the_sample_mailbox(client: Client, alice: User) -> None:
    address = client.post("/import/sample/").url  # type: ignore[attr-defined]
    work_until_settled(the_batch(alice))
    assert "This would add 5 people" in page(client, address)


@pytest.mark.parametrize("state", Batch.State.values)
@pytest.mark.parametrize("kind", ["file_import", "delete"])
def test_a_batch_in_any_state_has_a_page(client: Client, alice: User, kind: str, state: str) -> None:
    batch = make_batch(
        alice, kind=kind, title="mail.mbox", state=state, error="It broke." if state == "failed" else ""
    )
    assert "mail.mbox" in page(client, f"/batches/{batch.pk}/")
    assert client.get(f"/batches/{batch.pk}/undo/").status_code in (200, 302)
    assert "mail.mbox" in page(client, "/batches/")


@pytest.mark.parametrize("query", ["show=x", "show=skip&reason=x", "page=99", "was=x", "show=fail&page=0"])
def test_nonsense_in_the_address(client: Client, alice: User, query: str) -> None:
    batch = make_batch(
        alice, kind="file_import", state="planned", totals={"entries": 3, "skip": 3, "reasons": {"x": 3}}
    )
    assert client.get(f"/batches/{batch.pk}/?{query}").status_code == 200


def test_strangers_see_and_do_nothing(stranger: Client, alice: User) -> None:
    batch = make_batch(alice, kind="file_import", state="planned", plan_hash="a")
    assert stranger.get(f"/batches/{batch.pk}/").status_code == 404
    for action in ("approve", "plan-again", "discard", "cancel", "undo"):
        assert stranger.post(f"/batches/{batch.pk}/{action}/", {"plan_hash": "a"}).status_code == 404
    assert the_batch(alice).state == "planned"


def test_jobs_are_listed_retried_and_cancelled(client: Client, alice: User, stranger: Client) -> None:
    batch = make_batch(alice, kind="file_import", state="failed", error="The disk is full.")
    dead = make_job(alice, kind="plan_import", state="dead", error="The disk is full.", batch=batch)
    waiting = make_job(alice, kind="embed")
    listed = page(client, "/jobs/")
    assert "The disk is full." in listed
    assert "data-polls" in listed
    assert stranger.post(f"/jobs/{dead.pk}/retry/").status_code == 404
    client.post(f"/jobs/{dead.pk}/retry/")
    client.post(f"/jobs/{waiting.pk}/cancel/")
    with acting_as(alice.pk):
        states = dict(Job.objects.for_user(alice).values_list("kind", "state"))
    assert states == {"plan_import": "queued", "embed": "cancelled"}
    assert (the_batch(alice).state, the_batch(alice).error) == ("planning", "")
    assert "nothing to try again" in client.post(f"/jobs/{dead.pk}/retry/", follow=True).content.decode()


def test_jobs_by_how_they_ended(client: Client, alice: User) -> None:
    for kind, state in (("embed", "queued"), ("insight", "dead"), ("purge", "succeeded")):
        make_job(alice, kind=kind, state=state)
    names = {"Prepare the search by meaning", "Look for what matters", "Tidy up"}

    def listed(query: str) -> set[str]:
        shown = page(client, f"/jobs/?{query}")
        return {name for name in names if f">{name}</b>" in shown}

    assert listed("") == listed("show=x") == names
    assert listed("show=working") == {"Prepare the search by meaning"}
    assert listed("show=failed") == {"Look for what matters"}
    assert 'hx-get="/jobs/?show=working&amp;page=1"' in page(client, "/jobs/?show=working")


def test_home_shows_what_waits(client: Client, alice: User) -> None:
    make_contact(alice)
    make_batch(alice, kind="file_import", title="mail.mbox", state="planned")
    assert "Waiting for you" in page(client, "/")


def test_what_cannot_be_read_is_told_with_the_reason(client: Client, alice: User) -> None:
    events = "".join(
        f"BEGIN:VEVENT\r\nUID:{uid}\r\nDTSTART:{start}\r\nSUMMARY:Tea\r\nATTENDEE:mailto:ada@example.com\r\nEND:VEVENT\r\n"
        for uid, start in (("a", "20260301T100000Z"), ("b", "nonsense"))
    )
    calendar = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\n{events}END:VCALENDAR\r\n"
    address = upload(client, calendar.encode(), "calendar.ics")
    work_until_settled(the_batch(alice))
    client.post(f"{address}approve/", {"plan_hash": the_batch(alice).plan_hash})
    work_until_settled(the_batch(alice))
    done = page(client, address)
    assert "Added 1 person, 1 meeting and 1 calendar entry; 1 could not be read." in done
    told = done.split("What could not be read")[1].split("</section>")[0]
    assert "“nonsense” is not a date." in told
    asked = page(client, f"{address}undo/")
    assert "<dd>1 person, 1 meeting, 1 calendar entry and 1 address</dd>" in asked
