"""Comparing the names of people: accents, order, initials, nicknames and slips of the keyboard."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from enum import Enum
from functools import lru_cache

_LETTERS = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i"}
)
_UMLAUT = re.compile(r"([aou])e")
_WORDS = re.compile(r"[^\W\d_]+")
_TITLES_TEXT = """
    mr mrs ms miss mx dr prof professor sir dame herr frau hr fr dipl ing mag phd md mba esq m mme mlle monsieur
    madame sra srta don dona sig dott rev
"""
_TITLES = frozenset(_TITLES_TEXT.split())
_PARTICLES_TEXT = """
    van von der den de del della di da dos du la le el al bin ibn ter ten zu zum zur vom
"""
_PARTICLES = frozenset(_PARTICLES_TEXT.split())
_GENERATIONS = {"jr": "jr", "junior": "jr", "sr": "sr", "senior": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
_NICKNAMES = """
    alexander alex sasha sascha aleksandr alexandre alejandro sandy xander; alexandra alex sandra sasha; andrew andy drew
    andreas andre andrei; anthony tony antonio anton; barbara barb babs; benjamin ben benny benji; catherine katherine
    kathryn cathy kathy kate katie kat catharine katharina kathrin; charles charlie chuck carlos karl carl; christopher
    chris kit christoph; christina christine chris tina christa kristina kristin; daniel dan danny; david dave davey;
    deborah debra deb debbie; donald don donnie; dorothy dot dottie; edward ed eddie ted ned eduardo; elizabeth liz
    lizzie beth betty eliza elisabeth lisa libby; eric erik erich; eugene gene; florian flo; francis frank francesco
    francisco franz; frederick fred freddy friedrich; gabriel gabe; geoffrey jeffrey jeff geoff; george georg jorge
    jurgen; gerald jerry gerry; gregory greg; hannah hanna; henry hank harry heinrich henri; isabella bella isabel
    isabelle; jacob jake jakob; jacqueline jackie; james jim jimmy jamie; janet jan; jennifer jen jenny; jessica jess
    jessie; john jon johnny jack johann johannes hans jean juan; jonathan jon jonny; joseph joe joey josef jose pepe;
    joshua josh; judith judy; kenneth ken kenny; kimberly kim; lawrence larry laurence lars; leonard leo len lenny;
    louis lou lewis luis ludwig; lucas luke lukas; margaret maggie meg peggy marge greta margarete; mark marc marcus
    markus marco; martin marty; mary maria marie molly mia; matthew matt matthias mateo mathieu; maximilian max; michael
    mike mick mickey micha michel miguel mikhail misha; nathan nate nathaniel; nicholas nick nico nicolas nikolaus klaus
    nicola; nicole nikki; pamela pam; patricia pat patty trish tricia; patrick pat paddy; paul pablo paolo; peter pete
    pedro petr pierre; philip phil phillip philippe felipe; rachel rachael; raymond ray; rebecca becca becky; richard
    rick dick rich ricky ricardo; robert rob bob bobby robbie roberto bert; ronald ron ronnie; samantha sam; samuel sam
    sammy; sarah sara; sebastian bastian basti; sophia sophie sofia; stephanie steph steffi; stephen steven steve stefan
    stephan esteban; susan sue susie suzanne susanne; theodore theo ted teddy; thomas tom tommy tomas; timothy tim timmy
    timo; tobias tobi toby; ulrich uli; valerie val; victor vic viktor; victoria vicky vicki tori; vincent vince vinny;
    virginia ginny; walter walt wally; wilhelm willi; william bill billy will willy liam guillermo guillaume; wolfgang
    wolf; zachary zach zack; ivan vanya; dmitri dima dmitry; vladimir vova; elena lena helena; ekaterina katya; tatiana
    tanya; natalia natasha natalie
"""


class Likeness(Enum):
    """How two names compare, best first; UNKNOWN when one of them is missing or too short to say."""

    SAME = "same name"
    SIMILAR = "similar name"
    INITIAL = "same family name and initial"
    RELATED = "same first name"
    UNKNOWN = ""
    DIFFERENT = "different name"


@dataclass(slots=True, frozen=True)
class Name:
    """A name folded for comparing: lower case, no accents, no titles."""

    given: str = ""
    middle: tuple[str, ...] = ()
    family: str = ""
    generation: str = ""

    @property
    def is_full(self) -> bool:
        """Whether it has a given name, more than an initial, and a family name."""
        return all(len(part) > 1 or not part.isascii() for part in (self.given or "-", self.family or "-"))

    @property
    def key(self) -> tuple[str, ...]:
        """The same for names that differ in order, accents or a nickname."""
        return tuple(sorted((root(self.given), self.family)))


def name_of(full: str, given: str, family: str) -> Name:
    """Fold a name; where its parts are not known, "Doe, Jane" and "Jane Doe" are told apart by the comma."""
    if not (given and family) and full:
        if "@" in full:
            return Name()
        before, comma, after = full[:200].partition(",")
        words = _words(before)
        if comma and (rest := [word for word in _words(after) if word not in _GENERATIONS]):
            given, family = " ".join(rest), " ".join(words)
        elif words:
            last = max(1, len(words) - 1 - (len(words) > 2 and words[-1] in _GENERATIONS))
            while last > 1 and words[last - 1] in _PARTICLES:
                last -= 1
            given, family = " ".join(words[:last]), " ".join(words[last:])
    names, families = _words(given[:200]), _words(family[:200])
    generation = next((word for word in [*families, *names] if word in _GENERATIONS), "")
    names = [word for word in names if word not in _GENERATIONS]
    families = [word for word in families if word not in _GENERATIONS and word not in _PARTICLES]
    return Name(
        names[0] if names else "", tuple(names[1:]), " ".join(families), _GENERATIONS.get(generation, "")
    )


def compare(a: Name, b: Name) -> Likeness:
    """Say how alike two names are."""
    if not (a.given or a.family) or not (b.given or b.family):
        return Likeness.UNKNOWN
    if a.generation and b.generation and a.generation != b.generation:
        return Likeness.DIFFERENT
    if any(x[0] != y[0] for x, y in zip(a.middle, b.middle, strict=False)):
        return Likeness.DIFFERENT
    straight = _compare_parts(a.given, a.family, b.given, b.family)
    if straight in (Likeness.DIFFERENT, Likeness.RELATED) and (a.given, a.family) == (b.family, b.given):
        return Likeness.SAME
    if straight is Likeness.RELATED and (a.family in b.middle or b.family in a.middle):
        return Likeness.SIMILAR  # Maria Garcia and Maria Garcia Lopez
    return straight


def may_be_misspelt(a: Name, b: Name) -> bool:
    """Whether two names are near enough for one person, when an address or a number already says so."""
    if a.generation != b.generation:
        return False
    return all(
        SequenceMatcher(None, x[:40], y[:40]).ratio() >= 0.75
        for x, y in ((a.given, b.given), (a.family, b.family))
    )


def _compare_parts(given: str, family: str, other_given: str, other_family: str) -> Likeness:
    if not (given and family and other_given and other_family):
        return _compare_single({given, family} - {""}, {other_given, other_family} - {""})
    same_family = family == other_family
    close_family = same_family or is_slip(family, other_family) or _is_part(family, other_family)
    if given == other_given:
        return Likeness.SAME if same_family else Likeness.SIMILAR if close_family else Likeness.RELATED
    if not close_family:
        return Likeness.DIFFERENT
    if len(given) == 1 or len(other_given) == 1:
        return Likeness.INITIAL if given[0] == other_given[0] and same_family else Likeness.DIFFERENT
    if are_nicknames(given, other_given) or (same_family and is_slip(given, other_given)):
        return Likeness.SIMILAR
    return Likeness.DIFFERENT


def _compare_single(words: set[str], others: set[str]) -> Likeness:
    """Compare where one side is a single name: it may be the other's, and if not it may be anything."""
    return Likeness.INITIAL if words & others else Likeness.UNKNOWN


def is_slip(a: str, b: str) -> bool:
    """Whether one change, one letter more or less, or two letters in the wrong order makes one of the other.

    Only for names of five letters or more, and never in the first: Jan and Dan are two people.

    >>> is_slip("schmidt", "schmitd"), is_slip("meier", "meyer"), is_slip("anna", "anne")
    (True, True, False)
    """
    if min(len(a), len(b)) < 5 or abs(len(a) - len(b)) > 1 or a[0] != b[0] or a == b:
        return False
    start = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))
    for skip_a, skip_b in ((1, 1), (1, 0), (0, 1)):
        if a[start + skip_a :] == b[start + skip_b :]:
            return True
    return a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]


def are_nicknames(a: str, b: str) -> bool:
    """Whether both may be forms of one given name: Bob and Robert, or Katharina and Kat."""
    if _NICKNAME_GROUPS.get(a, frozenset()) & _NICKNAME_GROUPS.get(b, frozenset()):
        return True
    short, long = sorted((a, b), key=len)
    return len(short) >= 4 and long.startswith(short)


def root(given: str) -> str:
    """Return one form for all nicknames of a given name, for grouping; the name itself if it has none."""
    return _ROOTS.get(given, given)


def _is_part(a: str, b: str) -> bool:
    """Whether one family name is part of the other's double one: Garcia and Garcia Lopez."""
    return " " in a + b and bool({*a.split()} <= {*b.split()} or {*b.split()} <= {*a.split()})


@lru_cache(20_000)
def fold(word: str) -> str:
    """Lower the case, drop accents, and write ü, ue and u the same.

    >>> fold("Müller"), fold("MUELLER"), fold("Łukasz")
    ('muller', 'muller', 'lukasz')
    """
    return _UMLAUT.sub(r"\1", plain(word))


def plain(text: str) -> str:
    """Lower the case and drop accents.

    >>> plain("Zoë Łukasz"), plain("ÆRØ")
    ('zoe lukasz', 'aero')
    """
    folded = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(c for c in folded if not unicodedata.combining(c))


def _words(text: str) -> list[str]:
    bare = (
        re.sub(r"\([^)]*\)|[\"“][^\"”]*[\"”]", " ", text).replace("'", "").replace("’", "").replace(".", " ")
    )
    return [word for word in map(fold, _WORDS.findall(bare)) if word not in _TITLES]


_GROUPS = [[fold(word) for word in group.split()] for group in _NICKNAMES.split(";")]
_NICKNAME_GROUPS: dict[str, frozenset[int]] = {}
_ROOTS: dict[str, str] = {}
for _number, _group in enumerate(_GROUPS):
    for _word in _group:
        _NICKNAME_GROUPS[_word] = _NICKNAME_GROUPS.get(_word, frozenset()) | {_number}
        _ROOTS.setdefault(_word, _group[0])
