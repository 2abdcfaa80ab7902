"""What a look at fifty letters says of all of them."""

from __future__ import annotations

from collections import Counter

import pytest

from integrations.streams.estimating import grown


@pytest.mark.parametrize(
    ("times", "looked", "all_of_them", "expected"),
    [
        ([], 0, 0, 0),
        ([1, 1, 2], 4, 4, 3),  # all were looked at
        ([6, 7, 5, 8, 6, 7, 6, 5], 50, 1487, 8),  # everybody was met again and again
        ([10, 10, 10, 10, 2, 2, 1, 1, 1, 1, 1, 1], 50, 500, 17),  # some were met once
        ([1] * 50, 50, 5000, 500),  # nobody was met twice: no more than mailboxes usually hold
    ],
)
def test_how_many_there_may_be(times: list[int], looked: int, all_of_them: int, expected: int) -> None:
    found = Counter({f"{number}@example.com": often for number, often in enumerate(times)})
    assert grown(found, looked, all_of_them) == expected
