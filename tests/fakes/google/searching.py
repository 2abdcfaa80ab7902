"""The part of Gmail's search language that is worth having: what is not known is refused, never ignored."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from . import message as letter
from .answers import refuse

if TYPE_CHECKING:
    from .mailbox import Mailbox, Message

Test = Callable[["Message"], bool]
TOKEN = re.compile(
    r'-|[(){}]|\bOR\b|[A-Za-z_0-9]+:(?:"[^"]*"|\([^)]*\)|\{[^}]*\}|[^\s(){}]+)|"[^"]*"|[^\s(){}]+'
)
GMAIL_DAYS = ZoneInfo("America/Los_Angeles")
"""Where Gmail's days begin if a search names a date and no second."""
PLACES = {"inbox": "INBOX", "sent": "SENT", "trash": "TRASH", "spam": "SPAM", "draft": "DRAFT", "drafts": "DRAFT",
          "chats": "CHAT", "chat": "CHAT"}  # fmt: skip
STATES = {"unread": "UNREAD", "starred": "STARRED", "important": "IMPORTANT", "sent": "SENT", "chat": "CHAT"}
UNITS = {"d": 1, "m": 30, "y": 365}


class Search:
    """`matches(message)`; `names_hidden` where it asks for trash or spam itself."""

    def __init__(self, query: str, mailbox: Mailbox) -> None:
        self.mailbox = mailbox
        self.names_hidden = (
            re.search(r"(?<!-)\b(in:(anywhere|trash|spam)|label:(trash|spam))\b", query, re.I) is not None
        )
        self.tokens = TOKEN.findall(query)
        self.matches = self._all("")

    def _all(self, closing: str) -> Test:
        """Terms that must all hold, with OR between neighbours."""
        tests: list[Test] = []
        joined = False
        while self.tokens and self.tokens[0] != closing:
            if self.tokens[0] == "OR":
                self.tokens.pop(0)
                joined = True
                continue
            test = self._term()
            tests.append(either(tests.pop(), test) if joined and tests else test)
            joined = False
        if closing and self.tokens:
            self.tokens.pop(0)
        return lambda message: all(test(message) for test in tests)

    def _any(self) -> Test:
        tests: list[Test] = []
        while self.tokens and self.tokens[0] != "}":
            tests.append(self._term())
        if self.tokens:
            self.tokens.pop(0)
        return lambda message: any(test(message) for test in tests)

    def _term(self) -> Test:
        token = self.tokens.pop(0)
        if token.startswith("-") and (token == "-" or len(token) > 1):
            if token != "-":
                self.tokens.insert(0, token[1:])
            inner = self._term()
            return lambda message: not inner(message)
        if token == "(":
            return self._all(")")
        if token == "{":
            return self._any()
        name, colon, value = token.partition(":")
        if colon and re.fullmatch(r"[A-Za-z_0-9]+", name) and value:
            return self._operator(name.lower(), value)
        return has_words(token.strip('"'))

    def _operator(self, name: str, value: str) -> Test:
        if value[0] in "({":
            tests = [
                self._operator(name, each) for each in re.findall(r'"[^"]*"|\S+', value[1:-1]) if each != "OR"
            ]
            some = any if " OR " in value or value[0] == "{" else all
            return lambda message: some(test(message) for test in tests)
        value = value.strip('"')
        if name in ("from", "to", "cc", "bcc", "subject", "list", "deliveredto"):
            return in_header(
                "list-id" if name == "list" else "delivered-to" if name == "deliveredto" else name, value
            )
        made = getattr(self, f"_{name}", None)
        if made is None:
            raise refuse(400, "invalidArgument", f"The fake does not know the search operator {name!r}.")
        test: Test = made(value)
        return test

    def _after(self, value: str) -> Test:
        ms = instant(value)
        return lambda message: message.ms >= ms

    def _before(self, value: str) -> Test:
        ms = instant(value)
        return lambda message: message.ms < ms

    _newer, _older = _after, _before

    def _newer_than(self, value: str) -> Test:
        ms = self._ago(value)
        return lambda message: message.ms >= ms

    def _older_than(self, value: str) -> Test:
        ms = self._ago(value)
        return lambda message: message.ms < ms

    def _ago(self, value: str) -> float:
        days = int(value[:-1]) * UNITS[value[-1].lower()]
        return (self.mailbox.clock() - timedelta(days=days).total_seconds()) * 1000

    def _in(self, value: str) -> Test:
        if value.lower() in ("anywhere", "all"):
            return lambda message: True
        return self._has_label(PLACES.get(value.lower()) or self.mailbox.labels.id(value))

    def _is(self, value: str) -> Test:
        if value.lower() == "read":
            return lambda message: "UNREAD" not in message.labels
        return self._has_label(STATES.get(value.lower()))

    def _label(self, value: str) -> Test:
        return self._has_label(self.mailbox.labels.id(value))

    def _category(self, value: str) -> Test:
        name = "PERSONAL" if value.lower() == "primary" else value.upper()
        return self._has_label(f"CATEGORY_{name}")

    def _has_label(self, id: str | None) -> Test:
        return lambda message: id in message.labels

    def _has(self, value: str) -> Test:
        if value.lower() != "attachment":
            raise refuse(400, "invalidArgument", f"The fake does not know has:{value}.")
        return lambda message: letter.has_attachment(message.raw)

    def _rfc822msgid(self, value: str) -> Test:
        return lambda message: message.head.get("message-id", "").strip("<> ") == value.strip("<> ")

    def _larger(self, value: str) -> Test:
        return lambda message: len(message.raw) > size(value)

    def _smaller(self, value: str) -> Test:
        return lambda message: len(message.raw) < size(value)

    _size = _larger

    def _filename(self, value: str) -> Test:
        return lambda message: value.lower().encode() in message.raw.lower()


def either(one: Test, other: Test) -> Test:
    return lambda message: one(message) or other(message)


def in_header(name: str, value: str) -> Test:
    wanted = value.lower()
    return lambda message: wanted in message.head.get(name, "").lower()


def has_words(words: str) -> Test:
    wanted = re.compile(rf"(?<!\w){re.escape(words.lower())}(?!\w)")

    def test(message: Message) -> bool:
        head = " ".join(message.head.get(name, "") for name in ("subject", "from", "to", "cc"))
        return wanted.search(f"{head} {message.text}".lower()) is not None

    return test


def instant(value: str) -> float:
    """Milliseconds: of a second since 1970, or of a day where Gmail lets it begin."""
    if re.fullmatch(r"\d{9,}", value):
        return int(value) * 1000.0
    year, month, day = (int(number) for number in re.split(r"[/-]", value))
    return datetime(year, month, day, tzinfo=GMAIL_DAYS).astimezone(UTC).timestamp() * 1000


def size(value: str) -> int:
    unit = {"k": 1024, "m": 1024**2}.get(value[-1].lower(), 1)
    return int(value.rstrip("kKmMbB")) * unit
