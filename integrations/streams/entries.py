"""What one answer of Google's says of calendar events, and what follows for what we hold: in one transaction.

An event is held as a raw event, word for word, and as a row of the calendar. What is the same as before changes nothing,
so that a list may be read twice; what was taken back stays away. Only Google's own word cancels anything.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from contacts.drafts import EventDraft
from contacts.erased import Erased
from contacts.events import Whose, key, organizer_of
from contacts.keeping_away import Unwanted
from integrations.google.events import event_draft
from integrations.models import Provenance, RawEvent, SyncStream
from integrations.readers import NORMALIZER
from integrations.sifting import Sifted, sift
from integrations.streams.calendar_rows import CalendarRows
from integrations.streams.keeping import KEPT_OUT
from integrations.streams.standing import own_addresses
from jobs.models import Batch

LIVE, DELETED = RawEvent.Remote.LIVE, RawEvent.Remote.DELETED
LOST = "skipped:no_series"
"""A cancelled occurrence of a series that has not been shown yet: it waits for it."""
AWAY = ("skipped:undone", "skipped:erased")
"""What somebody wanted to be rid of, whatever Google says of it later."""


def digest(series: str) -> str:
    """What the occurrences of a series are found by; ids of Google's may be longer than a column."""
    return hashlib.sha256(series.encode()).hexdigest()[:40] if series else ""


def item_key(draft: EventDraft) -> str:
    return "|".join(key(draft))


def payload_of(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace")


def version(event: dict[str, Any]) -> list[str]:
    """What Google calls this state of an event; it has another name as soon as anything of it is another."""
    return [str(event["etag"])[:255]] if event.get("etag") else []


class Entries:
    """Gathers what is said of some events of a calendar, whose stream the caller has locked, and writes it."""

    def __init__(
        self,
        stream: SyncStream,
        events: Sequence[dict[str, Any]],
        batch: Callable[[], Batch],
        now: dt.datetime,
    ) -> None:
        self.stream, self.source, self.now = stream, stream.source, now
        self.events = {event["id"]: event for event in events}
        self.zone = str(stream.listing.get("zone", ""))
        owner = stream.user
        whose = Whose.of(owner, own_addresses(stream, owner), now)
        self.erased, self.unwanted = Erased(stream.user_id), Unwanted(stream.user_id)
        self.rows = CalendarRows(owner.pk, batch, whose)
        self.raws = self.held(external_id__in=[id[:300] for id in self.events])
        self.made: list[RawEvent] = []
        self.changed: dict[str, RawEvent] = {}

    def held(self, **which: Any) -> dict[str, RawEvent]:
        rows = RawEvent.objects.for_user(self.stream.user_id).filter(source=self.source, **which)
        return {raw.external_id: raw for raw in rows.select_for_update(no_key=True).order_by("external_id")}

    def write(self) -> None:
        """Keep what was said. Masters go first, so that what happened to their occurrences finds them."""
        for event in sorted(self.events.values(), key=lambda event: bool(event.get("recurringEventId"))):
            self.hear(event)
        self.rows.write()
        self.write_raws()

    # --- one event

    def hear(self, event: dict[str, Any]) -> None:
        raw = self.raws.get(event["id"][:300])
        if raw is not None and (raw.verdict in AWAY or self.is_as_before(raw, event)):
            self.see(raw)
            return
        try:
            draft = event_draft(event, self.zone)
        except ValueError as error:
            self.keep(event, raw, verdict="failed:unreadable", reason=str(error)[:300])
            return
        out = self.kept_out(raw, draft)
        sifted = sift(draft, self.erased, self.rows.whose.own)
        if sifted == Sifted.WHOLE:
            self.keep(event, raw, verdict="skipped:erased", payload=None)
        elif draft.leave_out:
            self.keep(event, raw, verdict=f"skipped:{draft.leave_out}")
        elif out:
            kept = self.keep(event, raw, verdict=f"skipped:{out}", payload=None)
            kept.author = organizer_of(draft)[:254]
            kept.remote = DELETED if draft.status == "cancelled" else LIVE
        elif draft.status == "cancelled":
            self.cancel(event, raw, draft)
        else:
            payload = None if sifted == Sifted.PART else zlib.compress(payload_of(event), 1)
            self.enter(event, raw, draft, payload)

    def kept_out(self, raw: RawEvent | None, draft: EventDraft) -> str:
        """Why an invitation stays out, by whoever sent it. What is here already is followed to its end."""
        is_here = raw is not None and raw.verdict == RawEvent.KEPT
        return "" if is_here else self.unwanted.why(organizer_of(draft))

    def is_as_before(self, raw: RawEvent, event: dict[str, Any]) -> bool:
        is_cancelled = event.get("status") == "cancelled"
        same_place = (raw.remote == DELETED) == is_cancelled and raw.verdict not in KEPT_OUT
        if is_cancelled and same_place and raw.verdict == RawEvent.KEPT:
            return True
        return same_place and bool(raw.labels) and raw.labels == version(event)

    def enter(
        self, event: dict[str, Any], raw: RawEvent | None, draft: EventDraft, payload: bytes | None
    ) -> None:
        if raw is not None and raw.item_key and raw.item_key != item_key(draft):
            self.withdraw(raw)
        kept = self.keep(event, raw, verdict=RawEvent.KEPT, payload=payload, item_key=item_key(draft))
        kept.occurred_at = draft.start if isinstance(draft.start, dt.datetime) else None
        self.rows.enter(draft)
        if draft.recurring:
            self.find_lost(draft)

    def cancel(self, event: dict[str, Any], raw: RawEvent | None, draft: EventDraft) -> None:
        """An occurrence is remembered as long as its series; anything else is gone, with all its occurrences."""
        draft.uid = draft.uid or self.uid_of(draft.series) or (raw.item_key.rpartition("|")[0] if raw else "")
        if not draft.series:
            self.gone(event, raw)
        elif draft.uid:
            kept = self.keep(event, raw, verdict=RawEvent.KEPT, item_key=item_key(draft))
            kept.remote = DELETED
            self.rows.cancel(key(draft), draft)
        else:
            self.keep(event, raw, verdict=LOST).remote = DELETED

    def gone(self, event: dict[str, Any], raw: RawEvent | None) -> None:
        if raw is None or raw.remote == DELETED:
            kept = self.keep(event, raw, verdict=raw.verdict if raw else "skipped:gone")
            kept.remote = DELETED
            return
        for one in [raw, *self.held(thread=digest(event["id"])).values()]:
            known = self.raws.setdefault(one.external_id, one)
            if known.remote != DELETED and known.verdict == RawEvent.KEPT:
                self.withdraw(known)
            known.remote = DELETED
            self.see(known)
        raw.payload = zlib.compress(payload_of(event), 1) if raw.payload else None

    def withdraw(self, raw: RawEvent) -> None:
        """Where another calendar of the user's still has the same entry, it stays."""
        others = RawEvent.objects.for_user(self.stream.user_id).filter(
            item_key=raw.item_key, remote=LIVE, verdict=RawEvent.KEPT
        )
        if raw.item_key and not others.exclude(source=self.source).exists():
            uid, _, recurrence_id = raw.item_key.rpartition("|")
            self.rows.cancel((uid, recurrence_id))

    def uid_of(self, series: str) -> str:
        master = self.raws.get(series[:300]) or self.held(external_id=series[:300]).get(series[:300])
        return master.item_key.rpartition("|")[0] if master else ""

    def find_lost(self, master: EventDraft) -> None:
        """What was cancelled of a series before it was shown."""
        for raw in self.held(thread=digest(master.google_id), verdict=LOST).values():
            raw = self.raws.setdefault(raw.external_id, raw)
            draft = event_draft(json.loads(raw.content), self.zone)
            draft.uid = master.uid
            raw.verdict, raw.item_key = RawEvent.KEPT, item_key(draft)
            self.changed[raw.external_id] = raw
            self.rows.cancel(key(draft), draft)

    # --- raw events

    def keep(self, event: dict[str, Any], raw: RawEvent | None, **values: Any) -> RawEvent:
        given = {"payload": zlib.compress(payload_of(event), 1), "labels": version(event)}
        given |= {"reason": "", "remote": LIVE} | values
        if raw is None:
            raw = RawEvent(
                user_id=self.stream.user_id, source=self.source, external_id=event["id"][:300], kind="event"
            )
            raw.thread, raw.normalizer = digest(str(event.get("recurringEventId") or "")), NORMALIZER
            self.raws[raw.external_id] = raw
            self.made.append(raw)
        for name, value in given.items():
            setattr(raw, name, value)
        self.see(raw)
        return raw

    def see(self, raw: RawEvent) -> None:
        raw.seen_generation = self.stream.generation
        self.changed[raw.external_id] = raw

    def write_raws(self) -> None:
        """Each is in the batch that first brought it, and vouches there for its entry."""
        made = {raw.pk for raw in self.made}
        if self.made:
            batch = self.rows.batch
            for raw in self.made:
                raw.batch = batch
            RawEvent.unscoped.bulk_create(self.made, batch_size=100)
            self.vouch(batch, [raw for raw in self.made if raw.verdict == RawEvent.KEPT])
        for raw in self.changed.values():
            if raw.pk not in made:
                raw.save()

    def vouch(self, batch: Batch, raws: Iterable[RawEvent]) -> None:
        links = [Provenance(user_id=batch.user_id, batch=batch, raw_event=raw) for raw in raws]
        Provenance.unscoped.bulk_create(links, ignore_conflicts=True, batch_size=500)
