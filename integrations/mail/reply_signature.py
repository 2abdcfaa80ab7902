"""Where the sign-off at the end of a message starts. Only the last couple of dozen lines are ever looked at."""

from __future__ import annotations

import enum
import re
from collections.abc import Sequence
from itertools import pairwise

from integrations.mail.reply_rules import (
    ADDRESS,
    APP_OFFER,
    CLOSING_PLACE,
    CLOSING_STARTS,
    CLOSING_WITH_NAME,
    CLOSINGS,
    DEVICE_ENDS,
    DEVICES,
    DISCLAIMER,
    DISCLAIMER_CORE,
    GIVEN_NAMES,
    GREETINGS,
    INVISIBLE,
    JOBS,
    LIST_ADDRESS,
    LIST_FOOTER_LINE,
    NAME_PARTICLES,
    NOT_NAMES,
    RULED_FOOTER,
    RULERS,
    RUNS_ON,
    SENT_FROM,
    TEAM,
    THANKING,
)

REACH = 24
_PHONE = re.compile(r"\+?\(?\d[\d\s().\-/–]{5,20}\d|\b[x#]\s?\d?-?\d{3,5}\b|\b\d-\d{4}\b")
_CONTACT = re.compile(
    r"https?://|www\.|\b(?:tel|phone|ph|fax|mobile|mob|cell|office|direct|telefon|téléphone|tél|móvil|skype|"
    r"e-?mail|web|mailto|ext|pager|work|home)\b\s?[.#:]|^[mtpfeoc]\s?[.:]\s?[+(\d]|\[cid:|\[image|\w\s[|•·]\s\w"
)
_WORDS = re.compile(r"[^\W\d_]+")
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*[.,]?")
_FOOTNOTE = re.compile(r"\[\d{1,2}\]")
_EXCUSES = ("please", "excuse", "so ", "apolog", "forgive", "pardon", "sorry")
_SHORT_RULES = ("---", "—", "–", "***", "===", "~~~")
_AROUND = "\"'“”„()"
_TRIM = INVISIBLE + "*_~/,.!;:-–—+\"'()<>|。、！，"


class Trust(enum.Enum):
    """How far words may be taken for a sign-off, where no program has marked one."""

    NONE = "not at all"
    CLEAR = "closing words right above a name, or a name with a telephone number or address"
    WORDS = "also closing words somewhere before a name, and a name on a line of its own"


def marked_sign_off(lines: Sequence[str], low: int, high: int) -> int | None:
    """The first line of the delimiter, device line, list footer or disclaimer that ends lines[low:high], or None."""
    tail = _last_lines(lines, low, high)
    for rule in (_delimited, _device, _list_footer, _disclaimer):
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
            unclear = trust is Trust.CLEAR and not _is_clear(lines, start, tail[-1])
            return None if unclear or _belongs_above(lines, start) else start
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
    """Where the last delimiter with a sign-off below it is."""
    for place in range(len(tail) - 1, -1, -1):
        i = tail[place]
        line = lines[i]
        if line[0] not in RULERS or len(line) > 100 or line.strip(RULERS + " "):
            continue
        below = [lines[j] for j in tail[place + 1 :]]
        if line == "--" or (below and _is_footer_below(line, below)):
            return i
    return None


def _is_footer_below(rule: str, below: Sequence[str]) -> bool:
    if len(below) > 12 or (len(rule) == 1 and rule not in "—–"):
        return False
    if any(RULED_FOOTER.search(line[:200].casefold()) for line in below):
        return True
    if len(below) > 8:
        return False
    if rule[0] == "_":
        return all(len(line) <= 90 for line in below)
    if any(_is_sentence(line) for line in below):
        return False
    named, contact = is_name(below[0]), any(_is_contact(line) for line in below)
    return (named or contact) if rule in _SHORT_RULES else (named and contact)


def _is_sentence(line: str) -> bool:
    return len(line) > 90 or (line[-1] in ".!?:" and line.count(" ") >= 4)


def _device(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    return tail[-1] if is_device_line(lines[tail[-1]]) else None


def is_device_line(line: str) -> bool:
    """Whether a line is what a telephone or an app adds below a message: "Sent from my iPhone"."""
    if len(line) > 140:
        return False
    words = line.replace("[", "").strip(_TRIM).casefold()
    if APP_OFFER.match(words):
        return True
    if not words.startswith(SENT_FROM):
        return len(words) < 40 and words.endswith(DEVICE_ENDS) and DEVICES.search(words) is not None
    main, comma, rest = words.partition(", ")
    if comma and not rest.startswith(_EXCUSES) and not (rest.count(" ") < 6 and DEVICES.search(rest)):
        return False
    return len(main.partition("<")[0].split()) <= 10 and (
        DEVICES.search(words) is not None or words.startswith(("sent from my ", "sent from a "))
    )


def _list_footer(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    start = None
    for i in reversed(tail[1:]):
        text = lines[i][:200].casefold()
        if (start is not None and start - i > 1) or not (
            LIST_FOOTER_LINE.match(text) or LIST_ADDRESS.search(text)
        ):
            break
        start = i
    return start


def _disclaimer(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """The last paragraph, if it is a notice and not all there is."""
    start = end = tail[-1]
    while start > tail[0] and lines[start - 1]:
        start -= 1
    if start == tail[0]:
        return None
    text = " ".join(line[:2000] for line in lines[start : end + 1])[:4000].casefold()
    if len(text) < 50 or sum(word in text for word in DISCLAIMER) < 2:
        return None
    return start if DISCLAIMER_CORE.search(text) else None


def _is_clear(lines: Sequence[str], start: int, last: int) -> bool:
    """Whether a sign-off cannot be an answer: beside a quotation a lone name often is one."""
    return (
        any(line and below and is_closing(line) for line, below in pairwise(lines[start : last + 1]))
        or _is_dashed(lines[start])
        or any(_is_contact(line) for line in lines[start : last + 1] if line)
    )


def _is_dashed(line: str) -> bool:
    """ "-Ada", "/Ada" or "~ Ada"."""
    return line[0] in "-/~" and line.lstrip("/" if line[0] == "/" else "-~ ")[:1].isalpha()


def _belongs_above(lines: Sequence[str], i: int) -> bool:
    """Whether the lines above run on into line i: prose without its end, or "… the address is:"."""
    above = lines[i - 1] or lines[i - 2]
    if above[-1:] == ":" or above.rpartition(" ")[2].casefold() in RUNS_ON:
        return True
    return len(lines[i - 1]) >= 45 and lines[i - 1][-1] not in ".!?:,;…)\"'*-_"


def is_closing(line: str) -> bool:
    """Whether a line is nothing but closing words: "Best regards," or "Thanks again for the cake,"."""
    if len(line) > 60:
        return False
    words = line.strip(_TRIM).casefold()
    if words in CLOSINGS or (line[-1] == "," and words.startswith(CLOSING_STARTS) and words.count(" ") < 6):
        return True
    if "/" in words:
        return all(part.strip() in CLOSINGS for part in words.split("/"))
    place = CLOSING_PLACE.search(words)
    return place is not None and words[: place.start()] in CLOSINGS


def _is_wish(line: str) -> bool:
    """Whether a line above a last name closes because of its comma: "Your friend,"."""
    return (
        line[-1] == ","
        and line.count(" ") < 4
        and line[0].isupper()
        and not (is_name(line) or is_greeting(line))
    )


def _named_closing(line: str) -> bool:
    """Whether a line closes and names: "Thanks, Ada"."""
    if len(line) > 60:
        return False
    found = CLOSING_WITH_NAME.match(line)
    if found:
        return found[1].strip(_TRIM).casefold() in CLOSINGS and is_name(line[found.end() :])
    words, _, name = line.rpartition(" ")
    return words.casefold() in CLOSINGS and not words.casefold().startswith(THANKING) and is_name(name)


def _closing(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    last = tail[-1]
    for place in range(len(tail) - 1, max(len(tail) - 13, -1), -1):
        i = tail[place]
        line = lines[i]
        if _named_closing(line):
            return i
        if is_closing(line) and i != last:
            return _first_closing(lines, tail, place) if _is_person_line(lines[tail[place + 1]]) else None
        if i == last - 1 and _is_wish(line) and is_name(lines[last]):
            return i
        if not _is_sign_off_line(line):
            return None
    return None


def _first_closing(lines: Sequence[str], tail: Sequence[int], place: int) -> int:
    if place and is_closing(lines[tail[place - 1]]):
        place -= 1
    return tail[place]


def _is_person_line(line: str) -> bool:
    return len(line) <= 60 and len(line.split()) <= 6 and not line.endswith((":", "?"))


def _is_sign_off_line(line: str) -> bool:
    if (
        len(line) > 100
        or _FOOTNOTE.match(line)
        or line[:2] in ("- ", "* ", "P.", "p.", "PS", "Ps", "1.", "2.")
    ):
        return False
    return (len(line.split()) <= 8 and line[-1] not in "?:") or _is_contact(line)


def _is_contact(line: str) -> bool:
    if len(line) > 120 or _FOOTNOTE.match(line):
        return False
    if not (
        _PHONE.search(line) or _CONTACT.search(line.casefold()) or ("@" in line and ADDRESS.search(line))
    ):
        return False
    return len(_WORDS.findall(ADDRESS.sub("", line).partition("http")[0])) <= 9


def _contact_block(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    start, contacts = None, 0
    for i in reversed(tail[-10:]):
        line = lines[i]
        named = is_name(line)
        contact = _is_contact(line)
        if not (named or contact or _is_title(line)):
            break
        contacts += contact
        if contacts and (named or (contact and _starts_with_name(line))):
            start = i
    return start


def _starts_with_name(line: str) -> bool:
    """ "BT   3-1587" or "Ada Lovelace | Analyst": a name or initials, and a number or what else there is to say."""
    found = _PHONE.search(line)
    return (found is not None and found.start() > 1 and is_name(line[: found.start()])) or _is_titled(line)


def _is_titled(line: str) -> bool:
    """ "Ada Lovelace | Analyst" or "Ada Lovelace, Head of Analysis"."""
    name, bar, title = line.partition(" | ")
    if not bar:
        name, _, title = line.partition(", ")
        if not JOBS.search(title.casefold()):
            return False
    return " " in name and is_name(name) and _is_title(title)


def _is_title(line: str) -> bool:
    words = line.split()
    return (
        len(line) <= 60
        and len(words) <= 7
        and sum(word[0].isupper() or not word[0].isalpha() for word in words) * 2 > len(words)
        and (line[-1] not in ".?!:" or (line[-1] == "." and line[0].isdigit()))
        and not _FOOTNOTE.match(line)
    )


def is_name(line: str) -> bool:
    """Whether a short line could be how somebody signs: one to four capitalised words or initials."""
    words = [word.strip(_AROUND) or "." for word in line.strip(_TRIM).split()]
    if not 1 <= len(words) <= 4 or len(line) > 40 or line[-1] in ":?!":
        return False
    if words[0] in GIVEN_NAMES:
        return len(words) == 1 or (len(words) == 2 and words[1].islower() and len(words[1]) > 3)
    if TEAM.fullmatch(line):
        return True
    if words[0].casefold() in NOT_NAMES or words[-1].casefold() in NOT_NAMES:
        return False
    return words[0][0].isupper() and all(
        word in NAME_PARTICLES or (word[0].isupper() and _NAME_WORD.fullmatch(word)) for word in words
    )


def _lone_name(lines: Sequence[str], tail: Sequence[int]) -> int | None:
    """A name on the last line, or a name and up to two lines of title or company below it."""
    for place in (-3, -2, -1):
        if len(tail) > -place and _stands_alone(lines, tail, place):
            return tail[place]
    return None


def _stands_alone(lines: Sequence[str], tail: Sequence[int], place: int) -> bool:
    i, above = tail[place], tail[place - 1]
    line, before = lines[i], lines[above]
    words = line.split()
    if line[0] in "—–" or (line[:2] == "- " and (place < -1 or before[0] == "-")):
        return False
    if not (_is_titled(line) or (is_name(line) and len(words) <= 3)):
        return False
    if line[-1] == "." and (len(words) == 1 or len(words[-1]) > 3):  # "Noted." but not "Ada K."
        return False
    if before[-1] == ":" or is_greeting(before) or (before[-1] == "," and before.count(" ") < 3):
        return False
    apart = i - above > 1
    sentence = before[-1] in ".!?…)\"'," or len(before) >= 40
    if place < -1:
        return (
            apart
            and sentence
            and tail[-1] - i == -place - 1
            and all(_is_title(lines[j]) for j in tail[place:])
        )
    if line.isupper() and len(line) <= 3:
        return False
    clause = before.count(" ") > 2 and not _is_title(before)
    return sentence or (apart and (len(words) == 1 or clause)) or _is_dashed(line)


def is_greeting(line: str) -> bool:
    """Whether a short line opens a letter: "Hi Ada" or "Barry:"."""
    return len(line) <= 40 and line.partition(" ")[0].strip(_TRIM).casefold() in GREETINGS
