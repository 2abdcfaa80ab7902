"""The job that sends a letter: as a draft in Gmail first, then that draft, once.

Between the mark `sending` and Google's answer a letter may have left, and nobody can take that back. So the mark is
on the disk before Google is asked, only the run that set it may ask, and whatever else finds it there looks instead:
in the sent mail, and at the draft. What cannot be found out is asked of the person, never tried again.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from email import message_from_string
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parsedate_to_datetime

from django.db.models.functions import Now
from django.utils import timezone

from integrations.google import drafts, gmail
from integrations.google.client import Google
from integrations.google.errors import REFUSED, SLOWER, STOPS, Failed, Failure, Kind, pause
from integrations.mail.ids import normal_id
from integrations.models import OutboxMessage
from integrations.quota import Lane
from integrations.streams.opening import Account
from jobs.queue import GONE, Again, GiveUp, RetryLater, handles
from jobs.runner import JobContext
from omnicrm.acting import acting_as
from omnicrm.events import note

State, Step = OutboxMessage.State, OutboxMessage.Step
LOOK = "Look in Gmail under Sent and under Drafts, then say here what you found."


@dataclass(frozen=True)
class Heard:
    """What came of speaking with Google: a draft, a letter that was sent, or why neither."""

    draft: drafts.Draft | None = None
    sent_as: str = ""
    wait: float | None = None
    """Surely nothing has left; ask again after so many seconds."""
    refused: str = ""
    """Surely nothing has left, and asking again will not help: a sentence."""
    unknown: str = ""
    """It may have left: a sentence."""


def speak(context: JobContext) -> Heard | None:
    """The one call that this chunk is for, outside of any transaction."""
    if (wait := until(context)) > 0:
        raise RetryLater(wait, "Google asked for a pause; nothing has been sent yet.")
    with acting_as(context.user_id):
        letter = letter_of(context)
        if letter.account is None:
            raise GiveUp("no_account", "The account that it should go from was removed.")
        account = Account.of(letter.account, Lane.DELTA)
    if letter.state != State.ATTEMPTING:
        return None
    with account.opened() as google:
        if letter.step != Step.SENDING:
            return make_draft(google, letter)
        is_ours = context.checkpoint.get("may_send") == context.job.token
        return send(google, letter) if is_ours else look(google, letter)


def until(context: JobContext) -> float:
    said = context.checkpoint.get("not_before")
    return (dt.datetime.fromisoformat(said) - timezone.now()).total_seconds() if said else 0.0


def letter_of(context: JobContext) -> OutboxMessage:
    rows = OutboxMessage.objects.for_user(context.user_id).select_related("account")
    letter = rows.filter(pk=context.payload["letter"]).first()
    if letter is None:
        raise GiveUp("not_found", GONE)
    return letter


def make_draft(google: Google, letter: OutboxMessage) -> Heard:
    """The letter as a draft in Gmail: the one that is there, where an earlier run made it."""
    try:
        there = drafts.find_drafts(google, letter.message_id)
        draft = (
            there[0]
            if there
            else drafts.create_draft(google, written(letter), thread_id=letter.remote_thread)
        )
    except Failed as failed:
        return not_sent(failed.failure)
    return Heard(draft=draft)


def send(google: Google, letter: OutboxMessage) -> Heard:
    try:
        return Heard(sent_as=drafts.send_draft(google, letter.remote_draft).id)
    except RetryLater as later:  # our own limits, before Google was asked
        return Heard(wait=later.after)
    except Failed as failed:
        failure = failed.failure
    if failure.kind in SLOWER | STOPS or failure.code == REFUSED.code:
        return not_sent(failure)
    return look(google, letter)


def not_sent(failure: Failure) -> Heard:
    waits = failure.kind in SLOWER or failure.kind == Kind.TRANSIENT
    return Heard(wait=max(1.0, pause(failure, 3))) if waits else Heard(refused=failure.sentence)


def look(google: Google, letter: OutboxMessage) -> Heard:
    """Whether it was sent, as far as Gmail shows it. Raises RetryLater while Gmail does not say."""
    try:
        if found := find_sent(google, letter):
            return Heard(sent_as=found)
        drafts.get_draft(google, letter.remote_draft)
    except Failed as failed:
        if failed.failure.kind != Kind.GONE:
            raise RetryLater(
                max(5.0, pause(failed.failure, 3)), "Finding out whether it was sent."
            ) from failed
        return Heard(unknown=f"Gmail did not answer, and shows it neither as sent nor as a draft. {LOOK}")
    return Heard(unknown=f"Gmail did not answer, and still shows it as a draft. {LOOK}")


def find_sent(google: Google, letter: OutboxMessage) -> str:
    """Gmail's id of the sent letter: by its Message-ID or, where Gmail wrote another, by its subject and its second."""
    by_id = gmail.find_by_message_id(google, letter.message_id)
    since = int((letter.approved_at or timezone.now()).timestamp()) - 60
    lately = gmail.list_messages(google, query=f"after:{since}", labels=["SENT"], size=25)
    ids = dict.fromkeys(one.id for one in (*by_id, *lately.ids))
    seen = [one for one in gmail.get_headers(google, ids) if isinstance(one, gmail.Message)]
    return next((one.id for one in seen if "SENT" in one.labels and is_it(one, letter)), "")


def is_it(message: gmail.Message, letter: OutboxMessage) -> bool:
    said = {name.lower(): value for name, value in message.headers}
    if normal_id(said.get("message-id", "")) == letter.message_id:
        return True
    parsed = message_from_string(
        "\r\n".join(f"{name}: {value}" for name, value in message.headers), policy=SMTP
    )
    return parsed["Subject"] == letter.subject and date_of(said.get("date", "")) == letter.approved_at


def date_of(value: str) -> dt.datetime | None:
    try:
        return parsedate_to_datetime(value)
    except ValueError:
        return None


def written(letter: OutboxMessage) -> bytes:
    """The letter as RFC 5322 has it."""
    message = EmailMessage(policy=SMTP)
    name = letter.account.name if letter.account else ""
    message["From"] = Address(name, addr_spec=letter.sender)
    message["To"] = [Address(addr_spec=address) for address in letter.to]
    if letter.cc:
        message["Cc"] = [Address(addr_spec=address) for address in letter.cc]
    message["Subject"] = letter.subject
    message["Date"] = format_datetime(letter.approved_at or timezone.now())
    message["Message-ID"] = f"<{letter.message_id}>"
    if letter.references:
        message["In-Reply-To"] = f"<{letter.references[-1]}>"
        message["References"] = " ".join(f"<{one}>" for one in letter.references)
    message.set_content(letter.body)
    return bytes(message)


def unfinished(context: JobContext, code: str, reason: str) -> None:
    """The job ended before its letter did: what may have left is asked about, and nothing else has."""
    letter = OutboxMessage.objects.for_user(context.user_id).filter(pk=context.payload["letter"]).first()
    if letter is None or letter.approvals != context.payload["approval"]:
        return
    if letter.state == State.ATTEMPTING and letter.step == Step.SENDING:
        end(letter, State.UNKNOWN, f"The sending was interrupted. {LOOK}")
    elif letter.state in (State.QUEUED, State.ATTEMPTING):
        end(letter, State.FAILED, f"It was not sent: {reason}")


@handles("send_outbox", queue="interactive", prepare=speak, unfinished=unfinished, durable=True)
def send_outbox(context: JobContext) -> Again | None:
    """One step of one letter, on the disk before the next begins."""
    heard: Heard | None = context.prepared
    if heard is None:
        return Again({}) if take(context) else None
    letter = letter_of(context)
    if heard.draft:
        letter.remote_draft, letter.step = heard.draft.id, Step.SENDING
        letter.save(update_fields=["remote_draft", "step", "updated_at"])
        return Again({"may_send": context.job.token})
    if heard.wait is not None:
        letter.step = Step.DRAFTING
        letter.save(update_fields=["step", "updated_at"])
        return Again({"not_before": (timezone.now() + dt.timedelta(seconds=heard.wait)).isoformat()})
    settle_as(letter, heard)
    return None


def take(context: JobContext) -> bool:
    """Begin, if the letter still waits with the text that was approved. From now on it cannot be taken back."""
    letter = letter_of(context)
    rows = OutboxMessage.objects.for_user(context.user_id).filter(
        pk=letter.pk,
        state=State.QUEUED,
        approvals=context.payload["approval"],
        approved_hash=letter.content_hash,
        send_at__lte=Now(),
    )
    return bool(rows.update(state=State.ATTEMPTING, step=Step.DRAFTING, updated_at=timezone.now()))


def settle_as(letter: OutboxMessage, heard: Heard) -> None:
    if heard.sent_as:
        letter.remote_id = heard.sent_as
        end(letter, State.CONFIRMED, "")
        note(letter.user_id, "letter.sent", on=letter)
    elif heard.refused:
        end(letter, State.FAILED, f"It was not sent. {heard.refused}")
    else:
        end(letter, State.UNKNOWN, heard.unknown)


def end(letter: OutboxMessage, state: OutboxMessage.State, problem: str) -> None:
    letter.state, letter.problem, letter.settled_at = state, problem, timezone.now()
    letter.save()
