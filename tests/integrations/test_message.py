"""Reading one message: headers, addresses, dates, charsets, parts."""

from __future__ import annotations

import base64
import datetime as dt
import json
import re
from pathlib import Path

import pytest

from integrations.files.unreadable import Unreadable
from integrations.mail import addresses, charset, dates
from integrations.mail.addresses import Address
from integrations.mail.headers import decode_words
from integrations.mail.ids import message_ids, normal_id
from integrations.mail.message import Attachment, ParsedMessage, parse, safe_filename
from integrations.mail.parameters import read as parameters
from integrations.mail.threads import distinct_key, fingerprint, source_key, thread_key

CORPUS = Path(__file__).resolve().parents[3] / "shared" / "corpora"

LETTER = b"""\
Return-Path: <ada@engine.example>\r
From: Ada Lovelace <Ada@Engine.Example>\r
To: Charles Babbage <charles@engine.example>,\r
\t"de Morgan, Augustus" <augustus@maths.example>\r
Cc: mary@maths.example\r
Reply-To: notes@engine.example\r
Subject: =?utf-8?q?Bernoulli_num?= =?utf-8?q?bers_=E2=80=93?= first draft\r
Date: Mon, 10 Jul 1843 09:30:00 +0100\r
Message-ID: <Note.G@Engine.Example>\r
In-Reply-To: <ask.1@maths.example>\r
References: <root@maths.example>\r
 <ask.1@maths.example>\r
Content-Type: multipart/mixed; boundary="=_1"\r
\r
Not for readers of MIME.\r
--=_1\r
Content-Type: multipart/alternative; boundary=inner\r
\r
--inner\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: quoted-printable\r
\r
The engine weaves =E2=80=A6=\r
 patterns.\r
--inner\r
Content-Type: text/html; charset=utf-8\r
\r
<p>The engine weaves patterns.</p>\r
--inner--\r
\r
--=_1\r
Content-Type: application/pdf; name="note.pdf"\r
Content-Disposition: attachment; filename="=?utf-8?B?VGFmZWwgMS5wZGY=?="\r
Content-Transfer-Encoding: base64\r
Content-ID: <table@engine.example>\r
\r
JVBERi0xLjQ=\r
--=_1--\r
After the end.\r
"""


def test_a_letter_in_full() -> None:
    message = parse(LETTER)
    assert message.subject == "Bernoulli numbers – first draft"
    assert message.from_ == [Address("ada@engine.example", "Ada Lovelace")]
    assert message.author == Address("ada@engine.example", "Ada Lovelace")
    assert message.to == [
        Address("charles@engine.example", "Charles Babbage"),
        Address("augustus@maths.example", "de Morgan, Augustus"),
    ]
    assert message.cc == [Address("mary@maths.example")]
    assert message.reply_to == [Address("notes@engine.example")]
    assert message.recipient_count == 3
    assert message.date == dt.datetime(1843, 7, 10, 8, 30, tzinfo=dt.UTC)
    assert message.message_id == "Note.G@engine.example"
    assert message.in_reply_to == "ask.1@maths.example"
    assert message.references == ["root@maths.example", "ask.1@maths.example"]
    assert message.text == "The engine weaves … patterns."
    assert message.html == "<p>The engine weaves patterns.</p>"
    assert message.attachments == [
        Attachment("Tafel 1.pdf", "application/pdf", 8, "table@engine.example", inline=False)
    ]
    assert message.defects == []
    assert thread_key(message) == "root@maths.example"


@pytest.mark.parametrize("raw", [b"", b"\n", b"\r\n\r\n"])
def test_empty_bytes_are_no_message(raw: bytes) -> None:
    with pytest.raises(Unreadable, match="empty"):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "subject", "text"),
    [
        (b"Subject: a\n\nb\n", "a", "b\n"),
        (b"Subject: a\r\rb\r", "a", "b\n"),
        (b"\n\nSubject: a\n\nb", "a", "b"),
        (b"From ada@x.example Mon Jul 10 09:30:00 1843\nSubject: a\n\nb", "a", "b"),
        (b" stray\nSubject: a\n\nb", "a", "b"),
        (b"Subject: a\nno header here\n\nb", "a", "no header here\n\nb"),
        (b"Subject:a\n  long\n\tone\n\nb", "a long one", "b"),
        (b"Subject: a", "a", ""),
        (b"just words", "", "just words"),
        (b"SUBJECT: first\nsubject: last\n\nb", "last", "b"),
        (b"Subject: na\xc3\xafve \x00cafe\n\n\x00b", "naïve cafe", "b"),
        (b"Subject: caf\xe9\n\nb", "café", "b"),
    ],
)
def test_where_headers_end(raw: bytes, subject: str, text: str) -> None:
    message = parse(raw)
    assert (message.subject, message.text) == (subject, text)


def multipart(*parts: bytes, kind: bytes = b"mixed", end: bytes = b"--b--\n") -> ParsedMessage:
    body = b"".join(b"--b\n" + part + b"\n" for part in parts)
    return parse(b"Content-Type: multipart/" + kind + b"; boundary=b\n\n" + body + end)


PLAIN = b"Content-Type: text/plain\n\nplain"
HTML = b"Content-Type: text/html\n\n<p>rich</p>"


@pytest.mark.parametrize(
    ("message", "text", "html", "files"),
    [
        (multipart(PLAIN, HTML, kind=b"alternative"), "plain", "<p>rich</p>", 0),
        (multipart(HTML, PLAIN, kind=b"alternative"), "plain", "<p>rich</p>", 0),
        (multipart(HTML), "", "<p>rich</p>", 0),
        (multipart(PLAIN, PLAIN.replace(b"plain\n\nplain", b"plain\n\nfooter")), "plain", "", 1),
        (multipart(PLAIN, end=b""), "plain\n", "", 0),
        (multipart(b"\nno type"), "no type", "", 0),
        (multipart(b"Content-Type: message/rfc822\n\nSubject: x\n\ninner"), "", "", 1),
        (multipart(b"\nSubject: x\n\ninner", kind=b"digest"), "", "", 1),
        (multipart(b"Content-Type: text/plain\nContent-Disposition: attachment\n\nx"), "", "", 1),
        (multipart(b"Content-Type: text/plain; name=a.txt\n\nfile", PLAIN), "plain", "", 1),
        (
            multipart(b"Content-Type: text/plain\nbody without a blank line"),
            "body without a blank line",
            "",
            0,
        ),
        (multipart(b"Content-Type: text\n\nhalf a type"), "half a type", "", 0),
        (multipart(b"\nx", b"\n--bb\ny", kind=b"mixed"), "x", "", 1),
        (parse(b"Content-Type: multipart/mixed\n\nno boundary"), "", "", 0),
    ],
)
def test_which_part_is_the_text(message: ParsedMessage, text: str, html: str, files: int) -> None:
    assert (message.text, message.html, len(message.attachments)) == (text, html, files)


def test_html_only_mail_is_readable() -> None:
    assert multipart(HTML).readable == "rich"
    assert multipart(PLAIN, HTML).readable == "plain"


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        (b"base64", base64.b64encode(b"hello"), "hello"),
        (b"BASE64 ", b"aGVs\r\nbG8", "hello"),
        (b"base64", b"aGVsbG8=\nfooter", "hello"),
        (b"base64", b"aGVs!!bG8*", "hello"),
        (b"base64", b"aGVsb", "hel"),
        (b"quoted-printable;", b"h=65llo=\n!", "hello!"),
        (b"quoted-printable", b"=ZZ =4", "=ZZ =4"),
        (b"x-uuencode", b"begin 644 f\n%:&5L;&\\\n`\nend\n", "hello"),
        (b"8bits", b"hello", "hello"),
        (b"", b"hello", "hello"),
    ],
)
def test_transfer_encodings(encoding: bytes, body: bytes, text: str) -> None:
    assert parse(b"Content-Transfer-Encoding: " + encoding + b"\n\n" + body).text == text


@pytest.mark.parametrize(
    ("data", "declared", "text"),
    [
        ("Grüße".encode(), "utf-8", "Grüße"),
        ("Grüße".encode(), "us-ascii", "Grüße"),
        ("Grüße".encode(), "iso-8859-1", "Grüße"),
        ("Grüße".encode("latin-1"), "iso-8859-1", "Grüße"),
        ("Grüße".encode("latin-1"), "utf-8", "Grüße"),
        ("Grüße aus Köln".encode() + b"\xe2\x80", "utf-8", "Grüße aus Köln�"),
        ("Grüße".encode("latin-1"), "", "Grüße"),
        ("“so” – 5 €".encode("cp1252"), "iso-8859-1", "“so” – 5 €"),
        ("Привет".encode("koi8-r"), "koi8-r", "Привет"),
        ("Привет".encode("cp1251"), "windows-1251", "Привет"),
        ("こんにちは".encode("iso2022_jp"), "ISO-2022-JP", "こんにちは"),
        ("①こんにちは".encode("cp932"), "Shift_JIS", "①こんにちは"),
        ("你好".encode("gb18030"), "gb2312", "你好"),
        ("你好".encode("big5"), "Big5", "你好"),
        ("안녕 똠".encode("cp949"), "ks_c_5601-1987", "안녕 똠"),
        (b"hi", "charset=us-ascii", "hi"),
        ("é".encode(), '"utf-8"', "é"),
        ("é".encode(), "no-such-charset", "é"),
        ("é".encode(), "utf\x00-8", "é"),
        (b"+ADw-script+AD4-", "utf-7", "+ADw-script+AD4-"),
        (b"aGk=", "base64", "aGk="),
        (b"xn--maana-pta", "idna", "xn--maana-pta"),
        (b"a\x00b", "", "ab"),
        ("\ud83d".encode("utf-8", "surrogatepass"), "utf-8", "í\xa0½"),
        ("Hi".encode("utf-16"), "utf-16", "Hi"),
    ],
)
def test_charsets(data: bytes, declared: str, text: str) -> None:
    assert charset.decode(data, declared) == text


def test_a_charset_nobody_names_is_guessed_from_a_sample() -> None:
    text = "Съешь же ещё этих мягких французских булок, да выпей чаю. " * 5
    assert charset.decode(text.encode("cp1251")) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("plain", "plain"),
        ("=?utf-8?Q?caf=C3=A9?=", "café"),
        ("=?UTF-8?b?Y2Fmw6k?=", "café"),
        ("=?utf-8?Q?caf=C3?= =?utf-8?Q?=A9?=", "café"),
        ("=?utf-8?Q?a?= =?iso-8859-1?Q?=E9?=", "aé"),
        ("a =?utf-8?Q?b?= c", "a b c"),
        ("Re:=?utf-8?Q?b?=c", "Re:bc"),
        ("=?utf-8*en?Q?b_c?=", "b c"),
        ("=?utf-8?Q?really? yes?=", "really? yes"),
        ("=?none?B?VEVTVA=?=", "TEST"),
        ("=?utf-8?Q??=", ""),
        ("=?utf-8?X?a?= =?", "=?utf-8?X?a?= =?"),
        ("=?iso-2022-jp?B?GyRCJCIbKEI=?=", "あ"),
    ],
)
def test_encoded_words(value: str, text: str) -> None:
    assert decode_words(value) == text


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a@x.example", [("a@x.example", "")]),
        ("A <A@X.example>, b@x.example", [("a@x.example", "A"), ("b@x.example", "")]),
        ('"Doe, J. \\"JD\\"" <j@x.example>', [("j@x.example", 'Doe, J. "JD')]),
        ("j@x.example (John (the) Doe)", [("j@x.example", "John the Doe")]),
        (
            "Team: a@x.example, B <b@x.example>;, c@x.example",
            [("a@x.example", ""), ("b@x.example", "B"), ("c@x.example", "")],
        ),
        ("undisclosed-recipients:;", []),
        ("<@relay.example,@two.example:a@x.example>", [("a@x.example", "")]),
        ("a @ x . example", [("a@x.example", "")]),
        (", a@x.example,, ", [("a@x.example", "")]),
        ("A <a@x.example", [("a@x.example", "A")]),
        ("A <a@x.example, b@x.example", [("a@x.example", "A"), ("b@x.example", "")]),
        ("A <a@x.example> B <b@x.example>", []),
        ("a@x.example b@x.example", []),
        ('"A <a@x.example>', [("a@x.example", "A")]),
        ("A <>", []),
        ("nobody", []),
        ("a@b@x.example", []),
        ("boss@corp.example <evil@x.example>", [("evil@x.example", "boss@corp.example")]),
        ('"a@x.example" <a@x.example>', [("a@x.example", "")]),
        ('"odd name"@x.example', [('"odd name"@x.example', "")]),
        ("=?utf-8?Q?Caf=C3=A9=2C_Bar?= <a@x.example>", [("a@x.example", "Café, Bar")]),
        ("=?utf-8?Q?Doe, J?= <a@x.example>", [("a@x.example", "Doe, J")]),
        ("jürgen@münchen.example", [("jürgen@münchen.example", "")]),
        ("ab\u202ecod\u200b.exe <a@x.example>", [("a@x.example", "ab cod .exe")]),
        ("a@[192.0.2.1]", [("a@[192.0.2.1]", "")]),
        ("mailto:a@x.example", [("a@x.example", "")]),
        ("A <mailto:a@x.example>", [("a@x.example", "A")]),
    ],
)
def test_addresses(value: str, expected: list[tuple[str, str]]) -> None:
    assert [(one.email, one.name) for one in addresses.read(value)[0]] == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Fri, 21 Nov 1997 09:55:06 -0600", "1997-11-21T15:55:06+00:00"),
        ("21 Nov 97 09:55 GMT", "1997-11-21T09:55:00+00:00"),
        ("Thu,\t13 Feb 1969 23:32 -0330 (Newfoundland Time)", "1969-02-14T03:02:00+00:00"),
        ("Wed, 9 Jan 2002 19:47:50 MST", "2002-01-10T02:47:50+00:00"),
        ("01 Jan 2001 00:01+0000", "2001-01-01T00:01:00+00:00"),
        ("Tue, 22 Jan 2002 14:35:28 -0000", "2002-01-22T14:35:28+00:00"),
        ("Mon May  2 16:07:05 2005", "2005-05-02T16:07:05+00:00"),
        ("2005-05-02 16:07:05+02:00", "2005-05-02T14:07:05+00:00"),
        ("Fri, 21 Nov 1997 09(a): 55 : 06 -0600", "1997-11-21T15:55:06+00:00"),
        ("Sat, 31 Dec 2016 23:59:60 +0000", "2016-12-31T23:59:59+00:00"),
        ("Mon, 30 Jun 3609 15:33:50 +0600", "3609-06-30T09:33:50+00:00"),
        ("Mon, 30 Jun 99999 15:33:50 +0600", None),
        ("Fri, 31 Feb 2020 00:00:00 +0000", None),
        ("1 Jan 0001 00:00:00 +2300", None),
        ("Fri, 21 Nov 1997 09:55:06 +9999", None),
        ("soon", None),
        ("", None),
    ],
)
def test_dates(value: str, expected: str | None) -> None:
    moment = dates.read(value)
    assert (moment and moment.astimezone(dt.UTC).isoformat()) == expected


@pytest.mark.parametrize(
    ("value", "main", "expected"),
    [
        (
            'Text/Plain; Charset="utf-8"; format=flowed',
            "text/plain",
            {"charset": "utf-8", "format": "flowed"},
        ),
        ("multipart/mixed; boundary=----=_a; boundary=b", "multipart/mixed", {"boundary": "----=_a"}),
        ('a/b; name="x\\"y;z"', "a/b", {"name": 'x"y;z'}),
        ("a/b; name*=utf-8'de'%C3%BC.pdf; name=u.pdf", "a/b", {"name": "ü.pdf"}),
        ("a/b; name*1*=%BC; name*0*=utf-8''%C3; name*2=\".pdf\"", "a/b", {"name": "ü.pdf"}),
        ("a/b; name==?utf-8?Q?=C3=BC?=", "a/b", {"name": "ü"}),
        ("text/plain charset=utf-8", "text/plain", {"charset": "utf-8"}),
        ("; charset=x", "", {"charset": "x"}),
        ("text/html (web)", "text/html", {}),
    ],
)
def test_parameters(value: str, main: str, expected: dict[str, str]) -> None:
    assert parameters(value) == (main, expected)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\x.doc", "x.doc"),
        ("a\u202efdp.exe", "a fdp.exe"),
        ('a";b=c.txt', "a__b=c.txt"),
        ("..", ""),
        ("x" * 10_000 + ".pdf", "x" * 146 + ".pdf"),
    ],
)
def test_file_names(name: str, safe: str) -> None:
    assert safe_filename(name) == safe


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<A@B.example>", ["A@b.example"]),
        ("<a@b.example><c@d.example> <a@b.example>", ["a@b.example", "c@d.example"]),
        ("a@b.example", ["a@b.example"]),
        ("<[a@b>", ["[a@b"]),
        ("<a b@c.example>", ["ab@c.example"]),
        ("Your message of Monday <a@b.example>", ["a@b.example"]),
        ("<@> <>", []),
        ("<" + "a" * 400 + "@b>", []),
    ],
)
def test_message_identifiers(value: str, ids: list[str]) -> None:
    assert message_ids(value) == ids


def test_identifiers_from_an_api_agree_with_those_from_headers() -> None:
    assert normal_id(" <A@B.example> ") == normal_id("A@b.example") == "A@b.example"


def test_one_message_from_two_archives_has_one_key() -> None:
    first = parse(b"From: a@x.example\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nSubject: s\n\nhi\n>From here\n")
    second = parse(
        b"Received: by y\r\nX-List: z\r\nFrom: A <A@X.example>\r\nDate: 21 Nov 1997 15:55:06 +0000\r\n"
        b"Subject: s\r\n\r\nhi \r\nFrom here\r\n\r\n"
    )
    other = parse(b"From: a@x.example\nDate: Fri, 21 Nov 1997 09:55:06 -0600\nSubject: s\n\nho\n")
    assert source_key(first) == source_key(second) != source_key(other)
    assert source_key(first).startswith("sha256:")
    assert len({thread_key(message) for message in (first, second, other)}) == 2


def test_an_identifier_that_two_senders_use_does_not_make_one_message() -> None:
    raw = b"Message-ID: <1@x.example>\nFrom: %s\nDate: 21 Nov 1997 15:55:06 +0000\nSubject: %s\n\nhi\n"
    original, copy = parse(raw % (b"a@x.example", b"s")), parse(raw % (b"A <a@x.example>", b"[list] s"))
    forged = parse(raw % (b"evil@y.example", b"s"))
    assert source_key(original) == source_key(copy) == source_key(forged) == "1@x.example"
    assert fingerprint(original) == fingerprint(copy) != fingerprint(forged)
    assert distinct_key(original) != distinct_key(forged)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="NOT RUN: the corpora are not beside this checkout")
def test_real_messages_agree_with_what_most_parsers_say() -> None:
    hits: dict[str, list[bool]] = {"subject": [], "from": [], "to": [], "text": [], "date": []}
    for line in (CORPUS / "mime_gold.jsonl").read_text("utf-8").splitlines():
        case = json.loads(line)
        message, gold = parse((CORPUS / "mime" / case["file"]).read_bytes()), case["gold"]
        got = {
            "subject": _squeezed(message.subject),
            "from": sorted(one.email for one in message.from_),
            "to": sorted({one.email for one in message.to}),
            "text": _squeezed(message.text),
            "date": message.date and int(message.date.timestamp()),
        }
        for name, value in got.items():
            if name in gold:
                wanted = sorted(gold[name]) if isinstance(value, list) else gold[name]
                hits[name].append(value == wanted)
    shares = {name: sum(found) / len(found) for name, found in hits.items()}
    assert shares["subject"] >= 0.995
    assert shares["from"] >= 0.995
    assert shares["to"] >= 0.995
    assert shares["text"] >= 0.97
    assert shares["date"] >= 0.995


def _squeezed(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("\u00a0", " ")).strip()
