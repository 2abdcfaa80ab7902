"""What OmniCRM promises, the tests that show it, and RELIABILITY.md, which says what they showed last.

A test may give a figure with `record_property("undo", "150 lives")`; figures are printed at the end of every run. `make proof`
runs all of these tests, with those too long for `make test`, and rewrites the page; `make proof ARGS="--promise undo"`
rewrites one section of it.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Promise:
    says: str
    shown_by: tuple[str, ...]
    """Files and folders of tests."""


PROMISES = {
    "isolation": Promise("Nobody sees or changes what belongs to another user", ("tests/isolation/",)),
    "jobs": Promise(
        "Work that was accepted is done, once, whatever dies meanwhile",
        (
            "tests/jobs/test_chaos.py",
            "tests/jobs/test_fencing.py",
            "tests/jobs/test_claiming.py",
            "tests/jobs/test_running.py",
        ),
    ),
    "plan": Promise(
        "A plan says exactly what will be written, and approval is for that alone",
        ("tests/integrations/test_honesty.py", "tests/integrations/test_approval.py"),
    ),
    "undo": Promise(
        "What a batch did can be taken back, whole, whatever happened since",
        (
            "tests/integrations/test_lives.py",
            "tests/integrations/test_crashes.py",
            "tests/integrations/test_undo.py",
            "tests/jobs/test_undoing.py",
        ),
    ),
    "google": Promise(
        "What is at Google is here, once, and nothing else, whatever fails on the way",
        (
            "tests/google/test_mailbox_changes.py",
            "tests/google/test_calendar_random.py",
            "tests/google/test_stolen.py",
            "tests/google/test_killed_sync.py",
            "tests/google/test_faults.py",
            "tests/google/test_history_pages.py",
            "tests/google/test_huge_letters.py",
            "tests/google/test_reconciling",
            "tests/google/test_approving.py",
            "tests/google/test_quota.py",
            "tests/google/test_pace.py",
        ),
    ),
    "letters": Promise(
        "A letter leaves once, and none without a click on exactly its text",
        (
            "tests/google/test_sending",
            "tests/google/test_sent_and_seen.py",
            "tests/google/test_writing.py",
        ),
    ),
    "hostile": Promise(
        "No letter, card, calendar or table can stop, slow or take over anything",
        (
            "tests/integrations/test_hostile_",
            "tests/integrations/test_safe_html.py",
            "tests/e2e/test_letters.py",
        ),
    ),
    "sealed": Promise(
        "Secrets, letters and uploads are unreadable without the keys, and keys can be changed",
        (
            "tests/omnicrm/test_crypto.py",
            "tests/omnicrm/test_keys.py",
            "tests/omnicrm/test_sealedfiles.py",
            "tests/omnicrm/test_secrets.py",
            "tests/contacts/test_personal.py",
        ),
    ),
    "backup": Promise(
        "A backup holds everything, opens with the keys alone, and comes back as it was",
        ("tests/omnicrm/test_backup.py",),
    ),
    "sign-in": Promise(
        "Only the owner gets in, and no stranger can lock the owner out",
        (
            "tests/web/test_second_factor.py",
            "tests/web/test_guessing.py",
            "tests/web/test_reauthentication.py",
            "tests/web/test_signing_on.py",
        ),
    ),
    "edges": Promise(
        "Every answer is hardened, every door is limited",
        (
            "tests/isolation/test_urls.py",
            "tests/omnicrm/test_ratelimits.py",
            "tests/omnicrm/test_outgoing.py",
            "tests/web/test_edges.py",
            "tests/web/test_on_the_wire.py",
        ),
    ),
    "audit": Promise(
        "Everything done to somebody's data is on record, and tampering shows",
        ("tests/omnicrm/test_audit.py", "tests/web/test_activity.py"),
    ),
    "yours": Promise(
        "All of it can be taken away, brought back, and erased for good",
        (
            "tests/own_data/",
            "tests/web/test_own_data.py",
            "tests/web/test_erasing_people.py",
            "tests/contacts/test_table.py",
        ),
    ),
}
PAGE = Path(__file__).resolve().parent.parent / "RELIABILITY.md"
ABOUT = """# Reliability

What OmniCRM promises, the tests that show it, and what they showed last. Each test runs against real Postgres, Valkey, worker
processes and Chromium; nothing of ours is mocked. `make proof` runs them all and rewrites this page,
`make proof ARGS="--promise undo"` one section of it. What is *not* promised is in [SECURITY.md](SECURITY.md).
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--promise", choices=sorted(PROMISES), help="only the tests of this promise, and its section"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Note with each test what it shows; its reports carry that from every process."""
    for item in items:
        for name in _shown_by(item):
            item.add_marker("promise")
            item.user_properties.append(("promise", name))
    if wanted := config.getoption("--promise"):
        kept = [item for item in items if ("promise", wanted) in item.user_properties]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = kept


def _shown_by(item: pytest.Item) -> list[str]:
    return [name for name, promise in PROMISES.items() if item.nodeid.startswith(promise.shown_by)]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    shown = _shown(
        report
        for outcome in ("passed", "failed", "error", "skipped")
        for report in terminalreporter.stats.get(outcome, [])
        if isinstance(report, pytest.TestReport)
    )
    for name, section in sorted(shown.items()):
        if section.figures:
            terminalreporter.section(name)
            terminalreporter.write("".join(f"{figure}\n" for figure in sorted(section.figures)))
    whole = not config.option.keyword and not config.option.file_or_dir
    if "promise" in config.option.markexpr and whole:
        proven = {config.getoption("--promise")} & set(shown) or set(shown)  # a test may show two of them
        PAGE.write_text(_page(_sections() | {name: shown[name].said(name) for name in proven}))


class _Section:
    """What the tests of one promise showed in this run."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}
        self.figures: set[str] = set()

    def said(self, name: str) -> str:
        """The section of the page, in Markdown."""
        bad = sorted(test for test, outcome in self.outcomes.items() if outcome == "failed")
        skipped = sum(outcome == "skipped" for outcome in self.outcomes.values())
        kept = "**Not kept.** " if bad else ""
        counts = f"{len(self.outcomes) - len(bad) - skipped:,} passed, {len(bad)} failed, {skipped} skipped"
        lines = [f"{kept}{counts} on {_when_and_where()}.", ""]
        lines += [f"- Failed: `{test}`" for test in bad]
        lines += [f"- {figure}" for figure in sorted(self.figures)]
        return "\n".join([*lines, "", *_by_file(self.outcomes)]).replace("\n\n\n", "\n\n")


def _shown(reports: Iterable[pytest.TestReport]) -> dict[str, _Section]:
    shown: defaultdict[str, _Section] = defaultdict(_Section)
    for report in reports:
        for key, value in report.user_properties:
            if key == "promise":
                outcomes = shown[str(value)].outcomes
                if outcomes.get(report.nodeid) != "failed":
                    outcomes[report.nodeid] = report.outcome
            elif key in PROMISES and report.passed:
                shown[key].figures.add(str(value))
    return shown


def _by_file(tests: Iterable[str]) -> list[str]:
    functions: defaultdict[str, set[str]] = defaultdict(set)
    for test in tests:
        path, _, name = test.partition("::")
        functions[path].add(name.partition("[")[0].partition("@")[0])
    return [
        f"`{path}`: {', '.join(f'`{name}`' for name in sorted(names))}" + "  "
        for path, names in sorted(functions.items())
    ]


def _when_and_where() -> str:
    today = dt.datetime.now(dt.UTC).date().isoformat()
    return f"{today}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"


def _sections() -> dict[str, str]:
    """The sections that the page has, by promise."""
    names = {promise.says: name for name, promise in PROMISES.items()}
    parts = re.split(r"(?m)^## (.+)\n", PAGE.read_text() if PAGE.exists() else "")[1:]
    return {
        names[title]: said.strip()
        for title, said in zip(parts[::2], parts[1::2], strict=True)
        if title in names
    }


def _page(sections: dict[str, str]) -> str:
    return ABOUT + "".join(
        f"\n## {promise.says}\n\n{sections[name].strip()}\n"
        for name, promise in PROMISES.items()
        if name in sections
    )
