"""Random files of every kind, made of few people and few things, so that they often speak of the same."""

from __future__ import annotations

from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from tests.importing import letter

ADA, GRACE, CHARLES = "Ada Lovelace", "Grace Hopper", "Charles Babbage"
WRITERS = [
    f"{ADA} <ada@example.com>",
    f"{GRACE} <grace@example.com>",
    "g.hopper@example.net",
    "Alice Archer <alice@example.org>",
    "Alice <alice@work.example>",
]
HEADERS = [
    "",
    "",
    "",
    "X-Gmail-Labels: Sent\n",
    "X-Gmail-Labels: Spam\n",
    "List-Id: <talk.example.com>\n",
    "List-Unsubscribe: <mailto:off@example.net>\n",
]
EMAILS = [
    "ada@example.com",
    "grace@example.com",
    "g.hopper@example.net",
    "charles@example.com",
    "alice@example.org",
]
PHONES = ["+12025550143", "+12025550144"]


@dataclass(frozen=True)
class Written:
    """A file to be imported: its name says of what kind it is."""

    name: str
    text: str

    def put(self, folder: Path) -> Path:
        path = folder / self.name
        path.write_text(self.text)
        return path


def some(values: list[str], most: int = 2) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(values), max_size=most, unique=True)


def maybe(*values: str) -> st.SearchStrategy[str]:
    return st.sampled_from(["", *values])


letters = st.builds(
    letter,
    st.integers(1, 6),
    sender=st.sampled_from(WRITERS),
    to=st.sampled_from(WRITERS[:4]),
    answers=st.none() | st.integers(1, 6),
    headers=st.sampled_from(HEADERS),
)


@st.composite
def cards(draw: Any) -> str:
    lines = ["BEGIN:VCARD", "VERSION:3.0", f"FN:{draw(st.sampled_from([ADA, GRACE, CHARLES]))}"]
    lines += [f"EMAIL:{email}" for email in draw(some(EMAILS))]
    lines += [f"TEL:{phone}" for phone in draw(some(PHONES, 1))]
    for name, value in [
        ("ORG", "Sample Navy"),
        ("TITLE", "Admiral"),
        ("NOTE", "Engines"),
        ("CATEGORIES", "Friends"),
    ]:
        lines += [f"{name}:{value}"] if draw(st.booleans()) else []
    return "\n".join([*lines, "END:VCARD", ""])


@st.composite
def events(draw: Any) -> str:
    number, day = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    lines = ["BEGIN:VEVENT", f"UID:{number}@example.com", f"SUMMARY:Meeting {number}"]
    lines += [f"DTSTART:2026010{day}T100000Z", f"DTEND:2026010{day}T110000Z"]
    lines += ["RRULE:FREQ=DAILY;COUNT=2"] if draw(st.booleans()) else []
    for who in draw(some(WRITERS)):
        name, address = parseaddr(who)
        lines.append(f"ATTENDEE;CN={name or 'Guest'}:mailto:{address}")
    return "\n".join([*lines, "END:VEVENT", ""])


rows = st.tuples(
    st.sampled_from([ADA, GRACE, CHARLES]),
    maybe(*EMAILS),
    maybe("Sample Navy", "Analytical Ltd"),
    maybe("Admiral", "Countess"),
    maybe("friends", "Science"),
    maybe("41"),
).map(",".join)


def table(column: str, lines: list[str]) -> str:
    return "\n".join([f"Name,Email,Company,Title,Tags,{column}", *lines, ""])


def written(kind: str, texts: st.SearchStrategy[str]) -> st.SearchStrategy[Written]:
    return st.builds(lambda n, text: Written(f"{n}.{kind}", text), st.integers(1, 9), texts)


def calendar(entries: list[str]) -> str:
    return f"BEGIN:VCALENDAR\nVERSION:2.0\n{''.join(entries)}END:VCALENDAR\n"


files = st.one_of(
    written("mbox", st.lists(letters, min_size=1, max_size=5).map("".join)),
    written("eml", letters.map(lambda text: text.partition("\n")[2])),
    written("vcf", st.lists(cards(), min_size=1, max_size=4).map("".join)),
    written(
        "csv",
        st.builds(table, st.sampled_from(["Shoe size", "Club"]), st.lists(rows, min_size=1, max_size=4)),
    ),
    written("ics", st.lists(events(), min_size=1, max_size=3).map(calendar)),
)
