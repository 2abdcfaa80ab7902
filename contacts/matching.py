"""Who is who: one form for addresses, phone numbers and names, and people who may be the same.

Everything here is pure: no database, the same answer for the same people, and bounded work on hostile ones.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, replace
from itertools import combinations, product

import phonenumbers
from nameparser import HumanName

from contacts.drafts import Pair, PersonDraft
from contacts.names import Likeness, Name, compare, fold, is_slip, may_be_misspelt, name_of, root
from contacts.shared_addresses import FREE_MAIL_DOMAINS, is_free_mail, is_role

__all__ = [
    "FREE_MAIL_DOMAINS", "MATCHER_VERSION", "duplicates", "is_free_mail", "mailbox_of", "normalize_email",
    "normalize_phone", "person_named", "split_name",
]  # fmt: skip

MATCHER_VERSION = 1
"""Raise it when the same people may give other pairs or other normalized values."""

MAX_IDENTITIES = 20
"""How many addresses or numbers of one person are compared."""
SMALL_GROUP, NEIGHBOURS = 40, 5
"""Everybody in a group of this size is compared with everybody; in a larger one with so many next to them by name."""
SHARED_BY = 3
"""An address or number that more differently named people have belongs to none of them."""
COMMON_NAME = 3
"""A name that more people have is no evidence by itself."""

# How strong each piece of evidence is; together they leave doubt (1 - a)(1 - b)…
_WEIGHTS = {
    "same e-mail address": 0.95,
    "e-mail addresses that differ only in dots or a tag": 0.9,
    "same phone number": 0.8,
    "same name": 0.7,
    "similar name": 0.6,
    "same family name and initial": 0.35,
    "same first name": 0.2,
    "same company": 0.55,
    "same company domain": 0.55,
    "same birthday": 0.6,
    "same e-mail user name": 0.6,
}

_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\\x00-\x1f\x7f]{1,128}@(?:[\w-]{1,63}\.)+[\w-]{2,63}")
_INVISIBLE = re.compile("[\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff\u00ad\ud800-\udfff]")
_COMPANY = re.compile(
    r"(?i)(?:\b(?:inc|llc|llp|ltd|limited|plc|corp|corporation|company|co|gmbh|ag|kg|ohg|e\.?v|s\.?a|s\.?a\.?r\.?l|s\.?l"
    r"|s\.?p\.?a|s\.?r\.?l|b\.?v|n\.?v|oy|ab|a/s|aps|pty|gbr|ug|verein|stiftung|foundation|university|universität"
    r"|association|group|holding|holdings|bank|hotel|restaurant)\.?$|&)"
)
_LEGAL = """
    the inc incorporated llc llp ltd limited plc corp corporation company co gmbh ag kg ohg ev ug gbr mbh se sa
    sarl sas sl spa srl bv nv oy ab as aps pty pvt und and et y group holding holdings international
"""
_LEGAL_FORMS = frozenset(_LEGAL.split())


def normalize_email(value: str) -> str:
    """Return the address in lower case with its domain in ASCII (IDNA), or "" if it is not an e-mail address.

    >>> normalize_email(" <mailto:Ada@Bücher.example> ")
    'ada@xn--bcher-kva.example'
    """
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", value[:400])).strip().strip("<>").strip()
    text = re.sub(r"(?i)^mailto:", "", text).partition("?")[0].lower().rstrip(".")
    if not _ADDRESS.fullmatch(text):
        return ""
    local, _, domain = text.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode('ascii')}" if not domain.isascii() else text
    except UnicodeError:
        return ""


def same_spelling(email: str) -> str:
    """The address as everything here spells it, also one that leads to no person ("root@localhost")."""
    return normalize_email(email) or email[:254]


def normalize_phone(value: str, region: str | None = None) -> str:
    """Return the number in E.164, with ";ext=" where it has an extension; else its digits; else "".

    `region` is the ISO country whose dialling rules a number without a country code follows.

    >>> normalize_phone("+49 (0)30 123456"), normalize_phone("030 123456", "DE"), normalize_phone("030 123456")
    ('+4930123456', '+4930123456', '030123456')
    """
    text = re.sub(r"(?i)^tel:", "", value[:100].strip())
    text = f"+{text[2:]}" if text.startswith("00") else text
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        digits = re.sub("^(?:00)+", "", phonenumbers.normalize_digits_only(text))
        return digits if 5 <= len(digits) <= 20 else ""
    formatted = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{formatted};ext={number.extension}" if number.extension else str(formatted)


def split_name(full: str) -> tuple[str, str]:
    """Return the given and the family name of a person; a single name is the given one.

    A company's name and an e-mail address are nobody's: both parts are empty.

    >>> split_name("Doe, Jane"), split_name("Dr. Ludwig van Beethoven"), split_name("Acme GmbH")
    (('Jane', 'Doe'), ('Ludwig', 'van Beethoven'), ('', ''))
    """
    text = " ".join(full[:200].split())
    if not text or "@" in text or _COMPANY.search(text):
        return "", ""
    if " " not in text:
        return text, ""
    name = HumanName(text)
    given, family = str(name.first), str(name.last)
    return (given, family) if given else (family, "")


def person_named(email: str, name: str) -> PersonDraft:
    """A person as mail names them: quotes and "via" trimmed; a name that is only the address says nothing."""
    name = " ".join(name.replace('"', " ").split()).strip("' ").partition(" via ")[0]
    if "@" in name:
        name = ""
    given, family = split_name(name) if name else ("", "")
    if "," in name:
        name = f"{given} {family}".strip()
    return PersonDraft(full_name=name, given_name=given, family_name=family, emails=[email])


@dataclass(slots=True, frozen=True)
class _Profile:
    """What of a person is compared, in one form."""

    name: Name
    emails: frozenset[str]
    variants: frozenset[str]
    phones: frozenset[str]
    companies: frozenset[str]
    domains: frozenset[str]
    users: frozenset[str]
    birthday: str


def duplicates(people: Sequence[PersonDraft]) -> list[Pair]:
    """Return the pairs who are probably one person, the surest first, as indices (a < b) with a score and reasons.

    A pair scores 0.8 or more only with evidence besides the name. Role addresses (info@) and addresses or numbers that
    differently named people share count for nothing.
    """
    profiles = _without_shared([_profile(person) for person in people])
    names = Counter(profile.name.key for profile in profiles)
    pairs = []
    for a, b in sorted(_candidates(profiles)):
        reasons = _reasons(profiles[a], profiles[b], names[profiles[a].name.key] <= COMMON_NAME)
        if reasons:
            pairs.append(Pair(a, b, _score(reasons), _in_words(reasons)))
    return sorted(pairs, key=lambda pair: (-pair.score, pair.a, pair.b))


def _profile(person: PersonDraft) -> _Profile:
    emails = [e for e in map(normalize_email, person.emails[:MAX_IDENTITIES]) if e and not is_role(e)]
    every = [e for e in map(normalize_email, person.emails[:MAX_IDENTITIES]) if e]
    name = name_of(person.full_name, person.given_name, person.family_name)
    domains = frozenset(domain for e in every if not is_free_mail(domain := e.rpartition("@")[2]))
    return _Profile(
        name=name,
        emails=frozenset(emails),
        variants=frozenset(map(mailbox_of, emails)),
        phones=frozenset(filter(None, map(_phone_key, person.phones[:MAX_IDENTITIES]))),
        companies=frozenset(filter(None, [_company_key(person.organization)])),
        domains=domains,
        users=frozenset(user for e in emails if _is_own(user := e.partition("@")[0], name)),
        birthday=person.birthday.isoformat() if person.birthday else "",
    )


def mailbox_of(email: str) -> str:
    """Return the mailbox that an address reaches: without a +tag, and at Gmail without dots."""
    local, _, domain = email.rpartition("@")
    local = local.partition("+")[0] or local
    if domain in ("gmail.com", "googlemail.com"):
        return f"{local.replace('.', '')}@gmail.com"
    return f"{local}@{domain}"


def _phone_key(phone: str) -> str:
    """Return the last nine digits, equal with and without a country code, and the extension; "" for a short number."""
    number, _, extension = re.sub(
        r"(?i)\s*(?:;ext=|ext\.?|x|durchwahl)\s*(?=\d{1,6}$)", ";", phone[:100].strip()
    ).partition(";")
    digits = re.sub(r"\D", "", number)
    return f"{digits[-9:]};{extension}" if 7 <= len(digits) <= 16 and len(set(digits)) > 2 else ""


def _company_key(company: str) -> str:
    """Return a company's name without its legal form: "The Acme Corp." is `acme`."""
    words = [fold(word) for word in re.findall(r"[^\W_]+", company[:200].replace(".", ""))]
    kept = [word for word in words if word not in _LEGAL_FORMS]
    return "".join(kept or words)


def _is_own(user: str, name: Name) -> bool:
    """Whether an e-mail user name is a person's own invention: long enough, and not just made of their name."""
    bare = re.sub(r"[\W\d_]", "", user)
    return len(user) >= 6 and not any(
        part in bare for part in (name.given, *name.family.split()) if len(part) > 2
    )


def _without_shared(profiles: list[_Profile]) -> list[_Profile]:
    """Take away addresses and numbers that differently named people have in common."""
    names: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for profile in profiles:
        for value in profile.variants | profile.phones:
            if len(names[value]) <= SHARED_BY:
                names[value].add(profile.name.key)
    shared = {value for value, keys in names.items() if len(keys) > SHARED_BY}
    if not shared:
        return profiles
    return [
        replace(
            profile,
            emails=frozenset(e for e in profile.emails if mailbox_of(e) not in shared),
            variants=profile.variants - shared,
            phones=profile.phones - shared,
        )
        for profile in profiles
    ]


def _candidates(profiles: Sequence[_Profile]) -> set[tuple[int, int]]:
    """Return the pairs worth a look: who have an address, a number, a name, or part of a name and a company in common."""
    groups: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for index, profile in enumerate(profiles):
        for key in _keys(profile):
            groups[key].append(index)
    return {pair for group in groups.values() for pair in _pairs_within(group, profiles)}


def _keys(profile: _Profile) -> Iterator[tuple[object, ...]]:
    name = profile.name
    yield from (("email", value) for value in profile.variants)
    yield from (("phone", value) for value in profile.phones)
    if name.given and name.family:
        yield ("name", *name.key)
        if profile.birthday:
            yield ("born", profile.birthday)
        for place in (*profile.companies, *map(_company_of, profile.domains), *profile.users):
            yield ("family", name.family, place)
            yield ("given", root(name.given), place)
            for part in name.family.split()[1:]:
                yield ("family", part, place)


def _company_of(domain: str) -> str:
    """Return the company name that a domain suggests: `acme` for mail.acme.co.uk."""
    labels = [
        label for label in domain.split(".")[:-1] if label not in ("co", "com", "ac", "org", "net", "mail")
    ]
    return re.sub(r"\W", "", labels[-1]) if labels else domain


def _pairs_within(group: list[int], profiles: Sequence[_Profile]) -> Iterable[tuple[int, int]]:
    if len(group) <= SMALL_GROUP:
        return combinations(group, 2)
    near = sorted(group, key=lambda index: (profiles[index].name.family, profiles[index].name.given, index))
    return ((min(a, b), max(a, b)) for i, a in enumerate(near) for b in near[i + 1 : i + 1 + NEIGHBOURS])


def _reasons(a: _Profile, b: _Profile, name_is_rare: bool) -> list[str]:
    """Return the evidence that two people are one, or nothing if it does not suffice or something speaks against it."""
    contact = _contact_reasons(a, b)
    context = _context_reasons(a, b)
    likeness = compare(a.name, b.name)
    if likeness is Likeness.DIFFERENT and contact and may_be_misspelt(a.name, b.name):
        likeness = Likeness.SIMILAR
    if likeness is Likeness.DIFFERENT or (not contact and _born_apart(a, b)):
        return []
    named = [likeness.value] if likeness.value else []
    match likeness:
        case Likeness.UNKNOWN | Likeness.RELATED:
            return contact + named if contact else []
        case Likeness.INITIAL | Likeness.SIMILAR:
            return contact + named + context if contact or context else []
        case _:
            alone = a.name.is_full and b.name.is_full and name_is_rare and not _work_elsewhere(a, b)
            return contact + named + context if contact or context or alone else []


def _contact_reasons(a: _Profile, b: _Profile) -> list[str]:
    reasons = []
    if a.emails & b.emails:
        reasons.append("same e-mail address")
    elif a.variants & b.variants:
        reasons.append("e-mail addresses that differ only in dots or a tag")
    if a.phones & b.phones:
        reasons.append("same phone number")
    return reasons


def _context_reasons(a: _Profile, b: _Profile) -> list[str]:
    reasons = []
    if _alike(a.companies, b.companies):
        reasons.append("same company")
    elif _alike(_places(a), _places(b)):
        reasons.append("same company domain")
    if a.birthday and a.birthday == b.birthday:
        reasons.append("same birthday")
    if a.users & b.users and not a.emails & b.emails:
        reasons.append("same e-mail user name")
    return reasons


def _places(profile: _Profile) -> set[str]:
    return {*profile.companies, *map(_company_of, profile.domains)}


def _alike(places: Set[str], others: Set[str]) -> bool:
    """Whether two people have a company in common: Acme and Acme Software are one, and so is one with a slip."""
    return any(_is_one(*sorted(pair, key=len)) for pair in product(places, others))


def _is_one(short: str, long: str) -> bool:
    return short == long or (len(short) >= 4 and long.startswith(short)) or is_slip(short, long)


def _work_elsewhere(a: _Profile, b: _Profile) -> bool:
    """Whether both say where they work, and it is not the same place."""
    return bool(_places(a) and _places(b)) and not _alike(_places(a), _places(b))


def _born_apart(a: _Profile, b: _Profile) -> bool:
    return bool(a.birthday and b.birthday and a.birthday != b.birthday)


def _score(reasons: Sequence[str]) -> float:
    doubt = 1.0
    for reason in reasons:
        doubt *= 1 - _WEIGHTS[reason]
    return round(1 - doubt, 3)


def _in_words(reasons: Sequence[str]) -> list[str]:
    """Join a name and a company to one reason: "similar name at the same company"."""
    names = [reason for reason in reasons if "name" in reason and "user" not in reason]
    if not names or "same company" not in reasons:
        return list(reasons)
    joined = f"{names[0]} at the same company"
    return [reason for reason in reasons if reason not in (names[0], "same company")] + [joined]
