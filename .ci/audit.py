"""`make audit`: what bandit finds in our code and pip-audit in what we install. Having looked at nothing is a failure.

Where no advisory data can be reached (an index that has none, no network), that is said in a line of its own and
fails only with AUDIT=strict.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

CODE = ["omnicrm", "contacts", "integrations", "jobs", "ai", "manage.py"]
LEAST_LINES, LEAST_PACKAGES = 5_000, 20
LOCK = "requirements/base.txt"


def main() -> int:
    bandit = run("bandit", "-q", "-c", "pyproject.toml", "-f", "json", "-r", *CODE)
    packages = run(
        "pip_audit",
        "--disable-pip",
        "--require-hashes",
        "-r",
        LOCK,
        "-f",
        "json",
        "--progress-spinner",
        "off",
    )
    verdicts = [about_code(bandit), about_packages(packages)]
    for _, words in verdicts:
        print(words)
    strict = os.environ.get("AUDIT") == "strict"
    return int(any(state == "failed" or (strict and state == "skipped") for state, _ in verdicts))


def run(module: str, *arguments: str) -> dict[str, Any]:
    """What the tool reports; nothing where it could not."""
    command = [sys.executable, "-m", module, *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        return dict(json.loads(done.stdout))
    except (subprocess.TimeoutExpired, ValueError):
        return {}


def about_code(report: dict[str, Any]) -> tuple[str, str]:
    lines = report.get("metrics", {}).get("_totals", {}).get("loc", 0)
    if lines < LEAST_LINES or report.get("errors"):
        return (
            "failed",
            f"bandit looked at {lines} lines, of at least {LEAST_LINES}: the audit of our code did not run.",
        )
    found = [
        f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}"
        for one in report["results"]
    ]
    if found:
        return "failed", "\n".join(["bandit found:", *found])
    return "passed", f"bandit looked at {lines} lines and found nothing."


def about_packages(report: dict[str, Any]) -> tuple[str, str]:
    packages = report.get("dependencies", [])
    unknown = [one["name"] for one in packages if "skip_reason" in one]
    audited = len(packages) - len(unknown)
    if not report or (packages and not audited):
        words = f"SKIPPED: no advisory data can be reached from here, so NONE of the packages of {LOCK} was audited."
        return "skipped", f"{words}\n         Run `make audit AUDIT=strict` where it can be."
    if audited < LEAST_PACKAGES or unknown:
        return (
            "failed",
            f"pip-audit looked at {audited} packages and could not at {', '.join(unknown) or 'others'}.",
        )
    found = [f"{one['name']} {one['version']}: {bug['id']}" for one in packages for bug in one["vulns"]]
    if found:
        return "failed", "\n".join(["pip-audit found:", *found])
    return "passed", f"pip-audit looked at {audited} packages and found nothing."


if __name__ == "__main__":
    sys.exit(main())
