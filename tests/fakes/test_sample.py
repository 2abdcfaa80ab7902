"""The sample mailbox: the same every time, of everything something, and quick."""

from __future__ import annotations

import time
from collections import Counter

from tests.fakes.conftest import ADA
from tests.fakes.google import Account, Clock, Google, sample


def opened(seed: int) -> Account:
    return sample.open_account(Google(clock=Clock.still()), ADA, messages=2_000, seed=seed)


def test_the_same_seed_makes_the_same_mail_and_another_does_not() -> None:
    first, second, other = (
        [(message.id, message.raw) for message in opened(seed).mailbox.newest_first()] for seed in (1, 1, 2)
    )
    assert first == second != other


def test_two_thousand_messages_are_there_within_a_second() -> None:
    begin = time.process_time()
    account = opened(1)
    assert time.process_time() - begin < 1.0
    assert len(account.mailbox.messages) == 2_004


def test_there_is_something_of_everything() -> None:
    account = opened(1)
    found: Counter[str] = Counter()
    for message in account.mailbox.messages.values():
        found.update(message.labels)
        found["attachment"] += b"figures.pdf" in message.raw
        found["bulk"] += "list-unsubscribe" in message.head
    threads = Counter(message.thread for message in account.mailbox.messages.values())
    for label in (
        "INBOX",
        "SENT",
        "UNREAD",
        "CATEGORY_PROMOTIONS",
        "CATEGORY_SOCIAL",
        "CATEGORY_UPDATES",
        "Label_1",
    ):
        assert found[label] > 50, label
    assert {label: found[label] for label in ("TRASH", "SPAM", "CHAT", "DRAFT")} == dict.fromkeys(
        ("TRASH", "SPAM", "CHAT", "DRAFT"), 1
    )
    assert found["attachment"] > 50
    assert 400 < found["bulk"] < 600
    assert max(threads.values()) > 5
    kinds = Counter(event["status"] for event in account.calendar().events.values())
    assert kinds == {"confirmed": 8, "cancelled": 1}
