"""Which column of a spreadsheet says what: header names of Google, Outlook, LinkedIn and of people's own tables."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_EMAIL = {"email", "emails", "mail", "mails", "mailadresse", "courriel", "messagerie", "correo"}
_EMAIL_TOO = {
    "address", "addresses", "adresse", "adressen", "direccion", "value", "work", "home", "business", "personal",
    "private", "other", "primary", "secondary", "main", "contact", "customer", "office", "additional", "alternate",
    "de", "electronico", "electronica", "electronique", "privat", "privee", "geschaftlich", "professionnel", "trabajo",
    "e", "your", "person", "lead", "id",
}  # fmt: skip
_PHONE = {
    "phone", "phones", "telephone", "telefon", "telefonnummer", "tel", "mobile", "cell", "cellphone", "mobiltelefon",
    "handy", "handynummer", "mobil", "portable", "telefono", "movil", "celular", "haupttelefon", "autotelefon",
}  # fmt: skip
_PHONE_TOO = {
    "number", "numbers", "no", "nr", "nummer", "num", "numero", "value", "work", "home", "business", "personal",
    "private", "other", "primary", "secondary", "main", "contact", "customer", "office", "car", "radio", "direct",
    "geschaftlich", "privat", "weiteres", "bureau", "domicile", "autre", "principal", "principale", "de", "del", "la",
    "trabajo", "particular", "casa", "otro", "day", "evening",
}  # fmt: skip
_NAMES: dict[str, set[str]] = {
    "full": {"name", "full name", "fullname", "display name", "contact name", "contact", "person", "nom", "nom complet",
             "nombre completo", "vollstandiger name", "anzeigename", "customer name", "lead name", "client name"},
    "given": {"given name", "first name", "firstname", "first", "forename", "given", "vorname", "prenom", "nombre",
              "nombres", "nome", "primer nombre", "given names", "name first"},
    "middle": {"additional name", "middle name", "middlename", "middle", "weitere vornamen", "zweiter vorname",
               "deuxieme prenom", "segundo nombre", "second name"},
    "family": {"family name", "last name", "lastname", "last", "surname", "family", "nachname", "familienname",
               "nom de famille", "apellido", "apellidos", "cognome", "name last"},
    "organization": {"company", "organization", "organisation", "organization name", "organisation name", "company name",
                     "account", "account name", "employer", "firma", "unternehmen", "societe", "entreprise",
                     "organisme", "empresa", "compania", "organizacion", "business", "firm", "company organization"},
    "job title": {"job title", "jobtitle", "position", "job", "role", "organization title", "funktion",
                  "berufsbezeichnung", "fonction", "poste", "intitule du poste", "puesto", "cargo", "titulo del trabajo"},
    "title": {"title", "occupation", "profession", "titel", "titre", "titulo", "anrede", "tratamiento", "salutation"},
    "notes": {"notes", "note", "background", "comments", "comment", "description", "notizen", "anmerkungen",
              "bemerkungen", "remarques", "commentaires", "notas", "comentarios", "about"},
    "tags": {"tags", "tag", "labels", "label", "group membership", "groups", "group", "categories", "category",
             "kategorien", "kategorie", "etiquettes", "etiquetas", "categorias", "gruppen", "groupes", "lists"},
    "birthday": {"birthday", "date of birth", "birth date", "birthdate", "dob", "bday", "geburtstag", "geburtsdatum",
                 "anniversaire", "date de naissance", "cumpleanos", "fecha de nacimiento"},
    "id": {"id", "uid", "contact id", "external id", "record id", "customer id"},
}  # fmt: skip
_FIELD_OF = {name: field for field, names in _NAMES.items() for name in names}
_SALUTATIONS = {"anrede", "tratamiento", "salutation"}
_SILENT = re.compile(
    r"(e-?mail|phone|address|im|organization) \d+ - (type|label)$|photo$|e-?mail( \d)? type$", re.I
)


def fields_of(headers: Sequence[str]) -> list[str]:
    """Return what each column holds: email, phone, full, given, middle, family, organization, title, notes, tags,
    birthday, id, "silent" for one that says nothing about a person, or "" for one that we have no field for.
    """
    names = [_plain(header) for header in headers]
    fields = [_field(header, name) for header, name in zip(headers, names, strict=True)]
    _settle_titles(fields, names)
    _settle_names(fields, names)
    return fields


def names_people(fields: Sequence[str]) -> bool:
    """Whether a table with these columns says who its people are."""
    return not {"full", "given", "family", "email", "phone"}.isdisjoint(fields)


def _plain(header: str) -> str:
    """Fold a header to bare lower-case words without numbers: `E-mail 1 - Value` is `email value`."""
    folded = unicodedata.normalize("NFKD", header[:200].replace("ß", "ss")).casefold()
    words = re.findall(r"[^\W\d_]+", "".join(c for c in folded if not unicodedata.combining(c)))
    return " ".join(words).replace("e mail", "email")


def _field(header: str, name: str) -> str:
    if _SILENT.match(header.strip()):
        return "silent"
    if name in _FIELD_OF:
        return _FIELD_OF[name]
    words = set(name.split())
    if words & _EMAIL and words <= _EMAIL | _EMAIL_TOO:
        return "email"
    if words & _PHONE and words <= _PHONE | _PHONE_TOO:
        return "phone"
    return ""


def _settle_titles(fields: list[str], names: list[str]) -> None:
    """“Title” is the job, unless another column is: then it is the Mr or Ms of an Outlook export."""
    has_job = "job title" in fields
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
