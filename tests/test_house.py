"""House rules that a script can see, over every file that is part of the project."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
DRAWERS = {"services", "utils", "helpers", "selectors", "repositories", "common", "misc"}
VENDORED = ("static/vendor/",)
REGISTRIES = (
    "pypi" + ".org",
    "pythonhosted" + ".org",
    "registry.npmjs" + ".org",
    "artifact" + "ory",
    "/simp" + "le/",
)
MACHINES = re.compile(r"(?<![\w.~-])(?:/ro[o]t/|/home/\w+|/Us[e]rs/\w+|file:/{2})")
INLINE = re.compile(
    r"""<style\b|<script\b(?![^>]*\b(?:src=|type="application/json"))|<[a-z][^>]*\s(?:style|on[a-z]+|hx-on[\w:-]*)=|"""
    r"""javascript:|hx-vals=["']js:""",
    re.IGNORECASE,
)


def committed(*patterns: str) -> list[Path]:
    """Files of the project, or a skip where it is not a checkout (an unpacked archive)."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    names = [name for name in listing.stdout.split("\0") if name and not name.startswith(VENDORED)]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def words(file: Path) -> str:
    try:
        return file.read_text()
    except UnicodeDecodeError:
        return ""


def offences(files: list[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{file.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for file in files
        for number, line in enumerate(words(file).splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_registry() -> None:
    hosts = re.compile("|".join(map(re.escape, REGISTRIES)))
    assert offences(committed(), hosts) == []


def test_lock_files_hold_names_versions_and_hashes_only() -> None:
    locks = committed("requirements/*.txt")
    assert [file.name for file in locks] == ["base.txt", "dev.txt", "local.txt"]
    good = re.compile(
        r"^(?:[\w.\[\],-]+==[\w.+!-]+(?: ; [^/:]+)? \\|    --hash=sha256:[0-9a-f]{64}(?: \\)?)$"
    )
    assert [line for file in locks for line in words(file).splitlines() if not good.match(line)] == []


def test_no_file_names_a_folder_of_one_machine() -> None:
    assert offences(committed(), MACHINES) == []


def test_templates_hold_no_inline_script_or_style() -> None:
    assert offences(committed("*.html"), INLINE) == []


def test_files_are_named_for_what_they_do() -> None:
    names = [file.relative_to(ROOT) for file in committed()]
    assert [str(name) for name in names if DRAWERS & {*name.parent.parts, name.stem}] == []


@pytest.mark.parametrize(
    ("markup", "found"),
    [
        ('<p style="color:red">', True),
        ('<button type="button" onclick="go()">', True),
        ('<div hx-on:click="go()">', True),
        ("<script>go()</script>", True),
        ('<a href="javascript:go()">', True),
        ('<script src="/static/app.js" defer></script>', False),
        ('<script type="application/json" id="data">{}</script>', False),
        ('<link rel="stylesheet" href="/static/app.css">', False),
        ('<p class="on-time">The style = plain</p>', False),
    ],
)
def test_the_rule_for_templates_sees_what_it_should(markup: str, found: bool) -> None:
    assert bool(INLINE.search(markup)) is found


@pytest.mark.xdist_group("together")
def test_tests_of_one_group_run_in_one_process(request: pytest.FixtureRequest) -> None:
    """Some share a counter or a crowd of processes; xdist groups them by what it writes behind their names."""
    if request.config.getoption(
        "loadgroup", default=False
    ):  # what --dist loadgroup becomes in a process of xdist
        assert request.node.nodeid.endswith("@together")
