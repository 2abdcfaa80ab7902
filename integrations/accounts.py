"""Google accounts: connecting one, connecting it again, and letting it go with or without what it brought."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from contacts.matching import normalize_email
from contacts.models import Contact, Interaction, OwnAddress
from integrations.google import gmail, oauth
from integrations.google.client import Google
from integrations.google.errors import Failed, TokenRefused
from integrations.google.oauth import Grant, Person
from integrations.models import GoogleAccount, Provenance, RawEvent, SyncStream
from integrations.streams import watching
from integrations.streams.calendar_list import begin_calendar_list
from integrations.streams.health import cured
from integrations.streams.ticking import come_back
from jobs.models import Batch, Job
from jobs.queue import enqueue
from omnicrm.events import note
from omnicrm.models import User
from omnicrm.owned import OwnedQuerySet

KEYS = ["refresh_token", "access_token", "access_expires_at"]


class Refused(Exception):
    """This account is not connected; the message says why and what to do."""


@dataclass(frozen=True)
class Brought:
    """What came from an account and from nowhere else, in numbers; what `forget` takes away."""

    messages: int
    meetings: int
    people: int


def aliases_of(grant: Grant) -> list[str]:
    """The addresses that its owner writes from, as Google says; none where it does not say. Outside transactions."""
    if not grant.reads_mail:
        return []
    try:
        return sorted({one.email for one in gmail.list_send_as(Google(grant)) if one.is_verified})
    except Failed:
        return []


@transaction.atomic
def connect(
    user: User,
    grant: Grant,
    person: Person,
    *,
    now: dt.datetime,
    aliases: Sequence[str] = (),
    again: GoogleAccount | None = None,
) -> GoogleAccount:
    """The account of whoever let us in, with its keys. `again` is the one that was to be connected again. Raises
    Refused where it is another, or where nothing that we could read was granted."""
    if again is not None and again.google_sub != person.sub:
        raise Refused(
            f"You chose {person.email} on Google's page. Choose {again.email} there, or connect the other as a new one."
        )
    if not (grant.reads_mail or grant.reads_calendars):
        raise Refused(
            "Neither mail nor calendars were ticked on Google's page. Connect again and tick one of them."
        )
    accounts = GoogleAccount.objects.for_user(user).select_for_update(no_key=True)
    account = accounts.filter(google_sub=person.sub).first() or GoogleAccount(
        user=user, google_sub=person.sub
    )
    account.email, account.name = person.email, person.name
    account.aliases = sorted({*aliases} - {person.email}) or account.aliases
    account.scopes, account.granted_at = sorted(grant.scopes), now
    account.access_token, account.access_expires_at = grant.access_token.encode(), grant.expires_at
    account.refresh_token = grant.refresh_token.encode()
    account.save()
    cured(account, now)
    if grant.reads_mail:
        mail_of(account)
    if grant.reads_calendars:
        come_back(begin_calendar_list(account))  # somebody waits to see which there are
    learn_own_addresses(account)
    note(user.pk, "account.connected", on=account, mail=grant.reads_mail, calendars=grant.reads_calendars)
    return account


def mail_of(account: GoogleAccount) -> SyncStream:
    """The stream of its mail, which does nothing until somebody approves a plan."""
    SyncStream.unscoped.bulk_create(
        [SyncStream(user_id=account.user_id, account=account, kind=SyncStream.Kind.GMAIL, remote_id="me")],
        ignore_conflicts=True,
    )
    rows = SyncStream.objects.for_user(account.user_id).select_related("account")
    stream: SyncStream = rows.get(account=account, kind=SyncStream.Kind.GMAIL, remote_id="me")
    return stream


def learn_own_addresses(account: GoogleAccount) -> None:
    """What the account writes from is its owner's from now on: never a contact, and what tells sent from received."""
    own = sorted(filter(None, {normalize_email(address) for address in (account.email, *account.aliases)}))
    rows = [OwnAddress(user_id=account.user_id, value=value) for value in own]
    OwnAddress.unscoped.bulk_create(rows, ignore_conflicts=True)


def revoke(account: GoogleAccount) -> bool:
    """Gives its keys back to Google, outside transactions. False where Google did not take them."""
    grant = account.grant
    if not grant.refresh_token:
        return True
    try:
        oauth.revoke(grant)
    except (TokenRefused, OSError):
        return False
    return True


@transaction.atomic
def disconnect(account: GoogleAccount, *, keep: bool) -> None:
    """From now on nothing of it is asked. What it brought stays, or is taken away by a job."""
    for name in KEYS:
        setattr(account, name, None)
    account.health, account.health_reason = GoogleAccount.Health.DISCONNECTED, ""
    account.save(update_fields=[*KEYS, "health", "health_reason", "updated_at"])
    watching.forget_all(account)
    streams = SyncStream.objects.for_user(account.user_id).filter(account=account)
    streams.update(next_sync_at=None, updated_at=timezone.now())
    streams.exclude(health=SyncStream.Health.PAUSED).update(health=SyncStream.Health.REAUTH)
    note(account.user_id, "account.disconnected", on=account, keep=keep)
    if not keep:
        enqueue(
            "forget_account",
            account.user_id,
            queue=Job.Queue.BULK,
            dedupe_key=f"forget_account:{account.pk}",
            account_id=str(account.pk),
        )


def sources_of(account: GoogleAccount) -> list[str]:
    """What its streams are called where things come from."""
    streams = SyncStream.objects.for_user(account.user_id).filter(account=account).select_related("account")
    mail = SyncStream(account=account, kind=SyncStream.Kind.GMAIL)
    return sorted({mail.source, *(stream.source for stream in streams)})


def batches_of(account: GoogleAccount) -> OwnedQuerySet[Batch]:
    """The changes through which something of it came."""
    sources = sources_of(account)
    held = RawEvent.objects.for_user(account.user_id).filter(source__in=sources).values("batch")
    vouched = (
        Provenance.objects.for_user(account.user_id).filter(raw_event__source__in=sources).values("batch")
    )
    batches: OwnedQuerySet[Batch] = Batch.objects.for_user(account.user_id)
    return batches.filter(Q(pk__in=held) | Q(pk__in=vouched) | Q(options__source__in=sources))


def brought(account: GoogleAccount) -> Brought:
    sources = sources_of(account)
    rows = Provenance.objects.for_user(account.user_id)
    ours = rows.filter(raw_event__source__in=sources, interaction__isnull=False)
    elsewhere = rows.exclude(raw_event__source__in=sources).filter(interaction__isnull=False)
    alone = ours.exclude(interaction__in=elsewhere.values("interaction"))
    batches = batches_of(account).values("pk")
    people = Contact.objects.for_user(account.user_id).filter(batch__in=batches)
    # A series is one raw event and many meetings; these are the batch's, as no raw event could vouch for all of them.
    meetings = Interaction.objects.for_user(account.user_id).filter(kind="meeting", batch__in=batches)
    return Brought(
        alone.exclude(raw_event__kind="event").values("interaction").distinct().count(),
        meetings.count(),
        people.count(),
    )
