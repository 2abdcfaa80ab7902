"""How much was tried is said at the end of the run."""

from __future__ import annotations

import pytest


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counted = [
        text
        for report in terminalreporter.stats.get("passed", [])
        for name, text in getattr(report, "user_properties", [])
        if name == "isolation"
    ]
    if counted:
        terminalreporter.section("isolation")
        terminalreporter.write("".join(f"{text}\n" for text in sorted(counted)))
