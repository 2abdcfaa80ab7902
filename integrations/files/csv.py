"""Spreadsheets of people: CSV as Google, Outlook, LinkedIn and people's own tables have it."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from itertools import islice

from contacts.drafts import BadRow, PersonDraft
from integrations.files.birthdays import full_date
from integrations.files.columns import fields_of, names_people
from integrations.files.text import decode
from integrations.files.unreadable import Unreadable

MAX_ROWS = 100_000
MAX_COLUMNS = 1_000
MAX_CUSTOM = 100
MAX_TEXT = 2_000
MAX_LINES_OF_A_ROW, MAX_CHARACTERS_OF_A_ROW = 100, 100_000
HEADER_WITHIN = 30
"""How many lines may come before the header: LinkedIn puts a note there."""

_WORD = re.compile(r"[^\s;,<>\"'()]+")
_MAILTO = re.compile(r"^mailto:", re.IGNORECASE)
_ADDRESS = re.compile(r"[^@]{1,100}@[^@.]+(?:\.[^@.]+)+")
_NOTHING = {"", "-", "--", "n/a", "na", "none", "null", "unknown", "nan", "#n/a", "keine", "aucun"}
_SINGLE = {
    "full": "full_name", "given": "given_name", "middle": "", "family": "family_name", "organization": "organization",
    "title": "title", "id": "external_id", "birthday": "",
}  # fmt: skip
"""Fields of which a person has one, and the attributes that take them as they are."""
_GUARDED = re.compile(r"'+[=+\-@\t\r＝＋－＠]")
_PAIRED = re.compile(r"(.+ \d+) - (?:Value|Formatted)$", re.IGNORECASE)

_TOO_MANY = "Only the first {:,} rows were read. Split the file to import the rest."
_TOO_WIDE = "This row has more cells than the header. Put quotation marks around values with a delimiter."
_BROKEN = "The quotation marks of this row do not match, or it is too long. Correct it and import it again."
_NO_ADDRESS = "“{}” is not an e-mail address. Correct it and import the row again."
_NOBODY = "This row has no name, e-mail address or phone number."


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
    lines.skip(before)
    columns = _Columns(_lenient(next(iter(lines)), delimiter))
    people: list[PersonDraft] = []
    bad: list[BadRow] = []
    rows = _Rows(lines, delimiter, columns.width)
    for position, cells in enumerate(rows, start=before + 2):
        if len(people) + len(bad) >= MAX_ROWS:
            bad.append(BadRow(position, _TOO_MANY.format(MAX_ROWS)))
            break
        if cells is None:
            bad.append(BadRow(position, _BROKEN))
        elif any(cells):
            person = columns.person(cells, position)
            people.append(person) if isinstance(person, PersonDraft) else bad.append(person)
    return people, bad


class _Lines:
    """The lines of a text, some of them looked at ahead."""

    def __init__(self, text: str) -> None:
        self._reader = io.StringIO(text, newline=None)
        self._ahead: deque[str] = deque()

    def __iter__(self) -> Iterator[str]:
        while True:
            while self._ahead:
                yield self._ahead.popleft()
            line = self._reader.readline()
            if not line:
                return
            yield line.rstrip("\n")

    def ahead(self) -> Iterator[str]:
        """Yield the lines that come next, without leaving them behind."""
        yield from self._ahead
        for line in self._reader:
            self._ahead.append(line.rstrip("\n"))
            yield self._ahead[-1]

    def skip(self, count: int) -> None:
        """Leave lines behind that were looked at ahead."""
        for _ in range(count):
            self._ahead.popleft()


def _header(lines: _Lines) -> tuple[str, int]:
    """Find the line that names the most columns, and the delimiter with which it does. Raises Unreadable."""
    best, found = 0, (",", 0)
    for index, line in enumerate(islice(lines.ahead(), HEADER_WITHIN)):
        for delimiter in ",;\t|":
            fields = fields_of(_lenient(line[:MAX_CHARACTERS_OF_A_ROW], delimiter)[:MAX_COLUMNS])
            known = sum(1 for field in fields if field)
            if names_people(fields) and known > best:
                best, found = known, (delimiter, index)
    if not best:
        raise Unreadable(
            "We could not find a row of column names in this file. "
            "Make its first row say what each column holds, such as “Name, E-mail, Company”, and try again."
        )
    return found


class _Rows:
    """The cells of each row, or None for one with broken quotes; the row after it begins on the next line."""

    def __init__(self, lines: _Lines, delimiter: str, width: int) -> None:
        self._lines, self._delimiter, self._width = lines, delimiter, width
        self._patience = 10 * MAX_LINES_OF_A_ROW
        """How many lines may be looked at in vain: quotes that never close must not make each line be read often."""

    def __iter__(self) -> Iterator[list[str] | None]:
        for line in self._lines:
            self._patience += 2
            if len(line) > MAX_CHARACTERS_OF_A_ROW:
                yield None
                continue
            quoted = '"' in line
            cells = self._quoted(line) if quoted else line.split(self._delimiter)
            if cells:
                cells = list(map(str.strip, cells))
            yield _unguarded(cells) if cells and (quoted or "'" in line) else cells

    def _quoted(self, line: str) -> list[str] | None:
        """Read a row whose quoted cells may go on over several lines."""
        if line.count('"') % 2 == 0 and (cells := self._strict(line)):
            return cells
        if self._after(line, inside=False) == "open" and (cells := self._over_several_lines(line)):
            return cells
        if line.count(self._delimiter) + 1 < self._width:
            return None
        return self._as_wide_as_the_header(_lenient(line, self._delimiter))

    def _over_several_lines(self, first: str) -> list[str] | None:
        """Read on to the end of the row. It must be as wide as the header: else a stray quote would swallow rows."""
        pieces, length = [first], len(first)
        for line in islice(self._lines.ahead(), max(0, min(MAX_LINES_OF_A_ROW - 1, self._patience))):
            length += len(line)
            if length > MAX_CHARACTERS_OF_A_ROW:
                break
            pieces.append(line)
            after = self._after(line, inside=True)
            if after == "closed" and (cells := self._as_wide_as_the_header(self._strict("\n".join(pieces)))):
                self._lines.skip(len(pieces) - 1)
                return cells
            if after != "open":
                break
        self._patience -= len(pieces)
        return None

    def _after(self, line: str, *, inside: bool) -> str:
        """Whether after a line, begun inside of quotes or not, the row is "open" within quotes, "closed" or "broken"."""
        at = 0
        while True:
            if not inside:
                if not line.startswith('"', at):
                    at = line.find(self._delimiter, at) + 1
                    if not at:
                        return "closed"
                    continue
                at += 1
            quote = line.find('"', at)
            while quote >= 0 and line.startswith('"', quote + 1):
                quote = line.find('"', quote + 2)
            if quote < 0:
                return "open"
            at = quote + 1
            if at == len(line):
                return "closed"
            if line[at] != self._delimiter:
                return "broken"
            at, inside = at + 1, False

    def _strict(self, text: str) -> list[str] | None:
        try:
            return next(csv.reader([text], delimiter=self._delimiter, strict=True))
        except csv.Error:
            return None

    def _as_wide_as_the_header(self, cells: list[str] | None) -> list[str] | None:
        return cells if cells and len(cells) == self._width else None


def _lenient(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter))
    except csv.Error:
        return []


def _unguarded(cells: list[str]) -> list[str]:
    """Undo what spreadsheets and our own export do to keep a value from being a formula: `'+49`, `="0123"`."""
    for index, cell in enumerate(cells):
        if cell[:1] == "'" and _GUARDED.match(cell):
            cells[index] = cell[1:]
        elif cell[:2] == '="' and cell[-1] == '"' and len(cell) > 2:
            cells[index] = cell[2:-1]
    return cells


class _Columns:
    """What the columns of a table hold, and the people whom its rows then describe."""

    def __init__(self, headers: list[str]) -> None:
        self._headers = [header.strip() for header in headers]
        self.width = len(headers)
        if self.width > MAX_COLUMNS:
            raise Unreadable(
                f"This table has more than {MAX_COLUMNS:,} columns. Keep those that describe people."
            )
        self._fields = fields_of(self._headers)

    def person(self, cells: list[str], position: int) -> PersonDraft | BadRow:
        """Return the person of a row, or why it describes none, in a sentence for whoever made the file."""
        if len(cells) > self.width and any(cells[self.width :]):
            return BadRow(position, _TOO_WIDE)
        person = PersonDraft(position=position)
        single: dict[str, str] = {}
        for index, cell in enumerate(cells[: self.width]):
            if not cell:
                continue
            field = self._fields[index]
            if field in _SINGLE and field not in single:
                single[field] = cell[:MAX_TEXT]
            elif field == "email":
                emails = _addresses(cell)
                if emails is None:
                    return BadRow(position, _NO_ADDRESS.format(cell[:80]))
                person.emails = [*person.emails, *emails]
            else:
                self._take(person, index, field, cells)
        _fill(person, single)
        if person.full_name or person.emails or person.phones:
            return person
        return BadRow(position, _NOBODY)

    def _take(self, person: PersonDraft, index: int, field: str, cells: list[str]) -> None:
        cell = cells[index]
        match field:
            case "phone":
                person.phones = [*person.phones, *_several(cell)]
            case "tags":
                person.tags = [*person.tags, *_tags(cell)]
            case "notes":
                person.notes = f"{person.notes}\n\n{cell}".strip()
            case "silent":
                pass
            case "":
                _keep(person, self._name(index, cells), cell)
            case _:
                _keep(person, self._headers[index], cell)

    def _name(self, index: int, cells: list[str]) -> str:
        """Return the name of a column without a field; Google names its own fields in the column before."""
        paired = _PAIRED.match(self._headers[index])
        if not paired or not index:
            return self._headers[index]
        label = self._headers[index - 1].lower().removeprefix(paired[1].lower())
        return (
            (cells[index - 1].strip("* ") or paired[1])
            if label in (" - label", " - type")
            else self._headers[index]
        )


def _fill(person: PersonDraft, single: dict[str, str]) -> None:
    for field, value in single.items():
        if attribute := _SINGLE[field]:
            setattr(person, attribute, value)
    if not person.full_name:
        parts = (person.given_name, single.get("middle"), person.family_name)
        person.full_name = " ".join(filter(None, parts))
    if born := single.get("birthday"):
        person.birthday = full_date(born)
        if person.birthday is None and born != "0/0/00":
            _keep(person, "birthday", born)


def _addresses(cell: str) -> list[str] | None:
    """Return the addresses in a cell, or None if it holds something else; Exchange's own names are passed over."""
    if cell.lower() in _NOTHING or cell[:3].lower() in ("/o=", "ex:"):
        return []
    if "@" not in cell:
        return None
    words = (_MAILTO.sub("", word).strip(".") for word in _WORD.findall(cell[:MAX_TEXT]) if "@" in word)
    return [word for word in words if _ADDRESS.fullmatch(word)] or None


def _several(cell: str) -> list[str]:
    values = [value.strip()[:MAX_TEXT] for value in _apart(cell, r"[;\n]")]
    return [value for value in values if value.lower() not in _NOTHING]


def _apart(cell: str, marks: str) -> list[str]:
    """Return the values in a cell. Google and our own export write ::: between them; then other marks are part of them."""
    return cell.split(":::") if ":::" in cell else re.split(marks, cell)


def _tags(cell: str) -> list[str]:
    """Return the labels in a cell; Google marks the groups of its own, such as “* myContacts”, with a star."""
    values = _apart(cell[:MAX_TEXT], r"[;,\n]")
    return [tag for value in values if (tag := value.strip()) and not tag.startswith("* ")]


def _keep(person: PersonDraft, name: str, value: str) -> None:
    label = re.search(r" - (?:label|type)$", name, re.IGNORECASE)
    if name and value and not label and len(person.custom) < MAX_CUSTOM:
        person.custom.setdefault(name[:100], value[:MAX_TEXT])
