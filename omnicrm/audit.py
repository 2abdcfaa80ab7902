"""Whether the record of what was done is whole: each event in its place, unchanged, and none missing.

Postgres chains the events of a user (migration 0006). A chain that somebody with the whole database in their hands
has rewritten from end to end still fits itself, so once a day its head is signed with a key that is not in there.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from uuid import UUID

import structlog
from django.db import connection
from django.utils import timezone

from omnicrm.acting import acting_as
from omnicrm.models import EventAnchor, EventCheck, EventLink, User
from omnicrm.sealed import keyring

BROKEN = """
WITH links AS (
    SELECT seq, event_id, hash, lag(hash, 1, ''::bytea) OVER past AS before, lag(seq, 1, 0::bigint) OVER past AS earlier
    FROM omnicrm_eventlink WHERE user_id = %(user)s WINDOW past AS (ORDER BY seq)
)
SELECT seq, CASE
    WHEN seq <> earlier + 1 THEN 'missing'
    WHEN e.id IS NULL THEN 'removed'
    ELSE 'changed'
END
FROM links LEFT JOIN omnicrm_event e ON e.user_id = %(user)s AND e.id = links.event_id
WHERE seq <> earlier + 1 OR e.id IS NULL OR hash <> sha256(before || omnicrm_event_digest(e))
ORDER BY seq LIMIT 20
"""
UNLINKED = """
SELECT count(*) FROM omnicrm_event e WHERE e.user_id = %(user)s
AND NOT EXISTS (SELECT FROM omnicrm_eventlink l WHERE l.user_id = e.user_id AND l.event_id = e.id)
"""

log = structlog.get_logger(__name__)


@dataclass
class Verdict:
    """How many events a user's chain has, and what is wrong with it, in words."""

    events: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def is_whole(self) -> bool:
        return not self.faults


FAULTS = {
    "missing": "before event {seq}, at least one was removed",
    "removed": "event {seq} was removed",
    "changed": "event {seq} was changed, or exchanged with another",
}


def verify(user_id: UUID, signed: Iterable[EventAnchor] = ()) -> Verdict:
    """Read the whole chain of one user. `signed`: heads of it that somebody has kept elsewhere."""
    with acting_as(user_id):
        found = Verdict(EventLink.objects.for_user(user_id).count())
        found.faults += [FAULTS[what].format(seq=seq) for seq, what in broken_links(user_id)]
        if unlinked := count_unlinked(user_id):
            found.faults.append(f"{unlinked} events are not in the chain")
        found.faults += broken_anchors(user_id, signed)
        if (last := last_check(user_id)) and last.events > found.events:
            found.faults.append(
                f"the chain had {last.events} events when it was checked on {last.updated_at:%Y-%m-%d}, and has fewer now"
            )
    return found


def last_check(user_id: UUID) -> EventCheck | None:
    """When the chain was last checked, and what was found."""
    return EventCheck.objects.for_user(user_id).first()


def check(user_id: UUID) -> EventCheck:
    """Read the whole chain of one user, and remember what was found."""
    with acting_as(user_id):
        verdict = verify(user_id)
        found = {"faults": verdict.faults, "updated_at": timezone.now()}
        # Fewer events than once were here stay noted.
        rows = EventCheck.objects.for_user(user_id).select_for_update()
        known = rows.first()
        found["events"] = max(verdict.events, known.events if known else 0)
        made, _ = EventCheck.objects.for_user(user_id).update_or_create(
            defaults=found, create_defaults={"user_id": user_id, **found}
        )
    return made


def broken_links(user_id: UUID) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(BROKEN, {"user": user_id})
        return list(cursor.fetchall())


def count_unlinked(user_id: UUID) -> int:
    with connection.cursor() as cursor:
        cursor.execute(UNLINKED, {"user": user_id})
        return int(cursor.fetchone()[0])


def broken_anchors(user_id: UUID, signed: Iterable[EventAnchor]) -> list[str]:
    """What the chain was on earlier days must still be in it."""
    anchors = [*EventAnchor.objects.for_user(user_id).order_by("seq"), *signed]
    links = EventLink.objects.for_user(user_id).filter(seq__in=[anchor.seq for anchor in anchors])
    hashes = dict(links.values_list("seq", "hash"))
    faults = []
    for anchor in anchors:
        day = f"{anchor.created_at:%Y-%m-%d}"
        if not any(hmac.compare_digest(bytes(anchor.mac), mac) for mac in macs(anchor)):
            faults.append(f"the signature of {day} is not ours")
        elif anchor.seq not in hashes:
            faults.append(f"the chain had {anchor.seq} events on {day}, and has fewer now")
        elif bytes(hashes[anchor.seq]) != bytes(anchor.hash):
            faults.append(f"the chain is another than the one of {day}")
    return faults


def anchor(user_id: UUID) -> EventAnchor | None:
    """Sign the head of a chain that has grown since the last time."""
    with acting_as(user_id):
        head = EventLink.objects.for_user(user_id).order_by("-seq").first()
        if head is None or EventAnchor.objects.for_user(user_id).filter(seq=head.seq).exists():
            return None
        made = EventAnchor(user_id=user_id, seq=head.seq, hash=head.hash)
        made.mac = macs(made)[0]
        made.save(force_insert=True)
    log.info(
        "audit.anchored", user=str(user_id), seq=made.seq, hash=bytes(made.hash).hex(), mac=made.mac.hex()
    )
    return made


def anchor_all() -> int:
    """Sign every chain that has grown; how many. The log keeps a copy where the database cannot reach it."""
    return sum(anchor(pk) is not None for pk in User.objects.values_list("pk", flat=True))


def check_all() -> int:
    """Check every chain; how many are not whole."""
    broken = 0
    for user_id in User.objects.values_list("pk", flat=True):
        if check(user_id).faults:
            broken += 1
            log.error("audit.broken", user=str(user_id))
    return broken


def anchors_in(lines: Iterable[str]) -> dict[UUID, list[EventAnchor]]:
    """The signed heads in our log, by user; whatever else stands there is passed over."""
    found: dict[UUID, list[EventAnchor]] = {}
    for line in lines:
        with suppress(ValueError, KeyError, TypeError):
            said = json.loads(line[line.index("{") :])
            if said["event"] == "audit.anchored":
                user_id, at = UUID(said["user"]), datetime.fromisoformat(said["timestamp"])
                head = EventAnchor(user_id=user_id, seq=int(said["seq"]), created_at=at)
                head.hash, head.mac = bytes.fromhex(said["hash"]), bytes.fromhex(said["mac"])
                found.setdefault(user_id, []).append(head)
    return found


def sign_anew() -> int:
    """Sign with our first key what an older key of ours has signed rightly; how many. Part of a change of keys."""
    done = 0
    for user_id in User.objects.values_list("pk", flat=True):
        with acting_as(user_id):
            for row in EventAnchor.objects.for_user(user_id):
                if bytes(row.mac) in macs(row)[1:]:
                    EventAnchor.objects.for_user(user_id).filter(pk=row.pk).update(mac=macs(row)[0])
                    done += 1
    return done


def macs(row: EventAnchor) -> list[bytes]:
    """The signature under each of our keys; the first is the one that signs."""
    said = json.dumps([str(row.user_id), row.seq, bytes(row.hash).hex()]).encode()
    return [hmac.digest(signing_key(key_id), said, hashlib.sha256) for key_id in keyring().keys]


@cache
def signing_key(key_id: str) -> bytes:
    return keyring().derive(key_id, salt=b"", info=b"omnicrm event anchors")
