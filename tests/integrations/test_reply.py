"""Replies in plain text: what was written, what was quoted, what is the sign-off."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.mail.reply import Reply, split
from tests.integrations.linear import is_quick

CASES = Path(__file__).with_name("reply_cases.txt")


def read_cases() -> list[tuple[str, list[tuple[str, str]]]]:
    """The name of each message in the table, and its lines with the letter of where they belong."""
    cases: list[tuple[str, list[tuple[str, str]]]] = []
    for line in CASES.read_text(encoding="utf-8").splitlines():
        if line.startswith("== "):
            cases.append((line[3:], []))
        elif cases:
            cases[-1][1].append((line[:1], line[2:]))
    return cases


def written(text: str) -> list[str]:
    return [line.strip() for line in re.split(r"\r\n?|\n", text) if line.strip()]


@pytest.mark.parametrize(
    ("name", "lines"), read_cases(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_line_lands_where_the_table_says(name: str, lines: list[tuple[str, str]]) -> None:
    reply = split("\n".join(line for _, line in lines))
    expected = {part: [line.strip() for letter, line in lines if letter == part] for part in "VQS"}
    assert {
        "V": written(reply.visible),
        "Q": written(reply.quoted),
        "S": written(reply.signature),
    } == expected


@pytest.mark.parametrize(
    ("name", "lines"), read_cases(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_line_ends_make_no_difference(name: str, lines: list[tuple[str, str]]) -> None:
    text = "\n".join(line for _, line in lines)
    assert split(text.replace("\n", "\r\n")) == split(text)


def test_parts_keep_their_layout() -> None:
    reply = split("Dear Ada,\n\n  one\n  two\n\nOn 16/08/2022 12:52, Ada wrote:\n> a\n>\n> b\n\n-- \nGrace\n")
    assert reply == Reply(
        "Dear Ada,\n\n  one\n  two", "On 16/08/2022 12:52, Ada wrote:\n> a\n>\n> b", "-- \nGrace"
    )


def test_nothing_in_nothing_out() -> None:
    assert split("") == Reply("", "", "")
    assert split(" \n\t\r\n\u200b") == Reply(" \n\t\n\u200b", "", "")


MAIL_LINES = st.one_of(
    st.text(max_size=40),
    st.sampled_from([line for _, lines in read_cases() for _, line in lines]),
    st.sampled_from(
        ["", "> ", ">", "--", "-- ", "____", "---", "|", ":", "wrote:", "From:", "Thanks,", "Ada", "\r"]
    ),
)


@settings(max_examples=300)
@given(st.lists(MAIL_LINES, max_size=40).map("\n".join))
def test_no_line_is_lost_or_invented(text: str) -> None:
    reply = split(text)
    parts = written(reply.visible) + written(reply.quoted) + written(reply.signature)
    assert Counter(parts) == Counter(written(text))


HOSTILE = [
    "On Mon, X\n", "On ", "\n", ">", " ", "> a\nb\n", "On 5/5/2020 10:00, X wrote:\n", "From: a\n", "From: a\nTo: b\n",
    "From: a\nTo: b\nSubject: c\n", "From: \n", "To\n", "To\ncc\n", "-", "--\n", "_", "_____\n", "____\nunsubscribe\n",
    "Thanks,\n", "Thanks Ada\n", "Ada\n", "Ada\n\n", "/a\n", "Ada Lovelace | Analyst\n", "713-555-0100\n", ":\n", "a:\n",
    "5 wrote:\n", "wrote: ", "wrote:\n\n\n", "> wrote:\n", ">>> a >>>\n", "-----Original Message-----\n", "== wrote: --\n",
    "Begin forwarded message:\n", "a <b@c> wrote:\n", "On 5 May a <b@c>\nwrote:\n", "On x\n<\nmailto:a\n> wrote:\n",
    "5 5 2020 10:00 a@b.c\n>x\n", "a\n\n> b\n\nOn 5 may 2010 x wrote:\n", "2020-01-01 10:00 GMT\n", "a@b <", "a@", "@a",
    "a@b>wrote :", "<a@", "<", "[", "(", "1 ", "1:", "12/12/", "Sent from my iPhone\n", "Get a for ios\n", "http://x\n",
    "confidential recipient in error ", "unsubscribe\n", "CAUTION: x\n", "ab> x\n", "|\n", "| a\n", "word ", "\t", "\u200b",
    "\r", "a\r\nb\r", "：", "é:", "x" * 500 + ":\n",
]  # fmt: skip
SIZE = 100_000


@pytest.mark.parametrize("unit", HOSTILE, ids=lambda unit: ascii(unit[:30]))
def test_time_is_linear(unit: str) -> None:
    """Twice the mail takes about twice the time, and a megabyte less than a second."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit))
        began = time.process_time()
        split(text)
        return time.process_time() - began

    small = min(seconds(SIZE) for _ in range(3))
    large = min(seconds(2 * SIZE) for _ in range(3))
    assert large <= 2.6 * small + 0.005
    assert is_quick(large, 2 * SIZE / 1_000_000)


CORPUS = Path(__file__).parents[3] / "shared" / "corpora"


def score() -> dict[str, Any]:
    """What the public measure says of this checkout."""
    measure = [sys.executable, str(CORPUS / "score.py"), "reply", "--json"]
    done = subprocess.run(
        measure, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=120
    )
    result: dict[str, Any] = json.loads(done.stdout)["reply"]
    return result


@pytest.mark.skipif(
    not (CORPUS / "reply_strip.jsonl").exists(), reason=f"no corpus of real replies in {CORPUS}"
)
def test_real_mail_is_parted_well() -> None:
    result = score()
    assert result["errors"] == {}
    assert result["pass"]["share"] >= 0.97
    assert result["author_lines_lost"]["share"] <= 0.005
    assert result["quoted_lines_leaked"]["share"] <= 0.02
    assert result["groups"]["mailgun/forge"]["share"] >= 0.97
