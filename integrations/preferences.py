"""What somebody wants of one Google account: how far back, what stays out, of whom people are made, what is kept."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from django.db import models, transaction

from contacts.drafts import InteractionDraft
from integrations.models import GoogleAccount
from omnicrm.events import note

MAX_DAYS = 36_500
MOST_LABELS, LONGEST_LABEL = 100, 225
MOST_DOMAINS = 100
MOST_ATTENDEES = 500
MOST_THREADS, LONGEST_THREAD = 10_000, 255
Choice = TypeVar("Choice", bound=models.TextChoices)
_DOMAIN = re.compile(r"(?=.{4,253}\Z)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")


class BadPreferences(ValueError):
    """These preferences cannot be kept; the message says which and why. `name` is the one that is wrong."""

    def __init__(self, name: str, sentence: str) -> None:
        self.name = name
        super().__init__(sentence)


class Category(models.TextChoices):
    """The tabs that Gmail sorts mail into by itself, besides the first."""

    PROMOTIONS = "promotions", "Promotions"
    SOCIAL = "social", "Social"
    FORUMS = "forums", "Forums"
    UPDATES = "updates", "Updates"


class Creation(models.TextChoices):
    """Of whom people are made without asking."""

    OFF = "off", "Nobody: neither add nor suggest anybody"
    SUGGEST = "suggest", "Nobody: suggest everybody, and I decide"
    SENT = "sent", "People I wrote to or met; suggest the others"
    BOTH = "both", "People I wrote to or met, and people who wrote to me"


class Keep(models.TextChoices):
    """How much of a message is kept."""

    METADATA = "metadata", "Who and when"
    SUBJECT = "subject", "Who, when and the subject"
    FULL = "full", "All of the text"


@dataclass(frozen=True)
class Preferences:
    """The choices of one account. `version` counts how often what a plan depends on was changed."""

    days: int | None = 365
    """How many days back the first list goes; None: all mail there is."""
    labels_out: tuple[str, ...] = ()
    """Labels by their names in Gmail, whose mail stays out."""
    categories_out: tuple[str, ...] = tuple(Category.values)
    creation: Creation = Creation.SENT
    keep: Keep = Keep.FULL
    threads: Mapping[str, Keep] = field(default_factory=dict)
    """Threads of which something else is kept, by the thread key of their interactions."""
    internal: tuple[str, ...] = ()
    """Domains of colleagues, who are neither added nor suggested."""
    most_attendees: int = 20
    """A meeting with more people says nothing about whom one knows."""
    version: int = 0

    @classmethod
    def of(cls, account: GoogleAccount) -> Preferences:
        """What this account's owner chose, and the defaults for the rest."""
        return cls.read(account.preferences)

    @classmethod
    def read(cls, values: Mapping[str, Any]) -> Preferences:
        """Preferences from JSON or a form. Raises BadPreferences for a value that makes no sense, or a name unknown."""
        if unknown := sorted(values.keys() - READERS.keys()):
            raise BadPreferences(unknown[0], f"There is no preference called “{unknown[0]}”.")
        return cls(**{name: READERS[name](value) for name, value in values.items()})

    def as_json(self) -> dict[str, Any]:
        """What `read` reads."""
        return json.loads(json.dumps(asdict(self)))  # type: ignore[no-any-return]

    @property
    def digest(self) -> str:
        """What a plan binds: sha256 of all that decides what is fetched, kept and made of it.

        What is kept of single threads is left out: that is chosen while reading, and changes no plan.
        """
        bound = {name: value for name, value in self.as_json().items() if name not in ("version", "threads")}
        return hashlib.sha256(json.dumps(bound, sort_keys=True).encode()).hexdigest()

    def since(self, now: dt.datetime) -> dt.datetime | None:
        """Where the window begins; None: at the first mail there is."""
        return None if self.days is None else now - dt.timedelta(days=self.days)

    def kept_of(self, thread_key: str) -> Keep:
        return self.threads.get(thread_key, self.keep)

    def is_internal(self, email: str) -> bool:
        """Whether this address is of a colleague: at one of the domains, or below one."""
        domain = email.rpartition("@")[2].lower()
        return any(domain == ours or domain.endswith(f".{ours}") for ours in self.internal)

    def with_thread(self, thread_key: str, keep: Keep | None) -> Preferences:
        """The same, with so much kept of this thread; None: as much as of the others."""
        threads = {key: value for key, value in self.threads.items() if key != thread_key}
        return replace(self, threads=threads | ({thread_key: keep} if keep else {}))


def reduce(draft: InteractionDraft, keep: Keep) -> None:
    """Take out of a draft what is not to be kept."""
    if keep != Keep.FULL:
        draft.text = draft.visible_text = ""
    if keep == Keep.METADATA:
        draft.subject = ""


@transaction.atomic
def save(account: GoogleAccount, wanted: Preferences) -> Preferences:
    """Keep these preferences; what they are then. Their version rises where a plan made before no longer holds."""
    rows = GoogleAccount.objects.for_user(account.user_id).select_for_update(no_key=True)
    account.preferences = rows.get(pk=account.pk).preferences
    before = Preferences.of(account)
    changed = sorted(f.name for f in fields(wanted) if getattr(wanted, f.name) != getattr(before, f.name))
    kept = replace(wanted, version=before.version + (wanted.digest != before.digest))
    account.preferences = kept.as_json()
    account.save(update_fields=["preferences", "updated_at"])
    if changed := [name for name in changed if name != "version"]:
        note(account.user_id, "account.preferences_changed", on=account, names=changed, version=kept.version)
    return kept


@transaction.atomic
def keep_of_thread(account: GoogleAccount, thread_key: str, keep: Keep | None) -> Preferences:
    """From now on so much is kept of this thread; None: as much as of the others."""
    rows = GoogleAccount.objects.for_user(account.user_id).select_for_update(no_key=True)
    wanted = Preferences.of(rows.get(pk=account.pk)).with_thread(thread_key, keep)
    return save(account, Preferences.read(wanted.as_json()))


# --- reading values that somebody sent, or that stand in the database


def read_days(value: Any) -> int | None:
    if value is None:
        return None
    return whole(
        value, "days", 1, MAX_DAYS, "Mail is taken from between 1 and 36,500 days back, or all of it."
    )


def read_labels(value: Any) -> tuple[str, ...]:
    labels = texts(value, "labels_out", "Labels are a list of names.")
    names = {label.casefold(): label for label in (" ".join(one.split()) for one in labels) if label}
    if len(names) > MOST_LABELS:
        raise BadPreferences("labels_out", f"At most {MOST_LABELS} labels can be left out.")
    if too_long := next((name for name in names.values() if len(name) > LONGEST_LABEL), ""):
        raise BadPreferences("labels_out", f"“{too_long[:40]}…” is too long for the name of a label.")
    return tuple(names[key] for key in sorted(names))


def read_categories(value: Any) -> tuple[str, ...]:
    chosen = texts(value, "categories_out", "Categories are a list of names.")
    if unknown := next((one for one in chosen if one not in Category.values), ""):
        known = ", ".join(Category.values)
        raise BadPreferences(
            "categories_out", f"“{unknown[:40]}” is no category of Gmail. There are: {known}."
        )
    return tuple(one for one in Category.values if one in chosen)


def read_internal(value: Any) -> tuple[str, ...]:
    said = texts(value, "internal", "Domains are a list of names.")
    domains = sorted({one.strip().lower().removeprefix("@").rstrip(".") for one in said} - {""})
    if wrong := next((one for one in domains if not _DOMAIN.fullmatch(one)), ""):
        raise BadPreferences("internal", f"“{wrong[:60]}” is no domain. Write it like example.com.")
    if len(domains) > MOST_DOMAINS:
        raise BadPreferences("internal", f"At most {MOST_DOMAINS} domains can be yours.")
    return tuple(domains)


def read_threads(value: Any) -> Mapping[str, Keep]:
    if not isinstance(value, Mapping):
        raise BadPreferences("threads", "Threads are named one by one, each with what is kept of it.")
    if len(value) > MOST_THREADS:
        sentence = (
            f"At most {MOST_THREADS:,} threads can have a rule of their own. Change the general one instead."
        )
        raise BadPreferences("threads", sentence)
    if wrong := [one for one in value if not (isinstance(one, str) and 0 < len(one) <= LONGEST_THREAD)]:
        raise BadPreferences("threads", f"“{str(wrong[0])[:40]}” names no thread.")
    return {thread: choice(Keep, "threads", value[thread]) for thread in sorted(value)}


def read_attendees(value: Any) -> int:
    sentence = f"The number of people in a meeting is between 1 and {MOST_ATTENDEES}."
    return whole(value, "most_attendees", 1, MOST_ATTENDEES, sentence)


def read_version(value: Any) -> int:
    return whole(value, "version", 0, 2**31, "The version is a number.")


def whole(value: Any, name: str, least: int, most: int, sentence: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise BadPreferences(name, sentence)
    return value


def texts(value: Any, name: str, sentence: str) -> Sequence[str]:
    is_list = isinstance(value, list | tuple) and all(isinstance(one, str) for one in value)
    if not is_list or any("\x00" in one for one in value):
        raise BadPreferences(name, sentence)
    return list(value)


def choice(kind: type[Choice], name: str, value: Any) -> Choice:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join(kind.values)
        raise BadPreferences(name, f"“{str(value)[:40]}” is no choice here. There are: {known}.") from None


READERS: dict[str, Any] = {
    "days": read_days,
    "labels_out": read_labels,
    "categories_out": read_categories,
    "creation": lambda value: choice(Creation, "creation", value),
    "keep": lambda value: choice(Keep, "keep", value),
    "threads": read_threads,
    "internal": read_internal,
    "most_attendees": read_attendees,
    "version": read_version,
}
