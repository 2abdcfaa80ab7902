"""Names in links: readable, unique per user; an old one still leads to its contact (ContactSlug)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from uuid import UUID

from django.utils.text import slugify

from contacts.models import Contact, ContactSlug

LONGEST = 100
RESERVED = {"add", "delete", "export", "import", "merge", "new", "search"}


def base_slug(name: str) -> str:
    """The readable part: letters of any script, digits and hyphens; "contact" for a name without any."""
    slug = slugify(name, allow_unicode=True)[:LONGEST].strip("-")
    return "contact" if not slug else f"{slug}-1" if slug in RESERVED else slug


def unique_slug(user_id: UUID, name: str) -> str:
    """A slug for this name that none of the user's contacts has or had."""
    return unique_slugs(user_id, [name])[0]


def unique_slugs(user_id: UUID, names: Sequence[str]) -> list[str]:
    """A slug for each name: none is taken, and no two are equal."""
    wanted = [base_slug(name) for name in names]
    taken = taken_slugs(user_id, wanted)
    slugs = []
    for slug in wanted:
        if slug in taken:
            slug = f"{slug}-{secrets.token_hex(3)}"
        taken.add(slug)
        slugs.append(slug)
    return slugs


def taken_slugs(user_id: UUID, slugs: Sequence[str]) -> set[str]:
    now = Contact.objects.for_user(user_id).filter(slug__in=set(slugs)).values_list("slug", flat=True)
    before = ContactSlug.objects.for_user(user_id).filter(slug__in=set(slugs)).values_list("slug", flat=True)
    return {*now, *before}
