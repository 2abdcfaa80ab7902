"""What Google has of the last days, id by id, and what became of each of them here.

Google's list is asked for without any filter. What the stream believes of itself, its cursor above all, counts for
nothing: an id is held, or left out for a reason, or waits, or could not be read; else it is missing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from integrations.google import calendar, gmail
from integrations.google.client import Google
from integrations.models import RawEvent, SyncStream, SyncWork
from integrations.streams.entries import AWAY
from integrations.streams.keeping import KEPT_OUT, STUBS, Keeping
from integrations.streams.steps import Step
from integrations.streams.work import verify

DELETED, TRASH = RawEvent.Remote.DELETED, RawEvent.Remote.TRASH
HELD = (RawEvent.KEPT, RawEvent.PENDING)


class Fate(StrEnum):
    """What became of an id of Google's."""

    HELD = "held"
    LEFT_OUT = "left_out"
    WAITING = "waiting"
    UNREADABLE = "unreadable"
    MISSING = "missing"


@dataclass(frozen=True)
class Page:
    """Ids as Google lists them, each with what it says of them: the thread of a message, the state of an event."""

    ids: dict[str, str]
    next_page: str


@dataclass(frozen=True)
class Truth:
    """How one kind of stream is held to what Google has."""

    ask: Callable[[Step, Google], Page]
    """Outside any transaction."""
    fate: Callable[[Any, SyncWork | None, str, dt.datetime], Fate]
    """Of what is known here of an id (nothing, perhaps), the work on it, what Google said of it, and since when."""
    heal: Callable[[SyncStream, Mapping[str, str], dt.datetime], None]
    """Lets the stream ask for what is missing, in the caller's transaction."""
    strays: Callable[[SyncStream, dt.datetime, dt.datetime], set[str]]
    """Ids of that time or later that were held when the list was begun. What it does not show is asked about."""


def of_work(work: SyncWork | None) -> Fate | None:
    if work is None:
        return None
    return Fate.UNREADABLE if work.state == SyncWork.State.PARKED else Fate.WAITING


# --- mail


def list_ids(step: Step, google: Google) -> Page:
    page = gmail.list_messages(
        google, query=f"after:{step.asks['since']}", page=step.asks["page"], spam_and_trash=True
    )
    return Page({listed.id: listed.thread_id for listed in page.ids}, page.next_page)


def fate_of_message(raw: Any, work: SyncWork | None, said: str, began: dt.datetime) -> Fate:
    is_wanted = work is not None and work.priority < STUBS
    if raw is None or (is_wanted and raw.verdict != RawEvent.KEPT):
        return of_work(work) or Fate.MISSING
    if raw.remote == DELETED:
        is_since = (raw.remote_at or raw.created_at) >= began
        return Fate.LEFT_OUT if is_since else of_work(work) or Fate.MISSING
    if raw.verdict in HELD:
        return Fate.LEFT_OUT if raw.remote == TRASH else Fate.HELD
    return Fate.UNREADABLE if raw.verdict.startswith("failed") else Fate.LEFT_OUT


def fetch_messages(stream: SyncStream, missing: Mapping[str, str], now: dt.datetime) -> None:
    """Their heads first, for labels decide whether they are wanted. What we thought was deleted is looked at again."""
    raws = RawEvent.objects.for_user(stream.user_id).filter(
        source=stream.source, external_id__in=list(missing)
    )
    raws.filter(remote=DELETED).exclude(verdict__in=HELD).delete()
    raws.filter(remote=DELETED).update(remote=TRASH)
    keeping = Keeping(stream, missing, now)
    for id, thread in missing.items():
        op = SyncWork.Op.VERIFY if id in keeping.raws else SyncWork.Op.STUB
        keeping.want(id, thread, op, "")
    keeping.finish()


def messages_since(stream: SyncStream, since: dt.datetime, began: dt.datetime) -> set[str]:
    rows = RawEvent.objects.for_user(stream.user_id).filter(
        source=stream.source,
        remote=RawEvent.Remote.LIVE,
        verdict__in=HELD,
        occurred_at__gte=since,
        created_at__lt=began,
    )
    return set(rows.values_list("external_id", flat=True))


# --- calendars


def list_changed(step: Step, google: Google) -> Page:
    since = dt.datetime.fromtimestamp(step.asks["since"], dt.UTC)
    page = calendar.list_updated(google, step.asks["calendar"], since, page=step.asks["page"])
    said = {event["id"]: f"{event.get('status', '')} {event.get('updated', '')}" for event in page.events}
    return Page(said, page.next_page)


def fate_of_event(raw: Any, work: SyncWork | None, said: str, began: dt.datetime) -> Fate:
    """An event may have changed: one that we hold otherwise than Google counts as missing, too."""
    status, _, updated = said.partition(" ")
    if raw is None:
        return of_work(work) or Fate.MISSING
    if raw.verdict.startswith("failed"):
        return Fate.UNREADABLE
    is_gone = raw.remote == DELETED
    if is_gone != (status == "cancelled") or is_older(raw, updated):
        return Fate.LEFT_OUT if is_put_away(raw) else of_work(work) or changed_since(raw, began)
    return Fate.HELD if raw.verdict == RawEvent.KEPT and not is_gone else Fate.LEFT_OUT


def is_put_away(raw: Any) -> bool:
    """Whether somebody wanted to be rid of it, whatever Google says of it later."""
    return raw.verdict in (*AWAY, *KEPT_OUT)


def changed_since(raw: Any, began: dt.datetime) -> Fate:
    """What was heard of an event after the list was begun is newer than the list."""
    if raw.updated_at < began:
        return Fate.MISSING
    return Fate.HELD if raw.verdict == RawEvent.KEPT and raw.remote != DELETED else Fate.LEFT_OUT


def is_older(raw: Any, updated: str) -> bool:
    if raw.payload is None or raw.remote == DELETED:
        return False
    return str(json.loads(raw.content).get("updated", "")) < updated


def ask_for_events(stream: SyncStream, missing: Mapping[str, str], now: dt.datetime) -> None:
    verify(stream, dict.fromkeys(missing, ""))


TRUTHS = {
    SyncStream.Kind.GMAIL: Truth(list_ids, fate_of_message, fetch_messages, messages_since),
    SyncStream.Kind.CALENDAR: Truth(list_changed, fate_of_event, ask_for_events, lambda *_: set()),
}
