"""Pictures of the pages with the sample mailbox in them: `make screenshots`. Not part of `make test`."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from playwright.sync_api import Page, expect

from integrations import sample
from integrations.approval import approve
from jobs.foreground import work_until_settled
from omnicrm.acting import acting_as
from omnicrm.models import User

FOLDER = Path(django_settings.BASE_DIR) / ".local" / "screenshots"
SIZES = {"phone": (390, 844), "desk": (1440, 900)}


@pytest.mark.proof
def test_screenshots(page: Page, alice: User) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    batch = work_until_settled(sample.start(alice))
    take(page, {"plan": f"/batches/{batch.pk}/", "import": "/import/"})
    with acting_as(alice.pk):
        approve(batch, batch.plan_hash)
    work_until_settled(batch)
    take(
        page,
        {
            "today": "/",
            "contacts": "/contacts/",
            "person": "/contacts/anna-sample/",
            "done": f"/batches/{batch.pk}/",
            "undo": f"/batches/{batch.pk}/undo/",
            "changes": "/batches/",
            "jobs": "/jobs/",
        },
    )
    assert len(list(FOLDER.glob("*.png"))) >= 36


def take(page: Page, places: dict[str, str]) -> None:
    """Each place in both sizes and both schemes."""
    for size, (width, height) in SIZES.items():
        page.set_viewport_size({"width": width, "height": height})
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            for name, place in places.items():
                page.goto(place)
                expect(page.get_by_role("heading", level=1)).to_be_visible()
                page.screenshot(path=FOLDER / f"{name}-{size}-{scheme}.png")
