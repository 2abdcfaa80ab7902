"""What a line of a plan says of a person. It is kept sealed: numbers, birthdays, addresses and notes are in it."""

from __future__ import annotations

import datetime as dt

from contacts.drafts import PersonDraft
from integrations.sources import Me, dump, load
from jobs.models import PlanItem
from omnicrm.blind import blind

NOBODY = Me(frozenset(), dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
"""A draft that was written out depends on nobody."""


def say(item: PlanItem, draft: PersonDraft) -> None:
    """The line says this from now on. Its blind index stands for it in the plan's hash."""
    item.draft = dump(draft)
    item.data["draft"] = blind(item.user_id, "draft", item.draft.decode())


def person_in(item: PlanItem) -> PersonDraft:
    draft = load(bytes(item.draft), "person", NOBODY)
    assert isinstance(draft, PersonDraft)
    return draft
