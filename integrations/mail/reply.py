"""What the author of a message wrote, apart from what was quoted and from the sign-off."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from integrations.mail.reply_html import marked_lines
from integrations.mail.reply_lines import (
    BLANK,
    HEADER,
    QUOTE,
    RULE,
    SIGN,
    TEXT,
    WROTE,
    kind_alone,
    settle,
)
from integrations.mail.reply_rules import BANNERS, INVISIBLE
from integrations.mail.reply_signature import REACH, Trust, marked_sign_off, worded_sign_off

VISIBLE, QUOTED, SIGNATURE = "v", "q", "s"
_ZONES = {WROTE: QUOTED, HEADER: QUOTED, SIGN: SIGNATURE}
_PEELS = 60
_GAPS = re.compile(r"\n{3,}")
_LINE_END = re.compile(r"\r\n?|\n")


@dataclass(slots=True, frozen=True)
class Reply:
    """The three parts of a message. Every written line of the message is in exactly one of them."""

    visible: str
    quoted: str
    signature: str


def split(text: str) -> Reply:
    """Part a plain-text message. Never raises; takes time in proportion to the text."""
    raw = _LINE_END.split(text) if "\r" in text else text.split("\n")
    lines = [line.strip(INVISIBLE) for line in raw]
    return _parted(raw, _zones(lines, [kind_alone(line) if line else BLANK for line in lines]))


def split_html(html: str) -> Reply:
    """Part an HTML message; the parts are plain text. Programs mark signatures in HTML, so closing words stay visible."""
    lines, kinds = marked_lines(html)
    reply = _parted(lines, _zones(lines, kinds, marked_up=True))
    return Reply(*(_GAPS.sub("\n\n", part) for part in (reply.visible, reply.quoted, reply.signature)))


def _parted(raw: Sequence[str], zones: Sequence[str]) -> Reply:
    """Put each line into its zone; blank lines stay with the line above them."""
    parts: dict[str, list[str]] = {VISIBLE: [], QUOTED: [], SIGNATURE: []}
    for line, zone in zip(raw, zones, strict=True):
        parts[zone].append(line)
    return Reply(*("\n".join(parts[zone]).strip("\n") for zone in (VISIBLE, QUOTED, SIGNATURE)))


def _zones(lines: Sequence[str], kinds: list[str], *, marked_up: bool = False) -> list[str]:
    """VISIBLE, QUOTED or SIGNATURE for each stripped line."""
    cut = settle(lines, kinds)
    zones = [_ZONES.get(kind, VISIBLE) for kind in kinds]
    zones[cut:] = [QUOTED] * (len(lines) - cut)
    trust = Trust.NONE if marked_up else Trust.WORDS if cut == len(lines) else Trust.CLEAR
    top = _peel_end(lines, kinds, zones, cut, trust)
    _hide_leading_quote(kinds, zones, top)
    _hide_banner(lines, kinds, zones)
    if marked_up:
        _hide_single_quote(kinds, zones, top)
    if VISIBLE not in zones or not any(
        line for line, zone in zip(lines, zones, strict=True) if zone == VISIBLE
    ):
        _keep_bare_quote(lines, kinds, zones)
    return zones


def _peel_end(lines: Sequence[str], kinds: Sequence[str], zones: list[str], end: int, trust: Trust) -> int:
    """Mark quotations and sign-offs at the end, one after the other; the end of what remains."""
    peels = 0
    while end:
        kind = kinds[end - 1]
        if kind != TEXT:
            if kind in (BLANK, RULE):
                below = zones[end] if end < len(lines) else VISIBLE
                zones[end - 1] = SIGNATURE if kind == RULE and below == VISIBLE else below
            elif kind == QUOTE:
                zones[end - 1] = QUOTED
                trust = Trust.CLEAR if trust is Trust.WORDS else trust
            end -= 1
            continue
        low = _block_start(kinds, end)
        start = marked_sign_off(lines, low, end)
        if start is None:
            start, trust = worded_sign_off(lines, low, end, trust), Trust.NONE
        if start is None or (peels := peels + 1) > _PEELS:
            break
        zones[start:end] = [SIGNATURE] * (end - start)
        end = start
    return end


def _block_start(kinds: Sequence[str], end: int) -> int:
    """Where the unquoted lines that end at `end` start, looking no further than a sign-off reaches."""
    low = end
    while low > max(0, end - 4 * REACH) and kinds[low - 1] in (TEXT, RULE, BLANK):
        low -= 1
    return low


def _hide_leading_quote(kinds: Sequence[str], zones: list[str], end: int) -> None:
    """A quotation introduced at the very top is what was answered, unless more of them show answers in between."""
    i = 0
    while i < end and kinds[i] != TEXT:
        i += 1
    if i < end and WROTE in kinds[:i] and QUOTE not in kinds[i:end]:
        for j in range(i):
            if kinds[j] == QUOTE:
                zones[j] = QUOTED


def _hide_banner(lines: Sequence[str], kinds: Sequence[str], zones: list[str]) -> None:
    """A gateway's notice in the first paragraph is no word of the author's."""
    top = next((i for i, kind in enumerate(kinds) if kind not in (BLANK, RULE)), len(lines))
    if top == len(lines) or not lines[top][:60].casefold().startswith(BANNERS):
        return
    end = next((i for i in range(top, len(lines)) if not lines[i]), len(lines))
    if any(kind == TEXT and zone == VISIBLE for kind, zone in zip(kinds[end:], zones[end:], strict=True)):
        zones[top:end] = [SIGNATURE] * (end - top)


def _hide_single_quote(kinds: Sequence[str], zones: list[str], end: int) -> None:
    """In HTML a quotation in the middle is shown only if there are several, with answers in between."""
    starts = [i for i in range(end) if kinds[i] == QUOTE and QUOTE not in kinds[max(0, i - 2) : i]]
    if len(starts) == 1:
        for i in range(starts[0], end):
            if kinds[i] == QUOTE:
                zones[i] = QUOTED


def _keep_bare_quote(lines: Sequence[str], kinds: Sequence[str], zones: list[str]) -> None:
    """A message that is nothing but a quotation, with no word of whose, is shown as it is."""
    if any(line.endswith(":") for line in lines[:50]):
        return
    for i, kind in enumerate(kinds):
        if kind == QUOTE:
            zones[i] = VISIBLE
