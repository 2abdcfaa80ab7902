"""One row of each owned model, as a test needs it: `make_contact(user, display_name="Ada")`.

A factory saves in the name of its user and makes the rows that its own must point at. Text columns say what
they are, and numbers tell rows of one kind apart, so that nothing collides.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar

from allauth.mfa.models import Authenticator
from django.db import connection
from django.utils import timezone

from contacts.derived import refresh_search
from contacts.models import (
    CalendarEvent,
    Company,
    Contact,
    ContactIdentity,
    ContactSlug,
    ContactTag,
    EventAttendee,
    Interaction,
    Note,
    OwnAddress,
    Participant,
    SearchText,
    Suggestion,
    Suppression,
    SuppressionKey,
    Tag,
    Task,
)
from contacts.search import parts
from integrations.models import (
    Export,
    GoogleAccount,
    OutboxMessage,
    Provenance,
    RawEvent,
    SourceFile,
    SyncStream,
    SyncWork,
)
from jobs.models import Batch, BatchItem, Job, JobEvent, PlanItem
from omnicrm.accounts import MFAAdapter
from omnicrm.acting import acting_as
from omnicrm.models import Event, EventAnchor, EventCheck, EventLink, User
from omnicrm.owned import OwnedModel

Row = TypeVar("Row", bound=OwnedModel)

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
_numbers = count(1)


def number() -> int:
    """Never the same twice in one run."""
    return next(_numbers)


def saved(row: Row) -> Row:
    """This row, written in the name of its owner."""
    with acting_as(row.user_id):
        row.save(force_insert=True)
    return row


def make_user(name: str = "Somebody", **fields: Any) -> User:
    email = fields.pop("email", f"{name.lower()}{number()}@example.org")
    return User.objects.create_user(email, name=name, **fields)


def make_operator(name: str = "Olga", **fields: Any) -> User:
    """Somebody who may open the admin, with the second factor that this takes."""
    operator = make_user(name, is_staff=True, is_superuser=True, **fields)
    secret = MFAAdapter().encrypt("JBSWY3DPEHPK3PXP")
    Authenticator.objects.create(user=operator, type=Authenticator.Type.TOTP, data={"secret": secret})
    return operator


# --- jobs


def make_batch(user: User, **fields: Any) -> Batch:
    return saved(Batch(user=user, **{"kind": "import_file", "title": f"Import {number()}"} | fields))


def make_plan_item(user: User, **fields: Any) -> PlanItem:
    batch = fields.pop("batch", None) or make_batch(user)
    given = {
        "seq": number(),
        "kind": "message",
        "external_id": f"<{number()}@example.org>",
        "outcome": "create",
    }
    return saved(PlanItem(user=user, batch=batch, **given | fields))


def make_batch_item(user: User, **fields: Any) -> BatchItem:
    batch = fields.pop("batch", None) or make_batch(user)
    given = {"object_type": "contacts.contact", "object_id": batch.pk, "before": {"slug": "a"}}
    return saved(BatchItem(user=user, batch=batch, **given | {"after": {"slug": "b"}} | fields))


def make_job(user: User, **fields: Any) -> Job:
    given: dict[str, Any] = {"kind": "noop", "payload": {"n": number()}}
    if fields.get("state") in Job.FINISHED:
        given["finished_at"] = timezone.now()
    return saved(Job(user=user, **given | fields))


def make_job_event(user: User, **fields: Any) -> JobEvent:
    job = fields.pop("job", None) or make_job(user)
    return saved(JobEvent(user=user, job=job, **{"event": "queued"} | fields))


# --- contacts: people


def make_contact(user: User, **fields: Any) -> Contact:
    name = fields.pop("display_name", f"Ada Lovelace {number()}")
    given = {"sort_name": name.casefold(), "slug": f"contact-{number()}"}
    contact = saved(Contact(user=user, display_name=name, **given | fields))
    with acting_as(user.pk):
        refresh_search(user.pk, [contact.pk])
    return contact


def make_company(user: User, **fields: Any) -> Company:
    name = fields.pop("name", f"Analytical Engines {number()}")
    return saved(Company(user=user, name=name, **{"name_key": name.casefold()} | fields))


def make_identity(user: User, **fields: Any) -> ContactIdentity:
    """An e-mail address that leads to nobody, unless a contact is given."""
    given = {"kind": "email", "value": f"ada{number()}@example.org"}
    identity = saved(ContactIdentity(user=user, **given | fields))
    if identity.contact_id:
        with acting_as(user.pk):
            refresh_search(user.pk, [identity.contact_id])
    return identity


def make_search_text(user: User, **fields: Any) -> SearchText:
    """What a search looks at, in the place of what the contact has already."""
    contact = fields.pop("contact", None) or make_contact(user)
    with acting_as(user.pk):
        SearchText.objects.for_user(user).filter(contact=contact).delete()
    return saved(SearchText(user=user, contact=contact, **{"text": "ada", "parts": parts("ada")} | fields))


def make_slug(user: User, **fields: Any) -> ContactSlug:
    contact = fields.pop("contact", None) or make_contact(user)
    return saved(ContactSlug(user=user, contact=contact, **{"slug": f"former-{number()}"} | fields))


def make_tag(user: User, **fields: Any) -> Tag:
    name = fields.pop("name", f"investor {number()}")
    return saved(Tag(user=user, name=name, **{"name_key": name.casefold()} | fields))


def make_contact_tag(user: User, **fields: Any) -> ContactTag:
    contact = fields.pop("contact", None) or make_contact(user)
    tag = fields.pop("tag", None) or make_tag(user)
    return saved(ContactTag(user=user, contact=contact, tag=tag, **fields))


def make_own_address(user: User, **fields: Any) -> OwnAddress:
    return saved(OwnAddress(user=user, **{"value": f"me{number()}@example.org"} | fields))


# --- contacts: history, and what a person adds


def make_interaction(user: User, **fields: Any) -> Interaction:
    given: dict[str, Any] = {"kind": "email", "direction": "received", "occurred_at": NOON, "source": "file"}
    given |= {"subject": "Notes", "text": "On the engine.", "visible_text": "On the engine."}
    return saved(Interaction(user=user, **given | {"source_key": f"<{number()}@example.org>"} | fields))


def make_participant(user: User, **fields: Any) -> Participant:
    interaction = fields.pop("interaction", None) or make_interaction(user)
    identity = fields.pop("identity", None) or make_identity(user)
    given = {"role": "from", "kind": interaction.kind, "occurred_at": interaction.occurred_at}
    return saved(Participant(user=user, interaction=interaction, identity=identity, **given | fields))


def make_calendar_event(user: User, **fields: Any) -> CalendarEvent:
    given = {"ical_uid": f"{number()}@example.org", "title": "Tea", "starts_at": NOON}
    return saved(CalendarEvent(user=user, **given | {"ends_at": NOON + timedelta(hours=1)} | fields))


def make_event_attendee(user: User, **fields: Any) -> EventAttendee:
    event = fields.pop("event", None) or make_calendar_event(user)
    identity = fields.pop("identity", None) or make_identity(user)
    return saved(EventAttendee(user=user, event=event, identity=identity, **{"name": "Ada"} | fields))


def make_note(user: User, **fields: Any) -> Note:
    contact = fields.pop("contact", None) or make_contact(user)
    return saved(Note(user=user, contact=contact, **{"text": "Likes poetry."} | fields))


def make_task(user: User, **fields: Any) -> Task:
    return saved(Task(user=user, **{"title": "Write back"} | fields))


def make_suggestion(user: User, **fields: Any) -> Suggestion:
    return saved(Suggestion(user=user, **{"kind": "contact", "key": f"ada{number()}@example.org"} | fields))


def make_suppression(user: User, **fields: Any) -> Suppression:
    given = {"scope": "item", "key": f"<{number()}@example.org>", "reason": "undone"}
    return saved(Suppression(user=user, **given | fields))


def make_suppression_key(user: User, **fields: Any) -> SuppressionKey:
    with acting_as(user.pk):
        SuppressionKey.objects.for_user(user).all().delete()  # a user has one
    return saved(SuppressionKey(user=user, **{"secret": b"s" * 32} | fields))


# --- integrations, and the foundation


def make_source_file(user: User, **fields: Any) -> SourceFile:
    given = {"name": "mail.mbox", "kind": "mbox", "size": 1000, "sha256": f"{number():064x}"}
    return saved(SourceFile(user=user, **given | fields))


def make_raw_event(user: User, **fields: Any) -> RawEvent:
    given = {"source": "file:0", "external_id": f"<{number()}@example.org>", "kind": "message"}
    return saved(RawEvent(user=user, **given | fields))


def make_provenance(user: User, **fields: Any) -> Provenance:
    raw_event = fields.pop("raw_event", None) or make_raw_event(user)
    batch = fields.pop("batch", None) or make_batch(user)
    return saved(Provenance(user=user, raw_event=raw_event, batch=batch, **fields))


def make_export(user: User, **fields: Any) -> Export:
    given = {"stored_as": f"exports/{user.pk}/{number()}.zip", "size": 12_345, "content_hash": "0" * 64}
    return saved(Export(user=user, **given | {"expires_at": timezone.now() + timedelta(days=1)} | fields))


def make_google_account(user: User, **fields: Any) -> GoogleAccount:
    given = {"google_sub": f"10000{number()}", "email": f"account{number()}@gmail.com"}
    return saved(GoogleAccount(user=user, **given | fields))


def make_stream(user: User, **fields: Any) -> SyncStream:
    account = fields.pop("account", None) or make_google_account(user)
    return saved(
        SyncStream(user=user, account=account, **{"kind": "gmail", "remote_id": f"me{number()}"} | fields)
    )


def make_work(user: User, **fields: Any) -> SyncWork:
    stream = fields.pop("stream", None) or make_stream(user)
    return saved(SyncWork(user=user, stream=stream, **{"external_id": f"{number():016x}"} | fields))


def make_letter(user: User, **fields: Any) -> OutboxMessage:
    account = fields.pop("account", None) or make_google_account(user)
    return saved(OutboxMessage(user=user, account=account, **{"sender": account.email} | fields))


def make_event(user: User, **fields: Any) -> Event:
    return saved(Event(user=user, **{"actor": "web", "action": "contact.created"} | fields))


def make_event_link(user: User, **fields: Any) -> EventLink:
    """Postgres makes it, when the transaction of its event ends; here that is at once."""
    with acting_as(user.pk), connection.cursor() as cursor:
        event = make_event(user)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; SET CONSTRAINTS ALL DEFERRED")
        return EventLink.objects.for_user(user).get(event_id=event.pk)


def make_event_anchor(user: User, **fields: Any) -> EventAnchor:
    return saved(EventAnchor(user=user, **{"seq": number(), "hash": b"head", "mac": b"signature"} | fields))


def make_event_check(user: User, **fields: Any) -> EventCheck:
    """What the last check found, in the place of what the one before did."""
    with acting_as(user.pk):
        EventCheck.objects.for_user(user).delete()
    return saved(EventCheck(user=user, **{"events": 0} | fields))


FACTORIES: dict[type[OwnedModel], Callable[..., Any]] = {
    Batch: make_batch,
    BatchItem: make_batch_item,
    CalendarEvent: make_calendar_event,
    Company: make_company,
    Contact: make_contact,
    ContactIdentity: make_identity,
    ContactSlug: make_slug,
    ContactTag: make_contact_tag,
    Event: make_event,
    EventAttendee: make_event_attendee,
    EventAnchor: make_event_anchor,
    EventCheck: make_event_check,
    EventLink: make_event_link,
    Export: make_export,
    GoogleAccount: make_google_account,
    Interaction: make_interaction,
    Job: make_job,
    JobEvent: make_job_event,
    Note: make_note,
    OutboxMessage: make_letter,
    OwnAddress: make_own_address,
    Participant: make_participant,
    PlanItem: make_plan_item,
    Provenance: make_provenance,
    RawEvent: make_raw_event,
    SearchText: make_search_text,
    SourceFile: make_source_file,
    Suggestion: make_suggestion,
    Suppression: make_suppression,
    SuppressionKey: make_suppression_key,
    SyncStream: make_stream,
    SyncWork: make_work,
    Tag: make_tag,
    Task: make_task,
}
"""The factory of each owned model; the census in tests/isolation asks that none is missing."""
