"""From the bytes of an uploaded file to text that Postgres can keep."""

from __future__ import annotations

import codecs
import re

_UNSTORABLE = re.compile(r"[\x00\ud800-\udfff]")
_ESCAPED = re.compile(r"[\udc80-\udcff]")
_FOREIGN = re.compile(r"[\ud800-\udc7f\udd00-\udfff]")
# Only real charsets: Python also has codecs such as punycode, which take quadratic time.
_CHARSET = re.compile(
    r"(iso|windows|cp|utf|latin|us-ascii|ascii|koi8|big5|gb|hz|euc|shift|sjis|mac|ks)[\w-]{0,30}$", re.I
)


def encoding_of(raw: bytes) -> str:
    """Name the Unicode encoding of the file by its first bytes; UTF-8 unless they say otherwise."""
    if raw.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    head = raw[:200]
    if len(head) >= 4 and head[1::2].count(0) > len(head) // 3:
        return "utf-16-le"
    if len(head) >= 4 and head[::2].count(0) > len(head) // 3:
        return "utf-16-be"
    return "utf-8"


def decode(raw: bytes) -> str:
    """Return the whole file as text: Unicode by its mark or by trial, else Windows-1252. NULs are gone."""
    encoding = encoding_of(raw)
    try:
        return clean(raw.decode(encoding))
    except UnicodeDecodeError:
        return clean(raw.decode("cp1252" if encoding.startswith("utf-8") else encoding, "replace"))


def decode_as(octets: bytes, charset: str) -> str:
    """Decode by the charset that a property names; without a usable one UTF-8 if it is that, else Windows-1252."""
    for name in (charset, "utf-8", "cp1252"):
        if _CHARSET.match(name):
            try:
                return octets.decode(name)
            except (LookupError, ValueError):
                continue
    return octets.decode("cp1252", "replace")


def repair(text: str, charset: str = "") -> str:
    """Decode again what was read by `surrogateescape` and proved not to be UTF-8, and leave out the unstorable."""
    if text.isascii():
        return text.replace("\0", "")
    if _ESCAPED.search(text):
        text = decode_as(_FOREIGN.sub("", text).encode("utf-8", "surrogateescape"), charset)
    return clean(text)


def clean(text: str) -> str:
    """Leave out NULs and lone surrogates, which no database column takes."""
    return _UNSTORABLE.sub("", text)
