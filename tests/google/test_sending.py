"""A letter leaves once, as it was approved, or it is known that it did not; and what nobody knows is asked."""

from __future__ import annotations

import email
import time
from collections.abc import Callable, Iterator
from email.policy import default
from typing import Any

import pytest

from integrations import outbox
from integrations.models import OutboxMessage
from jobs.models import Job
from omnicrm.acting import acting_as
from omnicrm.models import User
from tests.google.letters import ADA, GRACE, Desk, writing
from tests.jobs.threads import together

State = OutboxMessage.State
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def desk(settings: Any, alice: User) -> Iterator[Desk]:
    with writing(settings, alice) as desk:
        yield desk


def test_a_letter_goes_out_as_it_was_approved(desk: Desk) -> None:
    letter = desk.approved()
    desk.work()
    assert (desk.state(letter), desk.sent, desk.drafts) == (State.QUEUED, [], 0)  # it can be taken back yet
    done = desk.send(letter)
    assert (done.state, done.problem, desk.drafts) == (State.CONFIRMED, "", 0)
    (raw,) = desk.sent
    said = email.message_from_bytes(raw, policy=default)
    assert (said["From"], said["To"], said["Subject"]) == (f"Ada Lovelace <{ADA}>", GRACE, "Lunch")
    assert said["Message-ID"] == f"<{done.message_id}>"
    assert said.get_content() == "At noon?\r\n"
    assert done.remote_id in desk.google.account(ADA).mailbox.messages


def test_nothing_goes_without_an_approval(desk: Desk) -> None:
    letter = desk.letter()
    desk.ten_seconds_later()
    assert desk.work() == []
    assert (desk.state(letter), desk.sent, desk.google.calls.of("drafts", ADA)) == (State.DRAFT, [], [])


def test_fifty_clicks_are_one_letter(desk: Desk) -> None:
    letter = desk.letter()

    def click(_: int) -> str:
        return desk.approve(letter).state

    assert together(50, click) == [State.QUEUED] * 50
    desk.send(letter)
    assert (desk.state(letter), len(desk.sent)) == (State.CONFIRMED, 1)
    assert desk.approve(letter).state == State.CONFIRMED  # a click that comes late
    desk.send(letter)
    assert len(desk.sent) == 1


def test_another_text_than_the_one_looked_at_is_not_sent(desk: Desk) -> None:
    letter = desk.letter()
    seen = letter.content_hash
    with acting_as(desk.user.pk):
        letter = outbox.edit(letter, subject="Lunch", body="At one?")
        with pytest.raises(outbox.NotThisText, match="not the text that you looked at"):
            outbox.approve(letter, seen)
    desk.ten_seconds_later()
    assert (desk.work(), desk.sent, desk.state(letter)) == ([], [], State.DRAFT)


def test_an_approved_letter_cannot_be_changed(desk: Desk) -> None:
    letter = desk.approved()
    with acting_as(desk.user.pk), pytest.raises(outbox.NotThisText, match="no draft any more"):
        outbox.edit(letter, subject="Lunch", body="At one?")
    desk.send(letter)
    assert b"At noon?" in desk.sent[0]


def test_a_letter_that_was_changed_behind_our_back_is_not_sent(desk: Desk) -> None:
    letter = desk.approved()
    with acting_as(desk.user.pk):
        OutboxMessage.objects.for_user(desk.user).filter(pk=letter.pk).update(body="Send money")
    desk.send(letter)
    assert (desk.sent, desk.state(letter)) == ([], State.QUEUED)


def test_taken_back_in_time(desk: Desk) -> None:
    letter = desk.approved()
    with acting_as(desk.user.pk):
        assert outbox.recall(letter)
        assert not outbox.recall(letter)
    desk.send(letter)
    assert (desk.state(letter), desk.sent) == (State.DRAFT, [])
    # Approved anew it goes, and the job of the first approval does not send it once more.
    with acting_as(desk.user.pk):
        letter = outbox.edit(desk.fresh(letter), subject="Lunch", body="At one?")
    desk.approve(letter)
    desk.send(letter)
    assert [b"At one?" in raw for raw in desk.sent] == [True]


def race(desk: Desk, number: int) -> tuple[bool, OutboxMessage, list[bytes]]:
    letter = desk.approved()
    desk.ten_seconds_later()
    before = len(desk.sent)

    def act(who: int) -> bool:
        if who:
            desk.work()
            return False
        time.sleep(number % 40 / 500)
        with acting_as(desk.user.pk):
            return outbox.recall(letter)

    taken_back, _ = together(2, act)
    desk.work()
    return taken_back, desk.fresh(letter), desk.sent[before:]


@pytest.mark.parametrize("times", [40, pytest.param(200, marks=pytest.mark.proof)])
def test_taking_back_races_with_sending(
    desk: Desk, times: int, record_property: Callable[[str, object], None]
) -> None:
    desk.google.quota.per_user["gmail"] = 10**9  # a person does not send that many
    ended = [race(desk, number) for number in range(times)]
    assert {taken_back for taken_back, *_ in ended} == {True, False}
    for taken_back, letter, sent in ended:
        assert (letter.state, len(sent)) == ((State.DRAFT, 0) if taken_back else (State.CONFIRMED, 1))
    back = sum(taken_back for taken_back, *_ in ended)
    record_property(
        "letters",
        f"{times} letters taken back while they were sent: {back} taken back, {times - back} sent once",
    )


@pytest.mark.parametrize("keeps", [True, False], ids=["with our Message-ID", "with one of Gmail's"])
@pytest.mark.parametrize("effect", ["lost", "truncated", "invalid_json"])
def test_an_answer_that_never_came_is_found_in_the_sent_mail(desk: Desk, effect: str, keeps: bool) -> None:
    desk.google.keeps_message_ids = keeps
    desk.google.faults.add("drafts.send", effect)
    done = desk.send(desk.approved())
    assert (done.state, len(desk.sent), len(desk.google.calls.of("drafts.send", ADA))) == (
        State.CONFIRMED,
        1,
        1,
    )
    assert done.remote_id in desk.google.account(ADA).mailbox.messages


@pytest.mark.parametrize("effect", ["500", "503", "reset", "html"])
def test_what_nobody_knows_is_asked_and_never_sent_again(desk: Desk, effect: str) -> None:
    desk.google.faults.add("drafts.send", effect)
    letter = desk.send(desk.approved())
    assert (letter.state, desk.sent) == (State.UNKNOWN, [])
    assert "still shows it as a draft" in letter.problem
    desk.send(letter)
    assert len(desk.google.calls.of("drafts.send", ADA)) == 1


def test_while_gmail_does_not_say_whether_it_left_it_is_asked_that_alone(desk: Desk) -> None:
    desk.google.faults.add("drafts.send", "lost")
    desk.google.faults.add("messages.list", "503", count=3)
    letter = desk.send(desk.approved())
    assert letter.state == State.ATTEMPTING
    for _ in range(3):
        letter = desk.send(letter)
    assert (letter.state, len(desk.sent), len(desk.google.calls.of("drafts.send", ADA))) == (
        State.CONFIRMED,
        1,
        1,
    )


def test_the_person_settles_what_nobody_knows(desk: Desk) -> None:
    desk.google.faults.add("drafts.send", "503")
    letter = desk.send(desk.approved())
    with acting_as(desk.user.pk):
        assert outbox.settle(letter, was_sent=False).state == State.DRAFT
    desk.ten_seconds_later()
    desk.work()
    assert desk.sent == []  # it takes another click
    again = desk.send(desk.approve(desk.fresh(letter)))
    assert (again.state, len(desk.sent)) == (State.CONFIRMED, 1)


def test_what_nobody_knows_is_known_when_it_comes_back_among_the_sent(desk: Desk) -> None:
    desk.google.faults.add("drafts.send", "503")
    letter = desk.send(desk.approved())
    with acting_as(desk.user.pk):
        assert outbox.confirm_seen(desk.user.pk, ["another@example.com"]) == 0
        assert outbox.confirm_seen(desk.user.pk, ["another@example.com", letter.message_id]) == 1
    assert desk.state(letter) == State.CONFIRMED


@pytest.mark.parametrize("effect", ["429", "userRateLimitExceeded"])
def test_a_limit_delays_a_letter(desk: Desk, effect: str) -> None:
    desk.google.faults.add("drafts.send", effect)
    letter = desk.send(desk.approved())
    assert (letter.state, letter.step, desk.sent) == (State.ATTEMPTING, "drafting", [])
    pass_the_pause(desk)
    letter = desk.send(letter)
    assert (letter.state, len(desk.sent), desk.drafts) == (State.CONFIRMED, 1, 0)


def pass_the_pause(desk: Desk) -> None:
    with acting_as(desk.user.pk):
        Job.objects.for_user(desk.user).filter(state="queued").update(checkpoint={})


@pytest.mark.parametrize("effect", ["insufficientPermissions", "domainPolicy", "accessNotConfigured"])
@pytest.mark.parametrize("call", ["drafts.create", "drafts.send"])
def test_what_google_refuses_was_not_sent(desk: Desk, call: str, effect: str) -> None:
    desk.google.faults.add(call, effect)
    letter = desk.send(desk.approved())
    assert (letter.state, desk.sent) == (State.FAILED, [])
    assert letter.problem.startswith("It was not sent. ")
    with acting_as(desk.user.pk):
        assert outbox.reopen(letter).state == State.DRAFT


def test_a_revoked_permission_sends_nothing(desk: Desk) -> None:
    letter = desk.approved()
    desk.google.oauth.revoke(desk.google.account(ADA))
    done = desk.send(letter)
    assert (done.state, desk.sent) == (State.FAILED, [])


def test_a_letter_to_nobody_or_without_words_is_refused(desk: Desk) -> None:
    letter = desk.letter(body="  \n")
    with acting_as(desk.user.pk), pytest.raises(outbox.CannotWrite, match="empty"):
        outbox.approve(letter, letter.content_hash)
    with acting_as(desk.user.pk):
        letter = outbox.edit(letter, subject="", body="Hello", to=["stranger@example.net"])
    assert letter.to == []
    with acting_as(desk.user.pk), pytest.raises(outbox.CannotWrite, match="nobody"):
        outbox.approve(letter, letter.content_hash)


def test_headers_cannot_be_written_by_hand(desk: Desk) -> None:
    letter = desk.letter(subject="Lunch\r\nBcc: everybody@example.net", body="Hello")
    desk.send(desk.approve(letter))
    said = email.message_from_bytes(desk.sent[0], policy=default)
    assert (said["Subject"], said["Bcc"]) == ("Lunch Bcc: everybody@example.net", None)
