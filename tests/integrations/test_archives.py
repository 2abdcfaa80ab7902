"""Real archives of two lists, each from two archivers: the same messages in different clothes."""

from __future__ import annotations

import itertools
import mailbox as stdlib_mailbox
import re
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from contacts.models import Contact, Interaction, Participant
from integrations.ledger import ledger
from jobs.models import Batch
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.importing import import_file, letter, mailbox, plan, take_back
from tests.integrations.test_pipeline import rows, state

pytestmark = pytest.mark.django_db

LISTS = {
    "httpd": ("httpd-users-2020-07.mbox", "httpd-users-2020-07.asf.mbox"),
    "maven": ("maven-dev-2017-12-listsao.mbox", "maven-dev-2017-12-mboxvm.mbox"),
}
ORDERS = [
    pytest.param(*order, id=f"{name}-{n}")
    for name, pair in LISTS.items()
    for n, order in enumerate(itertools.permutations(pair))
]


def header(path: Path, name: str) -> dict[str, str]:
    """A header of each message, as the standard library reads it, by Message-ID; case and folding set aside."""
    with closing(stdlib_mailbox.mbox(path)) as box:
        return {bare(str(m["message-id"])): bare(str(m[name] or "")) for m in box}


def bare(message_id: str) -> str:
    return re.sub(r"[\s<>]", "", message_id).lower()


def content(user: User) -> dict[str, Any]:
    """What the archives said, without ids: equal whichever came first."""
    with acting_as(user.pk):
        people = rows(user, Participant).values_list("interaction__source_key", "role", "identity__value")
        return {
            "messages": sorted(
                rows(user, Interaction).values_list("source_key", "thread_key", "occurred_at", "subject")
            ),
            "participants": sorted(people),
            "contacts": sorted(
                rows(user, Contact).values_list("primary_email", "display_name", "last_interaction_at")
            ),
        }


@pytest.mark.parametrize(("first", "second"), ORDERS)
def test_one_interaction_for_each_message(alice: User, corpora: Path, first: str, second: str) -> None:
    folder = corpora / "mbox"
    ids = header(folder / first, "message-id").keys() | header(folder / second, "message-id").keys()
    import_file(alice, folder / first)
    alone = content(alice)
    assert {key.lower() for key, *_ in alone["messages"]} == ids
    again = import_file(alice, folder / second)
    assert (again.totals["create"], again.totals["interactions"]) == (0, 0)
    assert content(alice) == alone
    for name in (first, second):
        third = plan(alice, folder / name)
        assert (third.totals["create"], third.totals["update"], third.totals["interactions"]) == (0, 0, 0)
        assert third.totals["reasons"]["already_here"] == len(ids)
    with acting_as(alice.pk):
        assert ledger(alice.pk)["balanced"]


@pytest.mark.parametrize("name", LISTS)
def test_both_orders_agree(alice: User, charlie: User, corpora: Path, name: str) -> None:
    for user, files in ((alice, LISTS[name]), (charlie, LISTS[name][::-1])):
        for file in files:
            import_file(user, corpora / "mbox" / file)
    assert content(alice) == content(charlie)


def test_threads_follow_the_replies(alice: User, corpora: Path) -> None:
    """Every reply whose parent is in the archive is in its parent's thread."""
    path = corpora / "mbox" / LISTS["maven"][1]
    import_file(alice, path)
    with acting_as(alice.pk):
        threads = rows(alice, Interaction).values_list("source_key", "thread_key")
        thread = {key.lower(): root for key, root in threads}
    replies = [(child, parent) for child, parent in header(path, "in-reply-to").items() if parent in thread]
    assert len(replies) > 100
    assert [(child, parent) for child, parent in replies if thread[child] != thread[parent]] == []


def test_undo_and_again_harms_nothing_of_the_other(alice: User, corpora: Path) -> None:
    before = state(alice)
    one, two = (corpora / "mbox" / name for name in LISTS["httpd"])
    first, second = import_file(alice, one), import_file(alice, two)
    both = content(alice)
    assert take_back(first).state == Batch.State.UNDONE
    assert content(alice) == both
    again = import_file(alice, one)
    assert again.totals["interactions"] == 0
    assert content(alice) == both
    take_back(second)
    take_back(again)
    assert state(alice) == before


def test_an_equal_subject_alone_joins_nothing(alice: User, tmp_path: Path) -> None:
    import_file(alice, mailbox(tmp_path / "a.mbox", letter(1), letter(2), letter(3, answers=1)))
    with acting_as(alice.pk):
        one, two, three = rows(alice, Interaction).order_by("occurred_at")
    assert one.subject == two.subject == three.subject == "Hello"
    assert three.thread_key == one.thread_key != two.thread_key
