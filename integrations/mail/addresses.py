"""Lists of addresses as headers carry them: RFC 5322 §3.4 with its obsolete forms, and what people send instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.mail.charset import storable
from integrations.mail.headers import decode_words

MAX_KEPT = 500
"""Addresses kept of one header; the caller still learns how many there were."""

MAX_EMAIL = 254
MAX_NAME = 200

# Direction overrides, invisible characters and controls: they make one name look like another. The joiners
# U+200C and U+200D stay, for Persian and for emoji.
_TRICKS = re.compile(
    "[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]+"
)
_LEXEME = re.compile(
    r"=\?[^?\s]*+\?[BbQq]\?[^?]*+\?=|\"(?:[^\"\\]|\\.)*+(?:\"|$)|[()<>,;:]|[^\"()<>,;:=\\]++|\\.|.", re.S
)
_ESCAPED = re.compile(r"\\(.)", re.S)
_LOOSE = re.compile(r"\s*([.@])\s*")
_EMAIL = re.compile(
    r"(?:\"[^\"\x00-\x1f\x7f]+\"|[^\s\"(),:;<>@\[\]\\\x00-\x1f\x7f]+)@(?:[^\s\"'(),:;<>@\[\]\\/\x00-\x1f\x7f]+|\[[^\s\[\]]+\])"
)


@dataclass(slots=True, frozen=True)
class Address:
    """One mailbox. `email` is lower case and has an @; `name` is what the sender called it, safe to show."""

    email: str
    name: str = ""


def read(value: str) -> tuple[list[Address], int]:
    """The addresses of a header (at most `MAX_KEPT`), and how many it had. What is no address is left out."""
    kept: list[Address] = []
    count = 0
    for entry in _entries(_lexemes(value)):
        if address := entry.address():
            count += 1
            if count <= MAX_KEPT:
                kept.append(address)
    return kept, count


def visible_name(text: str, limit: int = MAX_NAME) -> str:
    """The first `limit` characters of `text` on one line, without characters that change how other characters look."""
    if not (text.isascii() and text.isprintable()):
        text = _TRICKS.sub(" ", storable(text))
    return " ".join(text.split())[:limit]


def _lexemes(value: str) -> Iterator[str]:
    """Words, quoted strings and specials. A quote that never closes is dropped, and with it quoting as such."""
    for found in _LEXEME.finditer(value):
        word = found[0]
        if word[0] == '"' and (len(word) == 1 or word[-1] != '"' or _escaped_end(word)):
            yield from _LEXEME.findall(word.replace('"', " "))
        else:
            yield word


def _escaped_end(word: str) -> bool:
    quoted = word[:-1]
    return (len(quoted) - len(quoted.rstrip("\\"))) % 2 == 1


class _Entry:
    """One entry while it is being read: words before and in the angle brackets, and comments."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.angle: list[str] | None = None
        self.comment: list[str] = []
        self.ambiguous = False

    def address(self) -> Address | None:
        """The mailbox, unless it is none or there are two: which one is meant is then anybody's guess."""
        if self.ambiguous:
            return None
        if self.angle is None:
            email, name = _email("".join(self.words)), _words(self.comment)
        else:
            email, name = _email("".join(self.angle)), _words(self.words) or _words(self.comment)
        return Address(email, "" if name.lower() == email else name) if email else None


def _entries(lexemes: Iterator[str]) -> Iterator[_Entry]:
    entry, depth, inside, complete = _Entry(), 0, False, False
    for word in lexemes:
        if word == "(":
            depth += 1
        elif depth:
            if word == ")":
                depth -= 1
            else:
                entry.comment.append(word)
        elif word == "<":
            entry.ambiguous = entry.ambiguous or (entry.angle is not None and not inside)
            entry.angle, inside, complete = entry.angle or [], True, False
        elif word == ">":
            inside = False
        elif inside and entry.angle is not None and not (word in ",;" and complete):
            entry.angle.append(word)
            complete = complete or "@" in word[1:]
        elif word in ",;":
            yield entry
            entry, inside = _Entry(), False
        elif word == ":" and entry.angle is None:
            entry = _Entry()  # what stood before was the name of a group
        elif entry.angle is None:
            entry.words.append(word)
    yield entry


def _email(text: str) -> str:
    """A mailbox as it can be compared, or empty when this is none."""
    text = text.strip().strip("'")
    if " " in text or "\t" in text:
        text = _LOOSE.sub(r"\1", text)
    if text.startswith("@"):
        text = text.rpartition(":")[2]  # the obsolete route: <@relay.example:user@host.example>
    text = text.removeprefix("mailto:").lower().rstrip(".")
    if text.startswith('"') and text.endswith('"'):
        text = text.strip('"')
    return text if len(text) <= MAX_EMAIL and _EMAIL.fullmatch(text) else ""


def _words(tokens: list[str]) -> str:
    plain = (
        _ESCAPED.sub(r"\1", word[1:-1]) if word[:1] == '"' else word.removeprefix("\\") for word in tokens
    )
    return visible_name(decode_words("".join(plain))).strip("'\" ")
