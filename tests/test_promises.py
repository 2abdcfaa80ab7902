"""RELIABILITY.md keeps up with the tests: it names none that went away, and what promises rest on is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.promises import PAGE, PROMISES

ROOT = PAGE.parent
NAMED = re.findall(r"(?m)^`(tests/\S+\.py)`: (.+)$", PAGE.read_text())


@pytest.mark.parametrize("name", PROMISES)
def test_what_a_promise_rests_on_is_there(name: str) -> None:
    missing = [start for start in PROMISES[name].shown_by if not list(ROOT.glob(f"{start}*"))]
    assert missing == []


@pytest.mark.parametrize("name", PROMISES)
def test_the_page_says_what_every_promise_showed_last(name: str) -> None:
    assert f"\n## {PROMISES[name].says}\n" in PAGE.read_text(), "Run `make proof`."


@pytest.mark.parametrize(("path", "tests"), NAMED, ids=[path for path, _ in NAMED])
def test_the_page_names_tests_that_are_there(path: str, tests: str) -> None:
    source = Path(ROOT / path).read_text()
    gone = [test for test in re.findall(r"`(\w+)`", tests) if f"def {test}(" not in source]
    assert gone == [], "Run `make proof`, which writes RELIABILITY.md anew."
