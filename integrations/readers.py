"""Our readers, as sources: mailboxes, single messages, calendars, cards and spreadsheets."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator
from typing import BinaryIO

from contacts.drafts import BadRow, EventDraft, InteractionDraft, Mention
from contacts.events import meeting
from contacts.matching import same_spelling
from integrations.files import csv, ics, mbox, vcard
from integrations.google.events import event_draft
from integrations.mail import bulk, message, reply, threads
from integrations.mail.addresses import Address
from integrations.mail.message import ParsedMessage
from integrations.sources import Draft, Entry, Me, Source, from_list, load, register, streamed

NORMALIZER = 1
"""Raise it when reading improves: raw events with a lower number can then be read again."""

SENT = {
    "sent",
    "gesendet",
    "messages envoyés",
    "enviados",
    "posta inviata",
    "verzonden",
    "skickat",
    "wysłane",
}
LEFT_OUT = {
    "spam": {"spam", "courrier indésirable", "correo no deseado"},
    "trash": {"trash", "bin", "papierkorb", "corbeille", "papelera", "cestino", "prullenbak"},
    "draft": {"drafts", "draft", "entwürfe", "brouillons", "borradores", "bozze", "concepten"},
    "chat": {"chat"},
}
"""Gmail's own labels, which Takeout writes in the language of the account."""

MAX_EML = mbox.MAX_MESSAGE
YEARS_OF_MEETINGS = 5


def mailbox(stream: BinaryIO, resume: int, position: int, me: Me) -> Iterator[Entry]:
    for entry in mbox.messages(stream, start=resume, position=position):
        yield Entry(entry.position, entry.raw, "email", entry.offset + entry.length, entry.problem)


def single(stream: BinaryIO, resume: int, position: int, me: Me) -> Iterator[Entry]:
    if not resume:
        raw = stream.read(MAX_EML + 1)
        problem = "This message is larger than 50 MB and was left out." if len(raw) > MAX_EML else ""
        yield Entry(1, b"" if problem else raw, "email", 1, problem)


def email_draft(payload: bytes, kind: str, me: Me) -> InteractionDraft:
    """What one message says: who, when, what was newly written."""
    parsed = message.parse(payload)
    sent = parsed.author is not None and same_spelling(parsed.author.email) in me.own
    return InteractionDraft(
        kind="email",
        source="email",
        source_key=threads.source_key(parsed)[:255],
        occurred_at=when(parsed, me),
        subject=parsed.subject,
        direction="sent" if sent else "received",
        thread_key=threads.thread_key(parsed),
        bulk=bulk.verdict(parsed.headers),
        mentions=mentions(parsed),
        text=parsed.readable,
        **by_label(parsed),
    )


def by_label(parsed: ParsedMessage) -> dict[str, str]:
    """What Google Takeout's labels say: whose own message it is, and what is spam, trash or a draft."""
    labels = {
        label.strip().lower()
        for line in parsed.headers.get("x-gmail-labels", [])
        for label in line.split(",")
    }
    left_out = next((reason for reason, names in LEFT_OUT.items() if labels & names), "")
    own = same_spelling(parsed.author.email) if parsed.author and labels & SENT else ""
    return {"leave_out": left_out, "own_address": own}


def full_email_draft(payload: bytes, kind: str, me: Me) -> InteractionDraft:
    """The same with what the author newly wrote told apart from what was quoted and signed."""
    draft = email_draft(payload, kind, me)
    draft.visible_text = reply.split(draft.text).visible
    return draft


def when(parsed: ParsedMessage, me: Me) -> dt.datetime:
    """When it was sent; when it arrived, if the sender's clock is absurd; else the day of the plan."""
    for moment in (parsed.date, parsed.received_at):
        if moment and dt.datetime(1980, 1, 1, tzinfo=dt.UTC) < moment < me.as_of + dt.timedelta(days=2):
            return moment.astimezone(dt.UTC)
    return me.as_of


def mentions(parsed: ParsedMessage) -> list[Mention]:
    lists = bulk.list_addresses(parsed.headers)
    by_role: list[tuple[str, list[Address]]] = [
        ("from", [parsed.author] if parsed.author else []),
        ("to", parsed.to),
        ("cc", parsed.cc),
        ("bcc", parsed.bcc),
    ]
    return [
        Mention(same_spelling(one.email), one.name, role)
        for role, people in by_role
        for one in people
        if one.email and (role != "from" or one.email not in lists)
    ]


def cards(data: bytes, me: Me) -> list[tuple[str, Draft] | BadRow]:
    people, bad = vcard.read(data)
    return [*(("person", person) for person in people), *bad]


def rows(data: bytes, me: Me) -> list[tuple[str, Draft] | BadRow]:
    people, bad = csv.read(data)
    return [*(("person", person) for person in people), *bad]


def calendar(data: bytes, me: Me) -> list[tuple[str, Draft] | BadRow]:
    """Each entry of the calendar, then the past meetings with other people, series unrolled."""
    found = ics.Calendar(data)
    entries: list[tuple[str, Draft] | BadRow] = [("event", event) for event in once(found.events)]
    since = me.as_of.replace(day=1) - dt.timedelta(days=365 * YEARS_OF_MEETINGS)
    past, unfinished = found.between(since, me.as_of)
    held = [meeting(event, me.own) for event in past]
    keyed = {draft.source_key: draft for draft in held if draft is not None}
    return [*entries, *(("meeting", draft) for draft in keyed.values()), *found.bad, *unfinished]


def once(events: list[EventDraft]) -> list[EventDraft]:
    """The last of several entries with one identifier: calendars append the newer revision."""
    return list(
        {(e.uid or hashlib.sha256(repr(e).encode()).hexdigest(), e.recurrence_id): e for e in events}.values()
    )


def google_event(payload: bytes, kind: str, me: Me) -> EventDraft:
    """What a calendar event says that is kept as Google wrote it."""
    return event_draft(json.loads(payload))


def register_all() -> None:
    register(Source("mbox", "Mailbox archive", mailbox, full_email_draft, email_draft))
    register(Source("eml", "E-mail", single, full_email_draft, email_draft))
    register(Source("ics", "Calendar", from_list(calendar), load, whole=True))
    register(Source("vcf", "Address cards", from_list(cards), load, whole=True))
    register(Source("csv", "Spreadsheet", from_list(rows), load, whole=True))
    streamed["gmail"] = full_email_draft
    streamed["calendar"] = google_event
