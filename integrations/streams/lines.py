"""The lines of a stream's plan: one for each id, what it means for this user's data, and what a few letters say."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db import connection

from contacts.erased import Erased
from integrations.deciding import BLOCKED, LEFT_OUT
from integrations.google.errors import Failure, Kind
from integrations.google.gmail import Message
from integrations.origins import origin
from integrations.plan import me_of
from integrations.planning import line_data
from integrations.readers import email_draft
from integrations.sources import Me
from integrations.streams import heads
from integrations.streams.policy import place_of
from jobs.models import Batch, PlanItem

SAMPLE = 50
"""Letters that a plan looks at, at most: each costs as much as two thousand ids."""
UNBOUND = ("as_of", "baseline")
"""Options that say when something was asked, and bind nothing."""

MINE = "t.user_id = %(user)s AND t.batch_id = %(batch)s"

# Mail under a label that stays out is listed before all mail, and is in that list once more.
ONCE = f"""
DELETE FROM jobs_planitem t USING jobs_planitem earlier
WHERE {MINE} AND earlier.user_id = t.user_id AND earlier.batch_id = t.batch_id
  AND earlier.external_id = t.external_id AND earlier.seq < t.seq
"""

KNOWN = f"""
UPDATE jobs_planitem t SET outcome = 'skip', reason = CASE
    WHEN r.verdict IN ('kept', 'pending') THEN 'already_here' ELSE substr(r.verdict, 9) END
FROM integrations_rawevent r
WHERE {MINE} AND t.outcome = 'create' AND r.user_id = t.user_id AND r.source = %(source)s
  AND r.external_id = t.external_id
  AND (r.verdict IN ('kept', 'pending', 'skipped:erased') OR r.verdict = 'skipped:ignored' AND r.payload IS NOT NULL)
"""
# Who wrote what was kept out when it came: whether they still are kept out is asked anew.
AUTHORS = f"""
UPDATE jobs_planitem t SET data = t.data || jsonb_build_object('from', r.author)
FROM integrations_rawevent r
WHERE {MINE} AND t.outcome = 'create' AND r.user_id = t.user_id AND r.source = %(source)s
  AND r.external_id = t.external_id AND r.verdict IN ('skipped:ignored', 'skipped:blocked') AND r.author <> ''
"""


def values(batch: Batch) -> dict[str, Any]:
    return {
        "user": batch.user_id,
        "batch": batch.pk,
        "source": origin(batch).source,
        "include": batch.options["include_suppressed"],
        "blocked": sorted(settings.BLOCKED_SENDERS),
    }


def decide(batch: Batch) -> None:
    """Settle the outcome of every line, in the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT omnicrm_fresh_statistics('jobs_planitem')")
        for statement in (ONCE, KNOWN, AUTHORS):
            cursor.execute(statement, values(batch))
    leave_out(batch)


def leave_out(batch: Batch) -> None:
    """What was taken back, and what comes from senders who are kept away, as far as they are known."""
    with connection.cursor() as cursor:
        for statement in (LEFT_OUT, BLOCKED):
            cursor.execute(statement.format(mine=MINE), values(batch))


def wanted(batch: Batch) -> Any:
    return PlanItem.objects.for_user(batch.user_id).filter(batch=batch, outcome="create").order_by("seq")


def sample(batch: Batch, size: int) -> list[PlanItem]:
    """The next few of the letters to look at: evenly among all that are wanted, those not looked at yet."""
    count = wanted(batch).count()
    every = max(1, count // SAMPLE)
    seqs = list(wanted(batch).values_list("seq", flat=True)[::every][:SAMPLE])
    return list(wanted(batch).filter(seq__in=seqs, data__looked__isnull=True)[:size])


def say(batch: Batch, ids: Sequence[str], answers: Sequence[Message | Failure]) -> None:
    """What these letters say goes into their lines, as plans of files have it. Nothing of whom the user erased."""
    said = dict(zip(ids, answers, strict=True))
    erased, me = Erased(batch.user_id), me_of(batch)
    lines = list(wanted(batch).filter(external_id__in=list(said)))
    for line in lines:
        answer = said[line.external_id]
        if isinstance(answer, Message):
            line.data = {**line.data, "looked": True, **told(answer, me, erased)}
        if batch.options.get("picked") and (reason := keeps_out(answer)):
            line.outcome, line.reason = PlanItem.Outcome.SKIP, reason
    PlanItem.unscoped.bulk_update(lines, ["data", "outcome", "reason"])


def keeps_out(answer: Message | Failure) -> str:
    """Why a letter that somebody chose does not come in: nobody has listed it, so only now one sees where it is."""
    if isinstance(answer, Message):
        return place_of(answer.labels)
    return "gone" if answer.kind == Kind.GONE else ""


def told(message: Message, me: Me, erased: Erased) -> dict[str, Any]:
    try:
        draft = email_draft(heads.head(message), "email", me)
    except ValueError:
        return {}
    if any(erased.holds("email", mention.email) for mention in draft.mentions):
        return {}
    return line_data(draft)


def plan_hash(batch: Batch) -> str:
    """sha256 of canonical JSON: the account, the filter, the versions, and every id with what becomes of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(string_agg(encode(sha256(convert_to(concat_ws('|', kind, external_id, outcome, reason),"
            " 'UTF8')), 'hex'), '' ORDER BY external_id), '')"
            " FROM jobs_planitem WHERE user_id = %s AND batch_id = %s",
            [batch.user_id, batch.pk],
        )
        items = hashlib.sha256(cursor.fetchone()[0].encode()).hexdigest()
    options = {key: value for key, value in batch.options.items() if key not in UNBOUND}
    return hashlib.sha256(
        json.dumps({"options": options, "items": items}, sort_keys=True).encode()
    ).hexdigest()
