"""The audit fails when it looked at nothing, and says so where it cannot look."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from runpy import run_path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent
AUDIT = run_path(str(ROOT / ".ci" / "audit.py"))
ISSUE = {"filename": "a.py", "line_number": 3, "test_id": "B602", "issue_text": "shell"}
GOOD = [{"name": f"package{n}", "version": "1", "vulns": []} for n in range(30)]
BAD = {"name": "old", "version": "1", "vulns": [{"id": "CVE-1"}]}
UNKNOWN = {"name": "private", "skip_reason": "Dependency not found"}


def lines(loc: int, **more: Any) -> dict[str, Any]:
    return {"metrics": {"_totals": {"loc": loc}}, "results": [], "errors": [], **more}


@pytest.mark.parametrize(
    ("report", "state", "words"),
    [
        (lines(9000), "passed", "9000 lines"),
        (lines(9000, results=[ISSUE]), "failed", "a.py:3: B602 shell"),
        (lines(0), "failed", "did not run"),
        (lines(9000, errors=["syntax"]), "failed", "did not run"),
        ({}, "failed", "did not run"),
    ],
)
def test_our_code(report: dict[str, Any], state: str, words: str) -> None:
    found, said = AUDIT["about_code"](report)
    assert (found, words in said) == (state, True)


@pytest.mark.parametrize(
    ("packages", "state", "words"),
    [
        (GOOD, "passed", "30 packages"),
        ([*GOOD, BAD], "failed", "old 1: CVE-1"),
        ([*GOOD, UNKNOWN], "failed", "could not at private"),
        (GOOD[:5], "failed", "looked at 5 packages"),
        ([], "failed", "looked at 0 packages"),
        ([UNKNOWN] * 30, "skipped", "SKIPPED"),
    ],
)
def test_what_we_install(packages: list[dict[str, Any]], state: str, words: str) -> None:
    found, said = AUDIT["about_packages"]({"dependencies": packages})
    assert (found, words in said) == (state, True)


def test_no_report_at_all_is_said() -> None:
    assert AUDIT["about_packages"]({})[0] == "skipped"


def test_bandit_finds_what_is_planted(tmp_path: Path) -> None:
    (tmp_path / "planted.py").write_text("import subprocess\nsubprocess.run('ls', shell=True)\nexec('1')\n")
    command = [sys.executable, "-m", "bandit", "-q", "-c", str(ROOT / "pyproject.toml"), "-r", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, "B602" in done.stdout, "B102" in done.stdout) == (1, True, True)
