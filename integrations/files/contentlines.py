"""Content lines: the grammar that vCard (RFC 2426, 6350) and iCalendar (RFC 5545) share, read leniently.

A line is `group.NAME;PARAM=value;PARAM="quoted":value`. Long lines are folded: a line that begins with white space
continues the one before.
"""

from __future__ import annotations

import io
import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass

from integrations.files.text import clean, decode_as, encoding_of, repair

MAX_VALUE = 200_000
"""Characters of one value that we read; what is longer is a picture or an attack."""
MAX_HEAD = 10_000
"""Characters of parameters that we read."""
MAX_PIECES = 20_000
"""Into how many lines one property may be folded."""

_QUOTED_HEAD = re.compile(r'[^":]*(?:"[^"]*"[^":]*)*:')
_NAME = re.compile(r"(?:([\w-]{1,100})\.)?([A-Za-z][\w-]{0,99})[ \t]*(?=[;:])")
_BARE_NAME = re.compile(r"[A-Z][A-Z-]{1,60}$")
_DELAYED = re.compile(r"[ \t]+[;:]")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_CARET = re.compile(r"\^([n^'])")
_BARE_ENCODINGS = {"QUOTED-PRINTABLE", "BASE64", "B", "8BIT", "7BIT"}


@dataclass(slots=True)
class Line:
    """One property: its group ("item1"), its name and parameter names in upper case, and its decoded value."""

    group: str
    name: str
    params: dict[str, str]
    value: str

    @property
    def is_binary(self) -> bool:
        """Whether the value is base64: a picture, a sound, a key."""
        return _is_binary(self.params) or self.value[:5].lower() == "data:"


def content_lines(raw: bytes) -> Iterator[Line]:
    """Yield every readable property of the file, unfolded; text that belongs to no property joins the one before.

    Binary values are cut short and never decoded, so a picture of any size costs one pass over its bytes.
    """
    unfolding: _Unfolding | None = None
    for text in _physical_lines(raw):
        if unfolding and unfolding.goes_on_with(text):
            unfolding.append(text)
        elif name := _NAME.match(text := text.lstrip(" \t")):
            if unfolding:
                yield unfolding.line()
            unfolding = _Unfolding(text, name)
    if unfolding:
        yield unfolding.line()


def unescape(value: str) -> str:
    """Return the text that a value stands for: `\\n` is a line break, any other escaped character itself."""
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda m: "\n" if m[1] in "nN" else m[1], value)


def split_value(value: str, separator: str) -> list[str]:
    """Split at every separator that is not escaped, and unescape the pieces."""
    if "\\" not in value:
        return value.split(separator)
    pieces, start, position = [], 0, 0
    for match in re.finditer(rf"\\.|{re.escape(separator)}", value, re.DOTALL):
        position = match.start()
        if match[0] == separator:
            pieces.append(unescape(value[start:position]))
            start = match.end()
    return [*pieces, unescape(value[start:])]


def _physical_lines(raw: bytes) -> Iterator[str]:
    encoding = encoding_of(raw)
    errors = "surrogateescape" if encoding.startswith("utf-8") else "replace"
    reader = io.TextIOWrapper(io.BytesIO(raw), encoding=encoding, errors=errors, newline=None)
    name = ""
    for text in reader:
        text = text.rstrip("\n")
        if not text or text.isspace():
            continue
        if name:  # an old Mozilla folded between a name and its value
            text, name = (name + text.lstrip() if _DELAYED.match(text) else f"{name}\n{text}"), ""
        if _BARE_NAME.match(text):
            name = text
        else:
            yield from text.split("\n")
    if name:
        yield name


class _Unfolding:
    """A property while its lines are being put together."""

    def __init__(self, text: str, name: re.Match[str]) -> None:
        self._name = name
        self._pieces = [text]
        self._read_head(text)

    def _read_head(self, text: str) -> None:
        end = self._name.end()
        self._colon = end if text[end] == ":" else _value_start(text, end)
        self._params = _parameters(text[end : self._colon]) if self._colon > end else {}
        self._binary = _is_binary(self._params)
        self._printable = self._params.get("ENCODING") == "QUOTED-PRINTABLE"

    @property
    def _soft(self) -> bool:
        """Whether the last line ends with the soft break of quoted-printable."""
        return self._printable and self._pieces[-1].endswith("=")

    def goes_on_with(self, text: str) -> bool:
        """Whether a line is a fold, follows a soft break, or is stray text that no property begins with."""
        if self._soft:
            return text[:10].upper() not in ("END:VCARD", "BEGIN:VCAR")
        return text[0] in " \t" or not _NAME.match(text)

    def append(self, text: str) -> None:
        """Take one more line."""
        if self._binary or len(self._pieces) > MAX_PIECES:
            return
        if self._soft:
            self._pieces[-1] = self._pieces[-1][:-1]
            self._pieces.append(text.lstrip(" \t"))
        elif text[0] in " \t":
            self._pieces.append(text[1:])
        elif not self._printable:
            self._pieces.append("\\n" + text)

    def line(self) -> Line:
        """Return the property, decoded."""
        text = self._pieces[0]
        if len(self._pieces) > 1:
            text = "".join(self._pieces)
            self._read_head(text)
        value = text[self._colon + 1 : self._colon + 1 + (100 if self._binary else MAX_VALUE)]
        return Line(self._name[1] or "", self._name[2].upper(), self._params, _decoded(value, self._params))


def _value_start(text: str, position: int) -> int:
    """Return the index of the colon before the value: the first one outside double quotes, or the end."""
    colon = text.find(":", position)
    quote = text.find('"', position, colon) if colon >= 0 else -1
    if quote < 0:
        return colon if colon >= 0 else len(text)
    match = _QUOTED_HEAD.match(text, position, position + MAX_HEAD)
    return match.end() - 1 if match else colon


def _parameters(head: str) -> dict[str, str]:
    """Read `;TYPE=home;WORK;CN="Doe; Jane"`; vCard 2.1 leaves out the names of types and encodings."""
    params: dict[str, str] = {}
    head = head[:MAX_HEAD]
    if not head:
        return params
    pieces = head.split(";") if '"' not in head else re.findall(r'(?:"[^"]*"|[^;"]|")+', head)
    for piece in pieces[:100]:
        name, equals, value = piece.partition("=")
        name = name.strip().upper()
        if not equals:
            name, value = ("ENCODING", name) if name in _BARE_ENCODINGS else ("TYPE", name)
        if name == "ENCODING":
            value = value.strip().upper()
        value = repair(value.strip().replace('"', ""))
        if value:
            value = _CARET.sub(lambda m: {"n": "\n", "'": '"', "^": "^"}[m[1]], value)  # RFC 6868
            params[name] = f"{params[name]},{value}" if name in params else value
    return params


def _is_binary(params: dict[str, str]) -> bool:
    return params.get("ENCODING") in ("B", "BASE64")


def _decoded(value: str, params: dict[str, str]) -> str:
    charset = params.get("CHARSET", "")
    if params.get("ENCODING") == "QUOTED-PRINTABLE":
        octets = quopri.decodestring(value.encode("utf-8", "surrogateescape"))
        return clean(decode_as(octets, charset)).replace("\r\n", "\n")
    return repair(value, charset)
