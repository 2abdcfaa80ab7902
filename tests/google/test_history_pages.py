"""More changes at once than Google tells in one answer, with numbers that no integer of 64 bits with a sign holds."""

from __future__ import annotations

import random

import pytest

from integrations.models import RawEvent
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.fakes import google as fakes
from tests.google.driving import Mailbox, check, driver
from tests.google.mailboxes import ADA, fresh

EDGES = ("before asking", "before writing", "before the commit", "after the commit")
FIRST = 10**19 - 2_000
"""Beyond 2 to the 63rd, and about to have a digit more: as text, what comes later would be less."""


@pytest.mark.django_db
def test_a_thousand_changes_and_a_crash_at_each_edge_of_each_page(alice: User) -> None:
    at = fakes.Google(clock=fakes.Clock.still())
    at.quota.per_user["gmail"] = at.quota.per_project["gmail"] = 10**9
    ada, mailbox = at.add_account(ADA, first_history=FIRST), Mailbox(at, random.Random(7))
    died: list[tuple[str, str]] = []
    is_safe = True

    def page() -> str:
        """The page of the history that was asked for last."""
        asked = at.calls.of("history.list")
        return str(asked[-1].query.get("pageToken", ["first"])[0]) if asked else "none"

    def dies(where: str) -> bool:
        if is_safe or (where, page()) in died:
            return False
        died.append((where, page()))
        return True

    for _ in range(20):
        mailbox.arrive()
    drive = driver(alice, at, dies)
    drive.begin()
    drive.settle()
    change_often(ada, mailbox)
    at.calls.clear()
    is_safe = False
    drive.look()
    drive.settle()

    pages = list(dict.fromkeys(asked_for for _, asked_for in died))
    assert pages[:2] == ["none", "first"]
    assert len(pages) == 4, "three pages, each of 500 at most"
    assert sorted(died) == sorted(
        [("before asking", "none"), *((edge, each) for edge in EDGES for each in pages[1:])]
    )
    check(alice, mailbox)
    assert (FIRST > 2**63, len(str(FIRST)), len(fresh(drive.stream).cursor)) == (True, 19, 20)
    assert fresh(drive.stream).cursor == str(ada.mailbox.history.last)
    with acting_as(alice.pk):
        rows = RawEvent.objects.for_user(alice).filter(verdict="kept", remote="live")
        versions = {id: (int(version or 0), sorted(labels)) for id, version, labels in rows.values_list(
            "external_id", "version", "labels")}  # fmt: skip
    letters = ada.mailbox.messages
    assert versions == {id: (letters[id].version, sorted(letters[id].labels)) for id in versions}


def change_often(ada: fakes.Account, mailbox: Mailbox) -> None:
    """More than a thousand entries of the history, in which letters are marked, go and arrive."""
    ids = list(ada.mailbox.messages)
    while len(ada.mailbox.history.records) < 1_100:
        for id in ids:
            ada.relabel(id, ["STARRED", "UNREAD"], [])
            ada.relabel(id, [], ["STARRED", "UNREAD"])
    for id in ids[:3]:
        ada.delete(id)
    for _ in range(10):
        mailbox.arrive()
