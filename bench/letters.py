"""Invented mail of the size and shape of ordinary mail: threads, replies with quotes, signatures, some HTML."""

from __future__ import annotations

import random
from collections.abc import Iterator
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

WORDS = [
    "offer",
    "project",
    "invoice",
    "meeting",
    "next",
    "week",
    "budget",
    "team",
    "plan",
    "review",
    "draft",
    "contract",
    "question",
    "answer",
    "call",
    "time",
    "date",
    "please",
    "thanks",
    "regards",
    "send",
    "look",
    "change",
    "work",
    "client",
    "partner",
    "report",
    "number",
    "version",
    "first",
    "second",
    "open",
    "close",
    "sample",
]
PEOPLE = 2000


def letters(count: int, seed: int = 1) -> Iterator[bytes]:
    """`count` messages of about 5 KB, one by one."""
    rng = random.Random(seed)
    for number in range(count):
        yield letter(rng, number).as_bytes(policy=default.clone(max_line_length=None))


def letter(rng: random.Random, number: int) -> EmailMessage:
    person = rng.randrange(PEOPLE)
    made = EmailMessage()
    made["From"] = f"Person {person} <person{person}@example{person % 97}.com>"
    made["To"] = "Owner <owner@example.org>"
    made["Cc"] = ", ".join(
        f"Person {p} <person{p}@example{p % 97}.com>" for p in rng.sample(range(PEOPLE), rng.randrange(3))
    )
    made["Subject"] = " ".join(rng.choices(WORDS, k=5))
    made["Date"] = (
        f"Mon, {1 + number % 28:02d} Jan 2024 {number // 3600 % 24:02d}:{number // 60 % 60:02d}:{number % 60:02d} +0000"
    )
    made["Message-ID"] = f"<bench-{number}@example.com>"
    for hop in range(4):
        made["Received"] = (
            f"from mx{hop}.example.com by mail{hop}.example.org with ESMTPS id {rng.random()}; {made['Date']}"
        )
    if number % 3:
        made["In-Reply-To"] = made["References"] = f"<bench-{number - number % 3}@example.com>"
    text = f"{prose(rng, 8)}\n\nBest regards,\nPerson {person}\n+1 202 555 {number % 10_000:04d}\n\n"
    quoted = "\n".join(f"> {line}" for line in prose(rng, 14).splitlines())
    made.set_content(f"{text}On Mon, Jan 1, 2024 at 10:00 AM Owner <owner@example.org> wrote:\n{quoted}\n")
    if number % 2:
        made.add_alternative(
            f"<html><body><p>{text}</p><blockquote>{quoted}</blockquote></body></html>", subtype="html"
        )
    return made


def prose(rng: random.Random, lines: int) -> str:
    return "\n".join(" ".join(rng.choices(WORDS, k=11)).capitalize() + "." for _ in range(lines))


def write_mailbox(path: Path, count: int) -> Path:
    with path.open("wb") as out:
        for raw in letters(count):
            out.write(
                b"From bench@example.com Mon Jan  1 10:00:00 2024\n"
                + raw.replace(b"\nFrom ", b"\n>From ")
                + b"\n\n"
            )
    return path
