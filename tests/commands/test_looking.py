"""`crm_stats`, `timeline`, `ledger`, `duplicates`, `jobs_status`, `run_jobs` and `search`: what they print."""

from __future__ import annotations

from pathlib import Path

from contacts.models import Interaction
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.commands.contract import ALICE, run
from tests.factories import (
    make_contact,
    make_identity,
    make_interaction,
    make_note,
    make_participant,
)
from tests.importing import import_file


def test_stats_of_an_account(alice: User, charlie: User, archive: Path) -> None:
    batch_id = run("import_file", str(archive), *ALICE, "--yes")["batch_id"]
    empty = {
        "exit": 0,
        "contacts": 0,
        "identities": 0,
        "companies": 0,
        "interactions": {"email": 0, "meeting": 0, "call": 0, "note": 0},
        "participants": 0,
        "raw_events": {},
        "suggestions": 0,
        "embeddings": 0,
        "insights": 0,
        "jobs": {"queued": 0, "running": 0, "succeeded": 0, "dead": 0, "cancelled": 0},
    }
    assert run("crm_stats", *ALICE) == {
        **empty,
        "contacts": 1,
        "identities": 2,
        "interactions": {"email": 2, "meeting": 0, "call": 0, "note": 0},
        "participants": 4,
        "raw_events": {"kept": 2},
        "jobs": {"queued": 0, "running": 0, "succeeded": 3, "dead": 0, "cancelled": 0},
    }
    assert run("crm_stats", "--user", charlie.email) == empty

    run("undo_batch", batch_id)
    after = run("crm_stats", *ALICE)
    assert (after["contacts"], after["identities"], after["participants"]) == (0, 0, 0)
    assert after["raw_events"] == {"skipped:undone": 2}


def test_a_timeline(alice: User, archive: Path) -> None:
    import_file(alice, archive)
    told = run("timeline", *ALICE, "--contact", "ADA@example.com")
    tea, hello = told["items"]
    with acting_as(alice.pk):
        row = Interaction.objects.for_user(alice).get(subject="Tea")
    assert (told["exit"], told["contact"]) == (0, "Ada Lovelace")
    assert tea == {
        "id": str(row.pk),
        "kind": "email",
        "direction": "received",
        "occurred_at": "2026-01-05T10:02:00Z",
        "subject": "Tea",
        "snippet": "At four? Bring cake.",
        "thread": "m2@example.com",
        "source": row.source,
    }
    assert hello["subject"] == "Hello"
    assert [
        item["subject"]
        for item in run("timeline", *ALICE, "--contact", "ada@example.com", "--limit", "1")["items"]
    ] == ["Tea"]


def test_a_note_stands_in_the_timeline(alice: User) -> None:
    note = make_note(alice, text="Likes poetry.")
    make_identity(alice, value="ada@example.com", contact=note.contact)
    (item,) = run("timeline", *ALICE, "--contact", "ada@example.com")["items"]
    assert item.pop("occurred_at")
    assert item == {
        "id": str(note.pk),
        "kind": "note",
        "direction": "",
        "subject": "",
        "snippet": "Likes poetry.",
        "thread": "",
        "source": "you",
    }


def test_the_ledger_and_why(alice: User, archive: Path) -> None:
    batch_id = run("import_file", str(archive), *ALICE, "--yes")["batch_id"]
    book = {
        "total": 3,
        "imported": 2,
        "skipped": {"repeated": 1},
        "failed": {},
        "pending": 0,
        "balanced": True,
    }
    assert run("ledger", *ALICE) == {"exit": 0, **book}
    assert run("ledger", *ALICE, "--batch", batch_id) == {"exit": 0, **book}
    (tea,) = run("ledger", *ALICE, "--why", "<m2@example.com>")["why"]
    assert tea == {
        "batch_id": batch_id,
        "file": "mail.mbox",
        "batch_state": "done",
        "external_id": "m2@example.com",
        "outcome": "create",
        "reason": "",
        "verdict": "kept",
    }
    ada = run("ledger", *ALICE, "--why", "Ada@example.com")["why"]
    assert [(line["external_id"], line["outcome"]) for line in ada] == [
        ("m1@example.com", "create"),
        ("m2@example.com", "create"),
        ("m1@example.com", "skip"),
    ]
    assert run("ledger", *ALICE, "--why", "x@example.com")["why"] == [
        {"reason": "No import has seen x@example.com."}
    ]
    run("undo_batch", batch_id)
    assert run("ledger", *ALICE) == {
        "exit": 0, **book, "imported": 0, "skipped": {"repeated": 1, "undone": 2},
    }  # fmt: skip


def test_duplicates(alice: User, charlie: User) -> None:
    for owner, name, address in [
        (alice, "Ada Lovelace", "ada@example.com"),
        (alice, "Ada Lovelace", "a.lovelace@example.com"),
        (alice, "Grace Hopper", "grace@example.com"),
        (charlie, "Ada Lovelace", "ada@example.com"),
    ]:
        make_identity(
            owner, value=address, contact=make_contact(owner, display_name=name, primary_email=address)
        )
    told = run("duplicates", *ALICE)
    (pair,) = told["pairs"]
    assert {pair["a"]["email"], pair["b"]["email"]} == {"ada@example.com", "a.lovelace@example.com"}
    assert pair["a"].keys() == {"id", "name", "email"}
    assert (pair["score"], pair["reasons"]) == (0.865, ["same name", "same company domain"])
    assert run("duplicates", "--user", charlie.email) == {"exit": 0, "pairs": []}


def test_the_queue(alice: User) -> None:
    assert run("jobs_status", *ALICE) == {
        "exit": 0,
        "queued": 0,
        "running": 0,
        "succeeded": 0,
        "dead": 0,
        "cancelled": 0,
        "oldest_queued_seconds": 0,
        "by_kind": {},
    }
    assert run("run_jobs", "--until-empty", *ALICE) == {
        "exit": 0,
        "processed": 0,
        "succeeded": 0,
        "failed": 0,
        "errors": [],
    }


def test_a_search(alice: User, charlie: User, archive: Path) -> None:
    import_file(alice, archive)
    told = run("search", "tea", *ALICE)
    (tea,) = told["items"]
    with acting_as(alice.pk):
        row = Interaction.objects.for_user(alice).get(subject="Tea")
    assert tea == {
        "type": "email",
        "id": str(row.pk),
        "title": "Tea",
        "snippet": "At four? Bring cake.",
        "score": 1.0,
    }
    assert [item["score"] for item in run("search", "cake", *ALICE)["items"]] == [0.5]
    ada = run("search", "ada", *ALICE, "--limit", "1")["items"]
    assert [(item["type"], item["title"]) for item in ada] == [("contact", "Ada Lovelace")]
    assert run("search", "tea", "--user", charlie.email) == {"exit": 0, "items": []}
    refused = run("search", "tea", *ALICE, "--mode", "semantic")
    assert (refused["exit"], refused["error"].partition(" so far")[0]) == (2, "Only --mode text can search")


def test_participants_make_no_double_entries(alice: User) -> None:
    """Two addresses of one person in one message are one line of their timeline."""
    contact = make_contact(alice)
    talk = make_interaction(alice, subject="Both")
    for address in ("ada@example.com", "ada@work.example"):
        identity = make_identity(alice, value=address, contact=contact)
        make_participant(alice, interaction=talk, identity=identity)
    items = run("timeline", *ALICE, "--contact", "ada@work.example")["items"]
    assert [item["subject"] for item in items] == ["Both"]
