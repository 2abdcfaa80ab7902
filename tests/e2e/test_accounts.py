"""The card of an account in a browser: it moves by itself, and its buttons do what they say."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone
from playwright.sync_api import Page, expect

from integrations.models import SyncStream
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_batch, make_google_account, make_stream

TALLY = {"google": 10, "held": 7, "left_out": 3}


def in_step(alice: User) -> SyncStream:
    account, now = make_google_account(alice, email="ada@gmail.com"), timezone.now()
    return make_stream(
        alice, account=account, phase="live", last_ok_at=now, reconciled_at=now, missing=0, tally=TALLY
    )


def test_an_import_moves_and_ends_up_to_date(page: Page, alice: User) -> None:
    stream = in_step(alice)
    batch = make_batch(
        alice,
        kind="google_import",
        state="running",
        options={"stream": str(stream.pk)},
        done_steps=120,
        total_steps=400,
        approved_at=timezone.now() - timedelta(minutes=1),
    )
    page.goto("/connections/")
    expect(page.get_by_role("link", name="120 of 400")).to_be_visible()
    change(batch, done_steps=200)
    expect(page.get_by_role("link", name="200 of 400")).to_be_visible(timeout=15_000)
    change(batch, state="done", done_steps=400)
    expect(page.get_by_role("progressbar")).to_have_count(0, timeout=15_000)
    expect(page.get_by_text("Up to date", exact=True)).to_be_visible()
    expect(page.get_by_text("10 at Google − 7 here − 3 left out for a reason = 0")).to_be_visible()


def change(batch: Batch, **values: object) -> None:
    with acting_as(batch.user_id):
        Batch.objects.for_user(batch.user_id).filter(pk=batch.pk).update(**values)


def test_pause_and_resume(page: Page, alice: User) -> None:
    in_step(alice)
    page.goto("/connections/")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused. Nothing is asked of Google until you resume.")).to_be_visible()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Look now")).to_be_visible()
    page.get_by_role("link", name="What it did").click()
    expect(page.get_by_role("heading", name="What ada@gmail.com brought")).to_be_visible()
