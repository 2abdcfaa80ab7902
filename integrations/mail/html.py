"""HTML mail as plain text. A scanner, not a tree: hostile nesting costs no more than its length."""

from __future__ import annotations

import re
from html import unescape

MAX_HTML = 1_000_000
MAX_QUOTES = 10
MAX_LINK = 200

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+'|[\"'])*+)>")
_LOOSE_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)([^>]*+)>")
_TAG_START = re.compile(r"</?[a-zA-Z]")
_SPACE = re.compile(r"[ \t\r\n\f]+")
_HUGE_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")
_HREF = re.compile(r"\bhref\s*=\s*(?:\"([^\"]*)\"|'([^']*)'|([^\s\"'>]+))", re.I)
_ALT = re.compile(r"\balt\s*=\s*(?:\"([^\"]*)\"|'([^']*)')", re.I)
_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|\shidden(?=[\s=/]|$)", re.I
)
_NEWLINES = re.compile(r"\n{3,}")

_DROPPED = frozenset(
    ["script", "style", "title", "template", "noscript", "object", "iframe", "xmp", "noembed"]
)
_VOID = frozenset(
    ["area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"]
)
_PARAGRAPHS = frozenset(
    ["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre", "hr", "blockquote"]
)
_LINES = frozenset(
    ["div", "tr", "li", "dt", "dd", "section", "article", "header", "footer", "main", "nav", "address", "center",
     "form", "fieldset", "figure", "caption", "option", "body", "html", "head"]
)  # fmt: skip
_END = {name: re.compile(rf"</{name}\b", re.I) for name in _DROPPED}


def to_text(html: str) -> str:
    """The words of an HTML document, its paragraphs, lists and quotes laid out in lines; nothing that is hidden.

    A link is followed by its address in angle brackets, quoted replies start with "> ". Takes linear time.
    """
    html = html[:MAX_HTML]
    page = _Page()
    tag, text, pos = _TAG, 0, 0
    while (opening := html.find("<", pos)) >= 0:
        found = tag.match(html, opening)
        if found:
            page.text(html[text:opening])
            text = pos = _enter(page, html, found)
        elif _TAG_START.match(html, opening):
            if tag is _LOOSE_TAG:  # a tag that never ends hides the rest, as it does in a browser
                html = html[:opening]
                break
            tag, pos = _LOOSE_TAG, opening  # a quote that never ends: read on without regard to quotes
        elif html.startswith(("<!", "<?", "</"), opening):
            page.text(html[text:opening])
            text = pos = _after_markup(html, opening)
        else:
            pos = opening + 1
    page.text(html[text:])
    return page.done()


def _enter(page: _Page, html: str, found: re.Match[str]) -> int:
    """Take in one tag; returns where to go on."""
    name = found[2].lower()
    if found[1]:
        page.close(name)
    elif name in _DROPPED:
        end = _END[name].search(html, found.end())
        return html.find(">", end.end()) + 1 or len(html) if end else len(html)
    else:
        page.open(name, found[3])
    return found.end()


def _after_markup(html: str, opening: int) -> int:
    """Past a comment, a declaration or a broken end tag."""
    if html.startswith("<!--", opening):
        end = html.find("-->", opening + 2)
        return end + 3 if end >= 0 else len(html)
    end = html.find(">", opening)
    return end + 1 if end >= 0 else len(html)


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
        if "&" in text:
            text = unescape(_HUGE_NUMBER.sub("\ufffd", text))
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
        if attributes and name not in _VOID and _HIDDEN.search(attributes):
            self.hidden, self.hidden_depth = name, 1
            return
        if name in _PARAGRAPHS:
            self.paragraph()
        elif name in _LINES:
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
        if name in _PARAGRAPHS:
            self.paragraph()
        elif name in _LINES:
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
    return _SPACE.sub(" ", unescape(_HUGE_NUMBER.sub("", value[:2000]))).strip()
