"""Which column of a spreadsheet says what: header names of Google, Outlook, LinkedIn and of people's own tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

# Words as people write them; `_plain` folds them like the headers that they are compared with.
_EMAIL_WORDS = """
    email emails mail mails mailadresse courriel messagerie correo posta emailadres emailadresse epost postadress postadresse
    почта почты メール メールアドレス 電子メール 電子メールアドレス 邮箱 电子邮件 电子邮件地址"""
_EMAIL_TOO_WORDS = """
    address addresses adresse adressen adres dirección indirizzo endereço value work home business personal private other
    primary secondary main contact customer office additional alternate attendee guest de di electrónico electrónica
    électronique elettronica eletrônico correio privat privée geschäftlich professionnel trabajo e your person lead id
    адрес эл электронная электронной アドレス"""
_PHONE_WORDS = """
    phone phones telephone telefon telefonnummer tel mobile cell cellphone mobiltelefon handy handynummer mobil portable
    teléfono móvil celular haupttelefon autotelefon telefono cellulare telefone telemóvel telefoon gsm hoofdtelefoon
    autotelefoon mobilnummer телефон 電話 携帯電話 会社電話 自宅電話 电话 手机 移动电话 商务电话 住宅电话"""
_PHONE_TOO_WORDS = """
    number numbers no nr nummer num número numero value work home business personal private other primary secondary main
    contact customer attendee office car radio direct iphone whatsapp geschäftlich privat weiteres bureau domicile autre
    principal principale de del la do trabajo particular casa otro day evening uff ab altro auto ufficio comercial
    residencial carro outro op werk thuis andere mobiele mobiel służbowy domowy komórkowy arbete hem arbejde мобильный
    рабочий домашний"""
_NAMES = {
    "full": "name, full name, fullname, display name, contact name, contact, person, nom, nom complet, nombre completo, "
            "vollständiger name, anzeigename, customer name, lead name, client name, attendee name, guest name, "
            "nome completo, nome e cognome, volledige naam, naam, фио, 氏名, 名前, 姓名",
    "given": "given name, first name, firstname, first, forename, given, vorname, prénom, nombre, nombres, nome, "
             "primer nombre, given names, name first, voornaam, imię, förnamn, fornavn, имя, 名",
    "middle": "additional name, middle name, middlename, middle, weitere vornamen, zweiter vorname, deuxième prénom, "
              "segundo nombre, second name, secondo nome, segundo nome, middelste naam, drugie imię, mellannamn, отчество",
    "family": "family name, last name, lastname, last, surname, family, nachname, familienname, nom de famille, apellido, "
              "apellidos, cognome, name last, achternaam, sobrenome, apelido, nazwisko, efternamn, etternavn, efternavn, "
              "фамилия, 姓",
    "organization": "company, organization, organisation, organization name, organisation name, company name, account, "
                    "account name, employer, firma, unternehmen, société, entreprise, organisme, empresa, compañía, "
                    "organización, business, firm, company organization, società, azienda, bedrijf, företag, virksomhed, "
                    "организация, компания, 会社名, 会社, 公司, 单位",
    "job title": "job title, jobtitle, position, job, role, job role, organization title, funktion, function, "
                 "berufsbezeichnung, fonction, poste, intitulé du poste, puesto, cargo, título del trabajo, posizione, "
                 "qualifica, functie, stanowisko, befattning, stilling, должность, 役職, 职务, 职位",
    "title": "title, occupation, profession, titel, titre, título, titolo, tytuł, anrede, tratamiento, salutation",
    "notes": "notes, note, background, comments, comment, description, remarks, notizen, anmerkungen, bemerkungen, "
             "remarques, commentaires, notas, comentarios, about, anotações, observações, notities, opmerkingen, notatki, "
             "anteckningar, заметки, メモ, 附注, 便笺",
    "tags": "tags, tag, labels, label, group membership, groups, group, categories, category, kategorien, kategorie, "
            "étiquettes, etiquetas, categorías, gruppen, groupes, lists, categorie, categorieën, categorias, kategorier, "
            "категории, 分類項目, 类别",
    "birthday": "birthday, date of birth, birth date, birthdate, dob, bday, geburtstag, geburtsdatum, anniversaire, "
                "date de naissance, cumpleaños, fecha de nacimiento, compleanno, data di nascita, aniversário, "
                "data de nascimento, verjaardag, geboortedatum, urodziny, födelsedag, fødselsdag, день рождения, 誕生日, 生日",
    "id": "id, uid, contact id, external id, record id, customer id",
}  # fmt: skip
_SILENT = re.compile(
    r"(e-?mail|phone|address|im|organization) \d+ - (type|label)$|photo$|e-?mail( \d)? (type|display name)$",
    re.I,
)


def fields_of(headers: Sequence[str]) -> list[str]:
    """Return what each column holds: email, phone, full, given, middle, family, organization, title, notes, tags,
    birthday, id, "silent" for one that says nothing about a person, or "" for one that we have no field for.
    """
    names = [_plain(header) for header in headers]
    fields = [_field(header, name) for header, name in zip(headers, names, strict=True)]
    _settle_titles(fields, names)
    _settle_names(fields, names)
    _settle_doubles(fields, names)
    return fields


def names_people(fields: Sequence[str]) -> bool:
    """Whether a table with these columns says who its people are."""
    return not {"full", "given", "family", "email", "phone"}.isdisjoint(fields)


def _plain(header: str) -> str:
    """Fold a header to bare lower-case words without numbers: `E-mail 1 - Value` is `email value`."""
    folded = unicodedata.normalize("NFKD", header[:200].replace("ß", "ss")).casefold()
    words = re.findall(r"[^\W\d_]+", "".join(c for c in folded if not unicodedata.combining(c)))
    return " ".join(words).replace("e mail", "email")


def _words(text: str) -> frozenset[str]:
    return frozenset(_plain(word) for word in text.split())


_EMAIL, _PHONE = _words(_EMAIL_WORDS), _words(_PHONE_WORDS)
_EMAIL_OR_TOO, _PHONE_OR_TOO = _EMAIL | _words(_EMAIL_TOO_WORDS), _PHONE | _words(_PHONE_TOO_WORDS)
_FIELD_OF = {_plain(name): field for field, names in _NAMES.items() for name in names.split(", ")}
_SALUTATIONS = {"anrede", "tratamiento", "salutation"}
_DOUBLES = {"account": "organization", "account name": "organization", "aniversario": "birthday"}
"""Names that mean a field only where no other column does: Outlook's account, and the Spanish wedding day."""


def _field(header: str, name: str) -> str:
    if _SILENT.match(header.strip()):
        return "silent"
    if name in _FIELD_OF:
        return _FIELD_OF[name]
    words = set(name.split())
    if words & _EMAIL and words <= _EMAIL_OR_TOO:
        return "email"
    if words & _PHONE and words <= _PHONE_OR_TOO:
        return "phone"
    return ""


def _settle_titles(fields: list[str], names: list[str]) -> None:
    """“Title” is the job, unless another column is: then it is the Mr or Ms of an Outlook export.

    The French Outlook has two columns of that name, the first of them for Mr or Ms.
    """
    has_job = "job title" in fields
    if names.count("titre") == 2:
        fields[names.index("titre")] = ""
    for index, field in enumerate(fields):
        if field == "title":
            fields[index] = "" if has_job or names[index] in _SALUTATIONS else "title"
        elif field == "job title":
            fields[index] = "title"


def _settle_names(fields: list[str], names: list[str]) -> None:
    """“Name” beside a first name is the family name; “Nombre” without a family name is the whole name."""
    for index, field in enumerate(fields):
        if (
            field == "full"
            and names[index] in ("name", "nom")
            and "given" in fields
            and "family" not in fields
        ):
            fields[index] = "family"
        elif names[index] in ("nombre", "nome") and not {"family", "full"} & set(fields):
            fields[index] = "full"


def _settle_doubles(fields: list[str], names: list[str]) -> None:
    for index, name in enumerate(names):
        if name in _DOUBLES and fields.count(_DOUBLES[name]) > 1:
            fields[index] = ""
