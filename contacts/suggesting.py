"""People that OmniCRM proposes and a person decides about: who is open, and what accepting and ignoring do.

Whether somebody is still proposed follows from what is known of the address. It closes by itself when the address
leads to a contact, and opens again when that is taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.expressions import Func, Value
from django.db.models.fields import CharField
from django.utils import timezone

from contacts.creating import ready, write_people
from contacts.evidence import Evidence, evidence
from contacts.matching import mailbox_of, person_named
from contacts.models import Contact, ContactIdentity, OwnAddress, Suggestion, Suppression
from jobs.models import Batch
from omnicrm.events import note
from omnicrm.models import User
from omnicrm.owned import OwnedQuerySet

PERSON = "contact"
"""The kind of these suggestions. Their key is the address."""
SPLIT: dict[str, Any] = {"function": "split_part", "output_field": CharField()}

NAMES = """
SELECT y.value, mode() WITHIN GROUP (ORDER BY p.name) FROM contacts_contactidentity y
JOIN contacts_participant p ON p.user_id = y.user_id AND p.identity_id = y.id AND p.name <> ''
WHERE y.user_id = %s AND y.kind = 'email' AND y.value = ANY(%s) GROUP BY 1
"""


def own_addresses(user: User) -> set[str]:
    return {user.email.lower(), *OwnAddress.objects.for_user(user).values_list("value", flat=True)}


def open_suggestions(user: User) -> OwnedQuerySet[Suggestion]:
    """Whom one may still decide about; each with the `domain` of the address."""
    known = ContactIdentity.objects.for_user(user).filter(
        kind="email", value=OuterRef("key"), contact__isnull=False
    )
    own = OwnAddress.objects.for_user(user).filter(value=OuterRef("key"))
    away = Suppression.objects.for_user(user).filter(
        Q(scope="address", key=OuterRef("key")) | Q(scope="domain", key=OuterRef("domain")), source=""
    )
    rows: Any = Suggestion.objects.for_user(user).filter(kind=PERSON).exclude(key=user.email.lower())
    rows = rows.annotate(domain=Func(F("key"), Value("@"), Value(2), **SPLIT))
    found: OwnedQuerySet[Suggestion] = rows.filter(~Exists(known), ~Exists(own), ~Exists(away))
    return found


def names_of(user_id: UUID, addresses: Collection[str]) -> dict[str, str]:
    """What most messages call each of these addresses, as a contact of it would be called."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES, [user_id, list(addresses)])
        said = dict(cursor.fetchall())
    return {address: ready(person_named(address, said.get(address, ""))).name for address in addresses}


# --- proposing


def propose(batch: Batch, found: Iterable[Evidence], most: int) -> int:
    """Suggest these people, or say more of those that are suggested already; how many are new."""
    rows = {
        one.address: Suggestion(
            user_id=batch.user_id,
            batch=batch,
            kind=PERSON,
            key=one.address,
            score=one.score,
            evidence=one.as_json(most),
        )
        for one in sorted(found, key=lambda one: one.address)
    }
    known = Suggestion.objects.for_user(batch.user_id).filter(kind=PERSON, key__in=list(rows))
    before = set(known.values_list("key", flat=True))
    Suggestion.unscoped.bulk_create(
        rows.values(),
        update_conflicts=True,
        unique_fields=["user", "kind", "key"],
        update_fields=["score", "evidence", "updated_at"],
    )
    return len(rows.keys() - before)


def weigh_again(user: User, keys: Collection[str]) -> None:
    """What speaks for these suggestions now; those that nothing speaks for any more go."""
    rows = Suggestion.objects.for_user(user).filter(kind=PERSON, key__in=list(keys))
    by_most: dict[int, list[Suggestion]] = {}
    for row in rows.order_by("key"):
        by_most.setdefault(int(row.evidence.get("most", 0)), []).append(row)
    for most, group in by_most.items():
        found = evidence(user.pk, [row.key for row in group], own=own_addresses(user), most=most)
        for row in group:
            if row.key in found:
                row.score, row.evidence = found[row.key].score, found[row.key].as_json(most)
        Suggestion.unscoped.bulk_update([row for row in group if row.key in found], ["score", "evidence"])
        rows.filter(pk__in=[row.pk for row in group if row.key not in found]).delete()


# --- deciding


@transaction.atomic
def accept(user: User, suggestions: Sequence[Suggestion]) -> tuple[Batch | None, list[Contact]]:
    """Make a contact of each that is still open, in a batch that can be undone; no batch where none is."""
    keys = [row.key for row in suggestions]
    identities = ContactIdentity.objects.for_user(user).filter(kind="email", value__in=keys)
    list(
        identities.order_by("value").select_for_update(no_key=True)
    )  # of two clicks, the second finds it done
    keys = sorted(open_suggestions(user).filter(key__in=keys).values_list("key", flat=True))
    if not keys:
        return None, []
    names = names_of(user.pk, keys)
    batch = decided(user, "accept", "Added", [names[key] for key in keys], created=len(keys))
    return batch, write_people(
        batch, [(None, person_named(key, names[key])) for key in keys], source="suggestion"
    )


@transaction.atomic
def ignore(user: User, suggestions: Sequence[Suggestion]) -> Batch:
    """Never suggest or add these again, however their addresses are written; their mail stays. Can be undone."""
    keys = {row.key for row in suggestions}
    mailboxes = set(map(mailbox_of, keys))
    there: Any = open_suggestions(user)
    there = there.filter(domain__in={key.rpartition("@")[2] for key in keys | mailboxes})
    same = {key for key in there.values_list("key", flat=True) if mailbox_of(key) in mailboxes}
    batch = decided(user, "ignore", "Ignored", sorted(keys))
    keep_away(batch, "address", keys | same)
    return batch


@transaction.atomic
def ignore_domain(user: User, domain: str) -> Batch:
    """Never suggest or add anybody of this domain again; their mail stays. Can be undone."""
    batch = decided(user, "ignore", "Ignored", [domain])
    keep_away(batch, "domain", [domain])
    return batch


def keep_away(batch: Batch, scope: str, keys: Iterable[str]) -> None:
    rows = [
        Suppression(user_id=batch.user_id, batch=batch, scope=scope, key=key, reason=Suppression.PASSED)
        for key in sorted(keys)
    ]
    Suppression.unscoped.bulk_create(rows, ignore_conflicts=True)
    note(batch.user_id, "suggestion.ignored", on=batch, batch_id=batch.pk, count=len(rows))


def decided(user: User, kind: str, verb: str, what: Sequence[str], **result: int) -> Batch:
    """A batch of what a person decided just now, called after it."""
    now = timezone.now()
    title = f"{verb} {what[0]}" if len(what) == 1 else f"{verb} {len(what)} people"
    batch = Batch(user=user, kind=kind, title=title[:300], state=Batch.State.DONE, approved_by="web")
    batch.approved_at = batch.finished_at = now
    batch.totals = {"result": result} if result else {}
    batch.save(force_insert=True)
    return batch
