"""A new kind of source, and sources that misbehave."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from contacts.drafts import InteractionDraft, Mention
from contacts.models import CalendarEvent, Contact, Interaction
from integrations.ledger import ledger, why
from integrations.models import RawEvent
from integrations.sources import Entry, Me, Source, sources
from jobs.models import Batch, PlanItem
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.importing import carry_out, import_file, letter, mailbox, plan, take_back
from tests.integrations.test_pipeline import rows, state

pytestmark = pytest.mark.django_db


def read_calls(stream: BinaryIO, resume: int, position: int, me: Me) -> Iterator[Entry]:
    for number, line in enumerate(stream.read().splitlines()[resume:], start=resume + 1):
        yield Entry(number, line, "call", number)


def call(payload: bytes, kind: str, me: Me) -> InteractionDraft:
    who, at = payload.decode().split(" ")
    if who == "explode":
        raise RuntimeError("a bug in a reader")
    moment = dt.datetime.fromisoformat(at)
    return InteractionDraft(
        "call", "toy", f"toy:{who}:{at}", moment, subject="A call", mentions=[Mention(who, "", "from")]
    )


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sources, "toy", Source("toy", "Toy calls", read_calls, call))


def test_a_toy_source_goes_the_whole_way(alice: User, tmp_path: Path, toy: None) -> None:
    """Registering is all it takes: nothing in contacts or jobs knows what kinds there are."""
    path = tmp_path / "calls.toy"
    path.write_text("ada@example.com 2026-01-05T10:00:00+00:00\nada@example.com 2026-01-06T10:00:00+00:00\n")
    before = state(alice)
    batch = import_file(alice, path, kind="toy")
    assert (batch.totals["create"], batch.totals["interactions"]) == (1, 2)
    with acting_as(alice.pk):
        assert set(rows(alice, Interaction).values_list("kind", flat=True)) == {"call"}
        assert rows(alice, Contact).get().last_interaction_at == dt.datetime(2026, 1, 6, 10, tzinfo=dt.UTC)
    assert take_back(batch).state == Batch.State.UNDONE
    assert state(alice) == before


def test_one_bad_entry_does_not_stop_its_neighbours(alice: User, tmp_path: Path, toy: None) -> None:
    path = tmp_path / "calls.toy"
    path.write_text("ada@example.com 2026-01-05T10:00:00+00:00\nexplode x\nada@example.com tomorrow\n")
    batch = plan(alice, path, kind="toy")
    with acting_as(alice.pk):
        failed = rows(alice, PlanItem).filter(outcome="fail").order_by("seq")
        assert [(item.seq, item.reason) for item in failed] == [(2, "reader_error"), (3, "unreadable")]
        assert failed[0].data["problem"] == "Our reader failed (RuntimeError)."
    done = carry_out(batch)
    assert (done.state, done.totals["result"]["interactions"], done.totals["result"]["failed"]) == (
        "done",
        1,
        2,
    )
    with acting_as(alice.pk):
        assert ledger(alice.pk)["balanced"]


def test_a_reader_that_fails_later_marks_only_its_message(
    alice: User, tmp_path: Path, toy: None, monkeypatch: Any
) -> None:
    """Planning read it, importing cannot: the message is failed with its reason, and shown."""
    path = tmp_path / "calls.toy"
    path.write_text("ada@example.com 2026-01-05T10:00:00+00:00\nbob@example.com 2026-01-05T11:00:00+00:00\n")
    batch = plan(alice, path, kind="toy")

    def worse(payload: bytes, kind: str, me: Me) -> InteractionDraft:
        if payload.startswith(b"bob"):
            raise ValueError("This line cannot be read any more.")
        return call(payload, kind, me)

    monkeypatch.setitem(sources, "toy", Source("toy", "Toy calls", read_calls, worse))
    done = carry_out(batch)
    assert (done.state, done.totals["result"]["interactions"]) == ("done", 1)
    with acting_as(alice.pk):
        raw = rows(alice, RawEvent).get(verdict="failed:unreadable")
        assert (raw.position, raw.reason) == (2, "This line cannot be read any more.")
        assert ledger(alice.pk)["failed"] == {"unreadable": 1}
        assert why(alice.pk, "bob@example.com")[0]["verdict"] == "failed:unreadable"


def test_a_hostile_mailbox_is_imported_around_its_bad_messages(alice: User, tmp_path: Path) -> None:
    path = mailbox(
        tmp_path / "hostile.mbox",
        letter(1, subject="Good"),
        "From x@example.com Mon Jan  5 10:00:00 2026\n\n\n",
        letter(2, subject="=?utf-8?q?" + "=41" * 20_000 + "?="),
        letter(3, headers="Content-Type: multipart/mixed; boundary=b\n", text="--b\n" * 20_000),
        letter(4, text="On Mon, X\n" * 4000),
        letter(
            5,
            sender='"boss@corp.example" <evil\u202e@example.net>',
            subject="nul \x00 and \ud83d".encode("utf-8", "replace").decode(),
        ),
        letter(6, text=">" * 50_000),
        letter(7, subject="Good too"),
    )
    done = import_file(alice, path)
    assert done.state == Batch.State.DONE
    with acting_as(alice.pk):
        subjects = rows(alice, Interaction).values_list("subject", flat=True)
        assert {"Good", "Good too"} <= set(subjects)
        assert len(subjects) == 7
        bad = rows(alice, PlanItem).get(outcome="fail")
        assert "empty" in bad.data["problem"]
        assert ledger(alice.pk)["balanced"]


def test_a_truncated_mailbox_keeps_what_is_there(alice: User, tmp_path: Path) -> None:
    path = mailbox(tmp_path / "cut.mbox", letter(1), letter(2))
    path.write_bytes(path.read_bytes()[:-40])
    assert import_file(alice, path).totals["result"]["interactions"] == 2


CALENDAR = """BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VEVENT
UID:one@example.com
SUMMARY:Kick-off
DTSTART:20260105T100000Z
DTEND:20260105T110000Z
ORGANIZER;CN=Alice:mailto:alice@example.org
ATTENDEE;CN=Ada Lovelace;PARTSTAT=ACCEPTED:mailto:ada@example.com
ATTENDEE;CN=No Show;PARTSTAT=DECLINED:mailto:noshow@example.com
END:VEVENT
BEGIN:VEVENT
UID:two@example.com
SUMMARY:Weekly
DTSTART:20260105T120000Z
DTEND:20260105T123000Z
RRULE:FREQ=WEEKLY;COUNT=3
ATTENDEE;CN=Ada Lovelace:mailto:ada@example.com
END:VEVENT
BEGIN:VEVENT
UID:three@example.com
SUMMARY:Dentist
DTSTART;VALUE=DATE:20260107
END:VEVENT
END:VCALENDAR
"""


def test_a_calendar_becomes_events_and_meetings(alice: User, tmp_path: Path) -> None:
    path = tmp_path / "calendar.ics"
    path.write_text(CALENDAR)
    before = state(alice)
    batch = import_file(alice, path)
    expected = {"create": 1, "events": 3, "interactions": 4}
    assert {key: batch.totals[key] for key in expected} == expected
    with acting_as(alice.pk):
        assert rows(alice, Contact).get().display_name == "Ada Lovelace"
        meetings = rows(alice, Interaction).filter(kind="meeting").order_by("occurred_at")
        assert [m.subject for m in meetings] == ["Kick-off", "Weekly", "Weekly", "Weekly"]
        dentist = rows(alice, CalendarEvent).get(title="Dentist")
        assert (dentist.starts_on, dentist.starts_at) == (dt.date(2026, 1, 7), None)
    again = plan(alice, path)
    assert (again.totals["create"], again.totals["events"], again.totals["interactions"]) == (0, 0, 0)
    take_back(batch)
    assert state(alice) == before
