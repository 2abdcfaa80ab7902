"""What is left of a message without what it quotes."""

from __future__ import annotations

import time

import pytest

from contacts.quoting import own_words, passages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Plain.\n\nTwo  lines.", "Plain. Two lines."),
        ("> all\n> quoted", ""),
        ("", ""),
        ("On 3 March 2026 at 10:28, Ada <ada@example.com> wrote:\n> a\nYes.", "Yes."),
        ("Le lundi 2 mars 2026, 10:28:13 CET Ada a écrit :\n>> a\n\nOui.", "Oui."),
        ("Ada Lovelace wrote:\n> a\nYes.", "Yes."),
        ("Sure.\nOn Mon, Mar 2, 2026 at 10:28 AM,\nAda wrote:\n> a", "Sure."),
        ("Le 2 mars 2026, Ada <a@example.com\n> a écrit :\n> a\nOui.", "Oui."),
        ("Sure.\nOn Mon, Mar 2, 2026 at 10:28 AM, Ada <\nada@example.com> wrote:\n> a", "Sure."),
        ("As you said:\n> a\nI agree.", "As you said: I agree."),
        ("See you at 10:30.\n> a", "See you at 10:30."),
        ("a -> b\n  > quoted\nc > d", "a -> b c > d"),
    ],
)
def test_own_words(text: str, expected: str) -> None:
    assert own_words(text) == expected


def test_passages_are_the_whole_of_it() -> None:
    assert list(passages("Hi\n> a\n> b\n\nYes.")) == [(False, "Hi"), (True, "> a\n> b"), (False, "\nYes.")]


@pytest.mark.parametrize(
    "unit", ["1", "1<", "1,", "1<>", "wrote ", " ", ">", "\n", "> a\nb1,\n", "@", "a:\n", "\r"]
)
def test_time_is_linear(unit: str) -> None:
    """Twice the message takes about twice the time, and a megabyte less than a second."""

    def seconds(size: int) -> float:
        text = unit * (size // len(unit)) + "\n> a"
        began = time.process_time()
        own_words(text)
        return time.process_time() - began

    small = min(seconds(100_000) for _ in range(3))
    large = min(seconds(200_000) for _ in range(3))
    assert large <= 2.6 * small + 0.005
    assert large <= 0.2
