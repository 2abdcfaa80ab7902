"""What speaks for knowing somebody: how often one wrote to them, heard from them and met them. Ids and counts, no text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection

NEWEST = 5
"""How many interactions the evidence names."""

# What robots and lists sent says nothing, and neither does what was for a crowd. A meeting counts for all of it once
# the user called it or said yes; until then only for whoever asked. A list is told by never writing itself: its
# address only stands among the recipients of what it carried.
EVIDENCE = """
WITH told AS (
    SELECT y.value, p.name, i.id, i.occurred_at,
           CASE WHEN i.kind = 'email' AND i.direction = 'sent' THEN 'sent' WHEN i.kind = 'email' THEN 'received'
                WHEN {agreed} THEN 'met' ELSE 'invited' END AS what
    FROM contacts_contactidentity y
    JOIN contacts_participant p ON p.user_id = y.user_id AND p.identity_id = y.id
    JOIN contacts_interaction i ON i.user_id = p.user_id AND i.id = p.interaction_id
    WHERE y.user_id = %(user)s AND y.kind = 'email' AND y.value = ANY(%(addresses)s) AND i.bulk = ''
      AND CASE
          WHEN i.kind = 'email' AND i.direction <> 'sent' THEN p.role = 'from'
          WHEN i.kind = 'email' THEN p.role IN ('to', 'cc', 'bcc') AND {crowd} <= %(most)s
          WHEN i.kind = 'meeting' THEN {crowd} <= %(most)s AND (p.role = 'organizer' OR {agreed})
          ELSE false END
), summed AS (
    SELECT value, mode() WITHIN GROUP (ORDER BY nullif(name, '')) AS name,
           count(DISTINCT id) FILTER (WHERE what = 'sent') AS sent,
           count(DISTINCT id) FILTER (WHERE what = 'received') AS received,
           count(DISTINCT id) FILTER (WHERE what = 'met') AS met,
           count(DISTINCT id) FILTER (WHERE what = 'invited') AS invited,
           min(occurred_at) AS first, max(occurred_at) AS last,
           (array_agg(id ORDER BY occurred_at DESC, id DESC))[1:%(newest)s] AS newest
    FROM told GROUP BY value
)
SELECT s.* FROM summed s WHERE s.received > 0 OR NOT EXISTS (
    SELECT 1 FROM contacts_contactidentity y
    JOIN contacts_participant p ON p.user_id = y.user_id AND p.identity_id = y.id AND p.role IN ('to', 'cc')
    JOIN contacts_interaction i ON i.user_id = p.user_id AND i.id = p.interaction_id AND i.bulk = 'list'
    WHERE y.user_id = %(user)s AND y.kind = 'email' AND y.value = s.value)
ORDER BY s.value
"""
CROWD = """(SELECT count(DISTINCT c.identity_id) FROM contacts_participant c
    WHERE c.user_id = i.user_id AND c.interaction_id = i.id)"""
AGREED = """(EXISTS (
    SELECT 1 FROM contacts_participant o
    JOIN contacts_contactidentity oy ON oy.user_id = o.user_id AND oy.id = o.identity_id
    WHERE o.user_id = i.user_id AND o.interaction_id = i.id AND o.role = 'organizer' AND oy.value = ANY(%(own)s)
) OR EXISTS (
    SELECT 1 FROM contacts_calendarevent e
    WHERE e.user_id = i.user_id AND e.ical_uid = substr(i.thread_key, 6) AND e.response = 'accepted'))"""


@dataclass(frozen=True)
class Evidence:
    """How one knows an address. `name` is what most messages call it, or empty."""

    address: str
    name: str
    sent: int
    received: int
    met: int
    invited: int
    first: dt.datetime
    last: dt.datetime
    newest: tuple[UUID, ...] = ()

    @property
    def is_two_way(self) -> bool:
        """Whether the user wrote to them or met them, rather than only hearing from them."""
        return bool(self.sent or self.met)

    @property
    def score(self) -> float:
        """What one did oneself weighs more than what others did."""
        return float(3 * self.met + 2 * self.sent + self.received + self.invited)

    def as_json(self, most: int) -> dict[str, Any]:
        """What a suggestion keeps of it. `most`: how many people may take part in what counts."""
        return {
            "sent": self.sent,
            "received": self.received,
            "met": self.met,
            "invited": self.invited,
            "first": self.first.astimezone(dt.UTC).isoformat(),
            "last": self.last.astimezone(dt.UTC).isoformat(),
            "interactions": [str(pk) for pk in dict.fromkeys(self.newest)],
            "most": most,
        }


def evidence(
    user_id: UUID, addresses: Sequence[str], *, own: Collection[str], most: int
) -> dict[str, Evidence]:
    """What speaks for knowing each of these addresses, as far as anything does."""
    values: dict[str, Any] = {"user": user_id, "addresses": list(addresses), "own": sorted(own), "most": most}
    with connection.cursor() as cursor:
        cursor.execute(EVIDENCE.format(crowd=CROWD, agreed=AGREED), values | {"newest": NEWEST})
        rows = cursor.fetchall()
    found = [Evidence(row[0], row[1] or "", *row[2:8], tuple(row[8])) for row in rows]  # type: ignore[call-arg]
    return {one.address: one for one in found}
