"""Hostile letters, each with what is left of it. What a browser makes of them is in tests/e2e/test_letters.py."""

from __future__ import annotations

import re
import time

import pytest

from integrations.mail.safe_html import LONGEST, depth, safe_html
from tests.integrations.linear import is_quick

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
    "<svg><script href='data:,alert(1)'/></svg>x": "x",
    "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)/>#x'/></svg>x": "x",
    "<svg><set attributeName=href to='javascript:alert(1)'/></svg>x": "x",
    '<svg></p><style><a id="</style><img src=1 onerror=alert(1)>">': None,
    "<math><a xlink:href='javascript:alert(1)'>y</a></math>x": "x",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>": None,
    "<template><img src=x onerror=alert(1)></template>x": "x",
    "<xmp><img src=x onerror=alert(1)></xmp>x": "&lt;img src=x onerror=alert(1)&gt;x",
    "<plaintext><img src=x onerror=alert(1)>": "&lt;img src=x onerror=alert(1)&gt;",
    "<title><img src=x onerror=alert(1)></title>x": "x",
    "<!--><img src=x onerror=alert(1)>-->x": None,
    "<![CDATA[><img src=x onerror=alert(1)>]]>x": None,
    "<img src='https://tracker.example/a' srcset='https://tracker.example/b 2x'>x": "x",
    "<picture><source srcset='https://tracker.example/a'><img></picture>x": "x",
    "<input type=image src='https://tracker.example/a'>x": "x",
    "<video poster='https://tracker.example/a'></video>x": "x",
    "<a href='https://example.com/' ping='https://tracker.example/'>example.com</a>": None,
    "<a href='java&#115;cript:alert(1)'>x</a>": f'<a target="_blank" {LINK}>x</a>',
    "<a href='\x01javascript:alert(1)'>x</a>": f'<a target="_blank" {LINK}>x</a>',
    "<a href='blob:https://evil.example/1'>x</a>": f'<a target="_blank" {LINK}>x</a>',
    "<a href='file:' title='x'>x</a>": None,
    "<a href='#top' name=main>x</a>": f'<a target="_blank" {LINK}>x</a>',
    "<a href='?q=1'>x</a>": f'<a target="_blank" {LINK}>x</a>',
    "<p style='background-image:url(https://tracker.example)'>x</p>": "<p>x</p>",
    "<p style='list-style:url(https://tracker.example)'>x</p>": "<p>x</p>",
    "<p style='cursor:url(https://tracker.example),auto'>x</p>": "<p>x</p>",
    "<p style='content:url(https://tracker.example)'>x</p>": "<p>x</p>",
    "<p style='border-image:url(https://tracker.example)'>x</p>": "<p>x</p>",
    "<p style='color:red;background:cross-fade(url(//tracker.example),1)'>x</p>": "<p>x</p>",
    "<p style='position:absolute;z-index:99;color:red'>x</p>": "<p style='color:red'>x</p>".replace("'", '"'),
    "<p style='color:red;margin-top: -9999px'>x</p>": "<p>x</p>",
    "<p style='letter-spacing:-.9em'>x</p>": "<p>x</p>",
    "<p style='animation:x 1s;transition:all 1s;transform:scale(99);color:red'>x</p>": '<p style="color:red">x</p>',
    "<p style='filter:url(#a);clip-path:url(#b);mask:url(//tracker.example)'>x</p>": "<p>x</p>",
    "<p style='behavior:url(x.htc);-moz-binding:url(x.xml)'>x</p>": "<p>x</p>",
    "<div hidden class=toasts slot=x is=x-y contenteditable autofocus tabindex=1 accesskey=a>x</div>": "<div>x</div>",
    "<dialog open>y</dialog><details open ontoggle=alert(1)>x</details>": None,
    "<marquee onstart=alert(1)>x</marquee>": "x",
    "<isindex action=javascript:alert(1) type=image>x": None,
    "<frameset onload=alert(1)><frame src=javascript:alert(1)></frameset>x": None,
    "<applet code=x></applet><bgsound src='https://tracker.example/a'>x": "x",
    "<keygen autofocus onfocus=alert(1)>x": "x",
}


@pytest.mark.parametrize("source", HOSTILE)
def test_hostile(source: str) -> None:
    clean = safe_html(source)
    if HOSTILE[source] is not None:
        assert clean == HOSTILE[source]
    marked_up = re.sub("&lt;.*?&gt;", "", clean)  # what is shown as text is no markup
    assert not re.search(
        r"<(script|style|img|svg|math|iframe|form|link|meta)|\son\w+=|javascript:|url\(", marked_up
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
    assert is_quick(time.process_time() - began, 1)
    assert depth("<p>" * 1000) == 0  # closes itself
    assert depth("<div>" * 150 + "</div>" * 150) == 150


@pytest.mark.parametrize(
    "piece", ["<p>", "a<br>", "<b>x</b>", '<a href="https://x.example">y</a>', "<", "&amp;", "</b>"]
)
def test_time_grows_with_size(piece: str) -> None:
    began = time.process_time()
    safe_html(piece * (LONGEST // len(piece)))
    assert is_quick(time.process_time() - began, 0.5 * LONGEST / 1e6 * 4)
