"""An account in which everything has happened: each kind of file, edits by hand, an undo, a deletion."""

from __future__ import annotations

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

from contacts import editing
from contacts.models import Contact, Interaction
from integrations.archive.writing import Archive
from omnicrm.acting import acting_as, actor
from omnicrm.models import User
from tests.factories import make_google_account, make_letter, make_suggestion, make_suppression
from tests.importing import import_file, letter, mailbox, take_back
from tests.integrations.test_sources import CALENDAR

GRACE = "Grace Hopper <grace@example.com>"
CARDS = (
    "BEGIN:VCARD\nVERSION:4.0\nFN:Grace Hopper\nEMAIL:grace@example.com\nORG:Navy\nTEL:+12025550143\n"
    "BDAY:19061209\nX-SHIP:Hopper\nCATEGORIES:Friends,Navy\nNOTE:Found a moth\\, a real one.\nEND:VCARD\n"
)
NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)
APPROVED = {"approved_at": NOON, "send_at": NOON, "approved_hash": "0" * 64, "approvals": 1}
TABLE = (
    "Name,Email,Phone,Company,Title,Tags,Shoe size\n"
    "Ada Lovelace,ada@example.com,'+442071838750,Analytical Ltd,Countess,friends,37\n"
)


def fill(user: User, folder: Path) -> None:
    """Give this user a row of nearly everything, by the doors that people use."""
    mailbox(
        folder / "a.mbox",
        letter(1),
        letter(2, answers=1, text="From here on\n>From there"),
        letter(3, to=f"{user.email}, {GRACE}"),
    )
    mailbox(
        folder / "b.mbox",
        letter(2, answers=1),
        letter(4, sender=GRACE, subject="Grüße ☕"),
        letter(5, sender=user.email, to=GRACE),
    )
    (folder / "one.eml").write_bytes(latin_letter(user))
    (folder / "cards.vcf").write_text(CARDS)
    (folder / "table.csv").write_text(TABLE)
    (folder / "calendar.ics").write_text(CALENDAR)
    for name in ("a.mbox", "b.mbox", "cards.vcf", "table.csv", "calendar.ics"):
        import_file(user, folder / name)
    take_back(import_file(user, folder / "one.eml"))
    with acting_as(user.pk), actor("web"):
        by_hand(user)


def latin_letter(user: User) -> bytes:
    """A message that is no UTF-8, with an attachment."""
    return (
        b"From: Charles Babbage <charles@example.com>\r\nTo: "
        + user.email.encode()
        + b"\r\nSubject: Note\r\n"
        b"Message-ID: <latin@example.com>\r\nDate: Mon, 05 Jan 2026 12:00:00 +0000\r\nMIME-Version: 1.0\r\n"
        b"Content-Type: text/plain; charset=iso-8859-1\r\n\r\nCaf\xe9\r\n"
    )


def by_hand(user: User) -> None:
    ada = Contact.objects.for_user(user).get(primary_email="ada@example.com")
    editing.update_contact(
        user,
        contact=ada,
        name="Ada King",
        company="Analytical Ltd",
        job_title="Countess",
        stage="client",
        tags=["friends", "Æther"],
    )
    editing.add_note(user, contact=ada, text="Likes poetry.\nAnd “engines”.")
    editing.add_task(user, contact=ada, title="Write back", due_on=dt.date(2026, 2, 1))
    secret = editing.add_note(user, contact=ada, text="Between us.", private=True)
    editing.delete_note(user, written=secret)
    gone = editing.create_contact(user, name="Charles Babbage", addresses=["charles@example.org"])
    editing.add_note(user, contact=gone, text="Leaves soon.")
    editing.delete_contacts(user, contacts=[gone])
    make_suppression(user, scope="domain", key="spam.example", reason="ignored")
    write_letters(user, ada)
    make_suggestion(user, kind="merge", evidence={"contacts": [str(ada.pk)]})


def write_letters(user: User, contact: Contact) -> None:
    """One in each state in which a letter can stay, from an account with keys."""
    account = make_google_account(user, refresh_token=b"canary key", access_token=b"canary key")
    about: dict[str, Any] = {
        "account": account,
        "contact": contact,
        "to": ["ada@example.com"],
        "body": "At noon?",
    }
    make_letter(user, subject="Draft", answers=Interaction.objects.for_user(user).first(), **about)
    for state in ("confirmed", "failed", "unknown"):
        make_letter(user, subject=state.title(), state=state, remote_id="18f", **about, **APPROVED)


def archive_of(user: User) -> bytes:
    return b"".join(Archive(user).pieces())


def opened(data: bytes) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(data))


def entries(data: bytes) -> dict[str, bytes]:
    zipped = opened(data)
    return {name: zipped.read(name) for name in zipped.namelist()}


def zipped(files: dict[str, bytes], **options: Any) -> bytes:
    """A zip of these files, as somebody else might make one."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return made.getvalue()
