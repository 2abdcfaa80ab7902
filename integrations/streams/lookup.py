"""Looking into Gmail itself, while somebody waits: what they search for, imported or not.

Who wrote, when and what about is asked for, and nothing of it is kept. Asking knows no database, and telling no network.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone

from contacts.erased import Erased
from contacts.keeping_away import Unwanted
from contacts.matching import same_spelling
from contacts.models import Interaction
from contacts.whom import page_of, parts_in
from integrations.answers import BEING_READ, ON_ITS_WAY, Answer, answer_of, left_out
from integrations.google import gmail, oauth
from integrations.google.errors import BY_ITSELF, SLOWER, Failed, Failure, Kind
from integrations.google.gmail import Message
from integrations.ledger import said_of
from integrations.mail import threads
from integrations.mail.message import ParsedMessage
from integrations.models import GoogleAccount, Provenance, RawEvent, SyncStream, SyncWork
from integrations.quota import Wait
from integrations.status import clock
from integrations.streams import heads
from integrations.streams.opening import Account
from integrations.streams.picking import may_be_chosen
from integrations.streams.policy import place_of
from integrations.streams.steps import FOLLOWED
from omnicrm.models import User

MOST = 25
"""Messages that are shown; each is priced as if it were fetched."""
HERE = Answer("In OmniCRM", "", "good")
NOT_LOOKED_AT = Answer("Not imported", "Nothing has looked at it yet.", "calm")
OLDER = Answer("Not imported", "It is older than what you follow, since {}.", "calm")
AT_WORK = "This mailbox is being read right now. Look again in a few seconds."
PAUSE = "Google asks for a pause until {}. Look again after that; nothing else is affected."
NOT_UNDERSTOOD = "Google does not take these words. Write them as in Gmail’s own search."


def mailboxes(user: User) -> QuerySet[SyncStream]:
    """The mailboxes of this user that one may look into: those that are followed."""
    rows = SyncStream.objects.for_user(user).filter(kind=SyncStream.Kind.GMAIL, phase__in=FOLLOWED)
    connected = rows.exclude(account__health=GoogleAccount.Health.DISCONNECTED)
    return connected.filter(account__scopes__contains=[oauth.MAIL]).select_related("account").order_by("pk")


# --- asking


class CannotLook(Exception):
    """Google was not asked, or did not answer; the message says what to do."""

    def __init__(self, sentence: str, *, connect_again: bool = False) -> None:
        super().__init__(sentence)
        self.connect_again = connect_again


@dataclass(frozen=True)
class Looked:
    """What Google found. `missed`: how many it named and did not show; `more`: whether it has others."""

    messages: list[Message]
    missed: int = 0
    more: bool = False


def look(account: Account, words: str, *, size: int = MOST) -> Looked:
    """The newest messages that Gmail finds for these words. Raises CannotLook. Not in a transaction."""
    try:
        with account.opened() as google:
            page = gmail.list_messages(google, query=words, size=size)
            answers = gmail.get_headers(google, [listed.id for listed in page.ids])
    except Wait as wait:
        raise CannotLook(waits(wait)) from wait
    except Failed as failed:
        raise cannot(failed.failure) from failed
    messages = [answer for answer in answers if isinstance(answer, Message)]
    failures = [answer for answer in answers if isinstance(answer, Failure) and answer.kind != Kind.GONE]
    if failures and not messages:
        raise cannot(failures[0])
    return Looked(messages, len(failures), bool(page.next_page))


def waits(wait: Wait) -> str:
    if wait.after <= 10:
        return AT_WORK
    return PAUSE.format(clock(timezone.now() + dt.timedelta(seconds=wait.after)))


def cannot(failure: Failure) -> CannotLook:
    """What the person may do: nothing of a look goes on by itself."""
    if failure.kind == Kind.POISON:
        return CannotLook(NOT_UNDERSTOOD)
    if failure.kind in SLOWER or failure.kind == Kind.TRANSIENT:
        return CannotLook(f"{failure.sentence.removesuffix(BY_ITSELF).strip()} Look again in a minute.")
    again = failure.kind in (Kind.REAUTH, Kind.NO_SCOPE)
    return CannotLook(failure.sentence, connect_again=again)


def refuse_stopped(stream: SyncStream, now: dt.datetime) -> None:
    """Raises CannotLook where one knows without asking."""
    if stream.health in (SyncStream.Health.REAUTH, SyncStream.Health.NO_SCOPE):
        raise CannotLook(stream.health_reason or "Google no longer lets us in.", connect_again=True)
    if stream.not_before and stream.not_before > now:
        raise CannotLook(PAUSE.format(clock(stream.not_before)))


# --- telling


@dataclass(frozen=True)
class Seen:
    """One message at Gmail, and what became of it here."""

    id: str
    thread: str
    subject: str
    author: str
    at: dt.datetime
    answer: Answer
    address: str = ""
    """Where it stands here."""
    may_be_imported: bool = False

    @property
    def name(self) -> str:
        """As a form names it: see picking.read_choice."""
        return f"{self.id}-{self.thread}"


def tell(user: User, stream: SyncStream, messages: Sequence[Message]) -> list[Seen]:
    """What became of each of these messages here, in words. In a transaction of the user's."""
    known = Known(user, stream, messages)
    return [known.seen(message) for message in messages]


@dataclass
class Known:
    """What we know of some messages at Gmail, asked for once for all of them."""

    user: User
    stream: SyncStream
    messages: Sequence[Message]
    raws: dict[str, RawEvent] = field(default_factory=dict)
    work: set[str] = field(default_factory=set)
    here: dict[str, str] = field(default_factory=dict)
    """Google's id → the address here; empty where nobody of it is a contact."""

    def __post_init__(self) -> None:
        self.heads: dict[str, ParsedMessage | None] = {
            message.id: heads.read(heads.head(message)) for message in self.messages
        }
        self.erased = Erased(self.user.pk)
        rows = RawEvent.objects.for_user(self.user).filter(
            source=self.stream.source, external_id__in=list(self.heads)
        )
        self.raws = {raw.external_id: raw for raw in rows.defer("payload")}
        work = SyncWork.objects.for_user(self.user).filter(
            stream=self.stream,
            external_id__in=list(self.heads),
            op=SyncWork.Op.FETCH,
            state=SyncWork.State.TODO,
        )
        self.work = set(work.values_list("external_id", flat=True))
        self.unwanted = Unwanted(self.user.pk)
        self.here = self.places()

    def email(self, id: str) -> str:
        head = self.heads[id]
        return same_spelling(head.author.email) if head and head.author else ""

    def places(self) -> dict[str, str]:
        """Those that are here: as this mailbox brought them, or under the same Message-ID from wherever."""
        ids = {raw.pk: id for id, raw in self.raws.items() if said_of(raw) == RawEvent.KEPT}
        links = Provenance.objects.for_user(self.user).filter(raw_event__in=list(ids))
        found = {ids[raw]: it for raw, it in links.values_list("raw_event", "interaction") if it}
        keys = {threads.source_key(head)[:255]: id for id, head in self.heads.items() if head}
        rows = Interaction.objects.for_user(self.user).filter(source_key__in=list(keys))
        found = {keys[key]: pk for key, pk in rows.values_list("source_key", "pk")} | found
        parts = parts_in(self.user.pk, list(found.values())) if found else {}
        slugs = {id: page_of(parts.get(pk, [])) for id, pk in found.items()}
        return {id: address(slugs[id], pk) for id, pk in found.items()}

    def seen(self, message: Message) -> Seen:
        head = self.heads[message.id]
        answer, may_be_imported = self.judge(message)
        author = head.author if head else None
        return Seen(
            id=message.id,
            thread=message.thread_id,
            subject=(head.subject if head else "") or "(no subject)",
            author=(author.name or author.email) if author else "",
            at=message.internal_at,
            answer=answer,
            address=self.here.get(message.id, ""),
            may_be_imported=may_be_imported,
        )

    def judge(self, message: Message) -> tuple[Answer, bool]:
        """What became of it, and whether it can be imported."""
        raw, where = self.raws.get(message.id), place_of(message.labels)
        if message.id in self.here and not where:
            return HERE, False
        if out := where or self.kept_away(self.email(message.id)):
            return left_out(out), False
        if raw is None:
            return (ON_ITS_WAY, False) if message.id in self.work else (self.never_seen(message), True)
        if raw.verdict in (RawEvent.KEPT, RawEvent.PENDING):
            return BEING_READ, False
        return answer_of(said_of(raw), raw.reason), may_be_chosen(raw)

    def kept_away(self, email: str) -> str:
        return self.unwanted.why(email) or ("erased" if self.erased.holds("email", email) else "")

    def never_seen(self, message: Message) -> Answer:
        after = str(self.stream.listing.get("after", ""))
        if after and message.internal_at.date() < dt.date.fromisoformat(after):
            since = dt.date.fromisoformat(after)
            return Answer(OLDER.title, OLDER.meaning.format(f"{since:%-d %B %Y}"), OLDER.tone)
        return NOT_LOOKED_AT


def address(slug: str, interaction: Any) -> str:
    return reverse("contacts:message", args=[slug, interaction]) if slug else ""
