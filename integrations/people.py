"""The people in a plan: who would become a contact, whom we know already and could add to, and who is left out.

From mail: whoever wrote a message to people (lists included, newsletters and robots not), and whomever the user
wrote to. From meetings: those invited, unless it was a crowd. From cards and tables: every row.
"""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from contacts.creating import additions, ready
from contacts.drafts import PersonDraft
from contacts.matching import split_name
from contacts.models import Contact, ContactIdentity
from integrations.sources import Me, dump, load
from jobs.models import Batch, PlanItem

FIRST_SEQ = 1_000_000_000
"""Lines for people found in messages come after the lines for entries."""
CROWD = 20
"""A meeting with more guests than this makes no contacts."""
CHUNK = 500

MET = """
WITH told AS (
    SELECT i.seq, i.data->>'from' AS author, coalesce(i.data->>'bulk', '') AS bulk,
           p->>0 AS email, p->>1 AS name, p->>2 AS role, jsonb_array_length(i.data->'people') AS crowd
    FROM jobs_planitem i, jsonb_array_elements(i.data->'people') p
    WHERE i.user_id = %(user)s AND i.batch_id = %(batch)s AND i.data ? 'people'
      AND (i.outcome = 'create' OR i.reason = 'already_here') AND p->>3 = '1'
), met AS (
    SELECT seq, email, name FROM told
    WHERE email <> ALL(%(own)s) AND bulk IN ('', 'list') AND (
        (role = 'from' AND %(people)s = 'everyone')
        OR (role IN ('to', 'cc', 'bcc') AND author = ANY(%(own)s))
        OR (role IN ('organizer', 'attendee') AND crowd <= %(crowd)s)
    )
)
SELECT m.email, mode() WITHIN GROUP (ORDER BY nullif(m.name, '')), count(DISTINCT m.seq)
FROM met m
LEFT JOIN contacts_contactidentity y ON y.user_id = %(user)s AND y.kind = 'email' AND y.value = m.email
LEFT JOIN contacts_suppression s ON s.user_id = %(user)s AND s.key IN (m.email, split_part(m.email, '@', 2))
     AND s.scope IN ('address', 'domain') AND s.source IN ('', %(source)s)
WHERE y.contact_id IS NULL AND s.id IS NULL
GROUP BY m.email ORDER BY 3 DESC, m.email
"""


def decide(batch: Batch) -> None:
    """Add a line for each person the messages would make, and settle the lines of cards and rows."""
    add_own_addresses(batch)
    if batch.options["people"] != "nobody":
        add_met(batch)
    decide_cards(batch)


def add_own_addresses(batch: Batch) -> None:
    """Addresses that the source says are the user's own count as theirs in this plan."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT data->>'own' FROM jobs_planitem WHERE user_id = %s AND batch_id = %s AND data ? 'own'",
            [batch.user_id, batch.pk],
        )
        found = {address for (address,) in cursor.fetchall()}
    batch.options["own"] = sorted({*batch.options["own"], *found})


def add_met(batch: Batch) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            MET,
            {
                "user": batch.user_id,
                "batch": batch.pk,
                "own": batch.options["own"],
                "people": batch.options["people"],
                "crowd": CROWD,
                "source": batch.files.get().source,
            },
        )
        met = cursor.fetchall()
    PlanItem.unscoped.bulk_create(
        [met_line(batch, FIRST_SEQ + n, *person) for n, person in enumerate(met)], batch_size=CHUNK
    )


def met_line(batch: Batch, seq: int, email: str, name: str | None, count: int) -> PlanItem:
    draft = person_named(email, name or "")
    return PlanItem(
        user_id=batch.user_id,
        batch=batch,
        seq=seq,
        kind="person",
        external_id=f"email:{email}",
        outcome="create",
        data={"name": ready(draft).name, "email": email, "count": count, "draft": json.loads(dump(draft))},
    )


def person_named(email: str, name: str) -> PersonDraft:
    """A person as mail names them: quotes and "via" trimmed; a name that is only the address says nothing."""
    name = " ".join(name.replace('"', " ").split()).strip("' ").partition(" via ")[0]
    if "@" in name:
        name = ""
    given, family = split_name(name) if name else ("", "")
    if "," in name:
        name = f"{given} {family}".strip()
    return PersonDraft(full_name=name, given_name=given, family_name=family, emails=[email])


def decide_cards(batch: Batch) -> None:
    """Cards and rows: two about one person are one; one about a known contact adds to them or says nothing new."""
    me = Me(frozenset(batch.options["own"]), batch.created_at)
    rows = PlanItem.objects.for_user(batch.user_id).filter(
        batch=batch, kind="person", outcome="create", seq__lt=FIRST_SEQ
    )
    items = list(rows.order_by("seq"))
    drafts = {item.pk: load(json.dumps(item.data["draft"]).encode(), "person", me) for item in items}
    others = [item for item in items if not skip_own(item, drafts[item.pk], me)]
    merged = merge_repeated(others, drafts)
    for start in range(0, len(merged), CHUNK):
        match_known(batch, merged[start : start + CHUNK], drafts)
    decided = ["outcome", "reason", "target", "target_updated_at", "data"]
    PlanItem.unscoped.bulk_update(items, decided, batch_size=CHUNK)


def skip_own(item: PlanItem, draft: Any, me: Me) -> bool:
    """The user's own card is no contact."""
    own = bool(draft.emails) and all(email in me.own for email in ready(draft).emails)
    if own:
        item.outcome, item.reason = "skip", "yourself"
    return own


def merge_repeated(items: list[PlanItem], drafts: dict[Any, Any]) -> list[PlanItem]:
    """A later card that shares an address with an earlier one gives it what it knows, and is skipped."""
    owner: dict[str, PlanItem] = {}
    kept = []
    for item in items:
        emails = ready(drafts[item.pk]).emails
        first = next((owner[email] for email in emails if email in owner), None)
        if first is None:
            kept.append(item)
        else:
            absorb(drafts[first.pk], drafts[item.pk])
            first.data["draft"] = json.loads(dump(drafts[first.pk]))
            item.outcome, item.reason = "skip", "same_person"
        for email in emails:
            owner.setdefault(email, first or item)
    return kept


def absorb(into: PersonDraft, other: PersonDraft) -> None:
    for name in ("given_name", "family_name", "organization", "title", "birthday", "notes"):
        if not getattr(into, name):
            setattr(into, name, getattr(other, name))
    for name in ("emails", "phones", "tags"):
        getattr(into, name).extend(
            value for value in getattr(other, name) if value not in getattr(into, name)
        )
    into.custom = {**other.custom, **into.custom}


def match_known(batch: Batch, items: list[PlanItem], drafts: dict[Any, Any]) -> None:
    """Whom we know by one of their addresses, or by name and number; whom we brought before from this very row."""
    identities = [identity for item in items for identity in ready(drafts[item.pk]).identities]
    rows = ContactIdentity.objects.for_user(batch.user_id).filter(
        value__in=[value for _, value, _ in identities]
    )
    leads = {(row.kind, row.value): row.contact_id for row in rows if row.contact_id}
    before = brought_before(batch, items)
    found = {item.pk: known_id(drafts[item.pk], leads, before.get(item.external_id)) for item in items}
    contacts = Contact.objects.for_user(batch.user_id).prefetch_related(
        "contact_tags__tag", "notes", "company"
    )
    known = contacts.in_bulk([pk for pk in found.values() if pk])
    for item in items:
        contact = known.get(found[item.pk]) if found[item.pk] else None
        if contact is not None:
            new = additions(contact, drafts[item.pk], leads)
            item.outcome, item.reason = ("update", "") if new else ("skip", "already_here")
            item.target, item.target_updated_at = contact.pk, contact.updated_at
            item.data["adds"] = new.names()


def known_id(draft: Any, leads: dict[tuple[str, str], Any], before: Any) -> Any:
    person = ready(draft)
    by_email = next((leads["email", email] for email in person.emails if ("email", email) in leads), None)
    return by_email or before


def brought_before(batch: Batch, items: list[PlanItem]) -> dict[str, Any]:
    """The contact that the same row of an earlier import stands for, in whatever file it was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.external_id, v.contact_id FROM integrations_rawevent r"
            " JOIN integrations_provenance v ON v.user_id = r.user_id AND v.raw_event_id = r.id"
            " WHERE r.user_id = %s AND r.external_id = ANY(%s) AND v.contact_id IS NOT NULL",
            [batch.user_id, [item.external_id for item in items]],
        )
        return dict(cursor.fetchall())
