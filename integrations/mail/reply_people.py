"""What a line at the end of a message says, taken alone: a name, a title, how to reach somebody, closing words, or what
a telephone or an app adds."""

from __future__ import annotations

import re

from integrations.mail.reply_rules import (
    ADDRESS,
    APP_OFFER,
    CLOSING_PLACE,
    CLOSING_STARTS,
    CLOSING_WITH_NAME,
    CLOSINGS,
    DEVICE_ENDS,
    DEVICES,
    GIVEN_NAMES,
    INVISIBLE,
    NAME_PARTICLES,
    NOT_NAMES,
    SENT_FROM,
    TEAM,
    THANKING,
)

_PHONE = re.compile(r"\+?\(?\d[\d\s().\-/–]{5,20}\d|\b[x#]\s?\d?-?\d{3,5}\b|\b\d-\d{4}\b")
_PHONE_OR_BAR = re.compile(rf"{_PHONE.pattern}| \| ")
_CONTACT = re.compile(
    r"https?://|www\.|\b(?:tel|phone|ph|fax|mobile|mob|cell|office|direct|telefon|téléphone|tél|móvil|skype|"
    r"e-?mail|web|mailto|ext|pager|work|home)\b\s?[.#:]|^[mtpfeoc]\s?[.:]\s?[+(\d]|\[cid:|\[image|\w\s[|•·]\s\w"
)
_NAME_WORD = re.compile(r"[^\W\d_]+(?:['’.-][^\W\d_]+)*[.,]?")
_POSTSCRIPT = re.compile(r"p\.? ?(?:p\.? ?)?s\b", re.I)
_LONG = 80
"""Characters no name and no title has."""
_EXCUSES = ("please", "excuse", "so ", "apolog", "forgive", "pardon", "sorry")
_AROUND = "\"'“”„()"
_TRIM = INVISIBLE + "*_~/,.!;:-–—+\"'()<>|。、！，"


def is_name(line: str) -> bool:
    """Whether a short line could be how somebody signs: one to four capitalised words or initials."""
    if len(line) > _LONG or line[-1:] in ":?!":
        return False
    words = [word.strip(_AROUND) or "." for word in line.strip(_TRIM).split()]
    if not 1 <= len(words) <= 4:
        return False
    if TEAM.fullmatch(line) or (len(words) == 1 and words[0] in GIVEN_NAMES):
        return True
    if words[0].casefold() in NOT_NAMES or words[-1].casefold() in NOT_NAMES:
        return False
    return all(word in NAME_PARTICLES or (word[0].isupper() and _NAME_WORD.fullmatch(word)) for word in words)


def is_title(line: str) -> bool:
    """Whether a line could be a title, a company or a street: most of its words are capitalised or numbers."""
    if len(line) > _LONG:
        return False
    words = line.split()
    capitals = sum(word[0].isupper() or not word[0].isalpha() for word in words)
    return len(words) <= 7 and capitals * 2 > len(words) and line[-1] not in "?!:"


def is_contact(line: str) -> bool:
    """Whether a line says how to reach somebody, and little else."""
    if len(line) > 120 or len(line.split()) > 10:
        return False
    return bool(
        _PHONE.search(line) or _CONTACT.search(line.casefold()) or ("@" in line and ADDRESS.search(line))
    )


def starts_with_name(line: str) -> bool:
    """ "BT   3-1587" or "Ada Lovelace | Analyst": a name or initials, and a number or what else there is to say."""
    found = _PHONE_OR_BAR.search(line)
    return found is not None and is_name(line[: found.start()])


def is_person(line: str) -> bool:
    """Whether a line below closing words could be whose they are, in any script."""
    words = line.count(" ") + 1
    if _POSTSCRIPT.match(line):
        return False
    return words < (3 if line[-1] in ".!?:" else 4) or is_name(line) or is_title(line) or is_contact(line)


def is_dashed(line: str) -> bool:
    """ "-Ada", "/Ada" or "~ Ada"."""
    return line[0] in "-/~" and line.lstrip("/" if line[0] == "/" else "-~ ")[:1].isalpha()


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


def is_named_closing(line: str) -> bool:
    """Whether a line closes and names: "Thanks, Ada"."""
    if len(line) > 60:
        return False
    found = CLOSING_WITH_NAME.match(line)
    if found:
        return found[1].strip(_TRIM).casefold() in CLOSINGS and is_name(line[found.end() :])
    words, _, name = line.rpartition(" ")
    return words.casefold() in CLOSINGS and not words.casefold().startswith(THANKING) and is_name(name)


def is_wish(line: str) -> bool:
    """Whether a line right above the last name closes because of its comma: "Your friend,"."""
    return line[-1] == "," and line.count(" ") < 4 and line[0].isupper() and not is_name(line)


def is_device_line(line: str) -> bool:
    """Whether a line is what a telephone or an app adds below a message: "Sent from my iPhone"."""
    if len(line) > 140:
        return False
    words = line.replace("[", "").strip(_TRIM).casefold()
    if APP_OFFER.match(words):
        return True
    if not words.startswith(SENT_FROM):
        return words.endswith(DEVICE_ENDS) and DEVICES.search(words) is not None
    main, comma, rest = words.partition(", ")
    if comma and not rest.startswith(_EXCUSES) and not (rest.count(" ") < 6 and DEVICES.search(rest)):
        return False
    return len(main.partition("<")[0].split()) <= 10 and (
        DEVICES.search(words) is not None or words.startswith(("sent from my ", "sent from a "))
    )
