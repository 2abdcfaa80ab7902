"""What a batch would do or has done, in one sentence."""

from __future__ import annotations

from typing import Any

from django.contrib.humanize.templatetags.humanize import intcomma

from jobs.models import Batch


def headline(batch: Batch) -> str:
    """The sentence that stands on top of the page of a batch."""
    if batch.kind != "file_import":
        return other_headline(batch)
    match batch.state:
        case Batch.State.PLANNED:
            return plan_sentence(batch.totals)
        case Batch.State.DONE:
            return result_sentence(batch.totals.get("result", {}))
        case Batch.State.UNDONE:
            return undo_sentence(batch.totals.get("undo", {}))
        case _:
            return STATES[Batch.State(batch.state)]


STATES = {
    Batch.State.PLANNING: "Reading the file. Nothing is written yet.",
    Batch.State.APPROVED: "Approved, and waiting for its turn.",
    Batch.State.RUNNING: "Importing. You can leave this page; it goes on without you.",
    Batch.State.FAILED: "This stopped before its end.",
    Batch.State.CANCELLED: "Cancelled.",
    Batch.State.UNDOING: "Being taken back. You can leave this page.",
}


def other_headline(batch: Batch) -> str:
    if batch.state == Batch.State.UNDONE:
        return undo_sentence(batch.totals.get("undo", {}))
    return STATES.get(Batch.State(batch.state), f"{batch.title}. You can take it back.")


def plan_sentence(totals: dict[str, Any]) -> str:
    """“This would add 214 people and 1,240 e-mails; 37 are already here; 3 cannot be read.”"""
    things = "meetings" if totals.get("kind") == "ics" else "e-mails"
    added = listed(
        counted(totals.get("create", 0), "person", "people"),
        counted(totals.get("interactions", 0), things[:-1], things),
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


def result_sentence(result: dict[str, Any]) -> str:
    added = listed(
        counted(result.get("created", 0), "person", "people"),
        counted(result.get("interactions", 0), "e-mail or meeting", "e-mails and meetings"),
        counted(result.get("events", 0), "calendar entry", "calendar entries"),
    )
    said = [f"Added {added}" if added else "Nothing new was added"]
    said += [f"added to {counted(result['updated'], 'person', 'people')}" if result.get("updated") else ""]
    said += [f"{intcomma(result['skipped'])} left out" if result.get("skipped") else ""]
    said += [f"{intcomma(result['failed'])} could not be read" if result.get("failed") else ""]
    return "; ".join(filter(None, said)) + "."


def undo_sentence(undo: dict[str, Any]) -> str:
    kept = len(undo.get("kept", [])) + undo.get("kept_more", 0)
    kinds = undo.get("removed_by_kind", {})
    removed = listed(*(f"{intcomma(n)} {kind}" for kind, n in kinds.items())) or (
        counted(undo["removed"], "row", "rows") if undo.get("removed") else ""
    )
    said = [f"removed {removed}" if removed else ""]
    said += [f"put back {intcomma(undo['restored'])}" if undo.get("restored") else ""]
    said += [f"kept {intcomma(kept)}" if kept else ""]
    return f"Taken back: {', '.join(filter(None, said)) or 'there was nothing to remove'}."


def counted(number: int, one: str, many: str) -> str:
    return f"{intcomma(number)} {one if number == 1 else many}" if number else ""


def listed(*parts: str) -> str:
    """“a, b and c” of the parts that are not empty."""
    said = [part for part in parts if part]
    return " and ".join([", ".join(said[:-1]), said[-1]]) if len(said) > 1 else "".join(said)
