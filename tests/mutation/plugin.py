"""A pytest plugin that takes away what keeps users apart, one call or rule at a time, and looks whether a test notices.

`pytest -p tests.mutation.plugin --take-away acting tests/web …` first runs each test as it is, to learn which calls
it reaches; then, for each mutant, those tests that reach it, the quickest first, until one fails. A test that fails
must pass without the mutant and fail with it once more, or it proves nothing. The result is JSON in the folder .local/proof.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

RESULTS = Path(__file__).resolve().parent.parent.parent / ".local" / "proof"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--take-away", choices=("acting", "rules"), required=True)


def pytest_runtestloop(session: pytest.Session) -> bool:
    from tests.mutation.judging import KINDS, Result, Run  # our models want Django to be set up

    what = session.config.getoption("--take-away")
    said: Any = session.config.pluginmanager.get_plugin("terminalreporter")

    def tell(line: str) -> None:
        said.write_line(line)
        said.flush()

    run, result = Run(session.items, tell), Result()
    KINDS[what](run, result)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"mutants-{what}.json").write_text(json.dumps(vars(result), indent=1))
    return True
