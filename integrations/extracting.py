"""From interactions to people: contacts on a two-way signal, suggestions for the rest, as the account's owner chose.

A page of interactions at a time, after they were recorded. Everything is decided by what is known of an address in
all of the history, so pages may come in any order, and doing one again changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from contacts.creating import write_people
from contacts.evidence import Evidence, evidence
from contacts.keeping_away import KeptAway
from contacts.matching import normalize_email, person_named
from contacts.models import Contact
from contacts.shared_addresses import is_group, is_relay, is_role
from contacts.suggesting import own_addresses, propose
from integrations.mail.bulk import is_role_address
from integrations.models import GoogleAccount
from integrations.origins import is_still_wanted, stream_of
from integrations.plan import batch_of
from integrations.preferences import Creation, Preferences
from jobs.models import Batch, Job
from jobs.queue import GONE, GiveUp, enqueue, handles
from jobs.runner import JobContext
from omnicrm.events import note

PAGE = 500
"""How many interactions one job looks at."""

# Their rows are held until the end, so that of two jobs that meet, the second finds what the first has made.
STRANGERS = """
SELECT y.value FROM contacts_contactidentity y
WHERE y.user_id = %(user)s AND y.kind = 'email' AND y.contact_id IS NULL AND y.value <> ALL(%(own)s) AND y.id IN (
    SELECT p.identity_id FROM contacts_interaction i
    JOIN contacts_participant p ON p.user_id = i.user_id AND p.interaction_id = i.id
    WHERE i.user_id = %(user)s AND i.id = ANY(%(page)s) AND i.bulk = '')
ORDER BY y.value FOR NO KEY UPDATE OF y
"""


def ask_for_people(batch: Batch, interactions: Sequence[UUID]) -> list[Job]:
    """Have the people of these interactions looked for, in the caller's transaction; by jobs of the batch, if it is of
    an account. What files hold of people stands in their plans."""
    stream = stream_of(batch)
    if stream is None:
        return []
    return [
        enqueue(
            "extract_contacts",
            batch.user_id,
            batch=batch,
            account=str(stream.account_id),
            interactions=list(map(str, interactions[start : start + PAGE])),
        )
        for start in range(0, len(interactions), PAGE)
    ]


@handles("extract_contacts", queue="bulk")
def extract_contacts(context: JobContext) -> None:
    batch = batch_of(context)
    account = GoogleAccount.objects.for_user(context.user_id).filter(pk=context.payload["account"]).first()
    if account is None:
        raise GiveUp("not_found", GONE)
    if is_still_wanted(batch):
        extract(batch, Preferences.of(account), list(map(UUID, context.payload["interactions"])))


def extract(
    batch: Batch, wanted: Preferences, interactions: Sequence[UUID]
) -> tuple[list[Contact], list[Evidence]]:
    """The contacts made of these interactions, and those who were suggested; in the caller's transaction."""
    if wanted.creation == Creation.OFF:
        return [], []
    own = own_addresses(batch.user)
    known = evidence(batch.user_id, strangers(batch, own, interactions), own=own, most=wanted.most_attendees)
    away = KeptAway(batch.user_id, own)
    people = [
        one for one in known.values() if may_be_somebody(one.address, wanted) and not away.holds(one.address)
    ]
    sure = [one for one in people if makes_contact(one, wanted.creation)]
    contacts = write_people(
        batch, [(None, person_named(one.address, one.name)) for one in sure], source="google"
    )
    others = [one for one in people if one not in sure]
    if new := propose(batch, others, wanted.most_attendees):
        note(batch.user_id, "suggestion.made", on=batch, batch_id=batch.pk, count=new)
    return contacts, others


def strangers(batch: Batch, own: Iterable[str], interactions: Sequence[UUID]) -> list[str]:
    """The addresses in these interactions that lead to nobody and are not the user's."""
    values: dict[str, Any] = {"user": batch.user_id, "own": sorted(own), "page": list(interactions)}
    with connection.cursor() as cursor:
        cursor.execute(STRANGERS, values)
        return [address for (address,) in cursor.fetchall()]


def may_be_somebody(address: str, wanted: Preferences) -> bool:
    """Whether one person from elsewhere may be behind this address, by the address alone."""
    email = normalize_email(address)
    is_shared = is_role_address(email) or is_role(email) or is_group(email) or is_relay(email)
    return bool(email) and not is_shared and not wanted.is_internal(email)


def makes_contact(one: Evidence, creation: Creation) -> bool:
    if creation == Creation.BOTH:
        return one.is_two_way or bool(one.received)
    return creation == Creation.SENT and one.is_two_way
