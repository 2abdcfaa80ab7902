"""Who wrote to whom, in words: "You to Ada and Charles", "Charles to Engine List and 12 more"."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db.models import BooleanField, ExpressionWrapper, F, Q

from contacts.models import Contact, OwnAddress, Participant

NAMED = 3
"""How many people are called by name; of more, the rest is counted."""
YOU = "you"


@dataclass(frozen=True)
class Part:
    """Somebody's part in an interaction: the role, their name ("you" for the user), and whether the page is theirs."""

    role: str
    name: str
    is_theirs: bool = False
    slug: str = ""
    """Where their page is, if they are a contact."""


def parts_in(user_id: UUID, ids: Sequence[UUID], contact: Contact | None = None) -> dict[UUID, list[Part]]:
    """Everybody's part in each of these interactions, in one query. `contact`, whose page it is, gets a short name."""
    own = Q(identity__value__in=OwnAddress.objects.for_user(user_id).values("value"))
    rows = (
        Participant.objects.for_user(user_id)
        .filter(interaction__in=ids)
        .annotate(own=ExpressionWrapper(own | Q(identity__value=F("user__email")), BooleanField()))
        .order_by("id")
        .values_list("interaction_id", "role", "own", "name", "identity__value", "identity__contact")
        .annotate(known=F("identity__contact__display_name"), slug=F("identity__contact__slug"))
    )
    short = contact.given_name or contact.display_name if contact else ""
    found: dict[UUID, list[Part]] = {}
    for interaction_id, role, is_own, name, address, who, known, slug in rows:
        theirs = contact is not None and who == contact.pk
        called = YOU if is_own else short if theirs else known or name or address
        found.setdefault(interaction_id, []).append(Part(role, called, theirs, slug or ""))
    return found


def page_of(parts: Iterable[Part]) -> str:
    """The slug of a contact on whose page an interaction stands: of who wrote, else of anybody; empty if of nobody."""
    known = sorted((part for part in parts if part.slug), key=lambda part: part.role != Participant.Role.FROM)
    return known[0].slug if known else ""


def said_by(parts: Iterable[Part]) -> str:
    """Who wrote to whom, or who met. You and the person whose page it is come first among those who got it."""
    parts = sorted(parts, key=lambda part: (part.name != YOU, not part.is_theirs))
    writers = names(part for part in parts if part.role == Participant.Role.FROM)
    readers = names(part for part in parts if part.role != Participant.Role.FROM)
    if not writers:
        return capital(listed(readers))
    said = f"{listed(writers)} to {listed(readers)}" if readers else f"{listed(writers)} wrote"
    return capital(said)


def names(parts: Iterable[Part]) -> list[str]:
    return list(dict.fromkeys(part.name for part in parts))


def listed(people: Sequence[str]) -> str:
    """ "Ada, Charles and 2 more"."""
    shown = [*people[:NAMED], f"{len(people) - NAMED:,} more"] if len(people) > NAMED + 1 else list(people)
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}" if sentence.startswith(YOU) else sentence
