"""What a batch would do or has done, in one sentence."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma

from integrations.origins import PLANNED
from jobs.models import Batch


def headline(batch: Batch) -> str:
    """The sentence that stands on top of the page of a batch."""
    if batch.kind not in PLANNED:
        return other_headline(batch)
    match batch.state:
        case Batch.State.PLANNED:
            return plan_sentence(batch.totals)
        case Batch.State.DONE:
            return result_sentence(batch.totals)
        case Batch.State.UNDONE:
            return undo_sentence(batch.totals)
        case Batch.State.CANCELLED if batch.approved_at is None:
            return "Cancelled. Nothing was written."
        case Batch.State.PLANNING if batch.kind in LISTING:
            return LISTING[batch.kind]
        case _:
            return STATES[Batch.State(batch.state)]


LISTING = {
    "google_import": "Listing the mailbox. Nothing is written yet, and no letter is read.",
    "google_calendar_import": "Reading the calendar's list of entries. Nothing is written yet.",
}
STATES = {
    Batch.State.PLANNING: "Reading the file. Nothing is written yet.",
    Batch.State.APPROVED: "Approved, and waiting for its turn.",
    Batch.State.RUNNING: "Importing. You can leave this page; it goes on without you.",
    Batch.State.FAILED: "This stopped before its end.",
    Batch.State.CANCELLED: "Cancelled. What was done before that stays, and you can undo it.",
    Batch.State.UNDOING: "Being taken back. You can leave this page.",
}


def other_headline(batch: Batch) -> str:
    if batch.state == Batch.State.UNDONE:
        return undo_sentence(batch.totals)
    return STATES.get(Batch.State(batch.state), f"{batch.title}. You can take it back.")


def things(totals: dict[str, Any]) -> tuple[str, str]:
    """What the interactions of a batch are called, one and many: a file holds either mail or meetings."""
    mail, meetings = ("e-mail", "e-mails"), ("meeting", "meetings")
    kinds = {"ics": meetings, "calendar": meetings, "mbox": mail, "eml": mail, "gmail": mail}
    return kinds.get(totals.get("kind", ""), ("e-mail or meeting", "e-mails and meetings"))


ONES = {
    "people": ("person", "people"),
    "interactions": ("e-mail or meeting", "e-mails and meetings"),
    "events": ("calendar entry", "calendar entries"),
    "addresses": ("address", "addresses"),
    "companies": ("company", "companies"),
    "tags": ("tag", "tags"),
    "tags on people": ("tag on people", "tags on people"),
    "links": ("link", "links"),
    "notes": ("note", "notes"),
    "tasks": ("task", "tasks"),
    "suggestions": ("suggestion", "suggestions"),
}
"""What an undo counts (see contacts.tracking), one and many, in the order in which it is told."""


def plan_sentence(totals: dict[str, Any]) -> str:
    """“This would add 214 people and 1,240 e-mails; 37 are already here; 3 cannot be read.”"""
    added = listed(
        counted(totals.get("create", 0), "person", "people"),
        counted(totals.get("interactions", 0), *things(totals)),
        counted(totals.get("events", 0), "calendar entry", "calendar entries"),
    )
    known = totals.get("reasons", {}).get("already_here", 0)
    left = totals.get("skip", 0) - known
    parts = [f"add {added}" if added else ""]
    parts += [
        f"add to {counted(totals.get('update', 0), 'person', 'people')} you know"
        if totals.get("update")
        else ""
    ]
    said = [f"This would {' and '.join(filter(None, parts))}" if any(parts) else "This would add nothing new"]
    said += [f"{intcomma(known)} {'is' if known == 1 else 'are'} already here" if known else ""]
    said += [f"{intcomma(left)} {'is' if left == 1 else 'are'} left out" if left else ""]
    said += [f"{intcomma(totals['fail'])} cannot be read" if totals.get("fail") else ""]
    return "; ".join(filter(None, said)) + "."


def result_sentence(totals: dict[str, Any]) -> str:
    """“Added 214 people and 1,240 e-mails; 3 could not be read.”"""
    result = totals.get("result", {})
    added = listed(
        counted(result.get("created", 0), "person", "people"),
        counted(result.get("interactions", 0), *things(totals)),
        counted(result.get("events", 0), "calendar entry", "calendar entries"),
    )
    said = [f"Added {added}" if added else "Nothing new was added"]
    said += [f"added to {counted(result['updated'], 'person', 'people')}" if result.get("updated") else ""]
    said += [f"{intcomma(result['skipped'])} left out" if result.get("skipped") else ""]
    said += [f"{intcomma(result['failed'])} could not be read" if result.get("failed") else ""]
    return "; ".join(filter(None, said)) + "."


def undo_sentence(totals: dict[str, Any]) -> str:
    """“Taken back: removed 36 people and 221 e-mails; 2 were kept.”"""
    undo = totals.get("undo", {})
    kept = len(undo.get("kept", [])) + undo.get("kept_more", 0)
    removed = removed_words(totals, undo.get("removed_by_kind", {}))
    restored = counted(undo.get("restored", 0), "entry", "entries")
    said = [f"removed {removed}" if removed else "", f"put back {restored}" if restored else ""]
    stayed = f"; kept {intcomma(kept)}" if kept else ""
    return f"Taken back: {listed(*said) or 'there was nothing to remove'}{stayed}."


def removed_words(totals: dict[str, Any], removed: dict[str, int]) -> str:
    """What an undo removes, people first, in the words of the plan. One's own addresses, and who was invited to an entry,
    go without saying."""
    words = ONES | {"interactions": things(totals)}
    silent = {"own addresses", "invitations", "participants"}
    words |= {kind: (kind, kind) for kind in removed if kind not in words and kind not in silent}
    return listed(*(counted(removed.get(kind, 0), *said) for kind, said in words.items()))


def counted(number: int, one: str, many: str) -> str:
    return f"{intcomma(number)} {one if number == 1 else many}" if number else ""


def listed(*parts: str) -> str:
    """“a, b and c” of the parts that are not empty."""
    said = [part for part in parts if part]
    return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)
