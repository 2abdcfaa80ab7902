"""What each line of a plan means for this user's data: new, already here, taken back before, or not wanted.

Set-based: a mailbox of 200,000 messages is decided in seconds, and approval asks the same questions again.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection

from contacts.keeping_away import IS_BLOCKED
from integrations import people
from integrations.origins import origin
from jobs.models import Batch

# An identifier is only a claim: another author at another time means another message.
OTHER_MESSAGE = """
WITH lines AS (
    SELECT t.id, t.external_id, t.data->>'from' AS author, t.data->>'date' AS date,
           first_value(t.data->>'from') OVER same AS first_author, first_value(t.data->>'date') OVER same AS first_date
    FROM jobs_planitem t WHERE {mine} AND t.kind = 'email' AND t.outcome <> 'fail'
    WINDOW same AS (PARTITION BY t.external_id ORDER BY t.seq)
), others AS (
    SELECT id FROM lines WHERE author <> first_author AND date <> first_date
    UNION
    SELECT lines.id FROM lines
    JOIN contacts_interaction i ON i.user_id = %(user)s AND i.source_key = lines.external_id
         AND i.occurred_at <> lines.date::timestamptz
    JOIN contacts_participant p ON p.user_id = i.user_id AND p.interaction_id = i.id AND p.role = 'from'
    JOIN contacts_contactidentity y ON y.user_id = i.user_id AND y.id = p.identity_id AND y.value <> lines.author
)
UPDATE jobs_planitem t SET external_id = left(t.external_id, 210) || '#' || left(
    encode(sha256(convert_to(concat_ws('|', t.data->>'from', t.data->>'date'), 'UTF8')), 'hex'), 16)
FROM others WHERE {mine} AND t.id = others.id
"""

REPEATED = """
UPDATE jobs_planitem t SET outcome = 'skip', reason = 'repeated'
FROM (
    SELECT id, row_number() OVER (PARTITION BY kind, external_id ORDER BY seq) AS nth
    FROM jobs_planitem t WHERE {mine} AND outcome = 'create'
) n WHERE {mine} AND t.id = n.id AND n.nth > 1
"""

# The line `t` is kept away by `s`: taken back before, unless that is asked for again, or ignored for good.
SUPPRESSED = """
s.user_id = t.user_id AND s.source IN ('', %(source)s) AND s.scope IN ('item', 'address', 'domain')
AND s.key IN (t.external_id, t.data->>'from', split_part(t.data->>'from', '@', 2))
AND NOT (s.reason = 'undone' AND %(include)s) AND (
    (s.scope = 'item' AND s.key = t.external_id)
    OR (s.reason = 'ignored' AND s.scope = 'address' AND s.key = t.data->>'from')
    OR (s.reason = 'ignored' AND s.scope = 'domain' AND s.key = split_part(t.data->>'from', '@', 2))
)
"""

LEFT_OUT = f"""
UPDATE jobs_planitem t SET outcome = 'skip', reason = CASE s.scope WHEN 'item' THEN s.reason ELSE 'ignored' END
FROM contacts_suppression s WHERE {{mine}} AND t.outcome = 'create' AND {SUPPRESSED}
"""

FROM_BLOCKED = IS_BLOCKED.format("(t.data->>'from')")
BLOCKED = f"""
UPDATE jobs_planitem t SET outcome = 'skip', reason = 'blocked'
WHERE {{mine}} AND t.outcome = 'create' AND {FROM_BLOCKED}
"""

ALREADY_HERE = """
UPDATE jobs_planitem t SET outcome = 'skip', reason = 'already_here', target = i.id
FROM contacts_interaction i
WHERE {mine} AND t.kind NOT IN ('person', 'event') AND t.outcome = 'create'
  AND i.user_id = %(user)s AND i.source_key = t.external_id
"""

EVENT_HERE = """
UPDATE jobs_planitem t SET outcome = 'skip', reason = 'already_here', target = e.id
FROM contacts_calendarevent e
WHERE {mine} AND t.kind = 'event' AND t.outcome = 'create' AND e.user_id = %(user)s
  AND e.ical_uid || '|' || e.recurrence_id = t.external_id
"""

MINE = "t.user_id = %(user)s AND t.batch_id = %(batch)s"


def decide(batch: Batch) -> None:
    """Settle the outcome of every line, in the caller's transaction, and add a line for each new person."""
    values: dict[str, Any] = {"user": batch.user_id, "batch": batch.pk, "source": origin(batch).source}
    values["include"] = batch.options["include_suppressed"]
    values["blocked"] = sorted(settings.BLOCKED_SENDERS)
    with connection.cursor() as cursor:
        cursor.execute("SELECT omnicrm_fresh_statistics('jobs_planitem')")
        for step in (OTHER_MESSAGE, REPEATED, ALREADY_HERE, EVENT_HERE, LEFT_OUT, BLOCKED):
            cursor.execute(step.format(mine=MINE), values)
    people.decide(batch)


def totals(batch: Batch) -> dict[str, Any]:
    """The plan in numbers; `reasons` counts the skips and failures by reason."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT kind, outcome, reason, count(*) FROM jobs_planitem WHERE user_id = %s AND batch_id = %s"
            " GROUP BY 1, 2, 3",
            [batch.user_id, batch.pk],
        )
        lines = cursor.fetchall()

    def count(outcome: str, *kinds: str) -> int:
        return sum(n for kind, what, _, n in lines if what == outcome and (not kinds or kind in kinds))

    reasons: dict[str, int] = {}
    for _, outcome, reason, n in lines:
        if outcome in ("skip", "fail"):
            reasons[reason] = reasons.get(reason, 0) + n
    people_lines = sum(n for kind, _, _, n in lines if kind == "person")
    return {
        "entries": sum(n for *_, n in lines)
        - (people_lines if origin(batch).kind in ("mbox", "eml", "ics") else 0),
        "create": count("create", "person"),
        "update": count("update", "person"),
        "skip": count("skip"),
        "fail": count("fail"),
        "interactions": sum(
            n for kind, what, _, n in lines if what == "create" and kind not in ("person", "event")
        ),
        "events": count("create", "event"),
        "reasons": dict(sorted(reasons.items())),
    }


def warnings(batch: Batch) -> list[str]:
    """What a person should know before they approve."""
    found = []
    if extra := sorted(set(batch.options["own"]) - {batch.user.email.lower()}):
        found.append(f"We take these addresses to be yours: {', '.join(extra[:5])}.")
    rows = batch.items.filter(user_id=batch.user_id)
    if undone := rows.filter(outcome="skip", reason="undone").count():
        found.append(
            f"{undone:,} were taken back before and stay away. Plan again with them if you want them back."
        )
    return found
