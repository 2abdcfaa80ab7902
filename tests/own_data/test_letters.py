"""Letters in an archive: brought in elsewhere nothing of them goes by itself, and no key of an account is in it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from typing import Any

import pytest

from integrations import outbox
from integrations.accounts import disconnect
from integrations.archive.bringing import PERHAPS_SENT, bring_in
from integrations.archive.reading import BadArchive
from integrations.forgetting import forget
from integrations.models import GoogleAccount, OutboxMessage
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.factories import make_letter
from tests.google.letters import ADA, GRACE, Desk, connected, writing
from tests.own_data.rich import APPROVED, archive_of, entries, zipped
from tests.own_data.test_hostile_archives import agreeing

pytestmark = pytest.mark.django_db(transaction=True)
ROWS = "data/integrations.OutboxMessage.jsonl"


@pytest.fixture
def desk(settings: Any, alice: User) -> Iterator[Desk]:
    with writing(settings, alice) as desk:
        yield desk


def letters(user: User) -> dict[str, OutboxMessage]:
    with acting_as(user.pk):
        rows = OutboxMessage.objects.for_user(user).select_related("contact")
        return {letter.subject: letter for letter in rows}


def test_nothing_that_was_brought_in_goes_by_itself(desk: Desk, charlie: User) -> None:
    desk.letter("Draft")
    recalled = desk.approve(desk.letter("Taken back"))
    with acting_as(desk.user.pk):
        assert outbox.recall(recalled)
    desk.approve(desk.letter("Queued"))
    for state, step in (("attempting", "sending"), ("confirmed", ""), ("failed", ""), ("unknown", "")):
        fields: dict[str, Any] = {"state": state, "step": step, "problem": "Why", "to": [GRACE], **APPROVED}
        make_letter(desk.user, account=desk.account, contact=desk.contact, subject=state.title(), **fields)
    bring_in(charlie, io.BytesIO(archive_of(desk.user)))
    brought = letters(charlie)
    assert {name: (letter.state, letter.step, letter.problem) for name, letter in brought.items()} == {
        "Draft": ("draft", "", ""),
        "Taken back": ("draft", "", ""),
        "Queued": ("unknown", "", PERHAPS_SENT),
        "Attempting": ("unknown", "", PERHAPS_SENT),
        "Confirmed": ("confirmed", "", "Why"),
        "Failed": ("failed", "", "Why"),
        "Unknown": ("unknown", "", "Why"),
    }
    for letter in brought.values():
        assert (letter.account_id, letter.sender, letter.to) == (None, ADA, [GRACE])
        assert str(letter.contact) == "Grace Hopper"
    for name in ("Draft", "Taken back"):
        draft = brought[name]
        assert (draft.approved_hash, draft.approved_at, draft.send_at) == ("", None, None)
    assert brought["Confirmed"].approved_at == APPROVED["approved_at"]
    with acting_as(charlie.pk):
        assert list(Job.objects.for_user(charlie)) == []
    desk.ten_seconds_later()
    desk.work()  # Alice's own, which goes once
    assert (len(desk.sent), letters(charlie)["Queued"].state) == (1, "unknown")


def test_no_key_of_an_account_is_in_an_archive(desk: Desk) -> None:
    desk.letter()
    grant = desk.account.grant
    held = entries(archive_of(desk.user))
    assert json.loads(held[ROWS])["account_id"] is None
    for secret in (grant.refresh_token, grant.access_token, str(desk.account.pk)):
        assert len(secret) > 10
        assert not any(secret.encode() in content for content in held.values())


def test_a_draft_goes_from_the_account_that_is_connected_there(desk: Desk, charlie: User) -> None:
    desk.letter()
    bring_in(charlie, io.BytesIO(archive_of(desk.user)))
    draft = letters(charlie)["Lunch"]
    with acting_as(charlie.pk), pytest.raises(outbox.CannotWrite, match="No account that may write"):
        outbox.approve(draft, draft.content_hash)
    connected(desk.google, charlie)
    with acting_as(charlie.pk), pytest.raises(outbox.CannotWrite, match="No account that may write"):
        outbox.approve(draft, draft.content_hash)  # nobody has seen from where it would go
    with acting_as(charlie.pk):
        draft = outbox.edit(draft, subject="Lunch", body="At one?")
        assert (draft.account.email, draft.sender, draft.state) == (ADA, ADA, "draft")
        outbox.approve(draft, draft.content_hash)
    there = Desk(desk.google, charlie, desk.account, desk.contact)
    assert there.send(draft).state == "confirmed"
    assert len(desk.sent) == 1
    assert b"At one?" in desk.sent[0]


def test_a_removed_account_leaves_what_was_not_sent(desk: Desk) -> None:
    desk.letter("Draft")
    desk.send(desk.approve(desk.letter("Sent")))
    queued = desk.approve(desk.letter("Queued"))
    with acting_as(desk.user.pk):
        disconnect(desk.account, keep=True)
        forget(GoogleAccount.objects.for_user(desk.user).get(pk=desk.account.pk))
    desk.send(queued)
    left = letters(desk.user)
    assert {name: (letter.state, letter.account_id) for name, letter in left.items()} == {
        "Draft": ("draft", None),
        "Queued": ("failed", None),
    }
    assert left["Queued"].problem == "It was not sent: The account that it should go from was removed."
    assert len(desk.sent) == 1


def test_a_draft_that_says_that_it_is_approved_is_refused(desk: Desk, charlie: User) -> None:
    desk.letter()
    files = entries(archive_of(desk.user))
    row = json.loads(files[ROWS]) | {"approved_hash": "0" * 64}
    changed = agreeing(files, ROWS, json.dumps(row).encode() + b"\n")
    with pytest.raises(BadArchive, match=r"OutboxMessage\.jsonl in this archive does not fit"):
        bring_in(charlie, io.BytesIO(zipped(changed)))
    assert letters(charlie) == {}
