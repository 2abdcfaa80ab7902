"""Where the sign-off at the end of a message starts. Only the last couple of dozen lines are ever looked at."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from itertools import pairwise

from integrations.mail.reply_people import (
    is_closing,
    is_contact,
    is_dashed,
    is_device_line,
    is_name,
    is_named_closing,
    is_person,
    is_title,
    is_wish,
    starts_with_name,
)
from integrations.mail.reply_rules import DISCLAIMER, DISCLAIMER_CORE, RULED_FOOTER, RULERS, RUNS_ON

REACH = 24
_SHORT_RULES = ("---", "—", "–", "***", "===", "~~~")
_FOOTNOTE = re.compile(r"\[\d{1,2}\]")


class Trust(enum.Enum):
    """How far words may be taken for a sign-off, where no program has marked one."""

    NONE = "not at all"
    CLEAR = "closing words right above a name, or a name with a telephone number or address"
    WORDS = "also closing words somewhere before a name, and a name on a line of its own"


def marked_sign_off(lines: Sequence[str], low: int, high: int) -> int | None:
    """The first line of the delimiter, device line or disclaimer that ends lines[low:high], or None."""
    tail = _last_lines(lines, low, high)
    for rule in (_delimited, _device, _disclaimer):
        start = rule(lines, tail) if tail else None
        if start is not None:
            return start
    return None


def worded_sign_off(lines: Sequence[str], low: int, high: int, trust: Trust) -> int | None:
    """The first line of the closing words, contact lines or name that end lines[low:high], or None. Some text always
    stays above them."""
    if trust is Trust.NONE:
        return None
    tail = _last_lines(lines, low, high)
    for rule in (_closing, _contact_block, _lone_name):
        start = rule(lines, tail) if tail else None
        if start is not None and start > tail[0]:
            kept = _has_footnote(lines, start, tail[-1]) or _belongs_above(lines, start)
            unclear = trust is Trust.CLEAR and not _is_clear(lines, start, tail[-1])
            return None if kept or unclear else start
    return None


def _last_lines(lines: Sequence[str], low: int, high: int) -> list[int]:
    """The indices of the last written lines, topmost first."""
    found: list[int] = []
    for i in range(high - 1, max(low, high - 4 * REACH) - 1, -1):
        if lines[i]:
            found.append(i)
            if len(found) == REACH:
                break
    found.reverse()
    return found


def _delimited(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """The last delimiter with a sign-off or a footer below it."""
    for place in range(len(tail) - 1, -1, -1):
        line = lines[tail[place]]
        if line[0] not in RULERS or line.strip(RULERS + " "):
            continue
        below = [lines[i] for i in tail[place + 1 :]]
        if line == "--" or (below and _is_footer_below(line, below)):
            return tail[place]
    return None


def _is_footer_below(rule: str, below: Sequence[str]) -> bool:
    if len(below) > 12:
        return False
    if any(RULED_FOOTER.search(line[:200].casefold()) for line in below):
        return True
    if rule.startswith("__"):
        return len(below) <= 8 and all(len(line) <= 90 for line in below)
    if any(_is_sentence(line) for line in below):
        return False
    named, contact = is_name(below[0]), any(is_contact(line) for line in below)
    return (named or contact) if rule in _SHORT_RULES else (named and contact)


def _is_sentence(line: str) -> bool:
    return line[-1] in ".!?:" and line.count(" ") >= 4


def _device(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    return tail[-1] if is_device_line(lines[tail[-1]]) else None


def _disclaimer(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """The last paragraph, if it is a notice and not all there is."""
    start = end = tail[-1]
    while start > tail[0] and lines[start - 1]:
        start -= 1
    if start == tail[0]:
        return None
    text = " ".join(line[:2000] for line in lines[start : end + 1])[:4000].casefold()
    return start if sum(word in text for word in DISCLAIMER) > 1 and DISCLAIMER_CORE.search(text) else None


def _closing(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """Closing words, with the name and what else there is below them."""
    last = tail[-1]
    for place in range(len(tail) - 1, max(len(tail) - 13, -1), -1):
        i = tail[place]
        line = lines[i]
        if is_named_closing(line) or (i == last - 1 and is_wish(line) and is_name(lines[last])):
            return i
        if is_closing(line) and i != last:
            above = tail[place - 1]
            return above if place and is_closing(lines[above]) else i
        if not is_person(line):
            return None
    return None


def _contact_block(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """A name above the telephone number, the address or the page it goes with."""
    start, contacts = None, 0
    for i in reversed(tail[-10:]):
        line = lines[i]
        named, contact = is_name(line), is_contact(line)
        if not (named or contact or is_title(line)):
            break
        contacts += contact
        if contacts and (named or (contact and starts_with_name(line))):
            start = i
    return start


def _lone_name(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """A name on the last line, or a name and up to two lines of title or company below it."""
    for place in (-3, -2, -1):
        if len(tail) > -place and _stands_alone(lines, tail, place):
            return tail[place]
    return None


def _stands_alone(lines: Sequence[str], tail: Sequence[int], place: int) -> bool:
    i, above = tail[place], tail[place - 1]
    line, before = lines[i], lines[above]
    if not _could_sign(line) or (before[-1] == "," and before.count(" ") < 3):
        return False
    apart = i - above > 1
    sentence = before[-1] in ".!?…)\"'," or len(before) >= 40
    if place < -1:
        titles = all(is_title(lines[j]) for j in tail[place:])
        return apart and sentence and titles and tail[-1] - i == -place - 1 and not is_dashed(line)
    if is_dashed(line):
        return before[0] != line[0]
    clause = " " not in line or (before.count(" ") > 2 and not is_title(before))
    return sentence or (apart and clause)


def _could_sign(line: str) -> bool:
    """Whether a line alone may be somebody's name: not "PL" or "Tomorrow.", which may mean anything."""
    if line[0] in "—–" or (line.isupper() and len(line) <= 3) or (line[-1] == "." and " " not in line):
        return False
    return is_name(line)


def _is_clear(lines: Sequence[str], start: int, last: int) -> bool:
    """Whether a sign-off cannot be an answer: beside a quotation a lone name often is one."""
    return (
        any(line and below and is_closing(line) for line, below in pairwise(lines[start : last + 1]))
        or is_dashed(lines[start])
        or any(is_contact(line) for line in lines[start : last + 1] if line)
    )


def _has_footnote(lines: Sequence[str], start: int, last: int) -> bool:
    """Whether the author's footnotes are below the name."""
    return any(_FOOTNOTE.match(line) for line in lines[start : last + 1])


def _belongs_above(lines: Sequence[str], i: int) -> bool:
    """Whether the lines above run on into line i: prose without its end, or "… the address is:"."""
    above = lines[i - 1] or lines[i - 2]
    if above[-1:] == ":" or above.rpartition(" ")[2].casefold() in RUNS_ON:
        return True
    return len(lines[i - 1]) >= 45 and lines[i - 1][-1] not in ".!?:,;…)\"'*-_"
