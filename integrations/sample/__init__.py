"""A sample mailbox, plainly invented, to try everything with and to take back with one click."""

from __future__ import annotations

import datetime as dt
from email.message import EmailMessage
from email.utils import format_datetime

from django.core.files.base import ContentFile

from integrations.plan import start_plan
from integrations.sample.letters import LETTERS, PEOPLE, Letter
from jobs.models import Batch
from omnicrm.models import User

NAME = "Sample mailbox.mbox"
DOMAIN = "sample.invalid"
"""A domain that cannot exist (RFC 2606)."""


def start(user: User) -> Batch:
    """Plan the import of the sample mailbox, like any other file. Raises Refused."""
    return start_plan(user, ContentFile(mailbox(user.email), name=NAME))


def mailbox(own: str) -> bytes:
    """An archive of letters between sample people and `own`, the last one written yesterday."""
    newest = dt.datetime.now(dt.UTC).replace(hour=9, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)
    parts = []
    for number, letter in enumerate(LETTERS):
        sent = newest - dt.timedelta(days=letter.days_ago, minutes=7 * number)
        line = f"From sample@{DOMAIN} {sent:%a %b %d %H:%M:%S %Y}\n".encode()
        parts.append(line + message(number, letter, own, sent).as_bytes() + b"\n\n")
    return b"".join(parts)


def message(number: int, letter: Letter, own: str, sent: dt.datetime) -> EmailMessage:
    them, me = f"{PEOPLE[letter.person]} <{letter.person}@{DOMAIN}>", f"<{own}>"
    made = EmailMessage()
    made["From"], made["To"] = (me, them) if letter.sent else (them, me)
    made["Date"], made["Subject"] = format_datetime(sent), letter.subject
    made["Message-ID"] = f"<sample-{number}@{DOMAIN}>"
    if letter.answers is not None:
        made["In-Reply-To"] = made["References"] = f"<sample-{letter.answers}@{DOMAIN}>"
    made.set_content(letter.text)
    return made
