"""Keeping erased people out of what comes in: a draft that is theirs is left out, one that names them loses them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import Enum

from contacts.creating import ready
from contacts.drafts import Attendee, EventDraft, InteractionDraft, PersonDraft
from contacts.erased import Erased, telling, without
from contacts.matching import same_spelling
from integrations.sources import Draft


class Sifted(Enum):
    UNTOUCHED, PART, WHOLE = "untouched", "part", "whole"
    """Names nobody who was erased; named one, and does not any more; is theirs, and is to be left out."""


def sift(draft: Draft, erased: Erased, own: Collection[str]) -> Sifted:
    """Take out of a draft whom the user had erased. What they wrote, and what was with them alone, is theirs."""
    if not erased:
        return Sifted.UNTOUCHED
    if isinstance(draft, PersonDraft):
        return Sifted.WHOLE if address_in(draft, erased) else Sifted.UNTOUCHED
    if isinstance(draft, EventDraft):
        return sift_event(draft, erased, own)
    return sift_interaction(draft, erased, own)


def sift_interaction(draft: InteractionDraft, erased: Erased, own: Collection[str]) -> Sifted:
    theirs = [mention for mention in draft.mentions if erased.holds("email", mention.email)]
    if not theirs:
        return Sifted.UNTOUCHED
    rest = [mention for mention in draft.mentions if mention not in theirs]
    if any(mention.role == "from" for mention in theirs) or not others((m.email for m in rest), own):
        return Sifted.WHOLE
    values = telling(value for mention in theirs for value in (mention.email, mention.name))
    draft.mentions = rest
    draft.subject = without(draft.subject, values)
    # What was quoted may be theirs.
    draft.text = draft.visible_text = without(draft.visible_text, values)
    return Sifted.PART


def sift_event(draft: EventDraft, erased: Erased, own: Collection[str]) -> Sifted:
    people = [*draft.attendees, *([draft.organizer] if draft.organizer else [])]
    theirs = [one for one in people if erased.holds("email", same_spelling(one.email))]
    if not theirs:
        return Sifted.UNTOUCHED
    if not others((same_spelling(one.email) for one in people if one not in theirs), own):
        return Sifted.WHOLE
    values = telling(value for one in theirs for value in (one.email, one.name))
    draft.attendees = [one for one in draft.attendees if one not in theirs]
    draft.organizer = unless(draft.organizer, theirs)
    for name in ("title", "description", "location"):
        setattr(draft, name, without(getattr(draft, name), values))
    return Sifted.PART


def unless(organizer: Attendee | None, theirs: Collection[Attendee]) -> Attendee | None:
    return None if organizer in theirs else organizer


def others(emails: Iterable[str], own: Collection[str]) -> bool:
    return any(email and email not in own for email in emails)


def address_in(draft: Draft, erased: Erased) -> tuple[str, str] | None:
    """The first address or number of an erased person in a draft, with its kind."""
    if isinstance(draft, PersonDraft):
        person = ready(draft)
        named = [("email", email) for email in person.emails] + [
            ("phone", number) for number in person.phones
        ]
    elif isinstance(draft, EventDraft):
        people = [draft.organizer, *draft.attendees]
        named = [("email", same_spelling(one.email)) for one in people if one]
    else:
        named = [("email", mention.email) for mention in draft.mentions]
    return next((one for one in named if erased.holds(*one)), None)
