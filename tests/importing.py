"""Import files in tests as a person would: plan, approve, let the jobs run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contacts.derived import refresh_contacts
from contacts.models import Contact, SearchText
from integrations.approval import approve
from integrations.plan import start_plan_in_place
from jobs.foreground import work_until_settled
from jobs.models import Batch
from jobs.undo import start_undo
from omnicrm.acting import acting_as
from omnicrm.models import User


def plan(user: User, path: Path, **options: Any) -> Batch:
    return work_until_settled(start_plan_in_place(user, path, options=options))


def carry_out(batch: Batch) -> Batch:
    with acting_as(batch.user_id):
        approve(batch, batch.plan_hash)
    return work_until_settled(batch)


def import_file(user: User, path: Path, **options: Any) -> Batch:
    """Plan, approve and run to the end."""
    return carry_out(plan(user, path, **options))


def take_back(batch: Batch) -> Batch:
    with acting_as(batch.user_id):
        start_undo(batch)
    undone = work_until_settled(batch)
    check_derived(batch.user)
    return undone


def check_derived(user: User) -> None:
    """What follows from other rows is what they say now, as it would be if it were all recomputed."""
    found = derived(user)
    with acting_as(user.pk):
        refresh_contacts(user.pk, list(Contact.objects.for_user(user).values_list("pk", flat=True)))
    assert found == derived(user)


def derived(user: User) -> tuple[list[Any], list[Any]]:
    """When each contact was last in touch, and what a search for it looks at."""
    with acting_as(user.pk):
        contacts = Contact.objects.for_user(user).order_by("pk")
        texts = SearchText.objects.for_user(user).order_by("contact")
        return list(contacts.values_list("pk", "last_interaction_at")), list(
            texts.values_list("contact", "text", "parts")
        )


def letter(
    number: int,
    *,
    sender: str = "Ada Lovelace <ada@example.com>",
    to: str = "alice@example.org",
    subject: str = "Hello",
    text: str = "A line of text.",
    answers: int | None = None,
    headers: str = "",
) -> str:
    """One message of an mbox. `answers` is the number of the message it replies to."""
    reply = (
        f"In-Reply-To: <m{answers}@example.com>\nReferences: <m{answers}@example.com>\n" if answers else ""
    )
    return (
        f"From x@example.com Mon Jan  5 10:{number % 60:02d}:00 2026\n"
        f"From: {sender}\nTo: {to}\nSubject: {subject}\nMessage-ID: <m{number}@example.com>\n"
        f"Date: Mon, 05 Jan 2026 10:{number % 60:02d}:00 +0000\n{reply}{headers}\n{text}\n\n"
    )


def mailbox(path: Path, *letters: str) -> Path:
    path.write_text("".join(letters))
    return path
