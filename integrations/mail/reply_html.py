"""HTML mail as lines, each with what the mark-up says of it: quoted, part of a signature, or the start of an older
message. Addresses of links are left out: only what a reader sees counts. A scanner, not a tree: it takes linear time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from integrations.mail.reply_lines import (
    BLANK,
    HEADER,
    QUOTE,
    RULE,
    SIGN,
    TEXT,
    WROTE,
    introduces,
    kind_alone,
)
from integrations.mail.reply_rules import INVISIBLE
from integrations.mail.tags import HIDDEN, LINES, PARAGRAPHS, VOID, characters, tokens

MAX_HTML = 2_000_000
_PLAIN = "p"
"""A <blockquote> that no mail program has marked as a quotation: decided when the page has been read."""
_UNSHOWN = "x"
_REACH = 60
"""Open elements an end tag is looked for in."""
_BREAKS = PARAGRAPHS | LINES | {"br"}
_SPACED = PARAGRAPHS - {"hr"}
_SPACES = re.compile(r"[ \t\r\n\f\xa0]+")
_NAMES = re.compile(
    r"\b(?:class|id|type|data-marker|data-smartmail)\s*=\s*(?:\"([^\"]{0,400})\"|'([^']{0,400})'|([^\s\"'>]{1,400}))",
    re.I,
)
"""Attributes in which programs say what an element is for."""
_SIGNATURES = re.compile(
    r"(?:^|\s)[\w-]*signature(?:[_-]?(?:block|section|container|wrapper|html|text)[\w-]*)?(?:$|\s)"
)
_OLDER = re.compile(
    r"(?:^|[\s_])(?:divrplyfwdmsg|appendonsend|olk_src_body_section|outlookmessageheader|stopspelling|zwchr|"
    r"yahoo_quoted|yahoo-quoted-begin|zmail_extra|protonmail_quote|tutanota_quote|appleoriginalcontents|"
    r"mail-editor-reference-message-container|moz-email-headers-table|moz-forward-container|__quoted_text__|"
    r"bloop_original_html|airmail_ext_on|sh-quoted-content|ntes-?mailmaster-?quote|replybody)(?:$|\s)"
)
"""What programs call the element that holds, or stands above, the older message."""
_WROTE = re.compile(r"(?:^|\s)(?:gmail_attr|moz-cite-prefix)(?:$|\s)")
_CITE = re.compile(r"(?:^|\s)(?:cite|iosymail|\w+_quote|\w+-blockquote)(?:$|\s)")
"""What programs call a <blockquote> of an older message."""


@dataclass(slots=True)
class _Page:
    """Lines as they grow, and the elements that are open around them."""

    raw: list[str] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    kind: str = TEXT
    line_kind: str = TEXT
    open: list[tuple[str, str]] = field(default_factory=list)
    """Names of the open elements, and the kind of the text after each is closed."""
    quotes: int = 0
    in_gmail: bool = False
    """Whether Gmail's element for the older message was seen: a blockquote elsewhere is the author's."""
    opens_older: bool = False
    pre: int = 0

    def text(self, text: str) -> None:
        if not text or self.kind == _UNSHOWN:
            return
        text = characters(text)
        if not self.pre:
            self._add(text)
            return
        first, *rest = text.split("\n")
        self._add(first)
        for line in rest:
            self.end_line()
            self._add(line)

    def _add(self, words: str) -> None:
        if not self.words:
            if not words.strip():
                return
            self.line_kind = self.kind
        self.words.append(words)

    def end_line(self, *, spaced: bool = False) -> None:
        if self.words:
            line = _SPACES.sub(" ", "".join(self.words)).strip(INVISIBLE)
            self.words.clear()
            if line:
                self._append(line, self.line_kind)
        if spaced and self.raw and self.raw[-1]:
            self._append("", BLANK)

    def _append(self, line: str, kind: str) -> None:
        if self.opens_older and line:
            kind, self.opens_older = HEADER, False
        self.raw.append(line)
        self.kinds.append(kind)

    def start(self, name: str, attributes: str) -> None:
        name = name.rpartition(":")[2]
        if name in _BREAKS:
            self.end_line(spaced=name in _SPACED)
        if name == "hr":
            self._append("", RULE)
        elif name in ("td", "th"):
            self.text(" ")
        kind = self._marked(name, attributes) if attributes or name == "blockquote" else self.kind
        if name not in VOID:
            self.open.append((name, self.kind))
            self.pre += name == "pre"
            self.quotes += name == "blockquote"
            self.kind = kind

    def _marked(self, name: str, attributes: str) -> str:
        """The kind of the text inside an element; the kind around it unless its attributes say more."""
        attributes = attributes[:2000]
        if self.kind == _UNSHOWN or HIDDEN.search(attributes):
            return _UNSHOWN
        if self.quotes:
            return self.kind
        names = " ".join("".join(found) for found in _NAMES.findall(attributes)).casefold()
        if name == "blockquote":
            gmail_own = "gmail_quote" in names and not self.in_gmail
            return QUOTE if _CITE.search(names) and not gmail_own else _PLAIN
        if self.kind != TEXT:
            return self.kind
        if _SIGNATURES.search(names) or "data-signature" in attributes:
            return SIGN
        if _WROTE.search(names):
            return WROTE
        self.opens_older = self.opens_older or _OLDER.search(names) is not None
        self.in_gmail = self.in_gmail or "gmail_quote" in names
        return self.kind

    def end(self, name: str) -> None:
        name = name.rpartition(":")[2]
        if name in _BREAKS:
            self.end_line(spaced=name in _SPACED)
        for depth in range(1, min(len(self.open), _REACH) + 1):
            if self.open[-depth][0] == name:
                self._close(depth)
                return

    def _close(self, depth: int) -> None:
        self.kind = self.open[-depth][1]
        for name, _ in self.open[-depth:]:
            self.pre -= name == "pre"
            self.quotes -= name == "blockquote"
        del self.open[-depth:]


def marked_lines(html: str) -> tuple[list[str], list[str]]:
    """The lines a reader sees, stripped, and their kinds."""
    page = _Page()
    for text, closing, name, attributes in tokens(html[:MAX_HTML]):
        page.text(text)
        if closing:
            page.end(name)
        elif name:
            page.start(name, attributes)
    page.end_line()
    return page.raw, _settled(page.raw, page.kinds)


def _settled(lines: list[str], kinds: list[str]) -> list[str]:
    """An unmarked <blockquote> quotes when a line introduces it, else its text is looked at like any other."""
    settled: list[str] = []
    quoting, above = False, ""
    for line, kind in zip(lines, kinds, strict=True):
        if kind == _PLAIN:
            quoting = quoting or introduces(above)
            kind = QUOTE if quoting else TEXT
        else:
            quoting = quoting and not line
            if kind == QUOTE and QUOTE not in settled[-2:] and introduces(line):
                kind = WROTE
        settled.append(kind_alone(line) if kind == TEXT else kind)
        above = line or above
    return settled
