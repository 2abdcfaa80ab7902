"""“Why is it not here?”: what became of one line of a plan, in the words of the person who asks."""

from __future__ import annotations

from dataclasses import dataclass

from integrations.reasons import reason
from jobs.models import PlanItem


@dataclass(frozen=True)
class Answer:
    """What became of it, what that means, and how it feels: good, calm, warn or bad, as our notices are."""

    title: str
    meaning: str
    tone: str


IMPORTED = Answer("Imported", "", "good")
WAITING = Answer("Waiting for its turn", "The import is still at work.", "calm")
PLANNED = Answer("Only planned", "It comes in when you approve the plan.", "warn")
STOPPED = Answer("Not reached", "The import stopped before it came to this.", "warn")
TAKEN_BACK = Answer("Taken back", "You undid this import, and it went with it.", "warn")
ENDED = {"undone": TAKEN_BACK, "cancelled": STOPPED, "failed": STOPPED}


def answer(line: PlanItem, verdict: str) -> Answer:
    """`verdict` is what the ledger says of the line: kept, pending, only planned, skipped:<why> or failed:<why>."""
    kind, _, code = verdict.partition(":")
    if kind == "failed" or line.outcome == PlanItem.Outcome.FAIL:
        told = reason(code or line.reason)
        return Answer(told.title, line.data.get("problem") or told.meaning, "bad")
    if line.outcome == PlanItem.Outcome.SKIP:
        return left_out(line.reason)
    if kind == "skipped":
        return ENDED.get(code) or left_out(code)
    if kind == "kept":
        return IMPORTED
    return WAITING if line.batch.approved_at else PLANNED


ON_ITS_WAY = Answer("On its way", "Google has named it, and it is fetched in its turn.", "calm")
BEING_READ = Answer("Being read", "It was fetched, and becomes part of your history next.", "calm")
PUT_ASIDE = Answer("Put aside", "It could not be read three times.", "bad")


def answer_of(verdict: str, why: str = "") -> Answer:
    """The same of what a stream holds; `why` says in a sentence what went wrong."""
    kind, _, code = verdict.partition(":")
    match kind:
        case "kept":
            return IMPORTED
        case "pending":
            return BEING_READ
        case "failed":
            told = reason(code)
            return Answer(told.title, why or told.meaning, "bad")
    return ENDED.get(code) or left_out(code)


def left_out(code: str) -> Answer:
    told = reason(code)
    is_name = told.title.startswith("Gmail")
    title = told.title if is_name else told.title[0].lower() + told.title[1:]
    return Answer(f"Left out: {title}", told.meaning, "calm")
