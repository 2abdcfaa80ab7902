"""What a person does by hand to the people they know. One function a change; each is one transaction and one event.

What is deleted goes into a batch, so that it can be taken back like any import.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from contacts.creating import compared, key_of, shown_number, sort_name, tidy
from contacts.derived import refresh_contacts
from contacts.drafts import PersonDraft
from contacts.matching import normalize_email, normalize_phone, split_name
from contacts.models import (
    Company,
    Contact,
    ContactIdentity,
    ContactSlug,
    ContactTag,
    Note,
    OwnAddress,
    Suppression,
    Tag,
    Task,
)
from contacts.slugs import base_slug, unique_slug
from jobs.changes import log_deleted, logged_changes
from jobs.models import Batch
from jobs.tracking import tracked
from omnicrm.events import note
from omnicrm.models import User

EDITABLE = ("display_name", "job_title", "stage", "company_id")


class NotAnAddress(ValueError):
    """Neither an e-mail address nor a phone number; the message says so."""


class AddressTaken(ValueError):
    """The address leads to somebody else already: `contact`, or None when it is the user's own."""

    def __init__(self, value: str, contact: Contact | None) -> None:
        self.value, self.contact = value, contact
        whose = f"belongs to {contact}" if contact else "is your own address"
        super().__init__(f"{value} already {whose}." if contact else f"{value} {whose}.")


def read_address(text: str) -> tuple[str, str]:
    """(kind, normalized value) of an e-mail address or phone number as somebody typed it, or NotAnAddress."""
    if "@" in text:
        kind, value = ContactIdentity.Kind.EMAIL, normalize_email(text)
    else:
        kind, value = ContactIdentity.Kind.PHONE, normalize_phone(text)
    if not value or len(value) > 254:
        raise NotAnAddress(f"“{text}” is neither an e-mail address nor a phone number.")
    return kind, value


# --- people


@transaction.atomic
def create_contact(
    user: User,
    *,
    name: str,
    addresses: Sequence[str] = (),
    company: str = "",
    job_title: str = "",
    stage: str = "",
    tags: Iterable[str] = (),
) -> Contact:
    """A new contact made by hand. Raises NotAnAddress or AddressTaken, and then has made nothing."""
    name = tidy(name)
    contact = Contact(
        user=user,
        **names(name),
        slug=unique_slug(user.pk, name),
        company=company_named(user, company),
        job_title=tidy(job_title),
        stage=stage,
        source="hand",
    )
    insert(contact)
    for text in addresses:
        claim(user, contact, text)
    show_primary(user, contact)
    set_tags(user, contact, tags)
    refresh_contacts(user.pk, [contact.pk])
    note(user.pk, "contact.created", on=contact)
    return contact


def insert(contact: Contact) -> None:
    """Save a new contact, under another slug where somebody of that name is added at the same moment."""
    try:
        with transaction.atomic():
            contact.save(force_insert=True)
    except IntegrityError:
        contact.slug = unique_slug(contact.user_id, contact.display_name)
        contact.save(force_insert=True)


@transaction.atomic
def update_contact(
    user: User, *, contact: Contact, name: str, company: str, job_title: str, stage: str, tags: Iterable[str]
) -> list[str]:
    """Change what is written about a contact; the names of the columns that changed. The old link still works."""
    # Of two who save at once, the second starts from what the first has written.
    contact.refresh_from_db(from_queryset=Contact.objects.for_user(user).select_for_update(no_key=True))
    wanted: dict[str, Any] = {
        "display_name": tidy(name),
        "job_title": tidy(job_title),
        "stage": stage,
        "company_id": getattr(company_named(user, company), "pk", None),
    }
    changed = [column for column in EDITABLE if getattr(contact, column) != wanted[column]]
    for column in changed:
        setattr(contact, column, wanted[column])
    if "display_name" in changed:
        for column, value in names(contact.display_name).items():
            setattr(contact, column, value)
        move_slug(user, contact)
    if changed:
        contact.save()
        refresh_contacts(user.pk, [contact.pk])
    if set_tags(user, contact, tags):
        changed.append("tags")
    if changed:
        note(user.pk, "contact.edited", on=contact, columns=changed)
    return changed


def names(name: str) -> dict[str, str]:
    """The columns that follow from somebody's name, as they do in an import."""
    given, family = split_name(name)
    draft = PersonDraft(full_name=name, given_name=tidy(given, 100), family_name=tidy(family, 100))
    return {
        "display_name": name,
        "sort_name": sort_name(draft, name),
        "given_name": draft.given_name,
        "family_name": draft.family_name,
    }


def move_slug(user: User, contact: Contact) -> None:
    """A slug for the new name; the old one is kept, and one that the contact had before comes back."""
    if base_slug(contact.display_name) == contact.slug:
        return
    old = contact.slug
    wanted = base_slug(contact.display_name)
    ContactSlug.objects.for_user(user).filter(contact=contact, slug=wanted).delete()
    contact.slug = unique_slug(user.pk, contact.display_name)
    ContactSlug(user=user, slug=old, contact=contact).save(force_insert=True)


def company_named(user: User, name: str) -> Company | None:
    """The company of this name, made if it is new; None for a blank name."""
    name = tidy(name)
    if not name:
        return None
    company, _ = Company.objects.for_user(user).get_or_create(
        name_key=key_of(name), defaults={"user": user, "name": name}
    )
    return company


def set_tags(user: User, contact: Contact, names: Iterable[str]) -> bool:
    """The contact has exactly these tags from now on; whether that changed anything."""
    wanted: dict[str, str] = {}
    for name in filter(None, (tidy(name, 60) for name in names)):
        wanted.setdefault(key_of(name, 60), name)
    links = ContactTag.objects.for_user(user).filter(contact=contact)
    have = set(links.values_list("tag__name_key", flat=True))
    links.filter(tag__name_key__in=have - wanted.keys()).delete()
    for key in sorted(wanted.keys() - have):
        tag, _ = Tag.objects.for_user(user).get_or_create(
            name_key=key, defaults={"user": user, "name": wanted[key]}
        )
        links.get_or_create(tag=tag, defaults={"user": user, "contact": contact})
    return have != wanted.keys()


# --- addresses and numbers


@transaction.atomic
def add_identity(user: User, *, contact: Contact, text: str) -> ContactIdentity:
    """Another address or number of this contact. Raises NotAnAddress or AddressTaken."""
    had = set(ContactIdentity.objects.for_user(user).filter(contact=contact).values_list("pk", flat=True))
    identity = claim(user, contact, text)
    if identity.pk in had:
        return identity  # nothing has changed, so there is nothing for an undo to respect
    show_primary(user, contact)
    refresh_contacts(user.pk, [contact.pk])
    note(user.pk, "identity.added", on=contact, identity=str(identity.pk))
    return identity


@transaction.atomic
def remove_identity(user: User, *, identity: ContactIdentity) -> None:
    """The address leads to nobody from now on; the history it has stays, and comes back with it."""
    contact = identity.contact
    identity.contact = None
    identity.save(update_fields=["contact", "updated_at"])
    if contact is not None:
        show_primary(user, contact)
        refresh_contacts(user.pk, [contact.pk])
        note(user.pk, "identity.removed", on=contact, identity=str(identity.pk))


def claim(user: User, contact: Contact, text: str) -> ContactIdentity:
    """The identity that `text` names leads to `contact`, if it leads to nobody else."""
    kind, value = read_address(text)
    if kind == ContactIdentity.Kind.EMAIL and OwnAddress.objects.for_user(user).filter(value=value).exists():
        raise AddressTaken(value, None)
    rows = ContactIdentity.objects.for_user(user)
    shown = shown_number(text) if kind == ContactIdentity.Kind.PHONE else tidy(text, 254)
    identity, _ = rows.get_or_create(
        kind=kind,
        value=compared(user.pk, kind, value),
        defaults={"user": user, "display": shown, "contact": contact},
    )
    rows.filter(pk=identity.pk, contact=None).update(contact=contact, updated_at=timezone.now())
    identity.refresh_from_db()
    if identity.contact_id != contact.pk:
        raise AddressTaken(value, identity.contact)
    return identity


def show_primary(user: User, contact: Contact) -> None:
    """Keep the copies for display true: they stay while they lead here, else the oldest address takes over."""
    rows = ContactIdentity.objects.for_user(user).filter(contact=contact).order_by("created_at", "id")
    for kind, column in (("email", "primary_email"), ("phone", "primary_phone")):
        shown = [
            row.value if kind == "email" else row.display or row.readable for row in rows if row.kind == kind
        ]
        if getattr(contact, column) not in shown:
            setattr(contact, column, shown[0][:40] if shown and kind == "phone" else "".join(shown[:1]))
    contact.save(update_fields=["primary_email", "primary_phone", "updated_at"])


# --- deleting


@transaction.atomic
def delete_contacts(user: User, *, contacts: Sequence[Contact]) -> Batch:
    """Delete these people with their notes and tasks, in a batch that can be undone. Their history stays."""
    now = timezone.now()
    title = f"Deleted {contacts[0]}" if len(contacts) == 1 else f"Deleted {len(contacts)} people"
    batch = Batch(
        user=user, kind="delete", title=title, state=Batch.State.DONE, approved_by="web", approved_at=now
    )
    batch.finished_at, batch.totals = now, {"result": {"deleted": len(contacts)}}
    batch.save(force_insert=True)
    identities = ContactIdentity.objects.for_user(user).filter(contact__in=contacts)
    keep_away(batch, identities.filter(kind="email").values_list("value", flat=True))
    take_away(batch, contacts)
    return batch


def take_away(batch: Batch, contacts: Sequence[Contact]) -> None:
    """Delete these people with their notes and tasks, in this batch. Their addresses lead to nobody then."""
    ids = [contact.pk for contact in contacts]
    identities = ContactIdentity.objects.for_user(batch.user_id).filter(contact__in=ids)
    with logged_changes(batch, ContactIdentity, identities.values_list("pk", flat=True), ["contact_id"]):
        identities.update(contact=None)
        delete_with_dependents(batch.user, batch, ids)
    for contact in contacts:
        note(batch.user_id, "contact.deleted", on=contact, batch_id=batch.pk)


def keep_away(batch: Batch, emails: Iterable[str]) -> None:
    """No later import makes a person of these addresses again; undoing the deletion lifts that."""
    rows = [
        Suppression(
            user_id=batch.user_id, batch=batch, scope="address", key=email, reason=Suppression.DELETED
        )
        for email in emails
    ]
    Suppression.unscoped.bulk_create(rows, ignore_conflicts=True)


def delete_with_dependents(user: User, batch: Batch, ids: Sequence[UUID]) -> None:
    """What hangs on a contact is logged first, so that an undo, newest first, puts the contact back before it."""
    for model in models_about_contacts():
        rows = model._default_manager.filter(user=user, contact__in=ids)
        log_deleted(batch, model, rows.values_list("pk", flat=True))
        rows.delete()
    log_deleted(batch, Contact, ids)
    Contact.objects.for_user(user).filter(pk__in=ids).delete()


def models_about_contacts() -> list[type[models.Model]]:
    """Models whose rows go with their contact, whichever app they are in. Identities stay, leading to nobody."""
    kinds = [kind.model for kind in tracked.values() if kind.model is not ContactIdentity]
    return [model for model in kinds if points_to_contact(model)]


def points_to_contact(model: type[models.Model]) -> bool:
    return any(field.name == "contact" and field.related_model is Contact for field in model._meta.fields)


# --- notes and tasks


@transaction.atomic
def add_note(user: User, *, contact: Contact, text: str, private: bool = False) -> Note:
    """A `private` note is kept sealed."""
    made = Note(user=user, contact=contact, text=text, private=private)
    made.save(force_insert=True)
    note(user.pk, "note.added", on=made, contact=str(contact.pk))
    return made


@transaction.atomic
def edit_note(user: User, *, written: Note, text: str, private: bool = False) -> None:
    written.text, written.private = text, private
    written.save(update_fields=["text", "private", "updated_at"])
    note(user.pk, "note.edited", on=written, contact=str(written.contact_id))


@transaction.atomic
def delete_note(user: User, *, written: Note) -> Batch:
    """Deletes the note in a batch that can be undone."""
    return delete_row(user, written, f"Deleted a note on {written.contact}")


@transaction.atomic
def add_task(user: User, *, contact: Contact, title: str, due_on: dt.date | None) -> Task:
    made = Task(user=user, contact=contact, title=tidy(title, 300), due_on=due_on)
    made.save(force_insert=True)
    note(user.pk, "task.added", on=made, contact=str(contact.pk))
    return made


@transaction.atomic
def set_task_done(user: User, *, task: Task, done: bool) -> None:
    if done == (task.done_at is not None):
        return
    task.done_at = timezone.now() if done else None
    task.save(update_fields=["done_at", "updated_at"])
    note(user.pk, "task.done" if done else "task.reopened", on=task)


@transaction.atomic
def delete_task(user: User, *, task: Task) -> Batch:
    """Deletes the task in a batch that can be undone."""
    return delete_row(user, task, f"Deleted the task “{task}”")


def delete_row(user: User, row: Note | Task, title: str) -> Batch:
    now = timezone.now()
    batch = Batch(user=user, kind="delete", title=title[:300], state=Batch.State.DONE, approved_by="web")
    batch.approved_at = batch.finished_at = now
    batch.totals = {"result": {"deleted": 1}}
    batch.save(force_insert=True)
    log_deleted(batch, type(row), [row.pk])
    note(user.pk, f"{row._meta.model_name}.deleted", on=row, batch_id=batch.pk)
    row.delete()
    return batch
