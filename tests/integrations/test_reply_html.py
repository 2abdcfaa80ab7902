"""Replies in HTML, as the mail programs of this world write them."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations.mail.reply import Reply, split_html
from tests.integrations.linear import is_quick

CASES = Path(__file__).with_name("reply_html_cases.txt")


def read_cases() -> list[tuple[str, str, list[str], list[str] | None]]:
    """Name, page, the lines to be seen, and the lines of the signature where the table names them."""
    cases = []
    for case in CASES.read_text(encoding="utf-8").split("\n== ")[1:]:
        name, _, rest = case.partition("\n")
        html, _, wanted = rest.partition("\n--\n")
        visible, mark, signature = wanted.partition("-- signature\n")
        cases.append((name, html, written(visible), written(signature) if mark else None))
    return cases


def written(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


@pytest.mark.parametrize(
    ("name", "html", "visible", "signature"),
    read_cases(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_reader_sees_what_the_author_wrote(
    name: str, html: str, visible: list[str], signature: list[str] | None
) -> None:
    reply = split_html(html)
    assert written(reply.visible) == visible
    if signature is not None:
        assert written(reply.signature) == signature


OLDER = [
    '<div id="divRplyFwdMsg">', '<div id="appendonsend"></div>', '<span id="OLK_SRC_BODY_SECTION">', '<hr id="stopSpelling">',
    '<table class="OutlookMessageHeader"></table>', '<hr id="zwchr" data-marker="__DIVIDER__">', '<div class="yahoo_quoted">',
    '<p class="yahoo-quoted-begin"></p>', '<div class="zmail_extra">', '<div class="protonmail_quote">',
    '<div id="AppleOriginalContents">', '<div id="mail-editor-reference-message-container">',
    '<table class="moz-email-headers-table"></table>', '<div class="moz-forward-container">',
    '<div data-marker="__QUOTED_TEXT__">', '<div id="bloop_original_html">', '<div class="airmail_ext_on">',
    '<div class="sh-quoted-content">', '<div class="ntes-mailmaster-quote">', '<div id="replybody">',
    '<div class="moz-cite-prefix">', '<div class="tutanota_quote">', '<blockquote class="tutanota_quote">',
    '<blockquote class="iosymail">', '<blockquote class="front-blockquote">', '<blockquote type="cite">',
]  # fmt: skip


@pytest.mark.parametrize("mark", OLDER)
def test_what_a_program_marks_as_older_is_hidden(mark: str) -> None:
    reply = split_html(f"<div>It does.</div>{mark}Whatever Ada said.")
    assert reply == Reply("It does.", "Whatever Ada said.", "")


@settings(max_examples=200)
@given(
    st.lists(
        st.one_of(
            st.text(max_size=20),
            st.sampled_from([tag + ">" for _, html, _, _ in read_cases() for tag in html.split(">")]),
            st.sampled_from(
                ["<", ">", "</div>", "<div", "<!--", "<blockquote>", "<pre>", "&#99999999999;", "<a b='"]
            ),
        ),
        max_size=40,
    ).map("".join)
)
def test_no_page_is_too_broken(html: str) -> None:
    assert isinstance(split_html(html), Reply)


HOSTILE = [
    "<div>", "<blockquote>", "</div>", "<div></p>", "<div class='gmail_quote'>", "<", "<a b='", "<a \"", "<a '\">", "<a \">", "<!--",
    "<!", "<?", "</", "<!-->", "<pre>", "<pre>\n", "<pre>a\n</pre>", "<br>", "<br>\n", "<script>", "</script", "<script></script",
    "<style></style ", "<title>", "<p style='display:none'>", "&#9999999999;", "&", "&amp;", "&#", "<div class=", "<div class='x' ",
    "<div", " style=", "<blockquote><p>a:</p></blockquote>", "<blockquote type=cite>", "<blockquote class=gmail_quote>a</blockquote>",
    "</blockquote>", "<blockquote></div>", "<hr>", "<hr>From: a<br>", "<p>On 5/5/2020 10:00, X wrote:</p>", "<td>",
    "<table><tr><td>", "<li>", "<p>a", "<h1>a", "<p>-- </p>", "<b>a</b>", "<i>", "<b>" * 50 + "</i>" * 50, "<o:p>x</o:p>", "<a:b:c:d:e>",
    "<x y=z>", "<div style='" + "a" * 300 + "'>x", "<span class='" + "signature " * 20 + "'>", "<div data-signature>",
    "<img alt='x'>", "<svg/onload=a>", "<a\n", "a\nb", " ",
]  # fmt: skip
SIZE = 100_000


@pytest.mark.parametrize("unit", HOSTILE, ids=lambda unit: ascii(unit[:30]))
def test_time_is_linear(unit: str) -> None:
    """Twice the page takes about twice the time, and a megabyte less than a second."""

    def seconds(size: int) -> float:
        html = unit * (size // len(unit))
        began = time.process_time()
        split_html(html)
        return time.process_time() - began

    small = min(seconds(SIZE) for _ in range(3))
    large = min(seconds(2 * SIZE) for _ in range(3))
    assert large <= 2.6 * small + 0.005
    assert is_quick(large, 2 * SIZE / 1_000_000)
