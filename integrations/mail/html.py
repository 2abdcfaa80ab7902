"""HTML mail as plain text."""

from __future__ import annotations

import re

from integrations.mail.tags import HIDDEN, LINES, PARAGRAPHS, VOID, characters, tokens

MAX_HTML = 1_000_000
MAX_QUOTES = 10
MAX_LINK = 200

_SPACE = re.compile(r"[ \t\r\n\f]+")
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.I)
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.I)
_NEWLINES = re.compile(r"\n{3,}")


def to_text(html: str) -> str:
    """The words of an HTML document, its paragraphs, lists and quotes laid out in lines; nothing that is hidden.

    A link is followed by its address in angle brackets, quoted replies start with "> ". Takes linear time.
    """
    page = _Page()
    for text, closing, name, attributes in tokens(html[:MAX_HTML]):
        page.text(text)
        if closing:
            page.close(name)
        elif name:
            page.open(name, attributes)
    return page.done()


class _Page:
    """Lines of text as they grow."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = self.quotes_before = 0
        self.gap = False
        self.lists: list[int] = []
        self.pre = 0
        self.hidden = ""
        self.hidden_depth = 0
        self.link = ""
        self.link_start = 0

    def text(self, text: str) -> None:
        if not text or self.hidden:
            return
        text = characters(text)
        if self.pre:
            first, *rest = text.split("\n")
            self.line.append(first)
            for line in rest:
                self.break_line(keep_empty=True)
                self.line.append(line)
            return
        text = _SPACE.sub(" ", text)
        if text != " " or (self.line and not self.line[-1].endswith(" ")):
            self.line.append(text)

    def break_line(self, *, keep_empty: bool = False) -> None:
        line = "".join(self.line)
        line = line.rstrip() if self.pre else line.strip()
        self.line.clear()
        if not (line or keep_empty):
            return
        if self.gap and self.lines:
            self.lines.append(self._quote(min(self.quotes, self.quotes_before)).rstrip())
        self.lines.append((self._quote(self.quotes) + line).rstrip())
        self.quotes_before, self.gap = self.quotes, False

    def paragraph(self) -> None:
        self.break_line()
        self.gap = True

    @staticmethod
    def _quote(depth: int) -> str:
        return "> " * min(depth, MAX_QUOTES)

    def open(self, name: str, attributes: str) -> None:
        if self.hidden:
            self.hidden_depth += name == self.hidden
            return
        if attributes and name not in VOID and HIDDEN.search(attributes):
            self.hidden, self.hidden_depth = name, 1
            return
        if name in PARAGRAPHS:
            self.paragraph()
        elif name in LINES:
            self.break_line()
        self._open(name, attributes)

    def _open(self, name: str, attributes: str) -> None:
        match name:
            case "br":
                self.break_line(keep_empty=True)
            case "td" | "th":
                self.text(" ")
            case "blockquote":
                self.quotes += 1
            case "pre":
                self.pre += 1
            case "ul" | "ol":
                self.lists.append(0 if name == "ol" else -1)
            case "li":
                self.line.append(self._bullet())
            case "a":
                self.link, self.link_start = _attribute(_HREF, attributes), len(self.line)
            case "img" if alt := _attribute(_ALT, attributes).strip():
                self.text(alt if len(alt) < MAX_LINK else "")

    def _bullet(self) -> str:
        if not self.lists or self.lists[-1] < 0:
            return "- "
        self.lists[-1] += 1
        return f"{self.lists[-1]}. "

    def close(self, name: str) -> None:
        if self.hidden:
            self.hidden_depth -= name == self.hidden
            self.hidden = self.hidden if self.hidden_depth else ""
            return
        if name in PARAGRAPHS:
            self.paragraph()
        elif name in LINES:
            self.break_line()
        match name:
            case "blockquote":
                self.quotes = max(0, self.quotes - 1)
            case "pre":
                self.pre = max(0, self.pre - 1)
            case "ul" | "ol" if self.lists:
                self.lists.pop()
            case "a" if self.link:
                self._close_link()

    def _close_link(self) -> None:
        label, href = "".join(self.line[self.link_start :]).strip(), self.link
        self.link = ""
        web = len(href) <= MAX_LINK and href.lower().startswith(("http://", "https://"))
        if web and href.rstrip("/").partition("://")[2] not in label:
            self.line.append(f" <{href}>")

    def done(self) -> str:
        self.pre = 0
        self.break_line()
        return _NEWLINES.sub("\n\n", "\n".join(self.lines)).strip("\n")


def _attribute(pattern: re.Pattern[str], attributes: str) -> str:
    found = pattern.search(attributes)
    value = next((group for group in found.groups() if group), "") if found else ""
    return _SPACE.sub(" ", characters(value[:2000])).strip()
