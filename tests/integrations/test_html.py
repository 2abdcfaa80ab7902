"""HTML mail as plain text."""

from __future__ import annotations

import pytest

from integrations.mail.html import to_text


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("", ""),
        ("just text", "just text"),
        ("<p>One</p><p>Two</p>", "One\n\nTwo"),
        ("<div>One</div><div>Two<br>Three</div>", "One\nTwo\nThree"),
        ("a<br><br><br><br>b", "a\n\nb"),
        ("  many \n\n spaces\t here ", "many spaces here"),
        ("Caf&eacute; &amp; bar&nbsp;&#8211; &#x27;ok&#39;", "Café & bar\u00a0– 'ok'"),
        ("&#0;&#xD800;&#99999999999;&bogus;", "\ufffd\ufffd\ufffd&bogus;"),
        ("<ul><li>a<li>b</ul>", "- a\n- b"),
        ("<ol><li>a</li><li>b</li></ol>after", "1. a\n2. b\n\nafter"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("x<blockquote>old<blockquote>older</blockquote></blockquote>y", "x\n\n> old\n>\n> > older\n\ny"),
        ("<pre>a  b\n  c</pre>", "a  b\n  c"),
        ('<a href="https://x.example/page">the page</a>', "the page <https://x.example/page>"),
        ('<a href="https://x.example/">x.example</a>', "x.example"),
        ('<a href="javascript:alert(1)">click</a>', "click"),
        ("<a href=https://x.example/?a=1&amp;b=2>q</a>", "q <https://x.example/?a=1&b=2>"),
        ('<img src="x" alt="Our logo">', "Our logo"),
        ("<head><title>T</title><style>p{}</style></head><body>b</body>", "b"),
        ("a<script>if (1 < 2) {}</script>b", "ab"),
        ("a<!-- hidden --><!--[if mso]>x<![endif]-->b", "ab"),
        ("a<div style='display:none'>x<div>y</div>z</div>b", "ab"),
        ("a<span style='DISPLAY : NONE'>x</span>b", "ab"),
        ("a<p hidden>x</p>b", "ab"),
        ("a<p class='hidden-xs'>x</p>b", "a\n\nx\n\nb"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("a<3", "a<3"),
        ("a<b title='x > y'>c</b>", "ac"),
        ('a<b title="never closed>c</b>d', "acd"),
        ("a<b never closed", "a"),
        ("a<!-- never closed", "a"),
        ("a<style>never closed", "a"),
        ("a</b></div>b", "a\nb"),
        ("<?xml version='1.0'?><!DOCTYPE html><html>x</html>", "x"),
        ("&lt;img onerror=alert(1)&gt;", "<img onerror=alert(1)>"),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert to_text(html) == text
