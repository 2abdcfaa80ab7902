"""vCard 2.1, 3.0 (RFC 2426) and 4.0 (RFC 6350) as address books really write them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from contacts.drafts import BadRow, PersonDraft
from integrations.files.birthdays import full_date
from integrations.files.contentlines import Line, content_lines, split_value, unescape

MAX_LISTED = 100
"""How many e-mail addresses, phone numbers, tags or custom fields of one card we keep."""
MAX_NOTES, MAX_TEXT = 100_000, 2_000
MAX_LINES = 5_000
"""How many properties of one card we look at."""

_ANGLES = re.compile(r"<([^<>]+@[^<>]+)>")
_MAILTO = re.compile(r"^mailto:", re.IGNORECASE)
_VENDOR = re.compile(
    r"^X-(?:(?:MS|AB|EVOLUTION|KADDRESSBOOK|LOTUS|BLACKBERRY|MOZILLA|GOOGLE|ANDROID|PALM|SYNCML)-)?"
)
_APPLE_LABEL = re.compile(r"_\$!<(.*)>!\$_")
_SILENT = {
    "BEGIN", "END", "VERSION", "PRODID", "REV", "PHOTO", "LOGO", "SOUND", "KEY", "AGENT", "MAILER", "CLASS", "SOURCE",
    "NAME", "PROFILE", "XML", "CLIENTPIDMAP", "LABEL", "SORT-STRING", "X-ABLABEL", "X-ABADR", "X-ABUID", "X-ABSHOWAS",
    "X-MS-CARDPICTURE", "X-MS-OL-DESIGN", "X-MS-OL-DEFAULT-POSTAL-ADDRESS", "X-FILE-AS", "X-EVOLUTION-FILE-AS",
    "X-MOZILLA-HTML", "X-CLASS", "KIND",
}  # fmt: skip
_KINDS = {"KIND", "X-ADDRESSBOOKSERVER-KIND"}
_CUSTOM_NAMES = {
    "ADR": "address", "URL": "website", "NICKNAME": "nickname", "ROLE": "role", "BDAY": "birthday",
    "ANNIVERSARY": "anniversary", "IMPP": "im", "GENDER": "gender", "LANG": "language", "TZ": "time zone",
    "GEO": "geo", "RELATED": "related", "MEMBER": "member", "EMAIL": "email", "X-LOTUS-BRTHDAY": "birthday", "CALURI": "calendar", "FBURL": "free/busy",
}  # fmt: skip


def parse(raw: bytes) -> list[PersonDraft]:
    """Return the people of every card in the file, in its order. Never raises; `read` also says what was wrong."""
    return read(raw)[0]


def read(raw: bytes) -> tuple[list[PersonDraft], list[BadRow]]:
    """Return the people and the cards that could not be used, each with its number in the file and the reason."""
    people, bad, position = [], [], 0
    for position, card in enumerate(_cards(raw), start=1):
        if any(line.name in _KINDS and line.value.strip().lower() == "group" for line in card):
            bad.append(
                BadRow(
                    position,
                    "This card is a list of people, not a person. Its people were read from their own cards.",
                )
            )
            continue
        person = _person(card, position)
        if _says_who(person):
            people.append(person)
        else:
            bad.append(
                BadRow(position, "This card has no name, e-mail address, phone number or organization.")
            )
    if position == 0 and raw.strip():
        bad.append(
            BadRow(1, "There is no vCard in this file. Export your contacts as vCard (.vcf) and try again.")
        )
    return people, bad


def _cards(raw: bytes) -> Iterator[list[Line]]:
    """Yield the properties of each top-level card. A card without its END is closed by the next BEGIN."""
    card: list[Line] | None = None
    nested = 0
    for line in content_lines(raw):
        mark = line.value.strip().upper() == "VCARD" and line.name
        if mark == "BEGIN" and card and card[-1].name == "AGENT":
            nested += 1
        elif mark == "BEGIN":
            if card:
                yield card
            card, nested = [], 0
        elif mark == "END" and nested:
            nested -= 1
        elif mark == "END" and card is not None:
            yield card
            card = None
        elif card is not None and not nested and len(card) < MAX_LINES:
            card.append(line)
    if card:
        yield card


def _person(card: list[Line], position: int) -> PersonDraft:
    person = PersonDraft(emails=[], phones=[], tags=[], position=position)
    labels = {line.group: _label(line.value) for line in card if line.group and line.name == "X-ABLABEL"}
    for line in card:
        if line.value.strip() and not line.is_binary:
            _take(person, line, labels.get(line.group, "") if line.group else "")
    person.full_name = person.full_name or _composed(card)
    person.title = person.title or person.custom.get("role", "")
    return person


def _take(person: PersonDraft, line: Line, label: str) -> None:
    text = unescape(line.value).strip()
    match line.name:
        case "FN":
            person.full_name = person.full_name or text[:MAX_TEXT]
        case "N":
            _take_name(person, line)
        case "EMAIL" if "@" in text:
            person.emails = _with(person.emails, _address(text))
        case "TEL":
            person.phones = _with(person.phones, _phone(text))
        case "ORG":
            _take_organization(person, line)
        case "TITLE":
            person.title = person.title or text[:MAX_TEXT]
        case "NOTE":
            person.notes = f"{person.notes}\n\n{text}".strip()[:MAX_NOTES]
        case "CATEGORIES":
            for tag in re.split(r"[,;]", text):
                person.tags = _with(person.tags, tag.strip())
        case "UID":
            person.external_id = text[:MAX_TEXT]
        case "BDAY" if born := _birthday(text, line.params):
            person.birthday = person.birthday or born
        case _:
            _take_custom(person, line, label)


def _take_name(person: PersonDraft, line: Line) -> None:
    family, given = _name_parts(line)[:2]
    person.family_name = person.family_name or family
    person.given_name = person.given_name or given


def _composed(card: list[Line]) -> str:
    """Return the full name for a card without one, put together from its N."""
    for line in card:
        if line.name == "N":
            family, given, additional, prefix, suffix = _name_parts(line)
            return " ".join(part for part in (prefix, given, additional, family, suffix) if part)
    return ""


def _name_parts(line: Line) -> list[str]:
    """Return the five parts of N: family, given, additional, prefix, suffix."""
    parts = [part.strip()[:MAX_TEXT] for part in split_value(line.value, ";")[:5]]
    return parts + [""] * (5 - len(parts))


def _take_organization(person: PersonDraft, line: Line) -> None:
    name, *units = [part.strip()[:MAX_TEXT] for part in split_value(line.value, ";")[:10]]
    person.organization = person.organization or name
    if any(units):
        person.custom.setdefault("department", ", ".join(filter(None, units)))


def _take_custom(person: PersonDraft, line: Line, label: str) -> None:
    if line.name in _SILENT:
        return
    parts = split_value(line.value, ";")[:20]
    known = _CUSTOM_NAMES.get(line.name) or _VENDOR.sub("", line.name).lower()
    if (
        line.name == "X-ANDROID-CUSTOM"
    ):  # a kind such as vnd.android.cursor.item/contact_event, a value, and numbers
        known, parts = parts[0].rpartition("/")[2].replace("_", " "), parts[1:2]
    name = label or known
    text = ", ".join(part.strip() for part in parts if part.strip())[:MAX_TEXT]
    number = 2
    while name in person.custom and number <= 9:
        name, number = f"{label or known} {number}", number + 1
    if text and len(person.custom) < MAX_LISTED:
        person.custom.setdefault(name, text)


def _with(values: Sequence[str], value: str) -> Sequence[str]:
    return [*values, value[:MAX_TEXT]] if value and len(values) < MAX_LISTED else values


def _label(value: str) -> str:
    """Return the name a person gave a field; Apple wraps its own ones: `_$!<Anniversary>!$_`."""
    text = unescape(value).strip()[:100]
    wrapped = _APPLE_LABEL.fullmatch(text)
    return wrapped[1].lower() if wrapped else text


def _address(text: str) -> str:
    """Return the address of “Ada <ada@example.org>” or of a `mailto:` URI."""
    inside = _ANGLES.search(text)
    return _MAILTO.sub("", inside[1] if inside else text).partition("?")[0]


def _phone(text: str) -> str:
    """Return the number as written; of a `tel:` URI (RFC 3966) the number and its extension."""
    if text[:4].lower() != "tel:":
        return text
    number, *parameters = unquote(text[4:]).split(";")
    extension = next((p[4:] for p in parameters if p.lower().startswith("ext=")), "")
    return f"{number} ext. {extension}" if extension else number


def _birthday(text: str, params: dict[str, str]) -> dt.date | None:
    """Return the full date, or None for one without its year (`--0321`, or Apple's stand-in year) or not a date."""
    return None if text[:4] == params.get("X-APPLE-OMIT-YEAR") else full_date(text)


def _says_who(person: PersonDraft) -> bool:
    return bool(person.full_name or person.emails or person.phones or person.organization)
