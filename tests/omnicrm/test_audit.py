"""The record of what was done shows when somebody has tampered with it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest
from django.db import connection, transaction

from contacts import editing
from omnicrm import audit
from omnicrm.acting import acting_as, as_owner
from omnicrm.crypto import Keyring
from omnicrm.events import note
from omnicrm.models import Event, EventLink, User
from omnicrm.sealed import keyring
from tests.commands.contract import run

pytestmark = pytest.mark.django_db(transaction=True)


def do(user: User, *actions: str) -> None:
    for action in actions:
        with acting_as(user.pk):
            note(user.pk, action, on=user, count=1)


@contextmanager
def tampering(user: User) -> Iterator[Any]:
    """Somebody who owns the tables, and lifts their protection."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE omnicrm_event NO FORCE ROW LEVEL SECURITY")
        cursor.execute("ALTER TABLE omnicrm_eventlink NO FORCE ROW LEVEL SECURITY")
        cursor.execute("ALTER TABLE omnicrm_eventanchor NO FORCE ROW LEVEL SECURITY")
        try:
            yield cursor
        finally:
            for table in ("event", "eventlink", "eventanchor"):
                cursor.execute(f"ALTER TABLE omnicrm_{table} FORCE ROW LEVEL SECURITY")


def links(user: User) -> list[tuple[int, str]]:
    with acting_as(user.pk):
        actions = dict(Event.objects.for_user(user).values_list("pk", "action"))
        rows = EventLink.objects.for_user(user).order_by("seq")
        return [(link.seq, actions[link.event_id]) for link in rows]


def test_every_event_is_linked_in_the_order_of_the_commits(alice: User, charlie: User) -> None:
    do(alice, "a", "b")
    do(charlie, "c")
    with acting_as(alice.pk):
        editing.create_contact(alice, name="Ada Lovelace")
    assert links(alice) == [(1, "a"), (2, "b"), (3, "contact.created")]
    assert links(charlie) == [(1, "c")]
    assert (audit.verify(alice.pk).events, audit.verify(alice.pk).faults) == (3, [])


def test_what_is_rolled_back_leaves_no_gap(alice: User) -> None:
    do(alice, "a")
    with acting_as(alice.pk):
        note(alice.pk, "b")
        transaction.set_rollback(True)
    do(alice, "c")
    assert links(alice) == [(1, "a"), (2, "c")]
    assert audit.verify(alice.pk).is_whole


def test_many_hands_at_once_make_one_chain(alice: User) -> None:
    def work(n: int) -> None:
        for _ in range(10):
            with acting_as(alice.pk):
                note(alice.pk, f"hand.{n}")
                note(alice.pk, f"hand.{n}")
        connection.close()

    hands = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert [seq for seq, _ in links(alice)] == list(range(1, 121))
    assert audit.verify(alice.pk).is_whole


EVENT = "(SELECT event_id FROM omnicrm_eventlink WHERE user_id = %(user)s AND seq = {})"
TAMPERED: dict[str, tuple[list[str], str]] = {
    "a byte": (
        ["UPDATE omnicrm_event SET data = '{\"count\": 2}' WHERE id = " + EVENT.format(2)],
        "event 2 was changed, or exchanged with another",
    ),
    "when": (
        ["UPDATE omnicrm_event SET created_at = created_at + interval '1 microsecond' WHERE id = " + EVENT.format(2)],
        "event 2 was changed, or exchanged with another",
    ),
    "who": (
        ["UPDATE omnicrm_event SET actor = 'web' WHERE id = " + EVENT.format(3)],
        "event 3 was changed, or exchanged with another",
    ),
    "the last event": (["DELETE FROM omnicrm_event WHERE id = " + EVENT.format(4)], "event 4 was removed"),
    "an event in the middle": (["DELETE FROM omnicrm_event WHERE id = " + EVENT.format(2)], "event 2 was removed"),
    "an event and its link": (
        [
            "DELETE FROM omnicrm_event WHERE id = " + EVENT.format(2),
            "DELETE FROM omnicrm_eventlink WHERE user_id = %(user)s AND seq = 2",
        ],
        "before event 3, at least one was removed",
    ),
    "the order": (
        [
            "UPDATE omnicrm_eventlink SET seq = 0 WHERE user_id = %(user)s AND seq = 2",
            "UPDATE omnicrm_eventlink SET seq = 2 WHERE user_id = %(user)s AND seq = 3",
            "UPDATE omnicrm_eventlink SET seq = 3 WHERE user_id = %(user)s AND seq = 0",
        ],
        "event 2 was changed, or exchanged with another",
    ),
    "an event slipped in": (
        [
            "ALTER TABLE omnicrm_event DISABLE TRIGGER linked",
            "INSERT INTO omnicrm_event (id, user_id, created_at, updated_at, actor, action, object_type, request_id, data)"
            " VALUES (gen_random_uuid(), %(user)s, now(), now(), 'web', 'x', '', '', '{}')",
            "ALTER TABLE omnicrm_event ENABLE TRIGGER linked",
        ],
        "1 events are not in the chain",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", TAMPERED)
def test_tampering_is_found(alice: User, charlie: User, what: str) -> None:
    do(alice, "a", "b", "c", "d")
    do(charlie, "a")
    statements, fault = TAMPERED[what]
    with tampering(alice) as cursor:
        for statement in statements:
            cursor.execute(statement, {"user": alice.pk})
    assert audit.verify(alice.pk).faults[0] == fault
    said = run("audit_verify")
    assert (said["exit"], said["whole"], list(said["faults"])) == (1, False, ["alice@example.org"])
    assert run("audit_verify", "--user", "charlie@example.net")["exit"] == 0


def test_a_chain_cut_or_rewritten_from_end_to_end_does_not_fit_its_anchor(alice: User) -> None:
    do(alice, "a", "b", "c")
    assert audit.anchor_all() == 1
    assert audit.anchor_all() == 0  # it has not grown
    assert audit.verify(alice.pk).is_whole
    with tampering(alice) as cursor:
        cursor.execute("DELETE FROM omnicrm_event WHERE id = " + EVENT.format(3), {"user": alice.pk})
        cursor.execute("DELETE FROM omnicrm_eventlink WHERE user_id = %s AND seq = 3", [alice.pk])
    (fault,) = audit.verify(alice.pk).faults
    assert fault.startswith("the chain had 3 events on ")
    do(alice, "another")
    (fault,) = audit.verify(alice.pk).faults
    assert fault.startswith("the chain is another than the one of ")


def test_a_chain_that_is_gone_is_missed(alice: User) -> None:
    do(alice, "a", "b")
    audit.anchor(alice.pk)
    audit.check(alice.pk)
    wipe = ("omnicrm_event", "omnicrm_eventlink", "omnicrm_eventanchor")
    for tables, fault in (
        (wipe[:2], "the chain had 2 events on "),
        (wipe[2:], "the chain had 2 events when it was checked on "),
    ):
        with tampering(alice) as cursor:
            for table in tables:
                cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [alice.pk])
        assert audit.verify(alice.pk).faults[0].startswith(fault)
    assert audit.check(alice.pk).events == audit.check(alice.pk).events == 2  # and goes on being missed


def test_the_chain_of_another_does_not_fit(alice: User, charlie: User) -> None:
    do(alice, "a", "b")
    do(charlie, "a", "b")
    with tampering(alice) as cursor:
        for table in ("omnicrm_event", "omnicrm_eventlink"):
            cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [alice.pk])
            cursor.execute(f"UPDATE {table} SET user_id = %s WHERE user_id = %s", [alice.pk, charlie.pk])
    changed = "event {} was changed, or exchanged with another"
    assert audit.verify(alice.pk).faults == [changed.format(1), changed.format(2)]


@contextmanager
def said_to(out: IO[str]) -> Iterator[None]:
    """Our log goes here too, as it is written to stderr."""
    root = logging.getLogger()
    (usual,) = (handler for handler in root.handlers if type(handler) is logging.StreamHandler)
    extra = logging.StreamHandler(out)
    extra.setFormatter(usual.formatter)
    root.addHandler(extra)
    try:
        yield
    finally:
        root.removeHandler(extra)


def test_the_log_remembers_what_the_database_forgot(alice: User, tmp_path: Path) -> None:
    do(alice, "a", "b")
    kept = tmp_path / "omnicrm.log"
    with kept.open("w") as out, said_to(out):
        out.write("no JSON\n{}\n")
        audit.anchor(alice.pk)
    assert run("audit_verify", "--log", str(kept))["exit"] == 0
    with tampering(alice) as cursor:
        for table in ("omnicrm_event", "omnicrm_eventlink", "omnicrm_eventanchor"):
            cursor.execute(f"DELETE FROM {table} WHERE user_id = %s", [alice.pk])
    assert run("audit_verify")["exit"] == 0  # nothing in there knows
    (fault,) = run("audit_verify", "--log", str(kept))["faults"]["alice@example.org"]
    assert fault.startswith("the chain had 2 events on ")
    kept.write_text(kept.read_text().replace('"seq": 2', '"seq": 1'))
    (fault,) = run("audit_verify", "--log", str(kept))["faults"]["alice@example.org"]
    assert fault.startswith("the signature of ")
    assert run("audit_verify", "--log", "/nowhere")["exit"] == 2


def test_an_anchor_cannot_be_made_without_the_key(alice: User) -> None:
    do(alice, "a", "b")
    audit.anchor(alice.pk)
    with tampering(alice) as cursor:
        cursor.execute(
            "UPDATE omnicrm_eventanchor SET seq = 1, mac = 'invented' WHERE user_id = %s", [alice.pk]
        )
    (fault,) = audit.verify(alice.pk).faults
    assert fault.startswith("the signature of ")


def test_anchors_outlive_a_change_of_keys(alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    do(alice, "a")
    audit.anchor(alice.pk)

    def use(ring: Keyring) -> None:
        audit.signing_key.cache_clear()
        monkeypatch.setattr(audit, "keyring", lambda: ring)

    try:
        use(Keyring({"z9": bytes(32), **keyring().keys}))
        assert (audit.sign_anew(), audit.sign_anew()) == (1, 0)
        use(Keyring({"z9": bytes(32)}))
        assert audit.verify(alice.pk).is_whole
    finally:
        audit.signing_key.cache_clear()


def test_who_serves_requests_can_change_neither_events_nor_links(alice: User) -> None:
    do(alice, "a")
    changes: list[Callable[[], object]] = [
        lambda: Event.objects.for_user(alice).update(action="b"),
        lambda: Event.unscoped.filter(user=alice)._raw_delete("default"),  # type: ignore[attr-defined]
        lambda: EventLink.objects.for_user(alice).update(seq=9),
        lambda: EventLink.unscoped.filter(user=alice)._raw_delete("default"),  # type: ignore[attr-defined]
    ]
    for change in changes:
        with pytest.raises(Exception, match="permission denied"), acting_as(alice.pk):
            change()
    assert links(alice) == [(1, "a")]
