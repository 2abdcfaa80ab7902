"""The tags of HTML mail, however broken: one pass over the page, no tree, so that hostile nesting costs no more than
its length."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)((?:[^>\"']++|\"[^\"]*+\"|'[^']*+'|[\"'])*+)>")
_LOOSE_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*+)([^>]*+)>")
_TAG_START = re.compile(r"</?[a-zA-Z]")
_HUGE_NUMBER = re.compile(r"&#(?:[0-9]{8,}|[xX][0-9a-fA-F]{7,});?")

HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|\shidden(?=[\s=/]|$)", re.I
)
"""Attributes of an element that nobody sees."""


def _names(table: str) -> frozenset[str]:
    return frozenset(table.split())


VOID = _names("area base br col embed hr img input link meta source wbr")
"""Elements without an end tag."""
PARAGRAPHS = _names("blockquote dl h1 h2 h3 h4 h5 h6 hr ol p pre table ul")
"""Elements that stand apart from what is above and below."""
LINES = _names("""
address article aside body caption center dd div dt fieldset figure footer form head header html li main nav option
section tbody tfoot thead tr
""")
"""Elements that start a line and end one."""
_UNSEEN = _names("iframe noembed noscript object script style template title xmp")
"""Elements whose content nobody sees."""

_END = {name: re.compile(rf"</{name}\b", re.I) for name in _UNSEEN}


def tokens(html: str) -> Iterator[tuple[str, bool, str, str]]:
    """Text, and the tag after it: whether it closes, its name in lower case ("" for none), its attributes. What scripts,
    styles and their like hold is left out."""
    tag, text, at = _TAG, 0, 0
    while (opening := html.find("<", at)) >= 0:
        found = tag.match(html, opening)
        if found:
            name = found[2].lower()
            if found[1] or name not in _UNSEEN:
                yield html[text:opening], bool(found[1]), name, found[3]
                text = at = found.end()
            else:
                yield html[text:opening], False, "", ""
                text = at = _after_element(html, name, found.end())
        elif _TAG_START.match(html, opening):
            if tag is _LOOSE_TAG:  # a tag that never ends hides the rest, as it does in a browser
                html = html[:opening]
                break
            tag, at = _LOOSE_TAG, opening  # a quote that never ends: read on without regard to quotes
        elif html.startswith(("<!", "<?", "</"), opening):
            yield html[text:opening], False, "", ""
            text = at = _after_markup(html, opening)
        else:
            at = opening + 1
    yield html[text:], False, "", ""


def _after_element(html: str, name: str, start: int) -> int:
    end = _END[name].search(html, start)
    return html.find(">", end.end()) + 1 or len(html) if end else len(html)


def _after_markup(html: str, opening: int) -> int:
    """Past a comment, a declaration or a broken end tag."""
    mark = "-->" if html.startswith("<!--", opening) else ">"
    end = html.find(mark, opening + 2)
    return end + len(mark) if end >= 0 else len(html)


def characters(text: str) -> str:
    """Text with its entities read; numbers too long for a character count as unreadable."""
    return unescape(_HUGE_NUMBER.sub("\ufffd", text)) if "&" in text else text
