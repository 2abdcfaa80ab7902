"""The admin: for staff alone, about the work of all users, and about what nobody wrote."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from contacts.models import Contact
from integrations.models import QuotaBucket
from integrations.plan import start_plan_in_place
from jobs.foreground import work_until_settled
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.models import Event, User
from tests.factories import (
    make_batch,
    make_contact,
    make_google_account,
    make_job,
    make_job_event,
    make_operator,
    make_raw_event,
    make_source_file,
    make_stream,
    make_work,
)
from tests.importing import letter, mailbox
from tests.signing_in import signed_in

TABLES = [
    "jobs_job", "jobs_batch", "integrations_rawevent", "integrations_sourcefile", "integrations_googleaccount",
    "integrations_syncstream", "integrations_syncwork",
]  # fmt: skip


@pytest.fixture
def operator(db: None) -> Client:
    browser = Client()
    browser.force_login(make_operator(email="ops@example.org"))
    return browser


@pytest.fixture
def plants(alice: User) -> dict[str, object]:
    """A row of Alice's in each table, with SECRET in every column that operators may not read."""
    make_contact(alice, display_name="SECRET")
    batch = make_batch(alice, title="SECRET", options={"own": ["SECRET"]}, error="SECRET")
    job = make_job(
        alice, kind="file_import", state="dead", error="The disk is full.", payload={"x": "SECRET"}
    )
    make_job_event(alice, job=job, event="dead")
    raw = make_raw_event(alice, external_id="SECRET", payload=b"SECRET", reason="SECRET")
    file = make_source_file(alice, name="SECRET", stored_as="SECRET")
    account = make_google_account(alice, email="SECRET", health_reason="SECRET", refresh_token=b"SECRET")
    stream = make_stream(alice, account=account, title="SECRET", remote_id="SECRET", cursor="SECRET")
    work = make_work(alice, stream=stream, external_id="SECRET", last_error="SECRET")
    return dict(zip(TABLES, [job, batch, raw, file, account, stream, work], strict=True))


def test_what_is_in_it_and_what_is_not(operator: Client) -> None:
    shown = {model._meta.label for model in admin.site._registry}
    assert shown == {
        "omnicrm.User",
        "jobs.Job",
        "jobs.Batch",
        "integrations.RawEvent",
        "integrations.SourceFile",
        "integrations.GoogleAccount",
        "integrations.SyncStream",
        "integrations.SyncWork",
        "integrations.QuotaBucket",
    }
    assert Contact not in admin.site._registry
    page = operator.get("/admin/").content.decode()
    assert re.findall(r'<a href="/admin/\w+/\w+/">([^<]+)</a>', page) == [
        "Google accounts", "Quota buckets", "Raw events", "Source files", "Sync streams", "Sync work", "Batches", "Jobs", "Users",
    ]  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_operators_see_that_and_not_what(operator: Client, plants: dict[str, object], table: str) -> None:
    row = plants[table]
    listed = operator.get(reverse(f"admin:{table}_changelist")).content.decode()
    single = operator.get(reverse(f"admin:{table}_change", args=[row.pk])).content.decode()  # type: ignore[attr-defined]
    for page in (listed, single):
        assert "alice@example.org" in page
        assert "SECRET" not in page


@pytest.mark.parametrize("table", TABLES)
def test_operators_change_nothing(operator: Client, plants: dict[str, object], table: str) -> None:
    row = plants[table]
    assert operator.get(reverse(f"admin:{table}_add")).status_code == 403
    assert (
        operator.post(reverse(f"admin:{table}_change", args=[row.pk]), {"state": "done"}).status_code == 403
    )  # type: ignore[attr-defined]
    assert operator.post(reverse(f"admin:{table}_delete", args=[row.pk])).status_code == 403  # type: ignore[attr-defined]


def test_why_a_job_died_and_two_ways_to_help(
    operator: Client, alice: User, plants: dict[str, object]
) -> None:
    address = reverse("admin:jobs_job_changelist")
    dead, waiting = plants["jobs_job"], make_job(alice, kind="embed")
    assert "The disk is full." in operator.get(f"{address}?state__exact=dead").content.decode()
    assert operator.get(f"{address}?kind=plan_import").status_code == 200
    for action, job in (("requeue", dead), ("cancel", waiting)):
        operator.post(address, {"action": action, "_selected_action": [str(job.pk)]})  # type: ignore[attr-defined]
    with acting_as(alice.pk):
        states = dict(Job.objects.for_user(alice).values_list("kind", "state"))
        event = Event.objects.for_user(alice).get(action="job.retried")
    assert states == {"file_import": "queued", "embed": "cancelled"}
    assert event.actor == "operator"


def test_why_a_job_died_names_no_file(operator: Client, alice: User, tmp_path: Path) -> None:
    path = mailbox(tmp_path / "letters-to-my-lawyer.mbox", letter(1))
    batch = start_plan_in_place(alice, path)
    path.unlink()
    assert work_until_settled(batch).state == "failed"
    page = operator.get(f"{reverse('admin:jobs_job_changelist')}?state__exact=dead").content.decode()
    assert "The file is no longer there. Choose it again." in page
    assert "lawyer" not in page


def test_accounts(operator: Client, alice: User) -> None:
    page = operator.get(reverse("admin:omnicrm_user_change", args=[alice.pk])).content.decode()
    assert "alice@example.org" in page
    assert alice.password not in page
    assert operator.get(reverse("admin:omnicrm_user_add")).status_code == 403


def test_people_who_are_no_staff(client: Client, db: None) -> None:
    assert client.get("/admin/", follow=True).status_code == 403
    assert Client().get("/admin/login/").url.startswith("/accounts/login/")  # type: ignore[attr-defined]


def test_the_admin_has_no_log_in_of_its_own(operator: Client, alice: User) -> None:
    nobody, form = Client(), {"username": alice.email, "password": "correct horse battery"}
    for method in ("GET", "POST"):
        answer = nobody.generic(method, "/admin/login/?next=/admin/jobs/job/")
        assert (answer.status_code, answer["Location"]) == (
            302,
            "/accounts/login/?next=%2Fadmin%2Fjobs%2Fjob%2F",
        )
    assert nobody.get("/admin/login/?next=//evil.example/")["Location"] == "/accounts/login/"
    before = operator.session["_auth_user_id"]
    assert operator.post("/admin/login/", form)["Location"] == "/admin/"
    assert operator.session["_auth_user_id"] == before
    assert operator.get("/admin/password_change/")["Location"] == "/accounts/password/change/"
    assert operator.post("/admin/logout/")["Location"] == "/accounts/logout/"
    assert signed_in(Client(), alice).get("/admin/login/").status_code == 403


def test_signing_in_leads_to_the_admin_with_a_second_factor_alone(db: None) -> None:
    make_operator(email="ops@example.org", password="correct horse battery")
    browser = Client()
    form = {"login": "ops@example.org", "password": "correct horse battery", "next": "/admin/"}
    assert browser.post("/accounts/login/", form)["Location"] == "/accounts/2fa/authenticate/"
    assert browser.get("/admin/")["Location"].startswith("/admin/login/")


def test_operators_see_how_much_there_is_to_fetch(operator: Client, alice: User) -> None:
    stream = make_stream(alice)
    for state in ("todo", "todo", "parked"):
        make_work(alice, stream=stream, state=state)
    shown = operator.get(f"/admin/integrations/syncstream/{stream.pk}/change/").content.decode()
    assert "2 todo: fetch" in shown
    assert "1 parked: fetch" in shown


def test_operators_end_a_pause_and_its_owner_finds_that_in_the_record(operator: Client, alice: User) -> None:
    account, now = make_google_account(alice), timezone.now()
    buckets = [
        QuotaBucket.objects.create(name=name, not_before=now, opened_at=now, calls=9, failures=9)
        for name in (f"gmail:{account.pk}", "gmail:project")
    ]
    listed = "/admin/integrations/quotabucket/"
    assert f"gmail:{account.pk}" in operator.get(listed).content.decode()
    assert operator.get(f"{listed}{buckets[0].pk}/change/").status_code == 200
    chosen = {"action": "let_go", "_selected_action": [str(bucket.pk) for bucket in buckets]}
    assert "2 may ask Google again." in operator.post(listed, chosen, follow=True).content.decode()
    for bucket in buckets:
        bucket.refresh_from_db()
        assert (bucket.not_before, bucket.opened_at, bucket.calls, bucket.failures) == (None, None, 0, 0)
    assert LogEntry.objects.count() == 2
    with acting_as(alice.pk):
        event = Event.objects.for_user(alice).get()
    assert (event.action, event.actor, event.object_id) == ("operator.changed", "operator", account.pk)


def test_a_bucket_says_how_much_of_it_is_free(operator: Client, settings: Any) -> None:
    settings.GOOGLE_PROJECT_UNITS, settings.GOOGLE_QUOTA_SHARE = 6000, 80
    QuotaBucket.objects.create(name="gmail:project", units=200)
    assert "200 of 800" in operator.get("/admin/integrations/quotabucket/").content.decode()
