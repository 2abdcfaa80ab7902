"""What kind of calendar entry something is, and what it is about: rules, in the order in which they are asked.

The same entry always gets the same answer, and each rule can be read and tested. Words are those of the languages in
which people here keep calendars; a word that is missing costs a category, never an entry.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from html import unescape

from contacts.drafts import Attendee, EventDraft
from contacts.matching import same_spelling
from contacts.shared_addresses import is_free_mail

MOST_KEYWORDS = 8
READ = 1_500
"""Characters of a description that are looked at: what it is about stands at its beginning."""

NOT_PEOPLE = frozenset({"resource", "room", "group"})
"""Kinds of attendees that nobody meets: a projector, a room, a mailing list."""

_WORD = re.compile(r"[^\W\d_][\w'’+#-]*[\w+#]", re.UNICODE)
_TAG = re.compile(r"<[^>]{0,1000}>")
_LINK = re.compile(r"\b(?:https?://|www\.)\S+|\S+@\S+", re.IGNORECASE)
_INVITATION = re.compile(r"(?m)^\s*(?:-::~|_{10,}|─{5,}|-{10,}).*", re.DOTALL)
"""What Google, Teams and others append: how to dial in."""


def _starts(words: str) -> re.Pattern[str]:
    """Any of these words, or one that begins with what stands before a star."""
    parts = (re.escape(word).replace(r"\*", r"\w*").replace("_", r"[\s-]+") for word in words.split())
    return re.compile(rf"\b(?:{'|'.join(parts)})\b", re.IGNORECASE)


INTERVIEW = _starts("""
    interview* vorstellungsgespräch* bewerbungsgespräch* entretien_d'embauche entrevista_de_trabajo colloquio_di_lavoro
    sollicitatiegesprek* intervju* rekrytering* candidate_screen* phone_screen hiring_panel
""")
TRAVEL = _starts("""
    flight* flug flüge abflug rückflug hinflug vol vuelo* volo vlucht* flyg* train_to zug_nach train_pour tren_a treno_per
    hotel* airbnb boarding check-in travel* trip reise* dienstreise anreise abreise voyage* viaje* viaggio* resa reis
    airport flughafen aéroport aeropuerto aeroporto ferry fähre transfer
""")
CALL = _starts("""
    call calls phone telephone telefon* anruf* appel* llamada* chiamata* telefonata* belafspraak bellen ring_upp samtal
    ligação rozmowa zoom facetime skype whatsapp videocall videoanruf visio
""")


def category(draft: EventDraft, own: Collection[str]) -> str:
    """One of `CalendarEvent.Category`. `own`: the user's addresses."""
    others = people(draft, own)
    for named, words in (("interview", INTERVIEW), ("travel", TRAVEL)):
        if words.search(draft.title):
            return named
    if not others:
        is_whole_day = draft.start is not None and not isinstance(draft.start, dt.datetime)
        return "all_day" if is_whole_day else "personal"
    if CALL.search(draft.title) or CALL.search(draft.location):
        return "call"
    if {domain(email) for email in others} <= work_domains(own):
        return "internal"
    return "one_to_one" if len(others) == 1 else "group"


def invited(draft: EventDraft) -> Iterator[Attendee]:
    """Everybody the entry names, the organizer first."""
    yield from [draft.organizer] if draft.organizer else []
    yield from draft.attendees


def people(draft: EventDraft, own: Collection[str]) -> set[str]:
    """The addresses of the other people: neither the user, nor rooms, nor mailing lists."""
    return {
        same_spelling(one.email)
        for one in invited(draft)
        if one.email and not one.is_self and one.kind not in NOT_PEOPLE
    }.difference(own)


def response(draft: EventDraft, own: Collection[str]) -> str:
    """What the user answered; an entry of their own is accepted."""
    mine = [one for one in draft.attendees if one.is_self or same_spelling(one.email) in own]
    if mine:
        return next((one.response for one in mine if one.response), "")
    organizer = draft.organizer
    is_own = organizer is None or organizer.is_self or same_spelling(organizer.email) in own
    return "accepted" if is_own else ""


def domain(email: str) -> str:
    return email.rpartition("@")[2]


def work_domains(own: Iterable[str]) -> set[str]:
    """Where the user works, told by their addresses: not the domains of free mail."""
    return {domain(email) for email in own if not is_free_mail(domain(email))}


def keywords(draft: EventDraft, names: Collection[str] = ()) -> list[str]:
    """What it is about, in a few words: its own categories, the words of its title, then what its text repeats.

    `names`: words that say whose calendar it is, and nothing about the entry.
    """
    ignored = STOP_WORDS | set(names)
    title = [word for word in words(draft.title) if word not in ignored]
    counted = Counter(word for word in words(plain(draft.description)) if word not in ignored)
    repeated = [word for word, times in counted.most_common() if times > 1]
    said = [" ".join(one.split())[:60] for one in draft.categories]
    return list(dict.fromkeys([*filter(None, said), *title, *repeated]))[:MOST_KEYWORDS]


def words(text: str) -> Iterator[str]:
    """Its words of three letters or more, in small letters."""
    for found in _WORD.finditer(_LINK.sub(" ", text[:READ])):
        word = found[0].casefold().removesuffix("'s").removesuffix("’s")
        if 3 <= len(word) <= 40:
            yield word


def plain(description: str) -> str:
    """A description without its mark-up, and without what says how to dial in."""
    text = unescape(_TAG.sub(" ", description[:READ]))
    return _INVITATION.sub("", text)


def names_of(name: str, own: Iterable[str]) -> frozenset[str]:
    """The words in a user's name and addresses."""
    said = [name, *(email.partition("@")[0].replace(".", " ").replace("_", " ") for email in own)]
    return frozenset(word for one in said for word in words(one))


STOP_WORDS = frozenset(
    [
        "the",
        "and",
        "for",
        "with",
        "from",
        "this",
        "that",
        "are",
        "was",
        "were",
        "you",
        "your",
        "our",
        "his",
        "her",
        "its",
        "has",
        "have",
        "had",
        "will",
        "would",
        "can",
        "could",
        "not",
        "but",
        "all",
        "any",
        "about",
        "into",
        "over",
        "under",
        "out",
        "off",
        "per",
        "via",
        "new",
        "one",
        "two",
        "day",
        "days",
        "week",
        "weeks",
        "month",
        "today",
        "tomorrow",
        "please",
        "thanks",
        "thank",
        "who",
        "what",
        "when",
        "where",
        "how",
        "why",
        "which",
        "there",
        "here",
        "they",
        "them",
        "their",
        "been",
        "being",
        "just",
        "also",
        "more",
        "der",
        "die",
        "das",
        "den",
        "dem",
        "des",
        "ein",
        "eine",
        "einen",
        "einem",
        "einer",
        "und",
        "oder",
        "für",
        "mit",
        "von",
        "vom",
        "zum",
        "zur",
        "bei",
        "auf",
        "aus",
        "ist",
        "sind",
        "war",
        "wir",
        "ihr",
        "sie",
        "ich",
        "nicht",
        "auch",
        "noch",
        "nach",
        "vor",
        "über",
        "unter",
        "als",
        "wie",
        "was",
        "wer",
        "bitte",
        "danke",
        "heute",
        "morgen",
        "uhr",
        "am",
        "im",
        "an",
        "um",
        "les",
        "des",
        "une",
        "est",
        "pour",
        "avec",
        "dans",
        "sur",
        "par",
        "pas",
        "que",
        "qui",
        "nous",
        "vous",
        "ils",
        "elles",
        "son",
        "ses",
        "leur",
        "aux",
        "ces",
        "merci",
        "chez",
        "los",
        "las",
        "una",
        "unos",
        "unas",
        "por",
        "para",
        "con",
        "sin",
        "del",
        "que",
        "como",
        "está",
        "son",
        "muy",
        "más",
        "gracias",
        "hoy",
        "mañana",
        "gli",
        "uno",
        "una",
        "per",
        "con",
        "del",
        "della",
        "dei",
        "delle",
        "che",
        "non",
        "sono",
        "come",
        "più",
        "grazie",
        "oggi",
        "domani",
        "het",
        "een",
        "van",
        "voor",
        "met",
        "bij",
        "naar",
        "niet",
        "ook",
        "dat",
        "dit",
        "zijn",
        "wij",
        "jullie",
        "och",
        "att",
        "det",
        "som",
        "för",
        "med",
        "till",
        "från",
        "inte",
        "meeting",
        "meetings",
        "meet",
        "call",
        "calls",
        "join",
        "zoom",
        "teams",
        "google",
        "link",
        "invite",
        "invitation",
        "invited",
        "event",
        "calendar",
        "appointment",
        "termin",
        "besprechung",
        "einladung",
        "treffen",
        "réunion",
        "rendez-vous",
        "rdv",
        "reunión",
        "cita",
        "riunione",
        "appuntamento",
        "afspraak",
        "vergadering",
        "möte",
        "phone",
        "dial",
        "passcode",
        "password",
        "agenda",
        "location",
        "online",
        "video",
        "conference",
        "meeting-id",
        "http",
        "https",
        "www",
        "com",
        "mailto",
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "monday",
        "tuesday",
        "wednesday",
        "thursday",
        "friday",
        "saturday",
        "sunday",
        "montag",
        "dienstag",
        "mittwoch",
        "donnerstag",
        "freitag",
        "samstag",
        "sonntag",
        "jan",
        "feb",
        "mar",
        "apr",
        "may",
        "jun",
        "jul",
        "aug",
        "sep",
        "oct",
        "nov",
        "dec",
    ]
)
"""Words that say nothing about one entry rather than another, and those that every invitation has."""
