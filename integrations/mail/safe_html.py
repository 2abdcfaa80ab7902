"""The HTML of a letter made harmless: nothing runs, nothing is fetched, nothing covers the page around it.

Ammonia (nh3) parses as browsers do and keeps what is on a list. Beside it stand a rule for styles, since even an
allowed property may carry an address, and a note of where each link leads. The page that shows the result must
still be sandboxed: see integrations/letters.py.
"""

from __future__ import annotations

import html
import re
from urllib.parse import urlsplit

import nh3

LONGEST = 512_000
"""Characters that are shown."""
DEEPEST = 200
"""Elements inside one another; more is only ever meant to hurt, and slow to parse."""

TAGS = {
    "a", "abbr", "b", "blockquote", "br", "caption", "center", "code", "col", "colgroup", "dd", "del", "div", "dl",
    "dt", "em", "font", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "ins", "li", "ol", "p", "pre", "q", "s",
    "small", "span", "strike", "strong", "sub", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "tt",
    "u", "ul",
}  # fmt: skip
CONTENT_TOO = {
    "script",
    "style",
    "title",
    "noscript",
    "template",
    "svg",
    "math",
    "object",
    "iframe",
    "textarea",
}
CELL = {"colspan", "rowspan", "width", "height", "bgcolor"}
ATTRIBUTES = {
    "*": {"align", "dir", "lang", "style", "title", "valign"},
    "a": {"href"},
    "font": {"color", "face", "size"},
    "table": {"border", "cellpadding", "cellspacing", "bgcolor", "width"},
    "td": CELL,
    "th": CELL,
    "ol": {"start", "type"},
}
STYLES = {
    "background-color", "border", "border-bottom", "border-collapse", "border-color", "border-left", "border-right",
    "border-style", "border-top", "border-width", "color", "direction", "font-family", "font-size", "font-style",
    "font-weight", "letter-spacing", "line-height", "list-style-type", "margin-bottom", "margin-top", "padding",
    "padding-bottom", "padding-left", "padding-right", "padding-top", "text-align", "text-decoration",
    "text-indent", "text-transform", "vertical-align", "white-space",
}  # fmt: skip
NOT_IN_STYLES = re.compile(
    r"[\\@]|url|image|var\(|attr\(|src\(|expression|/\*|!|(?:^|[\s:])-\s*[\d.]", re.IGNORECASE
)
TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)[^>]*?(/?)>")
EMPTY = {
    "area",
    "br",
    "col",
    "embed",
    "hr",
    "img",
    "input",
    "link",
    "meta",
    "source",
    "track",
    "wbr",
    "p",
    "li",
}
LINK = re.compile(r'<a href="([^"]*)"([^>]*)>(.*?)</a>', re.DOTALL)
MARKUP = re.compile(r"<[^>]*>")


def safe_html(source: str) -> str:
    """A fragment to put into a sandboxed page. Raises ValueError for what is nested too deeply to be shown."""
    if depth(source[:LONGEST]) > DEEPEST:
        raise ValueError("This letter is nested too deeply to be shown as it was sent.")
    clean = nh3.clean(
        source[:LONGEST],
        tags=TAGS,
        clean_content_tags=CONTENT_TOO,
        attributes=ATTRIBUTES,
        attribute_filter=harmless,
        url_schemes={"http", "https", "mailto", "tel"},
        url_relative="deny",
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        filter_style_properties=STYLES,
    )
    return LINK.sub(with_target, clean)


def harmless(tag: str, name: str, value: str) -> str | None:
    return None if name == "style" and NOT_IN_STYLES.search(value) else value


def depth(source: str) -> int:
    """How deep elements are in one another, going by the tags alone: never less than a browser makes of it."""
    deepest = now = 0
    for end, name, closed in TAG.findall(source):
        if closed or name.lower() in EMPTY:
            continue
        now = max(0, now - 1) if end else now + 1
        deepest = max(deepest, now)
    return deepest


def with_target(link: re.Match[str]) -> str:
    """The link and, where its words do not say so, where it leads."""
    href, more, words = link.groups()
    host = leads_to(html.unescape(href))
    if not host or host in html.unescape(MARKUP.sub("", words)).lower():
        return link[0]
    return f'<a href="{href}"{more}>{words}</a> <span class="target">[{html.escape(host)}]</span>'


def leads_to(href: str) -> str:
    """The host, or the address of a mailto: or tel: link."""
    try:
        url = urlsplit(href)
        return (url.hostname or "").removeprefix("www.") if url.netloc else url.path.partition("?")[0].lower()
    except ValueError:
        return "an unreadable address"
