"""Scoping is taken away, one call and one rule of the database at a time: the tests notice."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.mutation.plugin import RESULTS
from tests.mutation.rewriting import rewritten
from tests.mutation.sites import ROOT, calls
from tests.test_architecture import owner_not_named, unscoped

Report = Callable[[str, str], None]
LEAST = 0.95

FLOWS = [
    "tests/web/test_activity.py",
    "tests/web/test_contact_list.py",
    "tests/web/test_contact_page.py",
    "tests/web/test_imports.py",
    "tests/web/test_pages.py",
    "tests/web/test_search.py",
    "tests/web/test_why.py",
    "tests/web/test_own_data.py",
    "tests/web/test_signing_on.py",
    "tests/contacts/test_derived.py",
    "tests/contacts/test_personal.py",
    "tests/contacts/test_table.py",
    "tests/integrations/test_approval.py",
    "tests/integrations/test_pipeline.py",
    "tests/integrations/test_sources.py",
    "tests/integrations/test_undo.py",
    "tests/jobs/test_batches.py",
    "tests/jobs/test_cancelling.py",
    "tests/jobs/test_commands.py",
    "tests/jobs/test_fencing.py",
    "tests/jobs/test_queue.py",
    "tests/jobs/test_retrying.py",
    "tests/jobs/test_running.py",
    "tests/jobs/test_sweep.py",
    "tests/jobs/test_undoing.py",
    "tests/commands",
    "tests/omnicrm/test_audit.py",
    "tests/omnicrm/test_backup.py",
    "tests/omnicrm/test_keys.py",
    "tests/own_data/test_erasing.py",
    "tests/own_data/test_erasing_people.py",
    "tests/own_data/test_round_trip.py",
    "tests/isolation/test_files.py",
    "tests/isolation/test_kinds.py",
]
"""Tests that take all the ways through the code, and no long ones."""

CENSUS = ["tests/isolation/test_catalogue.py", "tests/isolation/test_models.py", "-k", "not the_census_sees"]
RUNS = {"rules": CENSUS, "acting": FLOWS}
"""What is taken away, and the tests that should notice."""

OF_THIS_RUN = (
    "DATABASE_URL",
    "DATABASE_OWNER_URL",
    "DATABASE_ADMIN_URL",
    "REDIS_URL",
    "OMNICRM_DATA",
    "TEST_DATABASE",
)


def noticed(what: str) -> dict[str, bool]:
    """What became of each mutant, in a run of its own with servers of its own."""
    environment = {name: value for name, value in os.environ.items() if name not in OF_THIS_RUN}
    options = ["-n", "0", "-p", "no:randomly", "-p", "tests.mutation.plugin", "--take-away", what]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *options, *RUNS[what]],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-5000:]
    found = json.loads((RESULTS / f"mutants-{what}.json").read_text())
    return {mutant: end == "killed" for end in ("killed", "survived") for mutant in found[end]}


def offences(tree: ast.AST) -> list[str]:
    return sorted(words for rule in (owner_not_named, unscoped) for _, words in rule(tree))


@pytest.mark.proof
def test_a_query_that_forgets_its_owner_breaks_a_rule_of_the_house(record_property: Report) -> None:
    """Before it runs: each call of for_user is struck out of the sources, or replaced by `unscoped`."""
    kept = {
        file: offences(ast.parse((ROOT / file).read_text()))
        for file in {site.file for site in calls("for_user")}
    }
    mutants = {f"{site}, {how}": offences(tree) != kept[site.file] for site, how, tree in rewritten()}
    record_property("isolation", figure("calls of for_user, struck out or gone round,", mutants))
    assert_noticed(mutants)


@pytest.mark.proof
def test_what_keeps_users_apart_cannot_be_taken_away_unnoticed(record_property: Report) -> None:
    """Rules of the database, and the transactions in somebody's name: some test fails without each of them."""
    with ThreadPoolExecutor(2) as processes:
        found = dict(zip(RUNS, processes.map(noticed, RUNS), strict=True))
    record_property(
        "isolation", figure("policies, keys and uniqueness, taken away one at a time,", found["rules"])
    )
    record_property("isolation", figure("calls of acting_as, taken away one at a time,", found["acting"]))
    assert_noticed(found["rules"] | found["acting"])


def figure(words: str, mutants: dict[str, bool]) -> str:
    return f"{words} noticed: {sum(mutants.values())} of {len(mutants)}"


def assert_noticed(mutants: dict[str, bool]) -> None:
    survivors = [mutant for mutant, is_noticed in mutants.items() if not is_noticed]
    assert 1 - len(survivors) / len(mutants) >= LEAST, survivors
