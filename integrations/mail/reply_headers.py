"""Where an older message opens with lines of its own: "-----Original Message-----", or From:, Sent:, To: and Subject:."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from integrations.mail.reply_rules import (
    CLOCK_OR_YEAR_DATE,
    FORWARDING,
    HEADER_NAMES,
    HEADER_ROLES,
    MARKED,
    ORIGINAL,
    RULERS,
    WROTE,
)

_WINDOW = 16
"""How far down a block is looked for."""
_GAP = 2
"""Lines a long address list may go on for, or that may stand between a marker and its block."""
_TO = frozenset(HEADER_NAMES["to"])


def opens_older(lines: Sequence[str], i: int) -> int:
    """The end of the marker or header block that starts at line i, or i when none does."""
    if _is_marker(lines[i]):
        return max(_block(lines, i + 1)[0], i + 1)
    if role_of(lines[i]):
        end, found = _block(lines, i)
        return end if _is_enough(found) else i
    return _column_end(lines, i)


def _is_marker(line: str) -> bool:
    """ "--- Original Message ---", "--- Ada wrote: ---" or "Begin forwarded message:"."""
    words = line.strip(MARKED).casefold()
    if words in FORWARDING:
        return True
    ruled = line[0] in RULERS and (line[1:2] in RULERS or line[-1] in RULERS)
    return ruled and (words.startswith(ORIGINAL) or words.endswith(WROTE))


def role_of(line: str) -> str | None:
    """What a line of a header block says (from, date, to, cc, subject, reply), or None for any other line."""
    at = line.find(":", 1, 40)
    if at < 0:
        at = line.find("：", 1, 24)
    return HEADER_ROLES.get(line[:at].strip(MARKED).casefold()) if at > 0 else None


def is_bare_to(line: str) -> bool:
    """Whether a line is nothing but "To", which may open one of Lotus Notes' blocks."""
    return len(line) < 20 and line.casefold() in _TO


def _block(lines: Sequence[str], start: int) -> tuple[int, Mapping[str, str]]:
    """The line after the last header from line `start` on, and the headers by what they say."""
    found: dict[str, str] = {}
    end, gap = start, 0
    for at in range(start, min(len(lines), start + _WINDOW)):
        role = role_of(lines[at])
        if gap > _GAP:
            break
        if role:
            found[role] = lines[at]
            end, gap = at + 1, 0
        else:
            gap += 1
    return end, found


def _is_enough(found: Mapping[str, str]) -> bool:
    """Whether headers say whose message follows; "From: London, To: Paris, Date: May 5" is a journey."""
    named = found.keys()
    if "from" not in named:
        return {"to", "subject"} <= named and not named.isdisjoint({"date", "cc"})
    timed = CLOCK_OR_YEAR_DATE.search(found.get("date", ""))
    return len(named) > 2 and ("subject" in named or timed is not None)


def _column_end(lines: Sequence[str], i: int) -> int:
    """The line after a block of Lotus Notes, which puts "To" and "Subject" above what they name; i for none."""
    roles: dict[str | None, int] = {}
    for at in range(i, min(i + _WINDOW, len(lines))) if is_bare_to(lines[i]) else ():
        roles.setdefault(HEADER_ROLES.get(lines[at].casefold()), at)
    return roles["subject"] + 1 if {"to", "subject"} <= roles.keys() else i
