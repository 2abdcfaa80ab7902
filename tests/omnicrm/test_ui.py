"""What templates say of numbers and times."""

from __future__ import annotations

import pytest

from omnicrm.templatetags.ui import duration, size


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1 KB"),
        (1549, "1.5 KB"),
        (12_345, "12 KB"),
        (5_000_000_000, "5 GB"),
        (7_200_000_000_000, "7200 GB"),
    ],
)
def test_sizes(number: int, words: str) -> None:
    assert size(number) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "a few seconds"),
        (9, "a few seconds"),
        (34, "about 30 seconds"),
        (59, "about 1 minute"),
        (200, "about 3 minutes"),
        (7000, "about 2 hours"),
    ],
)
def test_durations(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words
