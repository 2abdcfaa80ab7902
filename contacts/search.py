"""Finding people by parts of words: long words and short, common and rare, in any script.

What a search looks at stands in one row a contact (`SearchText`), folded; `contacts.derived` keeps it true. Beside
the text are its parts: each letter, and each two letters that are neighbours. Whoever has a word has all of its
parts, and an index knows who has a part, so that it costs no more to find nobody among many than among few.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from uuid import UUID

import phonenumbers
from django.db import connection

from contacts.names import plain
from omnicrm.acting import current_user_id
from omnicrm.blind import blind
from omnicrm.personal import is_strict

MOST_WORDS = 8
LONGEST = 4_000
"""Characters of a contact that are searched: some hundred addresses."""
FEW = 1_000
"""So many people are listed by id; of more, a page is soon found on the way through the list."""

BETWEEN_DIGITS = re.compile(r"(?<=\d)[\s()/.-]+(?=\d)")
LONG_NUMBER = re.compile(r"[+(]*\d{4,}")
WHOLE_NUMBER = re.compile(r"\+?\d{7,}")
TOKEN = 16
"""Letters of a blind index that stand for a number in the searched text."""


def folded(text: str) -> str:
    """Lower case, without accents, and a number without what is written between its digits.

    >>> folded("Zoë  Łukasz"), folded("+49 (0)30 / 12-34 56")
    ('zoe lukasz', '+4930123456')
    """
    return " ".join(BETWEEN_DIGITS.sub("", plain(text).replace("(0)", "")).split())


def search_text(said: Sequence[str], tokens: Sequence[str] = ()) -> str:
    """What is said about somebody as it is searched, a line for each thing; words never span two of them."""
    return "\n".join([*tokens, *filter(None, map(folded, said))])[:LONGEST]


def tokens(user_id: UUID, said: Iterable[str]) -> list[str]:
    """Where numbers are sealed: what each whole number becomes when it is searched, in capital letters, which no
    folded word has."""
    if not is_strict():
        return []
    numbers = (
        number for text in said for run in WHOLE_NUMBER.findall(folded(text)) for number in spoken(run)
    )
    return list(dict.fromkeys(token(user_id, number) for number in numbers))


def spoken(number: str) -> Iterator[str]:
    """How people type a number: with the code of its country and without, and never mind the zeros before it."""
    yield number.lstrip("+0")
    if number.startswith("+"):
        try:
            yield str(phonenumbers.parse(number).national_number)
        except phonenumbers.NumberParseException:
            return


def token(user_id: UUID, number: str) -> str:
    return blind(user_id, "search", number)[:TOKEN]


def parts(text: str) -> list[str]:
    """The letters of a text, and the pairs of letters that are neighbours in a word.

    >>> parts("ada al")
    ['a', 'ad', 'al', 'd', 'da', 'l']
    """
    return sorted({part for word in text.split() for part in (*word, *pairs(word))})


def pairs(word: str) -> list[str]:
    return [word[i : i + 2] for i in range(len(word) - 1)]


def wanted_parts(words: Sequence[str]) -> list[str]:
    """The parts that tell most about these words for the least asking: pairs side by side, so that every letter of a
    word is in one and only the last two may overlap. Words of one letter count where there are no others.

    >>> wanted_parts(["lovelace", "ada", "x"]), wanted_parts(["x"])
    (['ad', 'ce', 'da', 'la', 'lo', 've'], ['x'])
    """
    telling = {part for word in words for part in side_by_side(word)}
    return sorted(telling or words)


def side_by_side(word: str) -> list[str]:
    every = pairs(word)
    return every[::2] + every[-1:]


def search_words(query: str) -> list[str]:
    """The words of a query as they stand in the text; a long number without the zeros and the plus it begins with.

    >>> search_words("Ada (030) 123-456")
    ['ada', '30123456']
    """
    words = folded(query).split()[:MOST_WORDS]
    words = [word.lstrip("+(0") or word if LONG_NUMBER.fullmatch(word) else word for word in words]
    return [sought(word) if WHOLE_NUMBER.fullmatch(word) else word for word in words]


def sought(number: str) -> str:
    """A whole number as the searched text has it."""
    me = current_user_id()
    return token(me, number) if me and is_strict() else number


def few_with(words: Sequence[str]) -> str | None:
    """The ids of those who have all of the words, as Postgres writes an array; None where they are more than FEW."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT contacts_matching(%s::text[], %s::text[], %s)::text",
            [list(words), wanted_parts(words), FEW],
        )
        return cursor.fetchone()[0]  # type: ignore[no-any-return]
