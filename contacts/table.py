"""People as a table that every spreadsheet opens, and that our own import reads back as it was."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import F, Func, TextField

from contacts.listing import PeopleList, beyond, ordering
from contacts.models import Contact
from omnicrm.acting import acting_as

COLUMNS = [
    "Name",
    "First name",
    "Last name",
    "E-mail",
    "Phone",
    "Company",
    "Job title",
    "Stage",
    "Tags",
    "Birthday",
]
SEVERAL = ":::"
"""Between several values in one cell, as Google writes them."""
MOST_FIELDS = 200
PAGE = 500
_FORMULA = re.compile(r"'*[=+\-@\t\r＝＋－＠]")


def table(people: PeopleList) -> Iterator[bytes]:
    """The people of a list in its order, as CSV, a page at a time. Opens its own transactions."""
    with acting_as(people.user.pk):
        fields = own_fields(people)
    yield "\ufeff".encode() + line([*COLUMNS, *fields])  # by the mark, Excel knows UTF-8
    for page in pages(people):
        yield b"".join(line(cells(contact, fields)) for contact in page)


def own_fields(people: PeopleList) -> list[str]:
    """The names of the fields that these people have beside ours."""
    names = Func(F("custom"), function="jsonb_object_keys", output_field=TextField())
    found = people.matching.annotate(field=names).values_list("field", flat=True).distinct().order_by("field")
    return [name for name in found[:MOST_FIELDS] if name]


def pages(people: PeopleList) -> Iterator[list[Contact]]:
    descending, last = people.sort.startswith("-"), None
    while True:
        with acting_as(people.user.pk):
            rows = people.matching.select_related("company").prefetch_related(
                "identities", "contact_tags__tag"
            )
            if last is not None:
                rows = rows.filter(beyond(last, people.column, descending))
            page = list(rows.order_by(*ordering(people.column, descending))[:PAGE])
        if not page:
            return
        yield page
        last = page[-1]


def cells(contact: Contact, fields: Iterable[str]) -> list[Any]:
    identities = sorted(contact.identities.all(), key=lambda row: (row.created_at, row.pk))
    return [
        contact.display_name,
        contact.given_name,
        contact.family_name,
        "; ".join(row.value for row in identities if row.kind == "email"),
        several([row.readable for row in identities if row.kind == "phone"]),
        contact.company.name if contact.company else "",
        contact.job_title,
        contact.get_stage_display(),
        several(sorted(link.tag.name for link in contact.contact_tags.all())),
        contact.birthday.isoformat() if contact.birthday else "",
        *(str(contact.custom.get(name, "")) for name in fields),
    ]


def several(values: list[str]) -> str:
    """Values in one cell. A single one that could be taken for several says that it is not."""
    alone = len(values) == 1 and re.search(r"[,;]", values[0])
    return SEVERAL.join(values) + (SEVERAL if alone else "")


def line(values: Iterable[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written).writerow([guarded(value) for value in values])
    return written.getvalue().encode()


def guarded(value: str) -> str:
    """A value that a spreadsheet shows instead of working it out: `+49…` and formulas get an apostrophe in front, which
    our import takes away."""
    return f"'{value}" if _FORMULA.match(value) else value
