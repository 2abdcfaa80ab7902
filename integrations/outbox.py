"""Writing a letter: its recipients are set by code, its text by the person, and it goes when they approve just that.

Everything here happens in the caller's transaction. Gmail is spoken to in `sending`.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Sequence
from uuid import UUID

from django.utils import timezone

from contacts.matching import normalize_email
from contacts.models import Contact, ContactIdentity, Interaction, OwnAddress
from integrations.google.oauth import COMPOSE
from integrations.mail import message as mail
from integrations.models import GoogleAccount, OutboxMessage, Provenance, RawEvent
from jobs.models import Job
from jobs.queue import enqueue
from omnicrm.events import note
from omnicrm.models import User
from omnicrm.owned import OwnedQuerySet

UNDO = dt.timedelta(seconds=10)
"""How long a letter waits after its approval, so that it can be taken back."""
LONGEST_SUBJECT, LONGEST_BODY, QUOTED = 500, 100_000, 5_000
MOST_REFERENCES = 20
State = OutboxMessage.State
PERHAPS_SENT = """
UPDATE integrations_outboxmessage SET state = 'unknown', step = '', problem =
    'This comes from a backup, and may have been sent after it was made. Look in Gmail under Sent, then say here what you found.'
WHERE state IN ('queued', 'attempting')
"""
"""For letters that were about to be sent when a backup was made."""


class CannotWrite(Exception):
    """There is no account to write from, or nobody to write to; the message says what to do."""


class NotThisText(Exception):
    """What was approved is not what the letter says now, or it is no draft any more; the message says which."""


def begin(
    user: User, contact: Contact, *, answers: Interaction | None = None, everyone: bool = False
) -> OutboxMessage:
    """An empty letter to this contact, or an answer to one of theirs; not saved yet. Raises CannotWrite."""
    account, own = writing_account(user, answers), own_addresses(user)
    to, cc = answered(answers, own) if answers else ([first_address(contact)], [])
    to = [address for address in to if address]
    if not to:
        raise CannotWrite(f"{contact} has no e-mail address yet. Add one, then write.")
    letter = OutboxMessage(user=user, account=account, contact=contact, sender=account.email)
    letter.to, letter.cc = to, cc if everyone else []
    if answers:
        letter.answers = answers
        letter.subject, letter.body = answer_subject(answers.subject), quoted(answers)
        letter.references, letter.remote_thread = where_it_belongs(account, answers)
    return letter


def writing_account(user: User, answers: Interaction | None) -> GoogleAccount:
    """The account that the answered letter came by, else the one connected last, of those that may write."""
    able = list(may_write(user))
    if not able:
        raise CannotWrite("Allow OmniCRM to write from one of your Google accounts first, under Connections.")
    sources = raw_events(user.pk, answers).values_list("source", flat=True) if answers else []
    came_by = {source.partition(":")[2] for source in sources}
    return next((account for account in able if account.google_sub in came_by), able[0])


def may_write(user: User) -> OwnedQuerySet[GoogleAccount]:
    """The accounts that letters can be written from, the one connected last first."""
    rows = GoogleAccount.objects.for_user(user).exclude(health=GoogleAccount.Health.DISCONNECTED)
    return rows.filter(scopes__contains=[COMPOSE]).order_by("-granted_at")


def find_account(letter: OutboxMessage) -> None:
    """In memory: from where a letter goes whose account is not here (any more): the one of the same address, else the
    one connected last. One that has an account keeps it."""
    if letter.account_id:
        return
    able = list(may_write(letter.user))
    if not able:
        return
    account = next((one for one in able if one.email == letter.sender), able[0])
    letter.account, letter.sender, letter.remote_thread = account, account.email, ""
    if letter.answers:
        references, letter.remote_thread = where_it_belongs(account, letter.answers)
        letter.references = references or letter.references


def raw_events(user_id: UUID, interaction: Interaction) -> OwnedQuerySet[RawEvent]:
    links = Provenance.objects.for_user(user_id).filter(interaction=interaction)
    return RawEvent.objects.for_user(user_id).filter(pk__in=links.values("raw_event_id"))


def own_addresses(user: User) -> set[str]:
    return {user.email.lower(), *OwnAddress.objects.for_user(user).values_list("value", flat=True)}


def first_address(contact: Contact) -> str:
    """The address that they are written to; empty if they have none."""
    rows = ContactIdentity.objects.for_user(contact.user_id).filter(contact=contact, kind="email")
    values = list(rows.order_by("created_at").values_list("value", flat=True))
    return contact.primary_email if contact.primary_email in values else next(iter(values), "")


def answered(interaction: Interaction, own: Collection[str]) -> tuple[list[str], list[str]]:
    """(to, cc): whoever wrote it, or whom the user wrote it to; and the others who had it."""
    parts = interaction.participants.filter(user_id=interaction.user_id).select_related("identity")
    by_role: dict[str, list[str]] = {}
    for part in parts.order_by("created_at", "id"):
        if part.identity.kind == "email" and part.identity.value not in own:
            by_role.setdefault(part.role, []).append(part.identity.value)
    to = by_role.get("from") or by_role.get("to", [])
    others = [*by_role.get("to", []), *by_role.get("cc", [])]
    return to, [address for address in dict.fromkeys(others) if address not in to]


def answer_subject(subject: str) -> str:
    return subject if subject.lower().startswith("re:") else f"Re: {subject}"[:LONGEST_SUBJECT]


def quoted(interaction: Interaction) -> str:
    """What is answered, below an empty line for the answer."""
    lines = interaction.visible_text[:QUOTED].splitlines()
    author = interaction.participants.filter(user_id=interaction.user_id, role="from").first()
    who = (author.name or author.identity.value) if author else "you"
    day = timezone.localtime(interaction.occurred_at).strftime("%-d %B %Y, %H:%M")
    return "\n".join(["", "", f"On {day}, {who} wrote:", *(f"> {line}".rstrip() for line in lines)])


def where_it_belongs(account: GoogleAccount, interaction: Interaction) -> tuple[list[str], str]:
    """The letters it refers to, oldest first (RFC 5322 §3.6.4), and Gmail's id of the conversation."""
    rows = list(raw_events(account.user_id, interaction))
    thread = next((raw.thread for raw in rows if raw.source == f"gmail:{account.google_sub}"), "")
    for raw in rows:
        if raw.payload is not None:
            parsed = mail.parse(raw.content)
            known = [*parsed.references, parsed.message_id]
            return [one for one in dict.fromkeys(known) if one][-MOST_REFERENCES:], thread
    return [], thread


def edit(letter: OutboxMessage, *, subject: str, body: str, to: Sequence[str] | None = None) -> OutboxMessage:
    """Save what a draft says. `to` is chosen among the addresses of its contact. Raises NotThisText once it is no draft."""
    letter = letter if letter._state.adding else locked(letter)
    if letter.state != State.DRAFT:
        raise NotThisText(f"This letter is no draft any more: {letter.get_state_display().lower()}.")
    find_account(letter)
    letter.subject = " ".join(subject.split())[:LONGEST_SUBJECT]
    letter.body = body.replace("\r\n", "\n").replace("\x00", "")[:LONGEST_BODY]
    if to is not None and not letter.answers_id:
        letter.to = [address for address in map(normalize_email, to) if address in addresses_of(letter)]
    letter.save()
    return letter


def addresses_of(letter: OutboxMessage) -> list[str]:
    rows = ContactIdentity.objects.for_user(letter.user_id).filter(contact=letter.contact_id, kind="email")
    return list(rows.order_by("created_at").values_list("value", flat=True)) if letter.contact_id else []


def approve(letter: OutboxMessage, content_hash: str) -> OutboxMessage:
    """Let go of exactly the text with this hash, in ten seconds. Approving twice is approving once.

    Raises NotThisText when the letter says something else by now, and CannotWrite when it cannot be sent at all.
    """
    letter = locked(letter)
    if letter.state != State.DRAFT:
        if letter.approved_hash == content_hash:
            return letter
        raise NotThisText(f"This letter is no draft any more: {letter.get_state_display().lower()}.")
    if letter.content_hash != content_hash:
        raise NotThisText("This is not the text that you looked at. Look at it again, then send it.")
    refuse_unsendable(letter)
    now = timezone.now()
    letter.state, letter.approved_hash = State.QUEUED, content_hash
    letter.approved_at = now.replace(microsecond=0)  # as the letter's own date says it
    letter.send_at, letter.approvals = now + UNDO, letter.approvals + 1
    letter.step, letter.problem, letter.settled_at = OutboxMessage.Step.NONE, "", None
    letter.save()
    note(letter.user_id, "letter.approved", on=letter, content_hash=content_hash)
    enqueue(
        "send_outbox",
        letter.user_id,
        queue=Job.Queue.INTERACTIVE,
        priority=Job.Priority.URGENT,
        run_at=letter.send_at,
        idempotency_key=f"send:{letter.pk}:{letter.approvals}",
        mutex_key=f"send:{letter.pk}",
        letter=str(letter.pk),
        approval=letter.approvals,
    )
    return letter


def refuse_unsendable(letter: OutboxMessage) -> None:
    if not letter.to:
        raise CannotWrite("This letter goes to nobody. Choose an address.")
    if not letter.body.strip():
        raise CannotWrite("This letter is empty. Write something first.")
    if letter.account is None:
        raise CannotWrite(
            "No account that may write is connected. Connect one under Connections, then save this draft again."
        )
    if not letter.account.may_write:
        raise CannotWrite(f"{letter.account} may not write any more. Allow it again under Connections.")


def recall(letter: OutboxMessage) -> bool:
    """Make a draft of it again, if nobody has begun to send it. Whether that came in time."""
    rows = OutboxMessage.objects.for_user(letter.user_id).filter(pk=letter.pk, state=State.QUEUED)
    draft = {"state": State.DRAFT, **OutboxMessage.UNAPPROVED}
    in_time = bool(rows.update(**draft, updated_at=timezone.now()))
    if in_time:
        note(letter.user_id, "letter.recalled", on=letter)
    return in_time


def settle(letter: OutboxMessage, *, was_sent: bool) -> OutboxMessage:
    """What the person says of a letter that perhaps was sent. One that was not is a draft again, to be approved anew."""
    letter = locked(letter)
    if letter.state == State.UNKNOWN:
        letter.state, letter.step = State.CONFIRMED, OutboxMessage.Step.NONE
        letter.problem, letter.settled_at = "", timezone.now()
        if not was_sent:
            letter.become_draft()
        letter.save()
        note(letter.user_id, "letter.settled", on=letter, was_sent=was_sent)
    return letter


def reopen(letter: OutboxMessage) -> OutboxMessage:
    """Make a draft again of a letter that was surely not sent."""
    letter = locked(letter)
    if letter.state == State.FAILED:
        letter.become_draft()
        letter.save()
    return letter


def discard(letter: OutboxMessage) -> bool:
    """Throw a draft away, or one that was not sent. Whether it could be."""
    rows = OutboxMessage.objects.for_user(letter.user_id).filter(
        pk=letter.pk, state__in=[State.DRAFT, State.FAILED]
    )
    return bool(rows.delete()[0])


def confirm_seen(user_id: UUID, keys: Collection[str]) -> int:
    """Letters that perhaps were sent, and whose Message-ID has come back among the sent mail. How many."""
    rows = OutboxMessage.objects.for_user(user_id).filter(state=State.UNKNOWN).select_for_update()
    seen = [letter for letter in rows if letter.message_id in keys]
    for letter in seen:
        letter.state, letter.problem, letter.settled_at = State.CONFIRMED, "", timezone.now()
        letter.save()
        note(user_id, "letter.sent", on=letter)
    return len(seen)


def locked(letter: OutboxMessage) -> OutboxMessage:
    """The letter as it is now, and nobody else's until the transaction ends."""
    found: OutboxMessage = (
        OutboxMessage.objects.for_user(letter.user_id).select_for_update(of=("self",)).get(pk=letter.pk)
    )
    return found
