"""What somebody wrote, and what they quoted between their lines: lines that begin with ">"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

ATTRIBUTION = re.compile(r"[\d@]|\bwrote\s*:$", re.IGNORECASE)
"""A line above a quotation names a day or an address, else it is part of what was written ("as you said:")."""
DIGIT = re.compile(r"\d")


def is_quoted(line: str) -> bool:
    return line.lstrip().startswith(">")


def passages(text: str) -> Iterator[tuple[bool, str]]:
    """(whether it is quoted, text) for each stretch of a message, in order; together they are the whole of it."""
    for quoted, lines in groupby(text.splitlines(), is_quoted):
        yield quoted, "\n".join(lines)


def own_words(text: str) -> str:
    """The message on one line, without what is quoted and the lines that say whom; may be empty."""
    own: list[str] = []
    for quoted, part in passages(text):
        if not quoted:
            own.append(part)
        elif own:
            own[-1] = without_attribution(own[-1])
    return " ".join(" ".join(own).split())


def without_attribution(part: str) -> str:
    """A stretch before a quotation, without "On … wrote:" at its end."""
    lines = part.rstrip().splitlines()
    last = lines[-1] if lines else ""
    if len(lines) > 1 and is_broken(lines[-2]) and last.endswith(":"):
        return "\n".join(lines[:-2])
    is_lead = (last.endswith(":") and ATTRIBUTION.search(last)) or is_broken(last)
    return "\n".join(lines[:-1]) if is_lead else part


def is_broken(line: str) -> bool:
    """Whether a line is the first half of "On … wrote:": a day, and a comma or an unclosed address at its end."""
    day = DIGIT.search(line)
    return day is not None and (line.endswith(",") or line.rfind("<") > max(day.start(), line.rfind(">")))
