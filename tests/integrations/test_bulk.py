"""Person-to-person mail or not, by headers."""

from __future__ import annotations

import pytest

from integrations.mail.bulk import is_role_address, list_addresses, verdict
from integrations.mail.headers import split


def headers(text: str) -> dict[str, list[str]]:
    return split(text.encode() + b"\n\n")[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("From: a@x.example", ""),
        ("From: a@x.example\nAuto-Submitted: no", ""),
        ("From: a@x.example\nReturn-Path: <a@x.example>\nPrecedence: normal", ""),
        ("From: Newsletter <newsletter@x.example>\nSubject: unsubscribe now", ""),
        ("Auto-Submitted: auto-replied (vacation)", "automatic"),
        ("Auto-Submitted: auto-generated; owner=x", "automatic"),
        ("X-Auto-Response-Suppress: All", "automatic"),
        ("Return-Path: <>", "automatic"),
        ("Precedence: auto_reply", "automatic"),
        ("Content-Type: multipart/report; boundary=b", "automatic"),
        ("Feedback-ID: 1:2:3:x", "automatic"),
        (
            "List-Post: <mailto:dev@x.example>\nList-Unsubscribe: <mailto:u@x.example>\nPrecedence: bulk",
            "list",
        ),
        ("Mailing-List: contact dev-help@x.example; run by ezmlm", "list"),
        ("X-BeenThere: dev@x.example", "list"),
        ("List-Id: <dev.x.example>\nPrecedence: list", "list"),
        ("Precedence: list", "list"),
        ("Precedence: list\nList-Unsubscribe: <https://x.example/u>", "newsletter"),
        ("List-Post: NO\nList-Id: <news.x.example>", "newsletter"),
        ("List-Post: <https://x.example/post>", "newsletter"),
        ("List-Unsubscribe: <https://x.example/u>\nFeedback-ID: 1:2:3:x", "newsletter"),
        ("List-Id: <news.x.example>", "newsletter"),
        ("Precedence: Bulk", "newsletter"),
        ("Precedence: junk", "newsletter"),
    ],
)
def test_verdict(text: str, expected: str) -> None:
    assert verdict(headers(text)) == expected


@pytest.mark.parametrize(
    "email",
    [
        "noreply@x.example",
        "no-reply@x.example",
        "No_Reply@x.example",
        "do-not-reply@x.example",
        "donotreply+7@x.example",
        "gmail-noreply@x.example",
        "calendar-notification@x.example",
        "notifications@x.example",
        "MAILER-DAEMON@x.example",
        "postmaster@x.example",
        "bounce+a=b.example@x.example",
        "bounces-12-abc@x.example",
        "dev-request@x.example",
        "owner-dev@x.example",
        "reply@noreply.x.example",
        "1234+ada@users.noreply.x.example",
    ],
)
def test_mailboxes_of_programs(email: str) -> None:
    assert is_role_address(email)


@pytest.mark.parametrize(
    "email",
    ["ada@x.example", "info@x.example", "sales@x.example", "reply.rodriguez@x.example", "alertson@x.example",
     "norah.reply@x.example", "ada@alerts.example", "ada-lovelace@x.example", ""],
)  # fmt: skip
def test_mailboxes_of_people(email: str) -> None:
    assert not is_role_address(email)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("From: a@x.example", set()),
        ("List-Post: <mailto:Dev@X.example?subject=hi>", {"dev@x.example"}),
        ("List-Post: NO", set()),
        ("Mailing-List: contact dev-help@x.example; run by ezmlm", {"dev@x.example"}),
        ('List-Id: "The developers" <dev.lists.x.example>', {"dev@lists.x.example"}),
        ("List-Id: dev.x.example", {"dev@x.example"}),
        ("X-BeenThere: dev@x.example\nList-Post: <mailto:dev@x.example>", {"dev@x.example"}),
        ("List-Id: nonsense", set()),
    ],
)
def test_addresses_of_the_list(text: str, expected: set[str]) -> None:
    assert list_addresses(headers(text)) == expected
