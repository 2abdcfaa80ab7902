"""What whoever runs the server keeps out, for everybody, of what files hold."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from contacts.keeping_away import KeptAway
from integrations.approval import Stale, approve
from integrations.reasons import reason
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.importing import import_file, letter, mailbox, plan

CARD = "BEGIN:VCARD\nVERSION:3.0\nFN:A Robot\nEMAIL:robot@example.com\nEND:VCARD\n"


@pytest.mark.parametrize("pattern", ["robot@example.com", "robot@*", "example.com"])
def test_mail_and_people_of_a_blocked_sender_stay_out_for_everybody(
    alice: User, charlie: User, tmp_path: Path, settings: Settings, pattern: str
) -> None:
    archive = mailbox(
        tmp_path / "a.mbox",
        letter(1, sender="robot@example.com"),
        letter(2, sender="Ada <ada@example.net>"),
        letter(3, sender="alice@example.org", to="robot@example.com"),
    )
    (tmp_path / "a.vcf").write_text(CARD)
    settings.BLOCKED_SENDERS = frozenset({pattern})
    for user in (alice, charlie):
        found = plan(user, archive).totals
        assert (found["reasons"], found["interactions"]) == ({"blocked": 1}, 2)
        assert plan(user, tmp_path / "a.vcf").totals["reasons"] == {"blocked": 1}
    done = import_file(alice, archive)
    assert done.totals["result"]["created"] == 1  # Ada, and not whom Alice answered
    assert reason("blocked").title == "Kept out by the operator"


@pytest.mark.parametrize("pattern", ["example.org", "ada@*", "bot@example.com", "com"])
def test_others_come_in(alice: User, tmp_path: Path, settings: Settings, pattern: str) -> None:
    settings.BLOCKED_SENDERS = frozenset({pattern})
    archive = mailbox(tmp_path / "a.mbox", letter(1, sender="robot@example.com"))
    assert plan(alice, archive).totals["reasons"] == {}


def test_a_plan_from_before_is_stale(alice: User, tmp_path: Path, settings: Settings) -> None:
    batch = plan(alice, mailbox(tmp_path / "a.mbox", letter(1, sender="robot@example.com")))
    settings.BLOCKED_SENDERS = frozenset({"example.com"})
    with acting_as(alice.pk), pytest.raises(Stale, match="Your data has changed"):
        approve(batch, batch.plan_hash)


def test_nobody_is_made_of_a_blocked_address(alice: User, settings: Settings) -> None:
    settings.BLOCKED_SENDERS = frozenset({"robot@*"})
    with acting_as(alice.pk):
        away = KeptAway(alice.pk, own=[])
        assert (away.holds("robot@example.com"), away.holds("ada@example.com")) == (True, False)
