"""What becomes of the letters that a user wrote here to somebody who is erased."""

from __future__ import annotations

from django.db.models import Q

from contacts import erased
from integrations.mail import reply
from integrations.models import OutboxMessage
from integrations.traces import Trace
from omnicrm.owned import OwnedQuerySet


def letters_to(found: Trace) -> OwnedQuerySet[OutboxMessage]:
    """Drafts too."""
    rows: OwnedQuerySet[OutboxMessage] = OutboxMessage.objects.for_user(found.user)
    addresses = found.addresses
    return rows.filter(Q(contact__in=found.contacts) | Q(to__overlap=addresses) | Q(cc__overlap=addresses))


def forget_letters(found: Trace) -> None:
    """Those to them alone go; those to others, too, stay without them, and without what they quoted."""
    for letter in letters_to(found).select_for_update():
        letter.to, letter.cc = (
            [one for one in addresses if one not in found.addresses] for addresses in (letter.to, letter.cc)
        )
        if not (letter.to or letter.cc):
            letter.delete()
            continue
        if letter.contact_id in found.contacts:
            letter.contact = None
        letter.subject = erased.without(letter.subject, found.values)
        letter.body = erased.without(reply.split(letter.body).visible, found.values)
        letter.problem = erased.without(letter.problem, found.values)
        letter.save()
