"""The kinds of file we read, each as a stream of entries and a pure function from an entry to a draft.

A new kind is one more `register` call: nothing in contacts or jobs knows what kinds there are.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from contacts.drafts import Attendee, BadRow, EventDraft, InteractionDraft, Mention, PersonDraft

Draft = InteractionDraft | PersonDraft | EventDraft


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a file: its bytes as they are kept, its number, and where reading goes on after it."""

    position: int
    payload: bytes
    kind: str
    """What the plan calls it: email, person, event, meeting."""
    resume: int
    problem: str = ""
    """Why it cannot be read, for a person; the payload is empty then."""


@dataclass(frozen=True)
class Me:
    """What a draft may depend on besides the entry: the user's own addresses, and the day of the plan."""

    own: frozenset[str]
    as_of: dt.datetime


@dataclass(frozen=True)
class Source:
    kind: str
    label: str
    read: Callable[[BinaryIO, int, int, Me], Iterator[Entry]]
    """(stream, resume, position, me): the entries after a point that an earlier entry named, 0 for the beginning."""
    draft: Callable[[bytes, str, Me], Draft]
    """(payload, entry kind, me): what the entry says. Raises ValueError with a sentence when it says nothing."""
    brief: Callable[[bytes, str, Me], Draft] | None = None
    """The same as `draft` without what only the import needs, where that is quicker."""
    whole: bool = False
    """Whether the file is parsed as a whole, so that its entries alone are not what it said word for word."""


sources: dict[str, Source] = {}
"""Kinds of files."""
streamed: dict[str, Callable[[bytes, str, Me], Draft]] = {}
"""Kinds of streams, which name their own entries: how one is read."""


def register(source: Source) -> None:
    sources[source.kind] = source


def draft_of(kind: str) -> Callable[[bytes, str, Me], Draft]:
    """How what came from an origin of this kind is read."""
    return streamed[kind] if kind in streamed else sources[kind].draft


def draft_id(draft: Draft, payload: bytes) -> str:
    """The source's own id for a draft, bounded; a digest of the payload where it has none."""
    if isinstance(draft, InteractionDraft):
        return draft.source_key[:255]
    if isinstance(draft, EventDraft):
        return f"{draft.uid[:255]}|{draft.recurrence_id[:40]}"
    return f"person:{hashlib.sha256(payload).hexdigest()[:40]}"


def from_list(
    read: Callable[[bytes, Me], list[tuple[str, Draft] | BadRow]],
) -> Callable[..., Iterator[Entry]]:
    """A reader for small files that are parsed whole: drafts become payloads in JSON, bad rows become problems."""

    def entries(stream: BinaryIO, resume: int, position: int, me: Me) -> Iterator[Entry]:
        for number, found in enumerate(read(stream.read(), me)[resume:], start=resume + 1):
            if isinstance(found, BadRow):
                yield Entry(number, b"", "bad", number, f"Row {found.position}: {found.reason}")
            else:
                kind, draft = found
                yield Entry(number, dump(draft), kind, number)

    return entries


def dump(draft: Draft) -> bytes:
    return json.dumps(dataclasses.asdict(draft), default=written, ensure_ascii=False, sort_keys=True).encode()


def written(value: Any) -> str:
    if isinstance(value, dt.date):
        return value.isoformat()
    raise TypeError(type(value).__name__)


def load(payload: bytes, kind: str, me: Me) -> Draft:
    """The draft that `dump` wrote."""
    values = json.loads(payload)
    if kind == "person":
        values["birthday"] = dt.date.fromisoformat(values["birthday"]) if values["birthday"] else None
        return PersonDraft(**values)
    if kind == "event":
        values["organizer"] = Attendee(**values["organizer"]) if values["organizer"] else None
        values["attendees"] = [Attendee(**attendee) for attendee in values["attendees"]]
        return EventDraft(**values | {name: moment(values[name]) for name in ("start", "end", "updated")})
    values["occurred_at"] = dt.datetime.fromisoformat(values["occurred_at"])
    values["mentions"] = [Mention(**mention) for mention in values["mentions"]]
    return InteractionDraft(**values)


def moment(value: str | None) -> dt.datetime | dt.date | None:
    if not value:
        return None
    return dt.datetime.fromisoformat(value) if "T" in value else dt.date.fromisoformat(value)


def as_stream(data: bytes) -> BinaryIO:
    return io.BytesIO(data)
