"""Values with parameters: Content-Type and Content-Disposition (RFC 2045 §5.1, RFC 2231)."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from integrations.mail import charset
from integrations.mail.headers import decode_words

MAX_PARAMETERS = 100
_PARAMETER = re.compile(r"""[;\s,]\s*+([^\s=;,"]++)\s*+=\s*+("(?:[^"\\]|\\.)*+"?|[^;]*+)""", re.S)
_ESCAPED = re.compile(r"\\(.)", re.S)
_COMMENT = re.compile(r"\([^()\"]*\)")
_SECTION = re.compile(r"([^*]+)\*(?:(\d{1,3})(\*?))?")


def read(value: str) -> tuple[str, dict[str, str]]:
    """The value before the first semicolon in lower case, and its parameters by lower-case name, decoded."""
    main, semicolon, _ = value.partition(";")
    main = _COMMENT.sub("", main).strip().lower()
    if not semicolon and "=" not in main:
        return main, {}
    plain: dict[str, str] = {}
    sections: dict[str, dict[int, tuple[str, bool]]] = {}
    for count, found in enumerate(_PARAMETER.finditer(value)):
        if count == MAX_PARAMETERS:
            break
        name, text = found[1].lower(), _unquote(found[2])
        if "*" in name and (section := _SECTION.fullmatch(name)):
            number, encoded = int(section[2] or 0), section[2] is None or bool(section[3])
            sections.setdefault(section[1], {}).setdefault(number, (text, encoded))
        else:
            plain.setdefault(name, decode_words(text))
    plain |= {name: _join(parts) for name, parts in sections.items()}
    return main.split()[0] if main else "", plain


def _unquote(text: str) -> str:
    if text[:1] != '"':
        return text.strip().strip('"')
    return _ESCAPED.sub(r"\1", text[1:].removesuffix('"'))


def _join(parts: dict[int, tuple[str, bool]]) -> str:
    """The sections of one RFC 2231 parameter in order; the first may name the charset of all encoded ones."""
    label, data = "", []
    for place, (_, (text, encoded)) in enumerate(sorted(parts.items())):
        if encoded and place == 0 and text.count("'") >= 2:
            label, _, text = text.split("'", 2)
        data.append(unquote_to_bytes(text) if encoded else text.encode("utf-8", "replace"))
    return charset.decode(b"".join(data), label or "utf-8")
