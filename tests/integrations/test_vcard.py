"""vCards of every version, as address books write them."""

from __future__ import annotations

import datetime as dt

import pytest

from contacts.drafts import BadRow, PersonDraft
from integrations.files.vcard import parse, read


def card(*lines: str, version: str = "3.0") -> bytes:
    return "\r\n".join(["BEGIN:VCARD", f"VERSION:{version}", *lines, "END:VCARD", ""]).encode()


def only(raw: bytes) -> PersonDraft:
    [person] = parse(raw)
    return person


def test_a_card_of_today() -> None:
    raw = card(
        "UID:urn:uuid:1234",
        "N:Lovelace;Ada;King,Augusta;Hon.;FRS",
        "FN:Ada Lovelace",
        "item1.EMAIL;type=INTERNET;type=pref:ada@example.org",
        "item1.X-ABLabel:_$!<Work>!$_",
        "EMAIL:mailto:countess@example.com",
        "TEL;TYPE=CELL:+44 20 7946 0000",
        "TEL;VALUE=uri:tel:+44-20-7946-0001;ext=12",
        "ORG:Analytical Engines;Poetry;Science",
        "TITLE:Countess",
        "BDAY:1815-12-10",
        "CATEGORIES:maths,poetry",
        "NOTE:First line\\nsecond\\, with a comma",
        "item2.URL:https://example.org",
        "item2.X-ABLabel:_$!<HomePage>!$_",
        "ADR:;;12 St James's Square;London;;SW1Y;UK",
        "X-SKYPE:ada.l",
        version="4.0",
    )
    assert only(raw) == PersonDraft(
        full_name="Ada Lovelace",
        given_name="Ada",
        family_name="Lovelace",
        emails=["ada@example.org", "countess@example.com"],
        phones=["+44 20 7946 0000", "+44-20-7946-0001 ext. 12"],
        organization="Analytical Engines",
        title="Countess",
        birthday=dt.date(1815, 12, 10),
        notes="First line\nsecond, with a comma",
        tags=["maths", "poetry"],
        custom={
            "department": "Poetry, Science",
            "homepage": "https://example.org",
            "address": "12 St James's Square, London, SW1Y, UK",
            "skype": "ada.l",
        },
        external_id="urn:uuid:1234",
        position=1,
    )


def test_version_2_1_quoted_printable() -> None:
    raw = card(
        "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BCller;J=C3=B6rg",
        "FN;LANGUAGE=de;CHARSET=ISO-8859-1;QUOTED-PRINTABLE:J=F6rg M=FCller",
        "NOTE;ENCODING=QUOTED-PRINTABLE:one=0D=0A=",
        "two = three=",
        " and=20four",
        "TEL;HOME;VOICE:030 / 12 34 56",
        "EMAIL;PREF;INTERNET:joerg@example.org",
        version="2.1",
    )
    person = only(raw)
    assert (person.full_name, person.given_name, person.family_name) == ("Jörg Müller", "Jörg", "Müller")
    assert person.notes == "one\ntwo = threeand four"
    assert (person.phones, person.emails) == (["030 / 12 34 56"], ["joerg@example.org"])


@pytest.mark.parametrize(
    ("lines", "name"),
    [
        (["N:Doe;Jane;Q.;Dr.;PhD"], "Dr. Jane Q. Doe PhD"),
        (["N:Doe;Jane", "FN:"], "Jane Doe"),
        (["FN:Doe\\, Jane"], "Doe, Jane"),
        (["FN:Jane", "  Doe"], "Jane Doe"),
        (["FN:Jane", "\tDoe"], "JaneDoe"),
        (["FN;X-A=\"a:b;c\":Jane Doe"], "Jane Doe"),
        (["fn:Jane Doe"], "Jane Doe"),
        (["FN :Jane Doe"], "Jane Doe"),
        (["FN", " :Jane Doe"], "Jane Doe"),
        (["FN:Jane\0 Doe"], "Jane Doe"),
        (["ORG:Acme", "FN:Jane Doe", "FN:Second"], "Jane Doe"),
    ],
)  # fmt: skip
def test_full_name(lines: list[str], name: str) -> None:
    assert only(card(*lines)).full_name == name


@pytest.mark.parametrize(
    ("line", "birthday", "kept"),
    [
        ("BDAY:1980-03-21", dt.date(1980, 3, 21), {}),
        ("BDAY:19800321", dt.date(1980, 3, 21), {}),
        ("BDAY;VALUE=DATE:1980-3-1", dt.date(1980, 3, 1), {}),
        ("BDAY:1980-03-21T00:00:00Z", dt.date(1980, 3, 21), {}),
        ("BDAY:19800321T101500-0500", dt.date(1980, 3, 21), {}),
        ("BDAY:1980/03/21", dt.date(1980, 3, 21), {}),
        ("BDAY:21.03.1980", dt.date(1980, 3, 21), {}),
        ("BDAY:03/21/1980", dt.date(1980, 3, 21), {}),
        ("BDAY:03/04/1980", None, {"birthday": "03/04/1980"}),
        ("BDAY:1985-04", None, {"birthday": "1985-04"}),
        ("BDAY:---12", None, {"birthday": "---12"}),
        ("BDAY:--0321", None, {"birthday": "--0321"}),
        ("BDAY;X-APPLE-OMIT-YEAR=1604:1604-03-21", None, {"birthday": "1604-03-21"}),
        ("BDAY:1980-13-45", None, {"birthday": "1980-13-45"}),
        ("BDAY;VALUE=text:circa 1800", None, {"birthday": "circa 1800"}),
    ],
)
def test_birthday(line: str, birthday: dt.date | None, kept: dict[str, str]) -> None:
    person = only(card("FN:Jane Doe", line))
    assert (person.birthday, person.custom) == (birthday, kept)


@pytest.mark.parametrize(
    ("line", "emails", "phones", "tags", "custom"),
    [
        ("EMAIL:Ada Lovelace <ada@example.org>", ["ada@example.org"], [], [], {}),
        ("EMAIL:mailto:ada@example.org?subject=Hello", ["ada@example.org"], [], [], {}),
        ("EMAIL;X400:/o=Engines/cn=Ada", [], [], [], {"email": "/o=Engines/cn=Ada"}),
        ("TEL;VALUE=uri:tel:+44%2020%207946;ext=12", [], ["+44 20 7946 ext. 12"], [], {}),
        ("CATEGORIES:maths;poetry,ships\\,sails", [], [], ["maths", "poetry", "ships", "sails"], {}),
        ("X-MS-ANNIVERSARY;VALUE=DATE:18350708", [], [], [], {"anniversary": "18350708"}),
        ("X-EVOLUTION-SPOUSE:William", [], [], [], {"spouse": "William"}),
        (
            "X-ANDROID-CUSTOM:vnd.android.cursor.item/contact_event;1835-07-08;1;;;",
            [],
            [],
            [],
            {"contact event": "1835-07-08"},
        ),
        ("X-FILE-AS:Lovelace\\, Ada", [], [], [], {}),
    ],
)
def test_what_products_write(
    line: str, emails: list[str], phones: list[str], tags: list[str], custom: dict[str, str]
) -> None:
    person = only(card("FN:Ada Lovelace", line))
    assert (person.emails, person.phones, person.tags, person.custom) == (emails, phones, tags, custom)


@pytest.mark.parametrize("line", ["KIND:group", "X-ADDRESSBOOKSERVER-KIND:group"])
def test_a_list_of_people_is_not_a_person(line: str) -> None:
    people, bad = read(card("FN:Friends", line) + card("FN:Ada Lovelace"))
    assert [(person.full_name, person.position) for person in people] == [("Ada Lovelace", 2)]
    assert bad == [
        BadRow(1, "This card is a list of people, not a person. Its people were read from their own cards.")
    ]


def test_agents_and_missing_ends() -> None:
    raw = b"""BEGIN:VCARD
FN:Boss
AGENT:
BEGIN:VCARD
FN:Secretary
EMAIL:secretary@example.org
END:VCARD
EMAIL:boss@example.org
BEGIN:VCARD
FN:Next
END:VCARD
"""
    assert [(p.full_name, p.emails, p.position) for p in parse(raw)] == [
        ("Boss", ["boss@example.org"], 1),
        ("Next", [], 2),
    ]


def test_pictures_and_stray_text_are_passed_over() -> None:
    person = only(
        card(
            "PHOTO;ENCODING=b;TYPE=JPEG:/9j/4AAQ",
            " SkZJRgABAQ",
            "KEY;BASE64:",
            "  AAAA",
            "LOGO:data:image/png;base64,AAAA",
            "FN:Jane Doe",
            "NOTE:begins",
            "and goes on without a fold",
        )
    )
    assert person.notes == "begins\nand goes on without a fold"
    assert person.custom == {}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("newline", ["\r\n", "\n", "\r", "\r\r\n"])
def test_encodings_and_line_ends(encoding: str, newline: str) -> None:
    text = card("FN:Zoë Müller", "EMAIL:zoe@example.org").decode().replace("\r\n", newline)
    person = only(text.encode(encoding))
    assert (person.full_name, person.emails) == ("Zoë Müller", ["zoe@example.org"])


def test_charset_of_one_property() -> None:
    raw = card("FN;CHARSET=WINDOWS-1251:X").replace(b":X\r", b":\xc8\xe2\xe0\xed\r")
    assert only(raw).full_name == "Иван"


def test_bad_cards_are_reported_by_number() -> None:
    raw = card("FN:Jane Doe") + card("X-A:b") + card("TEL:12345")
    people, bad = read(raw)
    assert [person.position for person in people] == [1, 3]
    assert bad == [BadRow(2, "This card has no name, e-mail address, phone number or organization.")]


def test_a_file_without_cards() -> None:
    assert read(b"hello") == (
        [],
        [BadRow(1, "There is no vCard in this file. Export your contacts as vCard (.vcf) and try again.")],
    )
    assert read(b"") == ([], [])


def test_labels_name_custom_fields_and_repeats_are_numbered() -> None:
    person = only(
        card(
            "FN:J",
            "a.X-ABDATE:2001-02-03",
            "a.X-ABLABEL:Graduation",
            "URL:https://a.example",
            "URL:https://b.example",
        )
    )
    assert person.custom == {
        "Graduation": "2001-02-03",
        "website": "https://a.example",
        "website 2": "https://b.example",
    }
