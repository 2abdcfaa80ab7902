"""The people in a plan: who would become a contact, whom we know already and could add to, and who is left out.

From mail: whoever wrote a message to people (lists included, newsletters and robots not), and whomever the user
wrote to. From meetings: those invited, unless it was a crowd. From cards and tables: every row.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection

from contacts.creating import additions, ready, unique
from contacts.drafts import PersonDraft
from contacts.keeping_away import IS_BLOCKED, is_blocked
from contacts.matching import person_named
from contacts.models import Contact, ContactIdentity, Suppression
from integrations.origins import origin
from integrations.said import person_in, say
from jobs.models import Batch, PlanItem
from omnicrm.personal import bulk_save

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
WHERE y.contact_id IS NULL AND s.id IS NULL AND NOT ({blocked})
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
            MET.format(blocked=IS_BLOCKED.format("m.email")),
            {
                "user": batch.user_id,
                "batch": batch.pk,
                "own": batch.options["own"],
                "people": batch.options["people"],
                "crowd": CROWD,
                "source": origin(batch).source,
                "blocked": sorted(settings.BLOCKED_SENDERS),
            },
        )
        met = cursor.fetchall()
    PlanItem.unscoped.bulk_create(
        [met_line(batch, FIRST_SEQ + n, *person) for n, person in enumerate(met)], batch_size=CHUNK
    )


def met_line(batch: Batch, seq: int, email: str, name: str | None, count: int) -> PlanItem:
    draft = person_named(email, name or "")
    item = PlanItem(
        user_id=batch.user_id,
        batch=batch,
        seq=seq,
        kind="person",
        external_id=f"email:{email}",
        outcome="create",
        data={
            "name": ready(draft).name,
            "email": email,
            "emails": [email],
            "count": count,
        },
    )
    say(item, draft)
    return item


def decide_cards(batch: Batch) -> None:
    """Cards and rows: those about one person are one line; one about a known contact adds to them or says nothing."""
    rows = PlanItem.objects.for_user(batch.user_id).filter(
        batch=batch, kind="person", outcome="create", seq__lt=FIRST_SEQ
    )
    items = list(rows.order_by("seq"))
    drafts = {item.pk: person_in(item) for item in items}
    own = frozenset(batch.options["own"])
    others = [item for item in items if not skip_own(item, drafts[item.pk], own)]
    known = Known(batch, others, drafts)
    groups = about_one(others, known)
    for same in groups:
        merge(same, drafts)
    taken = set(known.leads)
    for start in range(0, len(groups), CHUNK):
        match_known(batch, groups[start : start + CHUNK], drafts, known, taken)
    bulk_save(items, ["outcome", "reason", "target", "target_updated_at", "data", "draft"], size=CHUNK)


def skip_own(item: PlanItem, draft: PersonDraft, own: frozenset[str]) -> bool:
    """The user's own card is no contact."""
    emails = ready(draft).emails
    if is_own := bool(emails) and own.issuperset(emails):
        item.outcome, item.reason = "skip", "yourself"
    return is_own


class Known:
    """What the user's data knows of the people in these lines."""

    def __init__(self, batch: Batch, items: Sequence[PlanItem], drafts: Mapping[UUID, PersonDraft]) -> None:
        people = {item.pk: ready(drafts[item.pk]) for item in items}
        values = {value for person in people.values() for _, value, _ in person.identities(batch.user_id)}
        rows = ContactIdentity.objects.for_user(batch.user_id).filter(value__in=values)
        self.emails = {pk: person.emails for pk, person in people.items()}
        self.leads = {(row.kind, row.value): row.contact_id for row in rows if row.contact_id}
        self.before = brought_before(batch, items)
        self.unwanted = unwanted(batch, values)

    def contacts_of(self, item: PlanItem) -> list[UUID]:
        """Whom we know by one of their addresses; else whom we brought before from this very row."""
        emails = [("email", email) for email in self.emails[item.pk]]
        before = self.before.get(item.external_id)
        return [self.leads[key] for key in emails if key in self.leads] or ([before] if before else [])

    def contact_of(self, same: Sequence[PlanItem]) -> UUID | None:
        return next((contact for item in same for contact in self.contacts_of(item)), None)

    def why_not(self, same: Sequence[PlanItem]) -> str:
        """Why this person should not be made; empty if they may."""
        emails = [email for item in same for email in self.emails[item.pk]]
        keys = [key for email in emails for key in (email, email.partition("@")[2])]
        if any(map(is_blocked, emails)):
            return "blocked"
        return next((self.unwanted[key] for key in keys if key in self.unwanted), "")


def about_one(items: Sequence[PlanItem], known: Known) -> list[list[PlanItem]]:
    """The lines of each person: those that share an address or a known contact, directly or through others."""
    leader: dict[Any, Any] = {}

    def first(key: Any) -> Any:
        while leader.setdefault(key, key) != key:
            leader[key] = key = leader[leader[key]]
        return key

    for item in items:
        for key in (*known.emails[item.pk], *known.contacts_of(item)):
            leader[first(key)] = first(item.pk)
    groups: dict[Any, list[PlanItem]] = {}
    for item in items:
        groups.setdefault(first(item.pk), []).append(item)
    return list(groups.values())


def merge(same: Sequence[PlanItem], drafts: Mapping[UUID, PersonDraft]) -> None:
    """The first line about one person says what all of them know; the others are skipped."""
    first, *others = same
    for other in others:
        absorb(drafts[first.pk], drafts[other.pk])
        other.outcome, other.reason = "skip", "same_person"
    say(first, drafts[first.pk])
    first.data["emails"] = ready(drafts[first.pk]).emails


def absorb(into: PersonDraft, other: PersonDraft) -> None:
    for name in ("given_name", "family_name", "organization", "title", "birthday"):
        if not getattr(into, name):
            setattr(into, name, getattr(other, name))
    into.notes = "\n\n".join(unique(note.strip() for note in (into.notes, other.notes)))
    for name in ("emails", "phones", "tags"):
        setattr(into, name, unique([*getattr(into, name), *getattr(other, name)]))
    into.custom = {**other.custom, **into.custom}


def match_known(
    batch: Batch,
    groups: Sequence[Sequence[PlanItem]],
    drafts: Mapping[UUID, PersonDraft],
    known: Known,
    taken: set[tuple[str, str]],
) -> None:
    """What each line adds to whom we know. `taken`: the identities that lead to somebody when its turn comes."""
    found = {same[0].pk: known.contact_of(same) for same in groups}
    contacts = with_parts(batch, [pk for pk in found.values() if pk])
    for same in groups:
        item = same[0]
        lead = found[item.pk]
        contact = contacts.get(lead) if lead else None
        if contact is not None:
            new = additions(contact, drafts[item.pk], taken)
            item.outcome, item.reason = ("update", "") if new else ("skip", "already_here")
            item.target, item.target_updated_at = contact.pk, contact.updated_at
            item.data["adds"] = new.names()
        elif why := known.why_not(same):
            item.outcome, item.reason = "skip", why
        if item.outcome != "skip":
            taken |= identities(batch, drafts[item.pk])


def identities(batch: Batch, draft: PersonDraft) -> set[tuple[str, str]]:
    return {(kind, value) for kind, value, _ in ready(draft).identities(batch.user_id)}


def no_longer_true(batch: Batch) -> int:
    """How many lines would not add what they say to whom they name, as the data is now."""
    rows = PlanItem.objects.for_user(batch.user_id).filter(batch=batch, kind="person", seq__lt=FIRST_SEQ)
    if not rows.filter(outcome="update").exists():
        return 0
    items = list(rows.filter(outcome__in=["create", "update"]).order_by("seq"))
    drafts = {item.pk: person_in(item) for item in items}
    contacts = with_parts(batch, [item.target for item in items if item.target])
    taken, wrong = set(Known(batch, items, drafts).leads), 0
    for item in items:
        if item.target:
            contact = contacts.get(item.target)
            new = contact and additions(contact, drafts[item.pk], taken).names()
            wrong += new != item.data["adds"]
        taken |= identities(batch, drafts[item.pk])
    return wrong


def with_parts(batch: Batch, ids: Sequence[UUID]) -> dict[UUID, Contact]:
    rows = Contact.objects.for_user(batch.user_id)
    return rows.prefetch_related("contact_tags__tag", "notes", "company").in_bulk(ids)


def unwanted(batch: Batch, emails: Collection[str]) -> dict[str, str]:
    """Addresses and domains of which no person is to be made, and why: deleted, ignored, erased."""
    keys = {key for email in emails for key in (email, email.partition("@")[2])}
    rows = Suppression.objects.for_user(batch.user_id).filter(
        scope__in=["address", "domain"], key__in=keys, source__in=["", origin(batch).source]
    )
    return dict(rows.order_by("reason").values_list("key", "reason"))


def brought_before(batch: Batch, items: Sequence[PlanItem]) -> dict[str, UUID]:
    """The contact that the same row of an earlier import stands for, in whatever file it was."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.external_id, v.contact_id FROM integrations_rawevent r"
            " JOIN integrations_provenance v ON v.user_id = r.user_id AND v.raw_event_id = r.id"
            " WHERE r.user_id = %s AND r.external_id = ANY(%s) AND v.contact_id IS NOT NULL",
            [batch.user_id, [item.external_id for item in items]],
        )
        return dict(cursor.fetchall())
