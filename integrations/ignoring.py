"""Ignoring a sender for good: nothing of theirs comes in from now on and, by choice, what is here goes, too.

What goes is in a batch, and comes back when that is undone. What sources said stays sealed until then, unseen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q

from contacts.derived import refresh_contacts
from contacts.editing import take_away
from contacts.matching import normalize_email
from contacts.models import (
    CalendarEvent,
    Contact,
    ContactIdentity,
    Interaction,
    OwnAddress,
    Participant,
    Suppression,
)
from contacts.shared_addresses import is_free_mail
from contacts.suggesting import decided, weigh_again
from jobs.changes import log_deleted, logged_changes
from jobs.models import Batch
from omnicrm.events import note
from omnicrm.models import User


class NotASender(ValueError):
    """Not an address or domain that can be ignored; the message says why."""


@dataclass(frozen=True)
class Sender:
    """Whom one ignores: the address, or everybody at the domain."""

    user: User
    scope: str
    key: str

    @property
    def words(self) -> str:
        return self.key if self.scope == Suppression.Scope.ADDRESS else f"everybody at {self.key}"

    @property
    def addresses(self) -> Q:
        mine = (
            Q(value=self.key)
            if self.scope == Suppression.Scope.ADDRESS
            else Q(value__endswith=f"@{self.key}")
        )
        return Q(kind="email") & mine

    def interactions(self) -> list[UUID]:
        """What they wrote, and the meetings they called."""
        theirs = ContactIdentity.objects.for_user(self.user).filter(self.addresses)
        rows = Participant.objects.for_user(self.user).filter(
            role__in=["from", "organizer"], identity__in=theirs
        )
        return sorted(set(rows.values_list("interaction", flat=True)))

    def people(self) -> list[Contact]:
        """Contacts who have no other e-mail address."""
        mails = ContactIdentity.objects.for_user(self.user).filter(kind="email", contact__isnull=False)
        theirs = mails.filter(self.addresses).values("contact")
        others = mails.exclude(self.addresses).values("contact")
        return list(
            Contact.objects.for_user(self.user).filter(pk__in=theirs).exclude(pk__in=others).order_by("pk")
        )


def read_sender(user: User, text: str) -> Sender:
    """Whom somebody typed. Raises NotASender."""
    text = text.strip().lower()
    domain = text.removeprefix("@")
    if "@" not in domain and normalize_email(f"x@{domain}"):
        domain = normalize_email(f"x@{domain}").partition("@")[2]
        if is_free_mail(domain):
            raise NotASender(f"Anybody can have an address at {domain}. Ignore one address at a time.")
        sender = Sender(user, "domain", domain)
    elif email := normalize_email(text):
        sender = Sender(user, "address", email)
    else:
        raise NotASender("This is neither an address nor a domain. Write a@example.com or example.com.")
    own = {user.email.lower(), *OwnAddress.objects.for_user(user).values_list("value", flat=True)}
    if sender.key in own or (sender.scope == "domain" and any(one.endswith(f"@{sender.key}") for one in own)):
        raise NotASender("That is your own address, or one of yours is at this domain. Your own mail stays.")
    return sender


@transaction.atomic
def ignore_sender(sender: Sender, *, retroactive: bool) -> Batch:
    """Nothing of theirs comes in from now on; `retroactive`: what is here goes, until the batch is undone."""
    user = sender.user
    interactions = sender.interactions() if retroactive else []
    people = sender.people() if retroactive else []
    counts = {"interactions": len(interactions), "deleted": len(people)} if retroactive else {}
    batch = decided(user, "ignore", "Ignored", [sender.words], **counts)
    ignore_from_now_on(batch, sender)
    note(user.pk, "sender.ignored", on=batch, batch_id=batch.pk, interactions=len(interactions))
    if interactions:
        take_away_interactions(batch, interactions)
    if people:
        take_away(batch, people)
    return batch


def ignore_from_now_on(batch: Batch, sender: Sender) -> None:
    """The stricter word counts: what was only passed over or deleted is ignored, until this is undone."""
    known = Suppression.objects.for_user(sender.user).filter(scope=sender.scope, key=sender.key, source="")
    milder = known.exclude(reason=Suppression.IGNORED)
    before = [[row.reason, row.batch_id] for row in milder]
    batch.options = {"scope": sender.scope, "key": sender.key, "before": before}
    batch.save(update_fields=["options"])
    milder.delete()
    row = Suppression(
        user=sender.user, batch=batch, scope=sender.scope, key=sender.key, reason=Suppression.IGNORED
    )
    Suppression.unscoped.bulk_create([row], ignore_conflicts=True)


def take_away_interactions(batch: Batch, ids: Sequence[UUID]) -> None:
    """Delete these with all that hangs on them. Their sources vouch for nothing until this is undone."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH told AS (
                UPDATE integrations_provenance SET interaction_id = NULL
                WHERE user_id = %(user)s AND interaction_id = ANY(%(ids)s) RETURNING raw_event_id
            )
            UPDATE integrations_rawevent SET verdict = 'skipped:ignored', updated_at = now()
            WHERE user_id = %(user)s AND id IN (SELECT raw_event_id FROM told)
            """,
            {"user": batch.user_id, "ids": list(ids)},
        )
    parts = Participant.objects.for_user(batch.user_id).filter(interaction__in=ids)
    of_them = CalendarEvent.objects.for_user(batch.user_id).filter(interaction__in=ids)
    events = list(of_them.values_list("pk", flat=True))
    contacts = {pk for pk in parts.values_list("identity__contact", flat=True) if pk}
    addresses = set(parts.values_list("identity__value", flat=True))
    log_deleted(batch, Participant, parts.values_list("pk", flat=True))
    with logged_changes(batch, CalendarEvent, events, ["interaction_id"]):
        of_them.update(interaction=None)
        log_deleted(batch, Interaction, ids)
        Interaction.objects.for_user(batch.user_id).filter(pk__in=ids).delete()
    refresh_contacts(batch.user_id, sorted(contacts))
    weigh_again(batch.user, addresses)
