"""Row for row: what an import did is what its plan said."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from contacts.creating import FILLABLE, ready, tidy
from contacts.drafts import PersonDraft
from integrations.ledger import ledger
from integrations.said import person_in
from jobs.models import Batch, PlanItem

Contents = dict[tuple[str, str], dict[str, Any]]


class Difference:
    """What is new and what has changed between two states."""

    def __init__(self, before: Contents, after: Contents) -> None:
        assert not before.keys() - after.keys(), "an import removed something"
        self.before, self.after = before, after
        self.new = {key: after[key] for key in after.keys() - before.keys()}
        self.changed = {key: after[key] for key in before if before[key] != after[key]}

    def made(self, label: str) -> dict[str, dict[str, Any]]:
        return {pk: row for (what, pk), row in self.new.items() if what == label}

    def all(self, label: str) -> dict[str, dict[str, Any]]:
        return {pk: row for (what, pk), row in self.after.items() if what == label}


def check_honest(batch: Batch, before: Contents, after: Contents) -> None:
    """In the owner's name, after the import."""
    lines = list(batch.items.filter(user_id=batch.user_id).order_by("seq"))
    found = Difference(before, after)
    check_numbers(batch, lines)
    check_created(batch, lines, found)
    check_updated(lines, found)
    check_skipped(lines, found)
    check_nothing_else(lines, found)


def of(lines: list[PlanItem], outcome: str, *kinds: str) -> list[PlanItem]:
    return [line for line in lines if line.outcome == outcome and (not kinds or line.kind in kinds)]


def draft_of(line: PlanItem) -> PersonDraft:
    return person_in(line)


def check_numbers(batch: Batch, lines: list[PlanItem]) -> None:
    totals, result = batch.totals, batch.totals["result"]
    assert {
        "created": totals["create"],
        "updated": totals["update"],
        "interactions": totals["interactions"],
        "events": totals["events"],
        "skipped": totals["skip"],
        "failed": totals["fail"],
    } == {key: result[key] for key in ("created", "updated", "interactions", "events", "skipped", "failed")}
    assert totals["skip"] == len(of(lines, "skip"))
    assert totals["reasons"] == Counter(line.reason for line in lines if line.outcome in ("skip", "fail"))
    assert ledger(batch.user_id, batch.pk)["balanced"]


def check_created(batch: Batch, lines: list[PlanItem], found: Difference) -> None:
    messages = [line.external_id for line in of(lines, "create") if line.kind not in ("person", "event")]
    assert sorted(messages) == sorted(
        row["source_key"] for row in found.made("contacts.interaction").values()
    )
    entries = [line.external_id for line in of(lines, "create", "event")]
    assert sorted(entries) == sorted(
        f"{row['ical_uid']}|{row['recurrence_id']}" for row in found.made("contacts.calendarevent").values()
    )
    people = [told(draft_of(line)) for line in of(lines, "create", "person")]
    assert Counter(people) == Counter(shown(found, pk) for pk in found.made("contacts.contact"))


def told(draft: PersonDraft) -> tuple[Any, ...]:
    """What a line says of a new person, as it should stand in their row and beside it."""
    person = ready(draft)
    return (
        person.name,
        person.emails[0] if person.emails else "",
        next(iter(person.phones.values()), ""),
        tidy(draft.title),
        tidy(draft.organization).casefold(),
        draft.birthday.isoformat() if draft.birthday else None,
        tuple(sorted({tidy(tag).casefold() for tag in draft.tags})),
        draft.notes.strip(),
        json.dumps(draft.custom, sort_keys=True),
    )


def shown(found: Difference, pk: str) -> tuple[Any, ...]:
    row = found.after["contacts.contact", pk]
    company = found.all("contacts.company").get(row["company_id"], {"name_key": ""})
    keys = {pk: tag["name_key"] for pk, tag in found.all("contacts.tag").items()}
    links = found.all("contacts.contacttag").values()
    notes = [note["text"] for note in found.all("contacts.note").values() if note["contact_id"] == pk]
    return (
        row["display_name"],
        row["primary_email"],
        row["primary_phone"],
        row["job_title"],
        company["name_key"],
        row["birthday"],
        tuple(sorted(keys[link["tag_id"]] for link in links if link["contact_id"] == pk)),
        "".join(notes),
        json.dumps(row["custom"], sort_keys=True),
    )


def check_updated(lines: list[PlanItem], found: Difference) -> None:
    """Who is added to, and what: nobody else, and nothing else."""
    updates = of(lines, "update")
    assert len({line.target for line in updates}) == len(updates)
    assert {str(line.target): set(line.data["adds"]) for line in updates} == added(found)


def added(found: Difference) -> dict[str, set[str]]:
    """By contact that was there before: the columns and kinds of things that it has now and had not."""
    sums: dict[str, set[str]] = {}

    def add(pk: str, name: str) -> None:
        if ("contacts.contact", pk) in found.before:
            sums.setdefault(pk, set()).add(name)

    for label, pk in found.changed:
        if label == "contacts.contact":
            was, now = found.before[label, pk], found.after[label, pk]
            for column in FILLABLE:
                if was[column] != now[column]:
                    add(pk, column.removesuffix("_id").replace("_", " "))
            assert {c for c in was if was[c] != now[c]} <= set(FILLABLE)
    for label, name in NAMES.items():
        for key, row in {**found.new, **found.changed}.items():
            if key[0] == label and row["contact_id"]:
                add(row["contact_id"], name)
    return sums


NAMES = {
    "contacts.contactidentity": "identities",
    "contacts.contacttag": "tags",
    "contacts.note": "notes",
}


def check_skipped(lines: list[PlanItem], found: Difference) -> None:
    """What was left out is not there, or is there as it was, for the reason that is given."""
    by_key = {row["source_key"]: key for key, row in found.after.items() if key[0] == "contacts.interaction"}
    rows = {**{pk: key for key in found.before for pk in [key[1]]}}
    by_new = {row["source_key"] for row in found.made("contacts.interaction").values()}
    imported = {line.external_id for line in lines if line.outcome == "create"}
    for line in of(lines, "skip"):
        match line.reason:
            case "already_here":
                key = rows[str(line.target)]
                assert key not in found.changed, line.data
            case "repeated":
                first = next(one for one in lines if one.external_id == line.external_id)
                assert first.seq < line.seq
            case "same_person" | "yourself":
                assert line.kind == "person"
            case _ if line.kind == "person":
                assert line.reason in ("undone", "deleted")
            case "spam" | "trash" | "draft" | "chat":
                assert line.external_id in imported or line.external_id not in by_new
            case _:
                assert line.reason == "undone"
                assert line.external_id not in by_key


def check_nothing_else(lines: list[PlanItem], found: Difference) -> None:
    """No other row has changed, and every new one belongs to a line that says so."""
    targets = {str(line.target) for line in of(lines, "update")}
    people = targets | found.made("contacts.contact").keys()
    for (label, pk), row in found.changed.items():
        who = pk if label == "contacts.contact" else row["contact_id"]
        assert label in ("contacts.contact", "contacts.contactidentity")
        assert who in people, (label, row)
    drafts = [draft_of(line) for line in [*of(lines, "create", "person"), *of(lines, "update")]]
    companies = {tidy(draft.organization).casefold() for draft in drafts}
    tags = {tidy(tag).casefold() for draft in drafts for tag in draft.tags}
    assert {row["name_key"] for row in found.made("contacts.company").values()} <= companies
    assert {row["name_key"] for row in found.made("contacts.tag").values()} <= tags
    interactions = found.made("contacts.interaction")
    for row in found.made("contacts.participant").values():
        assert row["interaction_id"] in interactions
    for label in ("contacts.contacttag", "contacts.note"):
        assert all(row["contact_id"] in people for row in found.made(label).values())
