"""Spreadsheets of people: CSV as Google, Outlook, LinkedIn and people's own tables have it."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import deque
from collections.abc import Iterator, Sequence

from contacts.drafts import BadRow, PersonDraft
from integrations.files.columns import fields_of, names_people
from integrations.files.text import decode
from integrations.files.unreadable import Unreadable

MAX_ROWS = 200_000
MAX_COLUMNS = 1_000
MAX_CUSTOM = 100
MAX_TEXT = 2_000
MAX_LINES_OF_A_ROW, MAX_CHARACTERS_OF_A_ROW = 100, 100_000
HEADER_WITHIN = 30
"""How many lines may come before the header: LinkedIn puts a note there."""

_ADDRESS = re.compile(r"[^\s;,<>\"'()]{1,100}@[^\s;,<>\"'()@.]+(?:\.[^\s;,<>\"'()@.]+)+")
_NOTHING = {"", "-", "--", "n/a", "na", "none", "null", "unknown", "nan", "#n/a", "keine", "aucun"}
_PAIRED = re.compile(r"(.+ \d+) - (?:Value|Formatted)$", re.IGNORECASE)
_ISO_DATE = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[T ].*)?$")
_DOTTED_DATE = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{4})$")
_SLASHED_DATE = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})$")


def parse(raw: bytes) -> list[PersonDraft]:
    """Return the people of the table, in its order. Raises Unreadable where `read` does."""
    return read(raw)[0]


def read(raw: bytes) -> tuple[list[PersonDraft], list[BadRow]]:
    """Return the people, and each row that could not be used with the reason. Rows count from 1, the header's included.

    Delimiter, character set and the meaning of the columns are found out. Blank rows are passed over. Raises
    Unreadable when the file as a whole is no table of people, in a sentence that says what to do.
    """
    text = decode(raw)
    if not text or text.isspace():
        raise Unreadable("This file is empty. Export your contacts as CSV and try again.")
    lines = _Lines(text)
    delimiter, before = _header(lines)
    headers = [header.strip() for header in _lenient(lines.at(before) or "", delimiter)]
    if len(headers) > MAX_COLUMNS:
        raise Unreadable(
            f"This table has more than {MAX_COLUMNS:,} columns. Keep those that describe people."
        )
    fields = fields_of(headers)
    lines.skip(before + 1)
    people: list[PersonDraft] = []
    bad: list[BadRow] = []
    for position, cells in enumerate(_rows(lines, delimiter, len(headers)), start=before + 2):
        if len(people) + len(bad) >= MAX_ROWS:
            bad.append(
                BadRow(
                    position,
                    f"Only the first {MAX_ROWS:,} rows were read. Split the file to import the rest.",
                )
            )
            break
        try:
            if cells is None:
                raise ValueError(
                    "The quotation marks of this row do not match, or it is too long. Correct it and import it again."
                )
            if any(cells):
                people.append(_person(headers, fields, cells, position))
        except ValueError as error:
            bad.append(BadRow(position, str(error)))
    return people, bad


class _Lines:
    """The lines of a text, looked at ahead and then left behind."""

    def __init__(self, text: str) -> None:
        self._reader = io.StringIO(text, newline=None)
        self._ahead: deque[str] = deque()

    def at(self, index: int) -> str | None:
        """Return the line that many lines ahead, or None after the last."""
        while len(self._ahead) <= index:
            line = self._reader.readline()
            if not line:
                return None
            self._ahead.append(line.rstrip("\n"))
        return self._ahead[index]

    def skip(self, count: int) -> None:
        """Leave that many lines behind."""
        for _ in range(count):
            self._ahead.popleft()


def _header(lines: _Lines) -> tuple[str, int]:
    """Find the line that names the most columns, and the delimiter with which it does. Raises Unreadable."""
    best, found = 0, (",", 0)
    for index in range(HEADER_WITHIN):
        line = lines.at(index)
        if line is None:
            break
        for delimiter in ",;\t|":
            headers = _lenient(line[:MAX_CHARACTERS_OF_A_ROW], delimiter)
            fields = fields_of(headers[:MAX_COLUMNS])
            known = sum(1 for field in fields if field)
            if names_people(fields) and known > best:
                best, found = known, (delimiter, index)
    if not best:
        raise Unreadable(
            "We could not find a row of column names in this file. "
            "Make its first row say what each column holds, such as “Name, E-mail, Company”, and try again."
        )
    return found


def _rows(lines: _Lines, delimiter: str, width: int) -> Iterator[list[str] | None]:
    """Yield the cells of each row, or None for one with broken quotes; the row after it begins on the next line."""
    while (line := lines.at(0)) is not None:
        if len(line) > MAX_CHARACTERS_OF_A_ROW:
            cells, count = None, 1
        elif '"' not in line:
            cells, count = line.split(delimiter), 1
        else:
            cells, count = _quoted(lines, delimiter, width)
        lines.skip(count)
        yield cells and [_cell(cell) for cell in cells]


def _quoted(lines: _Lines, delimiter: str, width: int) -> tuple[list[str] | None, int]:
    """Read a row whose quoted cells may go on over several lines, and say how many.

    A row over several lines must be as wide as the header: else a stray quote would swallow the rows after it.
    """
    line = first = text = lines.at(0) or ""
    for count in range(1, MAX_LINES_OF_A_ROW):
        if count == 1 or '"' in line:
            try:
                cells = next(csv.reader([text], delimiter=delimiter, strict=True))
            except csv.Error as error:
                if "unexpected end" not in str(error):
                    break
            else:
                if count == 1 or len(cells) == width:
                    return cells, count
                break
        line = lines.at(count) or ""
        text = f"{text}\n{line}"
        if lines.at(count) is None or len(text) > MAX_CHARACTERS_OF_A_ROW:
            break
    cells = _lenient(first, delimiter)
    return (cells if len(cells) == width else None), 1


def _lenient(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        return []


def _cell(cell: str) -> str:
    """Undo what spreadsheets and our own export do to keep a value from being a formula: `'+49`, `="0123"`."""
    cell = cell.strip()
    if cell[:1] == "'" and cell[1:2] and cell[1] in "=+-@":
        return cell[1:]
    if cell[:2] == '="' and cell[-1:] == '"' and len(cell) > 2:
        return cell[2:-1]
    return cell


def _person(headers: Sequence[str], fields: Sequence[str], cells: list[str], position: int) -> PersonDraft:
    """Build the draft of a row. Raises ValueError with a sentence for the person who made the file."""
    if any(cells[len(headers) :]):
        raise ValueError(
            "This row has more cells than the header. Put quotation marks around values with a delimiter."
        )
    cells += [""] * (len(headers) - len(cells))
    person = PersonDraft(position=position)
    single: dict[str, str] = {}
    for index, (field, cell) in enumerate(zip(fields, cells, strict=False)):
        if field and not cell:
            continue
        match field:
            case "email":
                person.emails += _addresses(cell)
            case "phone":
                person.phones += _several(cell)
            case "tags":
                person.tags += _tags(cell)
            case "notes":
                person.notes = f"{person.notes}\n\n{cell}".strip()
            case "silent":
                pass
            case "":
                _keep(person, *_named(headers, cells, index))
            case _ if field in single:
                _keep(person, headers[index], cell)
            case _:
                single[field] = cell[:MAX_TEXT]
    _fill(person, single)
    if not (person.full_name or person.emails or person.phones):
        raise ValueError("This row has no name, e-mail address or phone number.")
    return person


def _fill(person: PersonDraft, single: dict[str, str]) -> None:
    person.given_name = single.get("given", "")
    person.family_name = single.get("family", "")
    parts = (person.given_name, single.get("middle", ""), person.family_name)
    person.full_name = single.get("full", "") or " ".join(part for part in parts if part)
    person.organization = single.get("organization", "")
    person.title = single.get("title", "")
    person.external_id = single.get("id", "")
    if born := single.get("birthday", ""):
        person.birthday = _date(born)
        if person.birthday is None and born != "0/0/00":
            _keep(person, "birthday", born)


def _addresses(cell: str) -> list[str]:
    """Return the addresses in a cell. Raises ValueError if it holds something else; Exchange's own names are passed over."""
    if cell.lower() in _NOTHING or cell[:3].lower() in ("/o=", "ex:"):
        return []
    found = _ADDRESS.findall(cell[:MAX_TEXT])
    if not found:
        raise ValueError(f"“{cell[:80]}” is not an e-mail address. Correct it and import the row again.")
    return [re.sub(r"(?i)^mailto:", "", address) for address in found]


def _several(cell: str) -> list[str]:
    values = [value.strip()[:MAX_TEXT] for value in re.split(r":::|[;\n]", cell)]
    return [value for value in values if value.lower() not in _NOTHING]


def _tags(cell: str) -> list[str]:
    """Return the labels in a cell; Google marks the groups of its own, such as “* myContacts”, with a star."""
    values = re.split(r":::|[;,\n]", cell[:MAX_TEXT])
    return [tag for value in values if (tag := value.strip()) and not tag.startswith("* ")]


def _named(headers: Sequence[str], cells: list[str], index: int) -> tuple[str, str]:
    """Return a name and the value for a column without a field; Google names its own fields in the column before."""
    header, cell = headers[index], cells[index]
    paired = _PAIRED.match(header)
    if (
        paired
        and index
        and headers[index - 1].lower() in (f"{paired[1]} - label".lower(), f"{paired[1]} - type".lower())
    ):
        header = cells[index - 1].strip("* ") or paired[1]
    return header, cell


def _keep(person: PersonDraft, name: str, value: str) -> None:
    label = re.search(r" - (?:label|type)$", name, re.IGNORECASE)
    if name and value and not label and len(person.custom) < MAX_CUSTOM:
        person.custom.setdefault(name[:100], value[:MAX_TEXT])


def _date(text: str) -> dt.date | None:
    """Return a date in a form that leaves no doubt which number is the month, else None."""
    if match := _ISO_DATE.match(text):
        year, month, day = match.groups()
    elif match := _DOTTED_DATE.match(text):
        day, month, year = match.groups()
    elif match := _SLASHED_DATE.match(text):
        month, day, year = match.groups()
        if int(month) > 12:
            day, month = month, day
        elif int(day) <= 12 and day != month:
            return None
    else:
        return None
    try:
        return dt.date(int(year), int(month), int(day))
    except ValueError:
        return None
