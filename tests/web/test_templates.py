"""Templates keep to the Content-Security-Policy, which would refuse inline styles, handlers and scripts anyway."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).resolve().parent.parent.parent / "templates"
INLINE = {
    "a style attribute": re.compile(r"<[^>]*\sstyle=", re.I),
    "an event handler": re.compile(r"<[a-z][^>]*\son[a-z]+=", re.I),
    "hx-on": re.compile(r"\shx-on[:-]", re.I),
    "a js: value": re.compile(r"=['\"]js(?:on)?:|javascript:", re.I),
    "a trigger filter": re.compile(r"hx-trigger=\"[^\"]*\["),
    "an inline style sheet": re.compile(r"<style", re.I),
    "an inline script": re.compile(r"<script(?![^>]*\ssrc=)", re.I),
}


@pytest.mark.parametrize("rule", INLINE)
def test_nothing_is_inline(rule: str) -> None:
    found = [str(page) for page in TEMPLATES.rglob("*.html") if INLINE[rule].search(page.read_text())]
    assert found == []


def test_components_say_what_they_take() -> None:
    silent = [
        page.name
        for page in (TEMPLATES / "components").glob("*.html")
        if not re.match(r"\{# .*Takes: .*#\}", page.read_text())
    ]
    assert silent == []


def test_the_rules_see_what_they_forbid() -> None:
    bad = '<p style="x" onclick="y" hx-on:click="z" hx-vals="js:1" hx-trigger="click[1]"><style><script>'
    assert [rule for rule, pattern in INLINE.items() if not pattern.search(bad)] == []
