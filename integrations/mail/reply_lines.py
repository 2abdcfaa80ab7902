"""Which lines of a message quote somebody else: one pass over the lines, a constant look around each candidate."""

from __future__ import annotations

import re
from collections.abc import Sequence

from integrations.mail.reply_headers import is_bare_to, opens_older, role_of
from integrations.mail.reply_rules import (
    ADDRESS,
    CLOCK_OR_YEAR_DATE,
    DATE,
    DATED_START,
    MARKED,
    QUOTING,
    RULERS,
    WROTE_RUN_ON,
    WROTE_WORD,
)

BLANK, TEXT, QUOTE, WROTE, HEADER, RULE, SIGN, MAYBE = " ", "t", "q", "w", "h", "r", "s", "?"
"""Kinds of lines: WROTE is "On … wrote:", HEADER is "--- Original Message ---" and the From:/Sent:/To: lines."""

_OPENERS = RULERS + "<|│["
_EDGES = MARKED.replace(":", "")
_ENDS = ":：>"
_VERBS = ("wrote", "写道", "寫道")
_MISSES = 1000
"""Candidates that turn out to be text before we stop looking: no letter has so many, but a log or an attack does."""
_BRACKETS = ("<", "(", "[", '"', ":", "\u202a")
_WIDTH = 400
"""Characters of a line that may introduce a quotation."""
_FRAGMENT = 30
"""A last line this short may be the end of a verb: "écrit :" below "… a"."""
_HEIGHT = 6
"""Lines an introduction may be broken into."""
_INITIALS = re.compile(r"[A-Za-z]{1,4}>(?:[ >\t]|$)")
"""The old habit of quoting with somebody's initials: "JD> text"."""
_ADDRESS_OR_DIGIT = re.compile(r"[@\d]")
_TIME_LINE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4} \d{1,2}[:.]\d{2}(?: ?[AaPp][Mm])?")
_STAMPED = re.compile(r"\d{4}-\d\d-\d\d \d{1,2}:\d\d (?:GMT|UTC)")


def settle(lines: Sequence[str], kinds: list[str]) -> int:
    """Turn every MAYBE into what it is beside its neighbours. Returns the index of the first line that certainly opens
    an older message, or the number of lines; what opens above any text is only marked: the rest is the message then."""
    none = len(lines)
    first_text, misses = none, 0
    for i, kind in enumerate(kinds):
        start, end = i, i + 1
        if kind == MAYBE:
            found = _opening(lines, kinds, i) if misses < _MISSES else None
            start, end, kind = found or (i, i + 1, TEXT)
            misses += found is None
            kinds[start:end] = [kind if line else BLANK for line in lines[start:end]]
        if kind == TEXT:
            first_text = min(first_text, i)
        elif first_text < start and (
            kind == HEADER or (kind == WROTE and not _quote_follows(lines, kinds, end - 1))
        ):
            return _with_rules(lines, kinds, start)
    return none


def kind_alone(line: str) -> str:
    """The kind of a line as far as it shows without its neighbours; MAYBE asks for a closer look."""
    if not line:
        return BLANK
    first, last = line[0], line[-1]
    if first == ">":
        if last == ">" and line.startswith(">>> ") and line.endswith(" >>>"):
            return HEADER  # GroupWise: ">>> Ada Lovelace 8/16/2002 12:52 PM >>>"
        return MAYBE if last == ":" and _is_broken_wrote(line) else QUOTE
    if first in _OPENERS:
        return RULE if first in RULERS and not line.strip(MARKED) else MAYBE
    if line.find(">", 1, 5) > 0 and _INITIALS.match(line):
        return QUOTE
    if last in _ENDS or (last in "e道" and line.endswith(_VERBS)):
        return MAYBE
    if ((":" in line or "：" in line) and role_of(line)) or is_bare_to(line):
        return MAYBE
    if "@" in line and WROTE_RUN_ON.search(line):
        return MAYBE
    return MAYBE if first.isdigit() and _STAMPED.match(line) else TEXT


def _opening(lines: Sequence[str], kinds: Sequence[str], i: int) -> tuple[int, int, str] | None:
    """Start, end and kind of what line i belongs to: HEADER, WROTE or QUOTE; None when it is mere text."""
    if lines[i][0] in "|│":
        above = kinds[i - 1] if i and lines[i - 1] else kinds[i - 2] if i > 1 else TEXT
        return (i, i + 1, QUOTE) if above in (WROTE, QUOTE) else None
    end = opens_older(lines, i)
    if end > i:
        return i, end, HEADER
    start = _wrote_start(lines, kinds, i)
    return None if start is None else (start, i + 1, WROTE)


def _with_rules(lines: Sequence[str], kinds: Sequence[str], i: int) -> int:
    """The first line of what belongs to line i above it: rulers, blanks and Lotus Notes' name and time of the sender."""
    above = i
    while above and kinds[above - 1] in (BLANK, RULE):
        above -= 1
    if above > 2 and _TIME_LINE.fullmatch(lines[above - 1]):
        return _with_rules(lines, kinds, above - 2)
    return above


def _is_broken_wrote(line: str) -> bool:
    """ "> wrote:": what is left of "On … <mailto:…> wrote:" when its address was torn apart."""
    return len(line) < 40 and WROTE_WORD.match(line[1:-1].strip().casefold()) is not None


def _quote_follows(lines: Sequence[str], kinds: Sequence[str], i: int) -> bool:
    for j in range(i + 1, min(i + 6, len(lines))):
        if lines[j] and kinds[j] != WROTE:
            return kinds[j] == QUOTE or lines[j][0] in "|│"
    return False


def _wrote_start(lines: Sequence[str], kinds: Sequence[str], end: int) -> int | None:
    """Where the line "On …, somebody wrote:" that ends at `end` starts: there or a few lines above."""
    last = _without_run_on(lines[end])
    quoted = _quote_follows(lines, kinds, end)
    if (last[-1] == ">" and not quoted) or not (
        len(last) < _FRAGMENT or _ADDRESS_OR_DIGIT.search(last) or WROTE_WORD.search(last.casefold())
    ):
        return None
    found, whole, joined = None, False, ""
    for start in range(end, max(end - _HEIGHT, -1), -1):
        line = lines[start] if start < end else last
        if not line and joined[:1] in ("<", "(") and found is not None:
            continue
        if not line or kinds[start] not in (TEXT, RULE, MAYBE) or len(line) + len(joined) > _WIDTH:
            break
        joined = f"{line} {joined}" if joined else line
        dated = DATED_START.match(joined.lstrip(MARKED)) is not None
        if (dated or not whole) and is_wrote(joined, quoted=quoted, dated=dated):
            found, whole = start, _ADDRESS_OR_DIGIT.search(joined) is not None
            if dated:
                break
    return found


def _without_run_on(line: str) -> str:
    """ "On … <ada@example.org> wrote:" without the quotation that starts on the same line."""
    found = WROTE_RUN_ON.search(line) if "@" in line else None
    return line[: found.end()] if found else line[:_WIDTH]


def is_wrote(line: str, *, quoted: bool, dated: bool) -> bool:
    """Whether one (unwrapped) line introduces a quotation. `quoted`: one follows it; `dated`: it starts with a date."""
    if _STAMPED.match(line):
        return True
    text = line.strip(_EDGES).casefold()
    ends = text.endswith((":", "："))
    dated = dated and DATE.search(text) is not None
    if not (ends or dated):
        return False
    if text.startswith(QUOTING):
        return "@" in text or quoted
    verb, address = WROTE_WORD.search(text), ADDRESS.search(text)
    bracketed = address is not None and text[address.start() - 1 : address.start()] in _BRACKETS
    if dated and verb:
        return quoted or address is not None or CLOCK_OR_YEAR_DATE.search(text) is not None
    if dated or not verb:
        return address is not None and (quoted or (dated and ends and bracketed))
    if address and bracketed:
        return len(text[: address.start()].split()) <= 8
    return quoted and len(text.split()) <= 12


def introduces(line: str) -> bool:
    """Whether a line reads like the one above a quotation, which is known to follow."""
    return line[-1:] in (":", "：", ">") and is_wrote(
        line[:_WIDTH], quoted=True, dated=DATED_START.match(line) is not None
    )
