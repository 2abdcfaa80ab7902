"""Hostile letters, each with what is left of it. What a browser makes of them is in tests/e2e/test_letters.py."""

from __future__ import annotations

import re
import time

import pytest

from integrations.mail.safe_html import LONGEST, depth, safe_html

LINK = 'rel="noopener noreferrer nofollow"'
HOSTILE = {
    "<b>plain</b>": "<b>plain</b>",
    "<script>alert(1)</script>x": "x",
    "<img src=x onerror=alert(1)>x": "x",
    '<img src="https://tracker.example/1.gif">x': "x",
    '<img src="cid:a">x': "x",
    '<b onclick="alert(1)">x</b>': "<b>x</b>",
    '<a href="javascript:alert(1)">x</a>': f'<a target="_blank" {LINK}>x</a>',
    '<a href="  java\nscript:alert(1)">x</a>': f'<a target="_blank" {LINK}>x</a>',
    '<a href="data:text/html,x">x</a>': f'<a target="_blank" {LINK}>x</a>',
    '<a href="/accounts/logout/">x</a>': f'<a target="_blank" {LINK}>x</a>',
    '<a href="//evil.example/">x</a>': f'<a target="_blank" {LINK}>x</a>',
    '<a href="vbscript:x">x</a>': f'<a target="_blank" {LINK}>x</a>',
    '<form action="https://evil.example"><input type=password>x</form>': "x",
    '<meta http-equiv=refresh content="0;url=https://evil.example">x': "x",
    '<base href="https://evil.example/">x': "x",
    "<style>@import 'https://evil.example/a.css'</style>x": "x",
    '<link rel=stylesheet href="https://evil.example/a.css">x': "x",
    '<iframe src="https://evil.example">y</iframe>x': "x",
    "<iframe srcdoc='<script>1</script>'></iframe>x": "x",
    "<svg><animate onbegin=alert(1)></svg>x": "x",
    '<svg><a xlink:href="javascript:alert(1)"><text>y</text></a></svg>x': "x",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)></style></table></math>x": None,
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'></noscript>x": None,
    '<div style="position:fixed;top:0;color:red">x</div>': '<div style="color:red">x</div>',
    '<div style="background:url(https://evil.example)">x</div>': "<div>x</div>",
    r'<div style="color:red;background:u\72l(https://evil.example)">x</div>': "<div>x</div>",
    "<div style=\"color:red;background-color:image-set('a' 1x)\">x</div>": "<div>x</div>",
    '<div style="--a:url(//evil.example);color:var(--a)">x</div>': "<div>x</div>",
    '<div style="font-family:/**/x">x</div>': "<div>x</div>",
    '<div style="width:expression(alert(1))">x</div>': "<div>x</div>",
    '<div style="color:red !important">x</div>': "<div>x</div>",
    '<td background="https://evil.example/a.png">x</td>': "x",
    '<table background="https://evil.example/a.png"><tr><td>x</table>': "<table><tbody><tr><td>x</td></tr></tbody></table>",
    '<body background="https://evil.example/a.png">x</body>': "x",
    '<div hx-get="/contacts/" hx-trigger="load" data-hx-post="/x">x</div>': "<div>x</div>",
    '<div id="toasts" class="toasts">x</div>': "<div>x</div>",
    '<video src="https://evil.example" autoplay></video>x': "x",
    '<audio src="https://evil.example"></audio>x': "x",
    '<object data="https://evil.example">y</object>x': "x",
    '<embed src="https://evil.example">x': "x",
    "<textarea><script>y</script></textarea>x": "x",
    "<!-- <script>y</script> -->x": "x",
    "<b>unclosed": "<b>unclosed</b>",
}


@pytest.mark.parametrize("source", HOSTILE)
def test_hostile(source: str) -> None:
    clean = safe_html(source)
    if HOSTILE[source] is not None:
        assert clean == HOSTILE[source]
    assert not re.search(
        r"<(script|style|img|svg|math|iframe|form|link|meta)|\son\w+=|javascript:|url\(", clean
    )
    assert safe_html(clean) == clean or "target" in clean


@pytest.mark.parametrize(
    ("source", "shown"),
    [
        ('<a href="https://example.com/a">example.com</a>', None),
        ('<a href="https://www.example.com/">Visit EXAMPLE.com now</a>', None),
        ('<a href="https://evil.example/">your-bank.com</a>', "evil.example"),
        ('<a href="https://your-bank.com@evil.example/">your-bank.com</a>', "evil.example"),
        ('<a href="https://evil.example/"><b>Log</b> in</a>', "evil.example"),
        ('<a href="mailto:ada@example.org?subject=x">Ada</a>', "ada@example.org"),
        ('<a href="tel:+4930123456">Call</a>', "+4930123456"),
        ('<a href="https://[broken">x</a>', None),
    ],
)
def test_links_say_where_they_lead(source: str, shown: str | None) -> None:
    found = re.findall(r'<span class="target">\[(.*?)\]</span>', safe_html(source))
    assert found == ([shown] if shown else [])


def test_what_is_nested_too_deeply_is_refused_at_once() -> None:
    began = time.process_time()
    for piece in ("<div>", "<b>", "<table><tr><td>", "<blockquote>"):
        with pytest.raises(ValueError, match="nested too deeply"):
            safe_html(piece * 20_000)
    assert time.process_time() - began < 1
    assert depth("<p>" * 1000) == 0  # closes itself
    assert depth("<div>" * 150 + "</div>" * 150) == 150


@pytest.mark.parametrize(
    "piece", ["<p>", "a<br>", "<b>x</b>", '<a href="https://x.example">y</a>', "<", "&amp;", "</b>"]
)
def test_time_grows_with_size(piece: str) -> None:
    began = time.process_time()
    safe_html(piece * (LONGEST // len(piece)))
    assert time.process_time() - began < 0.5 * LONGEST / 1e6 * 4
