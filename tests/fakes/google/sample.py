"""Mail and meetings that are plainly samples: as many as wanted, the same for the same seed."""

from __future__ import annotations

import email.utils
import mailbox as mailboxes
import random
from base64 import b64encode
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from .accounts import Account
from .core import Google

PEOPLE = [
    (f"{name} Sample", f"{name.lower()}@{company}.example")
    for name, company in (
        ("Anna", "works"), ("Bruno", "works"), ("Carla", "engines"), ("Dmitri", "engines"),
        ("Esra", "orbits"), ("Finn", "relays"), ("Gerda", "sums"), ("Hana", "spheres"),
    )
]  # fmt: skip
"""All called Sample, so that nobody takes them for persons."""
BULK = [
    ("Sample Shop", "news@shop.example", "CATEGORY_PROMOTIONS"),
    ("Sample Network", "notify@network.example", "CATEGORY_SOCIAL"),
    ("Sample Tracker", "noreply@tracker.example", "CATEGORY_UPDATES"),
]
SUBJECTS = ["Lunch on Thursday", "The analytical engine", "Offer for the second phase", "Notes of our call",
            "Question about the invoice", "Travel to Zürich", "Draft of the paper", "Next steps"]  # fmt: skip
LINES = ["Thank you for the notes, they help.", "Could we move this to next week?", "The numbers are attached.",
         "I will ask the others and come back to you.", "That works for me.", "What did the board say?",
         "Let us speak on Monday at ten."]  # fmt: skip
KEPT_LABELS = ("Clients", "Sample data")
PICTURE = b64encode(b"not a picture, but as large as a small one " * 150).decode()


def letter(
    *, sender: str = "Grace Hopper <grace@example.com>", to: str = "ada@example.com", subject: str = "Hello",
    text: str = "Hello.", at: float = 1_790_000_000.0, message_id: str = "", references: Iterable[str] = (),
    headers: Iterable[str] = (), attachment: str = "",
) -> bytes:  # fmt: skip
    """A small letter, quickly made. `attachment` is a file name."""
    refers = " ".join(references)
    lines = [
        f"From: {sender}", f"To: {to}", f"Subject: {subject}", f"Date: {email.utils.formatdate(at)}",
        f"Message-ID: {message_id or email.utils.make_msgid(domain='sample.example')}",
        *([f"References: {refers}", f"In-Reply-To: {refers.split()[-1]}"] if refers else []),
        *headers, "MIME-Version: 1.0",
    ]  # fmt: skip
    plain = f"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{text}\r\n"
    if not attachment:
        return "\r\n".join([*lines, plain]).encode()
    file = (
        f'Content-Type: application/pdf; name="{attachment}"\r\nContent-Transfer-Encoding: base64\r\n'
        f'Content-Disposition: attachment; filename="{attachment}"\r\n\r\n{PICTURE}\r\n'
    )
    mixed = f'Content-Type: multipart/mixed; boundary="sample"\r\n\r\n--sample\r\n{plain}--sample\r\n{file}--sample--\r\n'
    return "\r\n".join([*lines, mixed]).encode()


def open_account(
    google: Google, email: str, *, messages: int = 200, seed: int = 1, years: float = 2.0
) -> Account:
    """An account with all of this in it."""
    account = google.add_account(email, name=email.partition("@")[0].title())
    fill(google, account, messages=messages, seed=seed, years=years)
    meetings(google, account)
    return account


def fill(google: Google, account: Account, *, messages: int = 200, seed: int = 1, years: float = 2.0) -> None:
    """Conversations, bulk mail, some trash, spam, a draft and a chat; the newest is an hour old."""
    chance = random.Random(seed)
    mine, _ = (account.add_label(name) for name in KEPT_LABELS)
    now = google.clock()
    times = sorted(now - 3_600 - chance.random() * years * 365 * 86_400 for _ in range(messages))
    open_threads: list[list[str]] = []
    for number, at in enumerate(times):
        id = f"<sample-{seed}-{number}@sample.example>"
        if chance.random() < 0.25:
            bulk(account, chance, at, id)
        else:
            conversation(account, chance, at, id, open_threads, mine)
    if messages >= 10:
        odds_and_ends(account, now)


def bulk(account: Account, chance: random.Random, at: float, id: str) -> None:
    name, address, category = chance.choice(BULK)
    raw = letter(
        sender=f"{name} <{address}>", to=account.email, subject=f"{name}: news of the week", at=at, message_id=id,
        text="This is sample data.", headers=["List-Unsubscribe: <https://shop.example/off>", "Precedence: bulk"],
    )  # fmt: skip
    account.deliver(raw, ["INBOX", category], at=at)


def conversation(
    account: Account, chance: random.Random, at: float, id: str, threads: list[list[str]], label: str
) -> None:
    """A new thread, or an answer to one of the last ten; a third of all is written by the account's owner."""
    if threads and chance.random() < 0.6:
        thread = chance.choice(threads[-10:])
    else:
        thread = [chance.choice(SUBJECTS), str(chance.randrange(len(PEOPLE)))]
        threads.append(thread)
    subject, place, *references = thread
    name, address = PEOPLE[int(place)]
    sent = chance.random() < 0.33
    own, theirs = f"{account.name or account.email} <{account.email}>", f"{name} <{address}>"
    raw = letter(
        sender=own if sent else theirs, to=theirs if sent else own, at=at, message_id=id, references=references,
        subject=f"Re: {subject}" if references else subject, text="\r\n".join(chance.sample(LINES, 3)),
        attachment="figures.pdf" if chance.random() < 0.05 else "",
    )  # fmt: skip
    thread.append(id)
    labels = ["SENT"] if sent else ["INBOX", *(["UNREAD"] if chance.random() < 0.2 else [])]
    account.deliver(raw, [*labels, *([label] if chance.random() < 0.1 else [])], at=at)


def odds_and_ends(account: Account, now: float) -> None:
    """One of everything that a CRM leaves alone."""
    for place, labels in (("trash", ["TRASH"]), ("spam", ["SPAM"]), ("chat", ["CHAT"])):
        raw = letter(
            to=account.email,
            subject=f"Sample of {place}",
            at=now - 7_200,
            message_id=f"<{place}@sample.example>",
        )
        account.deliver(raw, labels, at=now - 7_200)
    account.mailbox.save_draft(
        letter(
            sender=account.email, to=PEOPLE[0][1], subject="Unfinished", message_id="<draft@sample.example>"
        )
    )


def meetings(google: Google, account: Account) -> None:
    """Past and upcoming ones: single, whole days, weekly with exceptions, declined, a room, and kinds that are no meetings."""
    calendar = account.calendar()
    zone = ZoneInfo(calendar.time_zone)
    today = (
        datetime.fromtimestamp(google.clock(), UTC)
        .astimezone(zone)
        .replace(hour=9, minute=0, second=0, microsecond=0)
    )
    anna, bruno, carla = (address for _, address in PEOPLE[:3])
    me = {"email": account.email, "responseStatus": "accepted"}
    for days, title, guest in (
        (-30, "Kick-off", anna),
        (-7, "Review of the engine", bruno),
        (3, "Lunch", carla),
    ):
        yes = {"email": guest, "responseStatus": "accepted"}
        calendar.add(title, today + timedelta(days=days), attendees=[me, yes], location="Sample Street 1")
    weekly = calendar.add(
        "Weekly", today - timedelta(weeks=8), attendees=[me, anna, bruno], recurrence=["RRULE:FREQ=WEEKLY"]
    )
    calendar.change_instance(weekly, today - timedelta(weeks=2), start=today - timedelta(weeks=2, hours=-5),
                             end=today - timedelta(weeks=2, hours=-6))  # fmt: skip
    calendar.cancel_instance(weekly, today - timedelta(weeks=1))
    calendar.add("Conference", today.date() + timedelta(days=20), today.date() + timedelta(days=23))
    room = {"email": "room-1@resource.calendar.google.com", "resource": True, "responseStatus": "accepted"}
    calendar.add(
        "Board", today + timedelta(days=10), attendees=[{**me, "responseStatus": "declined"}, room, anna]
    )
    calendar.add("Thinking", today + timedelta(days=1), eventType="focusTime")
    account.calendars.add("team@group.calendar.google.com", "Team", access_role="reader")


def load_mbox(account: Account, path: Path) -> int:
    """How many letters of an mbox file arrived; Gmail's labels of a Takeout archive are kept."""
    count = 0
    for each in mailboxes.mbox(path):
        names = [name.strip() for name in str(each.get("X-Gmail-Labels", "Inbox")).split(",")]
        account.deliver(each.as_bytes(), [account.add_label(name) for name in names if name])
        count += 1
    return count
