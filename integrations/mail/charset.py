"""Bytes to text: what a message declares is believed only as far as its bytes agree."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

from charset_normalizer import from_bytes

SAMPLE = 4096
"""Bytes that guessing may look at. It is slow and only a last resort."""

_ALIASES = {
    "ascii": "cp1252",  # like browsers: both are supersets, and the labels are used interchangeably
    "us-ascii": "cp1252",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "euc-kr": "cp949",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "ksc_5601": "cp949",
    "iso-2022-jp": "iso2022_jp_ext",
    "x-euc-jp": "euc_jp",
    "x-mac-roman": "mac_roman",
    "x-windows-1252": "cp1252",
    "windows-874": "cp874",
    "utf8mb4": "utf-8",
    "x-utf-8": "utf-8",
    "unicode": "utf-16",
}
_PREFIXES = ("win-", "cp-", "x-cp")
# Codecs that only turn bytes into characters. Python also has some that unpack, escape or are quadratic, and
# UTF-7, which hides markup from everybody who looks at the bytes.
_ALLOWED = re.compile(
    r"cp\d+|iso8859-\d+|iso2022_\w+|koi8-\w|mac-\w+|utf-(?:8|16|32)(?:-\w+)?|gb\w+|big5\w*|euc_\w+|shift_jis\w*"
    r"|johab|hz|tis-620|kz1048|ptcp154|hp-roman8"
)
_CANDIDATES = [
    "cp1252",
    "cp1250",
    "cp1251",
    "cp1253",
    "cp1255",
    "koi8_r",
    "cp932",
    "euc_jp",
    "gb18030",
    "cp950",
    "cp949",
]
_META = re.compile(rb"<meta[^>]{0,300}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{2,40})", re.I)
_UNSTORABLE = re.compile("[\0\ud800-\udfff]+")


def decode(data: bytes, declared: str = "") -> str:
    """`data` as text that a database can hold, never failing: undecodable bytes become U+FFFD."""
    return storable(_decode(data, _codec(declared[:80])))


def storable(text: str) -> str:
    """`text` without NUL and lone surrogates, which PostgreSQL refuses."""
    return text.replace("\0", "") if text.isascii() else _UNSTORABLE.sub("", text)


def declared_in_html(data: bytes) -> str:
    """The charset that a document names in its first kilobyte, or empty."""
    found = _META.search(data[:1024])
    return found[1].decode("ascii") if found else ""


def _decode(data: bytes, codec: str) -> str:
    if codec in ("", "cp1252", "utf-8"):
        return _usual(data, fallback="cp1252" if codec == "cp1252" else "")
    for trial in (codec, "utf-8"):
        try:
            return data.decode(trial)
        except UnicodeError:
            continue
    return data.decode(codec, "replace")


def _usual(data: bytes, *, fallback: str) -> str:
    """UTF-8 under a western label is a common lie; western text that happens to be valid UTF-8 hardly exists."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeError:
        codec = fallback or _guess(data[:SAMPLE])
    try:
        return data.decode(codec)
    except UnicodeError:
        return data.decode("latin-1" if codec == "cp1252" else codec, "replace")


def _guess(sample: bytes) -> str:
    if sample[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    foreign = [character for character in sample.decode("utf-8", "replace") if character > "\x7f"]
    broken = foreign.count("\ufffd")
    if broken < len(foreign) - broken:
        return "utf-8"  # mostly right: cut or damaged in places
    best = from_bytes(sample, cp_isolation=_CANDIDATES).best() if broken > 20 else None
    return best.encoding if best else "cp1252"


@lru_cache(maxsize=512)
def _codec(declared: str) -> str:
    """The name of a codec we trust for this label, or empty when it says nothing useful."""
    label = declared.lower().replace("\0", "").strip(" \t\"'<>;,")
    label = label.removeprefix("charset=").strip(" \"'").partition("*")[0]
    label = _ALIASES.get(label, label)
    for prefix in _PREFIXES:
        if label.startswith(prefix):
            label = "cp" + label.removeprefix(prefix)
    try:
        name = codecs.lookup(label).name
    except (LookupError, ValueError):
        return ""
    return name if _ALLOWED.fullmatch(name) else ""
