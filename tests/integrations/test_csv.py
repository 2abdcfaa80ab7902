"""Spreadsheets of people: the headers of known programs, people's own, and broken rows."""

from __future__ import annotations

import datetime as dt

import pytest

from contacts.drafts import BadRow, PersonDraft
from integrations.files.csv import parse, read
from integrations.files.unreadable import Unreadable

QUOTES = "The quotation marks of this row do not match, or it is too long. Correct it and import it again."
NOBODY = "This row has no name, e-mail address or phone number."


def only(text: str) -> PersonDraft:
    [person] = parse(text.encode())
    return person


def test_google_before_2024() -> None:
    person = only(
        "Name,Given Name,Additional Name,Family Name,Birthday,Occupation,Notes,Group Membership,E-mail 1 - Type,"
        "E-mail 1 - Value,Phone 1 - Type,Phone 1 - Value,Organization 1 - Name,Organization 1 - Title,"
        "Website 1 - Type,Website 1 - Value\n"
        "Ada Lovelace,Ada,King,Lovelace,1815-12-10,,Poet,* myContacts ::: Maths,* Work,"
        "ada@example.org ::: countess@example.com,Mobile,+44 20 1 ::: +44 20 2,Engines,Countess,Blog,https://a.example\n"
    )
    assert person == PersonDraft(
        full_name="Ada Lovelace",
        given_name="Ada",
        family_name="Lovelace",
        emails=["ada@example.org", "countess@example.com"],
        phones=["+44 20 1", "+44 20 2"],
        organization="Engines",
        title="Countess",
        birthday=dt.date(1815, 12, 10),
        notes="Poet",
        tags=["Maths"],
        custom={"Blog": "https://a.example"},
        position=2,
    )


def test_google_of_today() -> None:
    person = only(
        "First Name,Middle Name,Last Name,Organization Name,Organization Title,Labels,E-mail 1 - Label,E-mail 1 - Value,"
        "Phone 1 - Label,Phone 1 - Value,Custom Field 1 - Label,Custom Field 1 - Value\n"
        "Ada,King,Lovelace,Engines,Countess,Friends ::: * myContacts,,ada@example.org,Mobile,123456,Horse,Black\n"
    )
    assert (person.full_name, person.given_name, person.family_name) == (
        "Ada King Lovelace",
        "Ada",
        "Lovelace",
    )
    assert (person.organization, person.title, person.tags) == ("Engines", "Countess", ["Friends"])
    assert person.custom == {"Horse": "Black"}


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("Title,First Name,Last Name,Company,Job Title,E-mail Address,Business Phone,Business Fax",
         "Ms,Ada,Lovelace,Engines,Countess,ada@example.org,123456,99"),
        ("Anrede;Vorname;Nachname;Firma;Position;E-Mail-Adresse;Telefon geschäftlich;Fax geschäftlich",
         "Ms;Ada;Lovelace;Engines;Countess;ada@example.org;123456;99"),
        ("Titre;Prénom;Nom;Société;Fonction;Adresse de messagerie;Téléphone (bureau);Télécopie (bureau)",
         "Ms;Ada;Lovelace;Engines;Countess;ada@example.org;123456;99"),
        ("Tratamiento,Nombre,Apellidos,Organización,Puesto,Dirección de correo electrónico,Teléfono del trabajo,Fax",
         "Ms,Ada,Lovelace,Engines,Countess,ada@example.org,123456,99"),
        ("Titre;Prénom;Nom;Société;Titre;Adresse de messagerie;Téléphone 2 (bureau);Télécopie (bureau)",
         "Ms;Ada;Lovelace;Engines;Countess;ada@example.org;123456;99"),
        ("Titolo,Nome,Cognome,Società,Posizione,Indirizzo posta elettronica,Telefono (uff.),Fax (uff.)",
         "Ms,Ada,Lovelace,Engines,Countess,ada@example.org,123456,99"),
        ("Titel;Voornaam;Achternaam;Bedrijf;Functie;E-mailadres;Telefoon op werk;Fax op werk",
         "Ms;Ada;Lovelace;Engines;Countess;ada@example.org;123456;99"),
        ("Título,Nome,Sobrenome,Empresa,Cargo,Endereço de email,Telefone comercial,Fax comercial",
         "Ms,Ada,Lovelace,Engines,Countess,ada@example.org,123456,99"),
        ("salutation\tfirst_name\tlast_name\tcompany\tjob_title\temail_work\tphone_work\tfax",
         "Ms\tAda\tLovelace\tEngines\tCountess\tada@example.org\t123456\t99"),
        ("salutation|forename|surname|Employer|ROLE|Work E-Mail|Mobile number|fax no.",
         "Ms|Ada|Lovelace|Engines|Countess|ada@example.org|123456|99"),
    ],
    ids=["Outlook", "German", "French", "Spanish", "French of today", "Italian", "Dutch", "Portuguese", "tabs", "bars"],
)  # fmt: skip
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_outlook_and_plain_headers(header: str, row: str, encoding: str) -> None:
    [person] = parse(f"{header}\r\n{row}\r\n".encode(encoding))
    assert (person.full_name, person.given_name, person.family_name) == ("Ada Lovelace", "Ada", "Lovelace")
    assert (person.emails, person.phones) == (["ada@example.org"], ["123456"])
    assert (person.organization, person.title) == ("Engines", "Countess")
    assert sorted(person.custom.values()) == ["99", "Ms"]


@pytest.mark.parametrize(
    "header",
    [
        "Tytuł;Imię;Nazwisko;Firma;Stanowisko;Adres e-mail;Telefon (służbowy)",
        "Titel;Förnamn;Efternamn;Företag;Befattning;E-postadress;Telefon arbete",
        "Anrede;Имя;Фамилия;Организация;Должность;Адрес эл. почты;Телефон мобильный",
        "salutation;名;姓;会社名;役職;電子メール アドレス;会社電話 1",
        "salutation;名;姓;公司;职务;电子邮件地址;移动电话",
    ],
    ids=["Polish", "Swedish", "Russian", "Japanese", "Chinese"],
)
def test_headers_of_other_languages(header: str) -> None:
    person = only(f"{header}\nMs;Ada;Lovelace;Engines;Countess;ada@example.org;123456\n")
    assert (person.given_name, person.family_name, person.organization, person.title) == (
        "Ada", "Lovelace", "Engines", "Countess",
    )  # fmt: skip
    assert (person.emails, person.phones, list(person.custom.values())) == (
        ["ada@example.org"],
        ["123456"],
        ["Ms"],
    )


@pytest.mark.parametrize(
    ("header", "organization", "birthday"),
    [
        ("Name,Account,Aniversário", "Engines", dt.date(1815, 12, 10)),
        ("Name,Account,Company,Aniversario,Cumpleaños", "Other", None),
    ],
)
def test_names_that_mean_two_things(header: str, organization: str, birthday: dt.date | None) -> None:
    row = {
        "Name": "Ada",
        "Account": "Engines",
        "Company": "Other",
        "Aniversário": "1815-12-10",
        "Aniversario": "1815-12-10",
    }
    person = only(f"{header}\n{','.join(row.get(name, '') for name in header.split(','))}\n")
    assert (person.organization, person.birthday) == (organization, birthday)


def test_linkedin_notes_come_before_the_header() -> None:
    person = only(
        'Notes:\n"When exporting your connection data, you may notice that some e-mail addresses, names, are missing."\n\n'
        "First Name,Last Name,URL,Email Address,Company,Position,Connected On\n"
        "Ada,Lovelace,https://linkedin.example/ada,,Engines,Countess,01 Jan 2026\n"
    )
    assert (person.full_name, person.organization, person.title, person.position) == (
        "Ada Lovelace", "Engines", "Countess", 5,
    )  # fmt: skip
    assert person.custom == {"URL": "https://linkedin.example/ada", "Connected On": "01 Jan 2026"}


def test_cells_are_unwrapped() -> None:
    person = only(
        "Name,Email,Phone,Notes,Id,Tags\n"
        '"Lovelace, ""Ada""","Ada <ada@example.org>; x@example.org",\'+44 20 1,"=1+1\nsecond line","=""007""","a; b,c"\n'
    )
    assert person.full_name == 'Lovelace, "Ada"'
    assert person.emails == ["ada@example.org", "x@example.org"]
    assert (person.phones, person.notes, person.external_id) == (["+44 20 1"], "=1+1\nsecond line", "007")
    assert person.tags == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("value", "birthday"),
    [
        ("1980-03-21", dt.date(1980, 3, 21)),
        ("21.3.1980", dt.date(1980, 3, 21)),
        ("3/21/1980", dt.date(1980, 3, 21)),
        ("21/3/1980", dt.date(1980, 3, 21)),
        ("3/4/1980", None),
        ("--03-21", None),
    ],
)
def test_birthday_without_doubt(value: str, birthday: dt.date | None) -> None:
    person = only(f"Name,Birthday\nAda,{value}\n")
    assert person.birthday == birthday
    assert person.custom == ({} if birthday else {"birthday": value})


def test_bad_rows_are_reported_and_good_rows_kept() -> None:
    people, bad = read(
        b"Name,E-mail,Company\n"
        b"Ada,ada@example.org,Engines\n"
        b",,Engines\n"
        b"Bob,not an address,Engines\n"
        b"\n"
        b'"Cy,cy@example.org,Engines\n'
        b"Dee,n/a,Engines\n"
        b"Eve,eve@example.org,Engines,London,UK\n"
        b'"Fay","fay@example.org","En\ngines"\n'
        b"Gus,gus@example.org"
    )
    assert [(p.full_name, p.position) for p in people] == [("Ada", 2), ("Dee", 7), ("Fay", 9), ("Gus", 10)]
    assert bad == [
        BadRow(3, NOBODY),
        BadRow(4, "“not an address” is not an e-mail address. Correct it and import the row again."),
        BadRow(6, QUOTES),
        BadRow(
            8, "This row has more cells than the header. Put quotation marks around values with a delimiter."
        ),
    ]


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "This file is empty. Export your contacts as CSV and try again."),
        (b"\0\0\n \n", "This file is empty. Export your contacts as CSV and try again."),
        (b"Ada,ada@example.org\n", "We could not find a row of column names in this file."),
        (b"Product,Price\nTea,3\n", "We could not find a row of column names in this file."),
        (b"Name," + b"x," * 2000, "This table has more than 1,000 columns."),
    ],
)
def test_unreadable_files_say_what_to_do(raw: bytes, message: str) -> None:
    with pytest.raises(Unreadable, match="^" + message):
        parse(raw)
