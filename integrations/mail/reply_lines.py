"""Which lines of a message quote somebody else: one pass over the lines, a constant look around each candidate."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from integrations.mail.reply_rules import (
    ADDRESS,
    CLOCK_OR_YEAR_DATE,
    DATE,
    DATED_START,
    FORWARDING,
    HEADER_NAMES,
    HEADER_ROLES,
    ORIGINAL,
    QUOTING,
    WROTE_RUN_ON,
    WROTE_WORD,
)
from integrations.mail.reply_rules import (
    WROTE as WROTE_VERBS,
)

BLANK, TEXT, QUOTE, WROTE, HEADER, RULE, SIGN, MAYBE = " ", "t", "q", "w", "h", "r", "s", "?"
"""Kinds of lines: WROTE is "On … wrote:", HEADER is "--- Original Message ---" and the From:/Sent:/To: lines."""

INVISIBLE = " \t\xa0\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff\r\n\f\v"
RULERS = "-_=*•‐‑‒–—―~+#·─━ᐧ"
_MARKED = RULERS + INVISIBLE + "<>[](){}:|"
_OPENERS = RULERS + "<|│["
_EDGES = _MARKED.replace(":", "")
_ENDS = ":：>-"
_TO = frozenset(HEADER_NAMES["to"])
_VERBS = ("wrote", "写道", "寫道")
_MISSES = 1000
"""Candidates that turn out to be text before we stop looking: no letter has so many, but a log or an attack does."""
_BRACKETS = ("<", "(", "[", '"', ":", "\u202a")
_WIDTH = 400
_FRAGMENT = 30
"""A last line this short may be the end of a verb: "écrit :" below "… a"."""
_HEADER_WINDOW = 16
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
            if start <= first_text < end:
                first_text = none
        if kind == TEXT:
            first_text = min(first_text, i)
        elif first_text < start and (
            kind == HEADER or (kind == WROTE and not _quote_follows(lines, kinds, end - 1))
        ):
            return _above_rules(lines, kinds, start)
    return none


def kind_alone(line: str) -> str:
    """The kind of a line as far as it shows without its neighbours; MAYBE asks for a closer look."""
    if not line:
        return BLANK
    first, last = line[0], line[-1]
    if first == ">":
        if line.endswith(" >>>") and line.startswith(
            ">>> "
        ):  # GroupWise: ">>> Ada Lovelace 8/16/2002 12:52 PM >>>"
            return HEADER
        return MAYBE if last == ":" and _is_broken_wrote(line) else QUOTE
    if first in _OPENERS:
        return RULE if first in RULERS and _is_ruler(line) else MAYBE
    if line.find(">", 1, 5) > 0 and _is_initials_quote(line):
        return QUOTE
    if last in _ENDS or (last in "e道" and line.endswith(_VERBS)):
        return MAYBE
    if (":" in line or "：" in line) and role_of(line):
        return MAYBE
    if (len(line) < _FRAGMENT and line.casefold() in _TO) or ("@" in line and WROTE_RUN_ON.search(line)):
        return MAYBE
    return MAYBE if first.isdigit() and _STAMPED.match(line) else TEXT


def _opening(lines: Sequence[str], kinds: Sequence[str], i: int) -> tuple[int, int, str] | None:
    """Start, end and kind of what line i belongs to: HEADER, WROTE or QUOTE; None when it is mere text."""
    if lines[i][0] in "|│":
        above = kinds[i - 1] if i and lines[i - 1] else kinds[i - 2] if i > 1 else TEXT
        return (i, i + 1, QUOTE) if above in (WROTE, QUOTE) else None
    end = _opens_older(lines, i, ruled=RULE in kinds[max(0, i - 2) : i])
    if end > i:
        return i, end, HEADER
    start = _wrote_start(lines, kinds, i)
    return None if start is None else (start, i + 1, WROTE)


def _is_initials_quote(line: str) -> bool:
    """The old habit of quoting with somebody's initials: "JD> text"."""
    at = line.find(">", 1, 5)
    return (
        at > 0
        and line[:at].isalpha()
        and line[:at].isascii()
        and (len(line) == at + 1 or line[at + 1] in " >\t")
    )


def _is_ruler(line: str) -> bool:
    return (len(line) > 1 or line == "ᐧ") and not line.strip(_MARKED)


def _above_rules(lines: Sequence[str], kinds: Sequence[str], i: int) -> int:
    """The first line of what belongs to line i above it: rulers, blanks and Lotus Notes' name and time of the sender."""
    above = i
    while above and kinds[above - 1] in (BLANK, RULE):
        above -= 1
    if above > 2 and _TIME_LINE.fullmatch(lines[above - 1]) and len(lines[above - 2]) < 80:
        return _above_rules(lines, kinds, above - 2)
    return above


def _opens_older(lines: Sequence[str], i: int, *, ruled: bool) -> int:
    """The end of the marker or header block that starts at line i, or i when none does."""
    line = lines[i]
    first = line[0]
    if first in RULERS or first == "<":
        if _is_original_marker(line):
            return _header_end(lines, i + 1, marked=True, ruled=ruled)
    elif line[-1] in ":：" and line.rstrip(_MARKED).casefold() in FORWARDING:
        return _header_end(lines, i + 1, marked=True, ruled=ruled)
    if role_of(line):
        return _header_end(lines, i, marked=False, ruled=ruled)
    return _column_end(lines, i)


def _column_end(lines: Sequence[str], i: int) -> int:
    """The line after a block of Lotus Notes, which puts "To", "cc" and "Subject" above what they name; i for none."""
    roles: dict[str | None, int] = {}
    for at in range(i, min(i + _HEADER_WINDOW, len(lines))) if lines[i].casefold() in _TO else ():
        roles.setdefault(HEADER_ROLES.get(lines[at].casefold()), at)
    return roles["subject"] + 1 if {"to", "cc", "subject"} <= roles.keys() else i


def _is_original_marker(line: str) -> bool:
    if len(line) > 160 or not (line[1:2] and line[1] in RULERS + " "):
        return False
    words = line.strip(_MARKED).casefold()
    return words.startswith(ORIGINAL) or (line[1] == line[-2] in RULERS and words.endswith(WROTE_VERBS))


def role_of(line: str) -> str | None:
    """What a line of a header block says (from, date, to, cc, subject, reply), or None for any other line."""
    at = line.find(":", 1, 40)
    if at < 0:
        at = line.find("：", 1, 24)
        if at < 0:
            return None
    return HEADER_ROLES.get(line[:at].strip(_MARKED).casefold())


def _header_end(lines: Sequence[str], i: int, *, marked: bool, ruled: bool) -> int:
    """The line after a header block that starts at (or, after a marker, soon after) line i; i when there is none."""
    found: dict[str, str] = {}
    end, gap, at = i, 0, i
    while at < min(len(lines), i + _HEADER_WINDOW + 2 * len(found)):
        line = lines[at]
        role = role_of(line) if line else None
        if role in found and role not in ("cc", "reply"):
            break
        if role:
            found[role] = line
            end, gap = at + 1, 0
        else:
            gap += 1
            if gap > (2 if not line or not found else 3) or (not line and at and not lines[at - 1] and found):
                break
        at += 1
    return end if marked or _is_header_block(found, ruled=ruled) else i


def _is_header_block(found: Mapping[str, str], *, ruled: bool) -> bool:
    """Whether lines say enough of whose message follows; "From: Houston, To: Denver, Date: May 5" is a journey."""
    named = found.keys() - {"reply"}
    addressed = any("@" in line for line in found.values())
    if "from" not in named:
        return (
            len(named) > 2 if ruled else {"to", "subject"} <= named and not named.isdisjoint({"date", "cc"})
        )
    if ruled:
        return addressed or len(named) > 1
    if len(named) < 3:
        return addressed and not named.isdisjoint({"date", "subject"})
    return addressed or "subject" in named or CLOCK_OR_YEAR_DATE.search(found.get("date", "")) is not None


def _is_broken_wrote(line: str) -> bool:
    """ "> wrote:": what is left of "On … <mailto:…> wrote:" when its address was torn apart."""
    return len(line) < 40 and WROTE_WORD.match(line[1:-1].strip().casefold()) is not None


def _quote_follows(lines: Sequence[str], kinds: Sequence[str], i: int) -> bool:
    for j in range(i + 1, min(i + 6, len(lines))):
        if lines[j] and kinds[j] != WROTE:
            return kinds[j] == QUOTE or lines[j][0] in "|│"
    return False


def _wrote_start(lines: Sequence[str], kinds: Sequence[str], end: int) -> int | None:
    """Where the line "On …, somebody wrote:" that ends at `end` starts: there or up to four lines above."""
    last = _without_run_on(lines[end])
    quoted = _quote_follows(lines, kinds, end)
    if (last[-1] == ">" and not quoted) or not (
        len(last) < _FRAGMENT or _ADDRESS_OR_DIGIT.search(last) or WROTE_WORD.search(last.casefold())
    ):
        return None
    found, whole = None, False
    joined = ""
    for start in range(end, max(end - 6, -1), -1):
        line = lines[start] if start < end else last
        if not line and joined[:1] in ("<", "(") and found is not None:
            continue
        if not line or kinds[start] not in (TEXT, RULE, MAYBE) or len(line) + len(joined) > _WIDTH:
            break
        joined = f"{line} {joined}" if joined else line
        dated = DATED_START.match(joined.lstrip(_MARKED)) is not None
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
    ends = text.endswith((":", "：")) or line.endswith("-")
    dated = dated and DATE.search(text) is not None
    if not (ends or dated):
        return False
    if text.startswith(QUOTING):
        return "@" in text or quoted
    verb = WROTE_WORD.search(text)
    address = ADDRESS.search(text)
    bracketed = address is not None and text[address.start() - 1 : address.start()] in _BRACKETS
    if dated:
        clock = CLOCK_OR_YEAR_DATE.search(text) is not None
        if verb:
            return (address is not None or clock or quoted) and (ends or text.endswith(verb.group()))
        return clock and address is not None and ((ends and bracketed) or quoted)
    if not ends:
        return False
    if not verb:
        return quoted and "@" in text and DATE.search(text) is not None
    if address and bracketed:
        return address.start() < verb.end() + 60 and len(text[: address.start()].split()) <= 8
    return quoted and len(text.split()) <= 12


def introduces(line: str) -> bool:
    """Whether a line reads like the one above a quotation, which is known to follow."""
    return line[-1:] in (":", "：", ">") and is_wrote(
        line[:_WIDTH], quoted=True, dated=DATED_START.match(line) is not None
    )
